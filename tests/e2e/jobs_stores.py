"""The jobs stores as the kill runs look at them: from outside, while serve has them open or after it has ended."""
import contextlib
import pathlib
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "brokers"))
from postgresql import PostgreSQL

LOOK_FAILED = (sqlite3.Error, RuntimeError, subprocess.SubprocessError)  # the store is being killed, or is not made yet


class SqliteJobs:
    """A file."""
    kills = 0
    seconds_between_looks = 0.01

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "data" / "jobs.sqlite"
        self.env = {}

    def rows(self, select):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)) as store:
            return [[None if value is None else str(value) for value in row] for row in store.execute(select)]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


class PostgresqlJobs:
    """A server of its own, which is killed as well."""
    kills = 2
    seconds_between_looks = 0.1  # each is a process

    def __init__(self, folder):
        self.server = PostgreSQL()
        self.env = {"DATABASE_URL": self.server.url()}

    def rows(self, select):
        return self.server.sql(f"set search_path to geminga; {select}")

    def kill_and_start(self):
        self.server.kill()
        self.server.start()

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *exception):
        self.server.__exit__()


STORES = {"sqlite": SqliteJobs, "postgresql": PostgresqlJobs}
