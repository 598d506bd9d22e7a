"""A client that works until SIGTERM: `produce TOPIC NAME` or `consume TOPIC SUBSCRIPTION TYPE`. It prints a line for each message: what happened, when,
key, number. Nothing here handles a lost connection: that is the client's part."""
import os
import signal
import sys
import threading
import time

import pulsar

KEYS = 4
IN_FLIGHT = 50
TYPES = {"Exclusive": pulsar.ConsumerType.Exclusive, "Key_Shared": pulsar.ConsumerType.KeyShared}
ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())


def note(what, key, number):
    sys.stdout.write(f"{what} {time.time_ns() // 1_000_000} {key} {number}\n")
    sys.stdout.flush()


def produce(client, topic, name):
    producer = client.create_producer(topic, send_timeout_millis=0)
    places = threading.Semaphore(IN_FLIGHT)
    i = 0
    while not ending.is_set():
        key, number = f"{name}-{i % KEYS}", str(i // KEYS)
        places.acquire()

        def done(result, _, key=key, number=number):
            places.release()
            note("acked" if result == pulsar.Result.Ok else "failed", key, number)
        producer.send_async(number.encode(), done, partition_key=key)
        i += 1
        time.sleep(0.02)
    for _ in range(IN_FLIGHT):
        places.acquire(timeout=15)


def consume(client, topic, subscription, kind):
    consumer = client.subscribe(topic, subscription, TYPES[kind], initial_position=pulsar.InitialPosition.Earliest)
    note("ready", "-", "0")
    while not ending.is_set():
        try:
            message = consumer.receive(timeout_millis=200)
        except pulsar.Timeout:
            continue
        note("received", message.partition_key(), message.data().decode())
        consumer.acknowledge(message)


def main():
    logger = pulsar.FileLogger(pulsar.LoggerLevel.Warn, os.environ.get("CLIENTS_LOG_FILE", "/dev/null"))
    client = pulsar.Client(os.environ["CLIENTS_URL"], logger=logger, operation_timeout_seconds=60)
    {"produce": produce, "consume": consume}[sys.argv[1]](client, *sys.argv[2:])
    os._exit(0)  # an orderly end is not what is tested


if __name__ == "__main__":
    main()
