"""What the rigs share: disks that can be made and robbed, the worker under them, and three ways to end.

Exit codes of every rig: 0 every promise held (with --control: the broken one was noticed), 1 a breach (or a blind rig), 77 refused: this
machine cannot do it, and the reason is said.
"""
import argparse
import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/kill"))
from checker import Breach, Checker, whole_lines  # noqa: E402

REFUSED = 77


class Refused(Exception):
    pass


def need_root():
    if os.geteuid() != 0:
        raise Refused("mounting needs root")


def need_programs(*names):
    for name in names:
        if shutil.which(name) is None and not pathlib.Path("/usr/sbin", name).exists():
            raise Refused(f"the program {name} is missing; ./dev setup installs it")


def run(*command, refuse=None):
    """Runs a command of the system; what it cannot do is a refusal where `refuse` says what was wanted."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout
    text = f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}"
    raise Refused(f"{refuse}: {text}") if refuse else Breach(text)


@contextlib.contextmanager
def scratch_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="geminga-rig-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def mounted(what, where, *options, kind=None):
    """A mount for as long as the block runs; an image is mounted through a loop device."""
    where.mkdir(exist_ok=True)
    run("mount", *(["-t", kind] if kind else []), *(["-o", ",".join(options)] if options else []), what, where, refuse="cannot mount")
    try:
        yield where
    finally:
        unmount(where)


def unmount(where):
    for _ in range(50):
        if subprocess.run(["umount", where], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)  # somebody still looks into it
    subprocess.run(["umount", "-l", where], capture_output=True)


def ext4_image(path, mib, *options):
    with open(path, "wb") as image:
        image.truncate(mib << 20)
    run("mkfs.ext4", "-q", "-F", *options, path, refuse="cannot make ext4")


class Work:
    """The worker of tests/kill under load on a directory; its facts go to a file beside it, on a healthy disk."""

    def __init__(self, worker, directory, facts, sequence, control=None, under=()):
        command = [*under, worker, directory, sequence, *([control] if control else [])]
        self.facts = facts
        with open(facts, "wb") as out, open(f"{facts}.errors", "wb") as errors:
            self.process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=errors)

    def wait_for_load(self, facts_bytes=20_000):
        deadline = time.monotonic() + 120
        while self.facts.stat().st_size < facts_bytes and self.process.poll() is None:
            if time.monotonic() > deadline:
                raise Breach(f"the worker did not come to work: {self.end_of_output()}")
            time.sleep(0.01)

    def end_of_output(self):
        errors = pathlib.Path(f"{self.facts}.errors").read_text(errors="replace")
        return f"exit {self.process.poll()}: {whole_lines(self.facts)[-1:]} {errors[-300:]}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def verify(worker, directory, checker, control=None):
    command = [worker, directory, "verify", *([control] if control else [])]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Breach(f"verify ended with {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
    return checker.read_verify(done.stdout.splitlines())


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/dev/bin", help="where the workers are")
    for name, settings in more.items():
        parser.add_argument("--" + name.replace("_", "-"), **settings)
    return parser.parse_args()


def end(name, body, control=None):
    """Runs `body`, which returns a line of what was done, and says what came of it."""
    breach = None
    try:
        result = body()
    except Refused as refusal:
        print(f"{name}: REFUSED: {refusal}")
        sys.exit(REFUSED)
    except Breach as found:
        breach = found
    if control:
        print(f"{name}: control {control}: " + (f"noticed: {breach}" if breach else "NOT noticed; the rig is blind"))
        sys.exit(0 if breach else 1)
    if breach:
        print(f"{name}: BREACH: {breach}")
        sys.exit(1)
    print(f"{name}: {result}")
