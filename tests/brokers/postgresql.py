#!/usr/bin/env python3
"""A PostgreSQL of one's own: in a temporary folder, on a Unix socket, as an unprivileged user. Standard library only.

As a program it takes one JSON command a line and answers each with one JSON line: {"do": "start"} {"do": "stop"} {"do": "kill"}
{"do": "sql", "text": T}. When its input ends, the server ends and the folder goes.
"""
import argparse
import csv
import io
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

import owned

START_SECONDS_MAX = 60
PORT = 5432  # no port at all: only a part of the socket's name


def programs():
    """The folder of the newest installed version."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("postgres")
    if elsewhere:
        return pathlib.Path(elsewhere).parent
    raise RuntimeError("there is no PostgreSQL server here; ./dev setup installs Debian's postgresql")


def unprivileged():
    """What makes a command run as somebody whom PostgreSQL serves: it refuses root."""
    end_with_us = ["setpriv", "--pdeathsig", "KILL"]
    return [*end_with_us, "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else end_with_us


def place(fsync):
    """Where syncs do not matter nothing needs a disk."""
    memory = pathlib.Path("/dev/shm")
    roomy = not fsync and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 512 << 20
    return memory if roomy else None


class PostgreSQL(owned.Owned):
    """`fsync`: off is enough where only processes are killed, never the machine."""

    stop_signal = signal.SIGINT  # connections are cut

    def __init__(self, fsync=True):
        self.programs = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="geminga-postgresql-", dir=place(fsync)))
        self.user = "postgres"
        self.settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "port": PORT, "fsync": "on" if fsync else "off",
                         "shared_buffers": "16MB", "max_wal_size": "64MB", "max_connections": 60, "log_min_messages": "warning"}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.run("initdb", "-D", self.folder / "cluster", "-U", self.user, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
                 "--wal-segsize=4")

    def run(self, program, *arguments):
        done = subprocess.run([*unprivileged(), self.programs / program, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              timeout=START_SECONDS_MAX)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")
        return done.stdout

    def url(self):
        return f"postgresql://{self.user}@{urllib.parse.quote(str(self.folder), safe='')}:{PORT}/postgres"

    def start(self):
        """Waits until it answers. After a kill the last of its processes may still hold the memory that they shared: then it is tried again."""
        deadline = time.monotonic() + START_SECONDS_MAX
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                with open(self.folder / "server.log", "ab") as log:
                    self.process = subprocess.Popen([*unprivileged(), self.programs / "postgres", "-D", self.folder / "cluster", *options],
                                                    cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder, "-p", str(PORT)], timeout=10).returncode == 0:
                return self
            time.sleep(0.02)
        raise RuntimeError(f"PostgreSQL did not start within {START_SECONDS_MAX} s; its log ends with:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def kill(self):
        """SIGKILL for all of its processes, as a machine that stops does it."""
        pid = self.process.pid
        children = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        os.kill(pid, signal.SIGKILL)
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:  # it noticed by itself
                pass
        self.process.wait()

    def sql(self, text):
        """Rows of texts."""
        done = subprocess.run([self.programs / "psql", "-X", "--csv", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(PORT), "-U", self.user,
                               "-d", "postgres", "-c", text], capture_output=True, text=True, timeout=START_SECONDS_MAX, env={"PATH": os.environ["PATH"]})
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return list(csv.reader(io.StringIO(done.stdout, newline="")))


def obey(server, command):
    what = command["do"]
    if what == "sql":
        return {"rows": server.sql(command["text"])}
    if what not in ("start", "stop", "kill"):
        raise RuntimeError(f"no command '{what}'")
    getattr(server, what)()
    return {"url": server.url()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-fsync", action="store_true")
    with PostgreSQL(fsync=not parser.parse_args().no_fsync) as server:
        print(json.dumps({"url": server.url()}), flush=True)
        for line in sys.stdin:
            try:
                answer = obey(server, json.loads(line))
            except (RuntimeError, subprocess.SubprocessError) as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
