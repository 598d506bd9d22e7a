"""Network namespaces with a link to this one. Needs root and Debian's iproute2."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import servers  # finds the other folders of tests

harness = servers.harness


def refusal():
    """Why there can be none; empty: there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "there is no ip here; install Debian's iproute2"
    return "" if ip("netns", "list", check=False).returncode == 0 else "this machine has no network namespaces"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Namespace:
    """`outside` is this side's address of the link, `inside` the other's. Nothing else is reached from inside."""

    def __init__(self, name, network):
        self.name = f"geminga-{name}-{os.getpid()}"
        self.link = f"gm{name[:4]}{os.getpid() % 100_000}"
        self.outside, self.inside = f"{network}.1", f"{network}.2"

    def __enter__(self):
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.link, "type", "veth", "peer", "name", "up0", "netns", self.name)
            ip("addr", "add", f"{self.outside}/30", "dev", self.link)
            ip("link", "set", self.link, "up")
            for words in (("addr", "add", f"{self.inside}/30", "dev", "up0"), ("link", "set", "up0", "up"), ("link", "set", "lo", "up")):
                ip("-n", self.name, *words)
            state = pathlib.Path(f"/sys/class/net/{self.link}/operstate")
            harness.eventually(f"{self.link} is up", lambda: state.read_text().strip() == "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        """The link first: a namespace lives on for as long as a connection in it waits for an answer."""
        ip("link", "del", self.link, check=False)
        ip("netns", "del", self.name, check=False)

    def command(self, command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def cut(self):
        """Nothing comes through any more, and nobody is told: each side sends to somebody who is not there."""
        nobody = "02:00:00:00:00:01"
        ip("neigh", "replace", self.inside, "lladdr", nobody, "dev", self.link, "nud", "permanent")
        ip("-n", self.name, "neigh", "replace", self.outside, "lladdr", nobody, "dev", "up0", "nud", "permanent")


class Forward:
    """A port of `address` that leads to another: as a container's published port does. Use as a context."""

    def __init__(self, address, target):
        self.listener = socket.create_server((address, 0))
        self.target = target
        self.at = f"{address}:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                incoming, _ = self.listener.accept()
                outgoing = socket.create_connection(self.target)
                for pair in ((incoming, outgoing), (outgoing, incoming)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
