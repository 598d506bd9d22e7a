#!/usr/bin/env python3
"""A disk of 64 MiB that is filled again and again: publishing is refused with disk_full, acknowledgements, reads and administration go on,
and when everything is acknowledged publishing resumes by itself.
"""
import subprocess

from rig import Breach, arguments, end, ext4_image, mounted, need_programs, need_root, scratch_folder


def main():
    options = arguments(__doc__, fills={"type": int, "default": 3})

    def body():
        need_root()
        need_programs("mkfs.ext4", "mount")
        with scratch_folder() as folder:
            ext4_image(folder / "disk.img", 64, "-E", "lazy_itable_init=0,lazy_journal_init=0", "-J", "size=4")
            with mounted(folder / "disk.img", folder / "disk", "loop") as disk:
                command = [options.bin / "geminga_bounds_worker", "full", disk / "data", str(options.fills)]
                done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        print(done.stdout, end="")
        if done.returncode != 0:
            raise Breach(f"exit {done.returncode}: {done.stdout.splitlines()[-1:]} {done.stderr[-300:]}")
        return f"filled {options.fills} times: publishing was refused and came back by itself, all else went on"

    end("disk full", body)


if __name__ == "__main__":
    main()
