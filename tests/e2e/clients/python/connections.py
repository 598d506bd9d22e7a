"""How a client stays connected, and as whom."""
import os
import time

import pulsar

from lab import check, feature, refused, same, take, texts
import servers


@feature("unload-reconnect")
def unload(lab):
    producer, consumer = lab.producer(), lab.consumer()
    producer.send(b"before")
    take(consumer, 1)
    lab.admin_topic("PUT", "/unload")
    producer.send(b"after")
    same(["after"], texts(take(consumer, 1)), "message")


@feature("http-lookup")
def http_lookup(lab):
    lab.producer(client=lab.connect(lab.settings.admin)).send(b"x")


@feature("several-addresses")
def several_addresses(lab):
    second = lab.settings.url.removeprefix("pulsar://")
    lab.producer(client=lab.connect(f"pulsar://127.0.0.1:1,{second}", connection_timeout_ms=1_000)).send(b"x")


def made(lab, subject, seconds):
    """A token that the servers take for so long."""
    return servers.token(lab.settings.secret_key, subject, seconds - int(os.environ["CLIENTS_LEEWAY"]))


def authenticated(lab, token, **more):
    return lab.connect(lab.settings.auth_url, authentication=pulsar.AuthenticationToken(token), **more)


@feature("token")
def token(lab):
    lab.producer(client=authenticated(lab, made(lab, "admin", 60))).send(b"x")
    for wrong in ("nonsense", made(lab, "admin", -60), made(lab, "nobody", 60)):
        with refused():
            lab.producer(client=authenticated(lab, wrong, operation_timeout_seconds=3))


@feature("token-refresh")
def token_refresh(lab):
    asked = []

    def fresh():
        asked.append(time.monotonic())
        return made(lab, "admin", 3)
    producer = lab.producer(client=authenticated(lab, fresh))
    before = len(asked)
    for i in range(14):
        producer.send(b"%d" % i)
        time.sleep(0.5)
    check(len(asked) > before, "nobody asked for a new token")
