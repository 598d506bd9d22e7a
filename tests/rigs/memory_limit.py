#!/usr/bin/env python3
"""A consumer that never settles anything and a backlog far larger than the memory that the kernel allows.

    memory_limit.py --backlog 512 --limit 256    MiB; the program stays within the limit and reads everything back
    memory_limit.py --control                    a limit that no program can keep: exit 1 unless the kernel ends it
"""
import os
import pathlib
import subprocess

from rig import Breach, Refused, arguments, end, need_root, scratch_folder

MEMORY = pathlib.Path("/sys/fs/cgroup/memory")
UNIFIED = pathlib.Path("/sys/fs/cgroup")
TOO_LITTLE_MIB = 12


def make_group():
    """A control group of our own, and the name of its limit."""
    name = f"geminga-rig-{os.getpid()}"
    for parent, limit in ((MEMORY, "memory.limit_in_bytes"), (UNIFIED, "memory.max")):
        group = parent / name
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            return group, group / limit
        group.rmdir()
    raise Refused("no control group with a memory limit can be made here")


def main():
    options = arguments(__doc__, backlog={"type": int, "default": 512}, limit={"type": int, "default": 256}, control={"action": "store_true"})

    def body():
        need_root()
        limit_mib = TOO_LITTLE_MIB if options.control else options.limit
        group, limit = make_group()
        try:
            limit.write_text(str(limit_mib << 20))
            with scratch_folder() as folder:
                worker = [options.bin / "geminga_bounds_worker", "dead", folder / "data", str(options.backlog)]
                command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *worker]
                done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=500)
        finally:
            group.rmdir()
        print(done.stdout, end="")
        if done.returncode != 0:
            raise Breach(f"under {limit_mib} MiB: exit {done.returncode}: {done.stdout.splitlines()[-1:]} {done.stderr[-300:]}")
        return f"{options.backlog} MiB of backlog and a dead consumer under {limit_mib} MiB: {done.stdout.splitlines()[-1]}"

    end("memory limit", body, "12 MiB" if options.control else None)


if __name__ == "__main__":
    main()
