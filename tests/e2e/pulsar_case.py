"""A test with a serve and Pulsar's official client on it. Imported behind official_client.run_there()."""
import contextlib

import pulsar
from pulsar import InitialPosition

from harness import Case

RECEIVE_MS = 10_000


class Clients(Case):
    def setUp(self):
        super().setUp()
        self.where = self.serve()
        self.client = self.connect()

    def connect(self, where=None, **more):
        logger = pulsar.FileLogger(pulsar.LoggerLevel.Warn, str(self.folder / "client.log"))
        client = pulsar.Client("pulsar://" + (where or self.where).ready["pulsar"], logger=logger, **more)
        self.addCleanup(self.leave, client)
        return client

    @staticmethod
    def leave(client):
        with contextlib.suppress(Exception):
            client.close()

    def subscribe(self, topic="orders", name="billing", client=None, **more):
        more.setdefault("initial_position", InitialPosition.Earliest)
        return (client or self.client).subscribe(topic, name, **more)

    def take(self, consumer, count, acknowledge=True):
        got = []
        for _ in range(count):
            message = consumer.receive(timeout_millis=RECEIVE_MS)
            if acknowledge:
                consumer.acknowledge(message)
            got.append(message)
        return got

    def nothing_comes(self, consumer):
        with self.assertRaises(pulsar.Timeout):
            consumer.receive(timeout_millis=300)
