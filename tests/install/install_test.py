#!/usr/bin/env python3
"""Installs the build into an empty prefix and uses it as a stranger would: by find_package and by pkg-config.

usage: install_test.py BUILD_DIR SOURCE_DIR CXX
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ALLOWED_SYMBOL = "geminga::"


def run(*command, **more):
    """Standard output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **more)
    if done.returncode != 0:
        sys.exit(f"{command} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_consumer(program, prefix, work):
    library_dir = next(prefix.rglob("libgeminga.so")).parent
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(library_dir)}
    folder = work / (program.parent.name + "-run")
    folder.mkdir()
    answer = run(program, cwd=folder, env=environment)
    print(f"{program.parent.name}: {answer.strip()}")
    if not answer:
        sys.exit(f"{program} printed nothing")


def by_find_package(prefix, work, cxx):
    build = work / "by-cmake"
    run("cmake", "-S", HERE / "consumer", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={cxx}")
    run("cmake", "--build", build)
    return build / "consumer"


def by_pkg_config(prefix, work, cxx):
    build = work / "by-pkg-config"
    build.mkdir()
    environment = dict(os.environ, PKG_CONFIG_PATH=str(next(prefix.rglob("geminga.pc")).parent))
    flags = run("pkg-config", "--cflags", "--libs", "geminga", env=environment).split()
    run(cxx, HERE / "consumer" / "main.cpp", "-o", build / "consumer", *flags)
    return build / "consumer"


def check_no_build_path(prefix, source):
    """Neither text nor binaries may tell where they were built."""
    needle = str(source).encode()
    found = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink() and needle in path.read_bytes()]
    if found:
        sys.exit(f"the path of the build is in {found}")


def check_symbols(prefix):
    """Only our own names are visible, so that they clash with nobody's."""
    library = next(prefix.rglob("libgeminga.so"))
    names = [line for line in run("nm", "-DC", "--defined-only", library).splitlines() if line]
    foreign = [name for name in names if ALLOWED_SYMBOL not in name]
    if not names or foreign:
        sys.exit(f"{len(names)} symbols, foreign ones: {foreign[:20]}")
    if "libgeminga.so.0.1" not in run("readelf", "-d", library):
        sys.exit("no SONAME")


def main():
    build, source, cxx = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="geminga-install-") as folder:
        work = pathlib.Path(folder)
        installed = work / "installed"
        run("cmake", "--install", build, "--prefix", installed)
        prefix = work / "moved"  # what was installed can be moved
        shutil.move(installed, prefix)
        check_no_build_path(prefix, source)
        check_symbols(prefix)
        for make in (by_find_package, by_pkg_config):
            check_consumer(make(prefix, work, cxx), prefix, work)
        run(prefix / "bin" / "geminga", "--help")


if __name__ == "__main__":
    main()
