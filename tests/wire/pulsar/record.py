#!/usr/bin/env python3
"""Records what an official Pulsar client puts on the wire: record.py DIRECTORY [COMMAND...] writes one file per kind of frame.

A server that knows just enough to keep the client going runs on a port of 127.0.0.1. The client is the Python one, in here, or COMMAND,
which gets the URL as its last argument. README.md has the commands."""
import pathlib
import socketserver
import struct
import subprocess
import sys
import threading

NAMES = {2: "connect", 4: "subscribe", 5: "producer", 6: "send", 10: "ack", 11: "flow", 12: "unsubscribe", 15: "close_producer",
         16: "close_consumer", 18: "ping", 19: "pong", 20: "redeliver", 21: "partitioned_metadata", 23: "lookup", 25: "consumer_stats",
         28: "seek", 29: "get_last_message_id", 32: "get_topics_of_namespace", 34: "get_schema", 37: "auth_response",
         39: "get_or_create_schema", 50: "new_txn", 62: "tc_client_connect_request", 64: "watch_topic_list", 67: "watch_topic_list_close"}
LABELLED = {"ack", "connect", "producer", "redeliver", "seek", "send", "subscribe"}  # whose frames differ by what the client was asked
MESSAGE_BYTES_MAX = 3000  # small, so that chunks are


# --- protobuf, as far as it is needed -----------------------------------------------------------------------------------------
def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def message(*fields):
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def read(data):
    fields, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            fields[tag >> 3], at = read_varint(data, at)
        elif tag & 7 == 2:
            size, at = read_varint(data, at)
            fields[tag >> 3], at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {tag & 7}")
    return fields


# --- the server ---------------------------------------------------------------------------------------------------------------
class Recorder:
    """Frames by name; `label` tells them apart. Of frames of one name the first is kept."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.label = ""
        self.kept = []  # entries of SENDs, which consumers get
        self.counts = {}

    def keep(self, command_type, frame):
        name = NAMES.get(command_type, str(command_type))
        if name in LABELLED and self.label:
            name += "_" + self.label
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.counts[name] > 1 and not name.startswith("send_chunk"):
            return
        number = f"_{self.counts[name]}" if name.startswith("send_chunk") else ""
        (self.directory / f"{name}{number}.frame").write_bytes(frame)


class Connection(socketserver.BaseRequestHandler):
    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.request.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    def answer(self, command_type, body, entry=b""):
        command = message((1, command_type), (command_type, body))
        self.request.sendall(struct.pack(">II", 4 + len(command) + len(entry), len(command)) + command + entry)

    def handle(self):
        try:
            while True:
                size = self.exactly(4)
                frame = size + self.exactly(struct.unpack(">I", size)[0])
                command_size = struct.unpack(">I", frame[4:8])[0]
                fields = read(frame[8:8 + command_size])
                command_type = fields[1]
                self.server.recorder.keep(command_type, frame)
                self.react(command_type, read(fields.get(command_type, b"")), frame[8 + command_size:])
        except (ConnectionError, OSError):
            pass

    def react(self, command_type, body, entry):
        url = f"pulsar://127.0.0.1:{self.server.server_address[1]}"
        if command_type == 2:
            self.answer(3, message((1, "recorder"), (2, 21), (3, MESSAGE_BYTES_MAX), (4, message((1, 1), (4, 1), (5, 1)))))
            if body.get(5) == b"token":
                self.answer(36, message((1, "recorder"), (2, message((1, "token"), (2, "refresh"))), (3, 21)))
        elif command_type == 21:
            self.answer(18, b"")
            if b"/recorded-" in body[1]:
                self.server.recorder.label = body[1].decode().split("recorded-")[1]
            partitions = 1 if b"transaction_coordinator" in body[1] else 0
            self.answer(22, message((1, partitions), (2, body[2]), (3, 0)))
        elif command_type == 23:
            self.answer(24, message((1, url), (3, 1), (4, body[2]), (5, 1)))
        elif command_type == 5:
            self.answer(17, message((1, body[3]), (2, body.get(4, b"recorder-1")), (3, -1), (4, b"")))
        elif command_type == 6:
            self.server.recorder.kept.append(entry)
            self.answer(7, message((1, body[1]), (2, body[2]), (3, message((1, 7), (2, len(self.server.recorder.kept))))))
        elif command_type == 4:
            self.answer(13, message((1, body[5])))
        elif command_type == 11:
            self.deliver(body[1])
        elif command_type in (12, 15, 16, 28):
            self.answer(13, message((1, body[2])))
        elif command_type == 29:
            self.answer(30, message((1, message((1, 7), (2, 90))), (2, body[2])))
        elif command_type == 32:
            self.answer(33, message((1, body[1]), (2, "persistent://public/default/recorded")))
        elif command_type == 34:
            self.answer(35, message((1, body[1]), (2, 11), (3, "no schema")))
        elif command_type == 39:
            self.answer(40, message((1, body[1]), (4, struct.pack(">Q", 0))))
        elif command_type == 62:
            self.answer(63, message((1, body[1])))
        elif command_type == 50:
            self.answer(51, message((1, body[1]), (2, 1), (3, 0)))
        elif command_type == 64:
            self.answer(65, message((1, body[1]), (2, body[2]), (3, "persistent://public/default/recorded"), (4, "0badc0de")))
        elif command_type == 10 and 8 in body:
            self.answer(38, message((1, body[1]), (6, body[8])))

    def deliver(self, consumer):
        """A consumer's first permits are answered with all that was kept."""
        if consumer in self.server.delivered.setdefault(self, set()):
            return
        self.server.delivered[self].add(consumer)
        for number, entry in enumerate(self.server.recorder.kept):
            self.answer(9, message((1, consumer), (2, message((1, 7), (2, number)))), entry)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, recorder):
        super().__init__(("127.0.0.1", 0), Connection)
        self.recorder = recorder
        self.delivered = {}


def main():
    recorder = Recorder(sys.argv[1])
    server = Server(recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"pulsar://127.0.0.1:{server.server_address[1]}"
    if len(sys.argv) > 2:
        subprocess.run([*sys.argv[2:], url], check=True, timeout=120)
    else:
        import record_client
        record_client.run(url, recorder)
    server.shutdown()
    for name, count in sorted(recorder.counts.items()):
        print(name, count)


if __name__ == "__main__":
    main()
