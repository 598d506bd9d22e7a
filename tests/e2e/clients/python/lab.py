"""One test's clients and names, and what the tests say of messages."""
import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pulsar

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

RECEIVE_MS = 10_000
FEATURES = {}


def feature(name):
    """The test of a feature, named as in features.toml."""
    def keep(test):
        FEATURES[name] = test
        return test
    return keep


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def same(expected, actual, what):
    check(expected == actual, f"{what}: expected {expected!r}, got {actual!r}")


@contextlib.contextmanager
def refused(error=pulsar.PulsarException):
    try:
        yield
    except error:
        return
    raise AssertionError(f"expected {error.__name__}, but nothing was refused")


def eventually(what, condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.02)


@dataclasses.dataclass
class Settings:
    url: str = dataclasses.field(default_factory=lambda: os.environ["CLIENTS_URL"])
    admin: str = dataclasses.field(default_factory=lambda: os.environ["CLIENTS_ADMIN"])
    auth_url: str = dataclasses.field(default_factory=lambda: os.environ["CLIENTS_AUTH_URL"])
    secret_key: pathlib.Path = dataclasses.field(default_factory=lambda: pathlib.Path(os.environ["CLIENTS_SECRET_KEY"]))


class Lab:
    def __init__(self, name):
        self.settings = Settings()
        self.name = name
        self.tag = f"{time.time_ns():x}"
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="geminga-python-")))
        self._client = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stack.close()

    @property
    def client(self):
        self._client = self._client or self.connect()
        return self._client

    def connect(self, url=None, **more):
        level = pulsar.LoggerLevel.Debug if os.environ.get("CLIENTS_LOG") == "debug" else pulsar.LoggerLevel.Error
        log = "/dev/stderr" if os.environ.get("CLIENTS_LOG") else str(self.folder / "client.log")
        more.setdefault("operation_timeout_seconds", 10)
        client = pulsar.Client(url or self.settings.url, logger=pulsar.FileLogger(level, log), **more)
        self.stack.callback(lambda: contextlib.suppress(Exception).__enter__() or self.close(client))
        return client

    @staticmethod
    def close(client):
        with contextlib.suppress(Exception):  # the test may have closed it
            client.close()

    def topic(self, name="topic"):
        return f"persistent://public/default/python-{self.name}-{self.tag}-{name}"

    def admin(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.settings.admin}/admin/v2{path}", data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:200].decode(errors='replace')}") from None
        return json.loads(text) if text.strip() else None

    def admin_topic(self, method, path, topic=None, body=None):
        return self.admin(method, "/" + (topic or self.topic()).replace("://", "/") + path, body)

    def namespace(self, **policies):
        """A new namespace; a policy is (method, path, body)."""
        name = f"public/python-{self.name}-{self.tag}"
        self.admin("PUT", f"/namespaces/{name}")
        return name

    def producer(self, topic=None, client=None, **more):
        return (client or self.client).create_producer(topic or self.topic(), **more)

    def consumer(self, topic=None, client=None, name="s", **more):
        more.setdefault("initial_position", pulsar.InitialPosition.Earliest)
        return (client or self.client).subscribe(topic or self.topic(), name, **more)

    def send(self, count, topic=None, **more):
        producer = self.producer(topic, **more)
        ids = [producer.send(b"%d" % i) for i in range(count)]
        producer.close()
        return ids

    def batch(self, count, **more):
        producer = self.producer(batching_enabled=True, batching_max_publish_delay_ms=1_000, **more)
        for i in range(count):
            producer.send_async(b"%d" % i, lambda *_: None)
        producer.flush()
        producer.close()


def take(consumer, count, acknowledge=True):
    got = []
    while len(got) < count:
        message = consumer.receive(timeout_millis=RECEIVE_MS)
        if acknowledge:
            consumer.acknowledge(message)
        got.append(message)
    return got


def drain(consumer):
    """What comes until nothing came for half a second."""
    got = []
    with contextlib.suppress(pulsar.Timeout):
        while True:
            message = consumer.receive(timeout_millis=500)
            consumer.acknowledge(message)
            got.append(message)
    return got


def nothing_comes(consumer):
    with refused(pulsar.Timeout):
        consumer.receive(timeout_millis=400)


def texts(messages):
    return [message.data().decode() for message in messages]


def numbers(first, end):
    return [str(i) for i in range(first, end)]
