#!/usr/bin/env python3
"""clang-tidy over the tree: lint.py JOBS [EXPRESSION...], the expressions searched in the paths of sources.

A source that was clean is looked at again only when it, a header of ours that it includes, or the checks have changed since. Which
headers it includes ninja knows from the last build of the dev preset; a source that was not built yet is always looked at."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/dev"
STAMPS = BUILD / "lint"
FOLDERS = re.compile(r"^(src|tests|examples|bench|fuzz)/")
# The commands are g++'s: clang does not know all its warnings, must be told that libstdc++ 12 has <expected>, and must not mind that
# std::stable_sort of libstdc++ 12 calls what it itself has deprecated. A designated initialiser names what differs from the default.
FOR_CLANG = ["-Wno-unknown-warning-option", "-Wno-builtin-macro-redefined", "-D__cpp_concepts=202002L", "-Wno-deprecated-declarations",
             "-Wno-missing-designated-field-initializers"]


def sources(expressions):
    for command in json.loads((BUILD / "compile_commands.json").read_text()):
        path = pathlib.Path(command["directory"], command["file"]).resolve()
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
        if name.endswith(".cpp") and FOLDERS.match(name) and (not expressions or any(re.search(each, name) for each in expressions)):
            yield name


def included():
    """Source to the files of ours that it was built from."""
    listed = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found = {}
    for block in listed.split("\n\n"):
        files = [pathlib.Path(BUILD, line.strip()).resolve() for line in block.splitlines()[1:]]
        ours = [path for path in files if path.is_relative_to(ROOT) and path.exists()]
        if ours:
            found[ours[0].relative_to(ROOT).as_posix()] = ours
    return found


def stamp_of(name):
    return STAMPS / (name.replace("/", "+") + ".clean")


def is_clean(name, files):
    stamp = stamp_of(name)
    if name not in files or not stamp.exists():
        return False
    since = stamp.stat().st_mtime
    return all(path.stat().st_mtime < since for path in [*files[name], ROOT / ".clang-tidy", pathlib.Path(__file__)])


def check(name):
    """What clang-tidy finds in one source; empty when it is clean."""
    began = time.time()
    command = ["clang-tidy-19", "--quiet", "-p", BUILD, *("--extra-arg=" + flag for flag in FOR_CLANG), ROOT / name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ran.returncode != 0:
        return ran.stdout or ran.stderr
    stamp = stamp_of(name)
    stamp.touch()
    os.utime(stamp, (began, began))  # what was changed meanwhile is looked at again
    return ""


def main():
    jobs, expressions = int(sys.argv[1]), sys.argv[2:]
    STAMPS.mkdir(exist_ok=True)
    all_names = sorted(set(sources(expressions)))
    if not all_names:
        sys.exit(f"no source matches {' '.join(expressions)}")
    files = included()
    names = [name for name in all_names if not is_clean(name, files)]
    print(f"{len(names)} of {len(all_names)} sources to look at", file=sys.stderr)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for number, found in enumerate(pool.map(check, names), 1):
            bad += bool(found)
            print(found, end="")
            if sys.stderr.isatty():
                print(f"\r{number}/{len(names)}", end="" if number < len(names) else "\n", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
