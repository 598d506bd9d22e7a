#!/usr/bin/env python3
"""Syncs that fail. After one nothing more is acknowledged, the program ends with 74, and what was acknowledged before is there after the
next start.

    sync_errors.py --kind injected --rounds 5   strace lets a random fdatasync fail with EIO
    sync_errors.py --kind natural --rounds 1    ext4 in an image on a tmpfs that is too small for it: the writing back itself fails, and a second
                                         fsync would say that all is well
"""
import random
import subprocess

from rig import Breach, Checker, Work, arguments, end, ext4_image, mounted, need_programs, need_root, run, scratch_folder, verify, whole_lines

DISK_FAILED = 74
SEQUENCES = 10_000_000
SECONDS_MAX = 120


def expect_74(work):
    try:
        code = work.process.wait(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Breach("the worker went on after its disk had failed") from None
    if code != DISK_FAILED:
        raise Breach(f"the disk failed, and the worker did not end with {DISK_FAILED}: {work.end_of_output()}")


def injected(options, folder, draw):
    """The same directory over all rounds."""
    worker = options.bin / "geminga_kill_worker"
    checker = Checker()
    for number in range(options.rounds):
        # Behind the first few hundred, which make the names: those are SQLite's.
        when = draw.randint(300, 1_500)
        under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={when}"]
        work = Work(worker, folder / "data", folder / "facts", number * SEQUENCES, under=under)
        try:
            expect_74(work)
        finally:
            work.kill()
        lines = whole_lines(work.facts)
        checker.read_work(lines)
        verify(worker, folder / "data", checker)
        print(f"round {number + 1}: fdatasync {when} failed, {len(lines)} facts before", flush=True)
    return f"seed {options.seed}: {options.rounds} injected errors, {len(checker.confirmed)} receipts: nothing was lost"


def natural(options, folder, _):
    worker = options.bin / "geminga_kill_worker"
    need_root()
    need_programs("mkfs.ext4", "mount")
    receipts = 0
    for number in range(options.rounds):
        with mounted("tmpfs", folder / "small", "size=40m", kind="tmpfs") as small:
            ext4_image(small / "disk.img", 512, "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-J", "size=4")
            checker = Checker()
            with mounted(small / "disk.img", folder / "disk", "loop") as disk:
                work = Work(worker, disk / "data", folder / "facts", number * SEQUENCES)
                try:
                    expect_74(work)
                finally:
                    work.kill()
                lines = whole_lines(work.facts)
                checker.read_work(lines)
                receipts += len(checker.confirmed)
                # The disk is in order again, and the page cache still says what never reached it.
                run("mount", "-o", "remount,size=600m", small)
                writable = subprocess.run(["touch", disk / "probe"], capture_output=True).returncode == 0
                if writable:
                    verify(worker, disk / "data", checker)
            if not writable:  # ext4 itself gave up: only a new mount goes on
                with mounted(small / "disk.img", folder / "disk", "loop") as disk:
                    verify(worker, disk / "data", checker)
        print(f"round {number + 1}: {len(lines)} facts before the disk failed", flush=True)
    if receipts == 0:
        raise Breach("the disk failed before the first receipt: nothing was tested")
    return f"seed {options.seed}: {options.rounds} natural errors, {receipts} receipts: exit {DISK_FAILED}, nothing was lost"


def main():
    options = arguments(__doc__, kind={"choices": ["injected", "natural"], "default": "injected"}, rounds={"type": int, "default": 5})

    def body():
        with scratch_folder() as folder:
            if options.kind == "injected":
                need_programs("strace")
            return {"injected": injected, "natural": natural}[options.kind](options, folder, random.Random(options.seed))

    end(f"{options.kind} sync errors", body)


if __name__ == "__main__":
    main()
