#!/usr/bin/env python3
"""check.py PROGRAM EXPECTED [ARGUMENT ...]: runs an example, without arguments on a fresh embedded bus, and compares what it prints with the file beside its source."""
import difflib
import pathlib
import subprocess
import sys
import tempfile

program, expected = sys.argv[1], pathlib.Path(sys.argv[2])
with tempfile.TemporaryDirectory(prefix="geminga-example-") as directory:
    run = subprocess.run([program, *(sys.argv[3:] or [f"embedded:{directory}/data"])], capture_output=True, text=True, timeout=60)
difference = list(difflib.unified_diff(expected.read_text().splitlines(True), run.stdout.splitlines(True), str(expected), "printed"))
sys.stdout.writelines(difference)
sys.exit(1 if difference or run.returncode else 0)
