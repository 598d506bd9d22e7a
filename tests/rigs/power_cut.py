#!/usr/bin/env python3
"""Power cuts on a real file system. The worker runs on ext4 in an image that lies on a file system with reflinks; a clone of the image,
taken in one step, is the disk as a power cut leaves it: what ext4 had not given to the disk is not there. Each clone is mounted (ext4
replays its journal) and compared with what the worker knew before the clone was begun.

    power_cut.py --cuts 20                       every promise holds
    power_cut.py --cuts 20 --control no-fsync    (or ack-before-write) exit 1 unless it is noticed

With --buffered (always so for no-fsync) ext4 is mounted with data=journal, which turns direct writes into buffered ones: then only a sync
brings anything to the disk.
"""
import copy
import random
import subprocess
import time

from rig import Breach, Checker, Work, arguments, end, ext4_image, mounted, need_programs, need_root, run, scratch_folder, verify, whole_lines

CUTS_PER_WORKER = 5  # later ones only have more to look at
SEQUENCES = 10_000_000


class Cutter:
    def __init__(self, options, reflinks):
        self.options, self.reflinks = options, reflinks
        self.random = random.Random(options.seed)
        self.worker = options.bin / "geminga_kill_worker"
        self.cuts = 0
        self.receipts = 0

    def cut_series(self, folder):
        """One worker on a fresh disk, cut again and again while it goes on."""
        image = self.reflinks / "disk.img"
        ext4_image(image, 1024, "-E", "lazy_itable_init=0,lazy_journal_init=0")
        buffered = self.options.buffered or self.options.control == "no-fsync" or self.random.random() < 0.3
        with mounted(image, folder / "disk", "loop", *(["data=journal"] if buffered else [])) as disk:
            work = Work(self.worker, disk / "data", folder / "facts", self.cuts * SEQUENCES, self.options.control)
            try:
                work.wait_for_load()
                for _ in range(min(CUTS_PER_WORKER, self.options.cuts - self.cuts)):
                    time.sleep(self.random.uniform(0.02, 0.4))
                    if self.random.random() < 0.2:
                        subprocess.run(["sync"], check=True)  # as the kernel's own writing back may do at any time
                    self.cut(work, image, folder)
            finally:
                work.kill()
        image.unlink()

    def cut(self, work, image, folder):
        if work.process.poll() is not None:
            raise Breach(f"the worker ended by itself: {work.end_of_output()}")
        before = whole_lines(work.facts)
        run("cp", "--reflink=always", image, self.reflinks / "cut.img", refuse="no reflinks")
        after = whole_lines(work.facts)
        checker = Checker()
        checker.read_work(before)
        self.receipts = max(self.receipts, len(checker.confirmed))
        # A delivery is told before its acknowledgement is asked for: what settled during the clone was told by now.
        later = copy.deepcopy(checker)
        later.read_work(after[len(before):])
        checker.delivered_before_cut, checker.delivered = checker.delivered, later.delivered
        with mounted(self.reflinks / "cut.img", folder / "cut", "loop") as disk:
            verify(self.worker, disk / "data", checker)
        (self.reflinks / "cut.img").unlink()
        self.cuts += 1
        print(f"cut {self.cuts}: {len(before)} facts", flush=True)


def main():
    options = arguments(__doc__, cuts={"type": int, "default": 20}, control={"choices": ["no-fsync", "ack-before-write"]},
                        buffered={"action": "store_true"})

    def body():
        need_root()
        need_programs("mkfs.xfs", "mkfs.ext4", "mount")
        with scratch_folder() as folder:
            with open(folder / "reflinks.img", "wb") as image:
                image.truncate(8 << 30)
            run("mkfs.xfs", "-q", "-m", "reflink=1", folder / "reflinks.img", refuse="cannot make xfs")
            with mounted(folder / "reflinks.img", folder / "reflinks", "loop") as reflinks:
                cutter = Cutter(options, reflinks)
                while cutter.cuts < options.cuts:
                    cutter.cut_series(folder)
        return f"seed {options.seed}: {cutter.cuts} power cuts, up to {cutter.receipts} receipts at a cut: every promise held"

    end("power cut", body, options.control)


if __name__ == "__main__":
    main()
