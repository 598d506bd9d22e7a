"""The official Python client of Pulsar, from a virtual environment under .cache that is made when it is missing. Import it first."""
import os
import pathlib
import subprocess
import sys

VERSION = "3.13.0"
PACKAGES = [f"pulsar-client=={VERSION}", "fastavro==1.13.1"]  # the second: what its AVRO schemas need
FOLDER = pathlib.Path(__file__).resolve().parents[2] / ".cache" / "pulsar-client"


def python():
    """An interpreter that has the client."""
    own = FOLDER / "bin" / "python"
    installed = FOLDER / f"installed-avro-{VERSION}"
    if not installed.exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(FOLDER)], check=True)
        subprocess.run([str(own), "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES], check=True)
        installed.touch()
    return own


def run_there():
    """Starts this program once more, with that interpreter."""
    own = python()
    if pathlib.Path(sys.prefix) != FOLDER:
        os.execv(own, [str(own), "-B", *sys.argv])
