"""How the program of each client is installed, with pinned versions, and started. Everything is under .cache and made when it is missing."""
import os
import pathlib
import shutil
import subprocess

import servers  # finds the other folders of tests
import maven
import official_client

HERE = pathlib.Path(__file__).resolve().parent
CACHE = servers.ROOT / ".cache" / "clients"
INSTALL_SECONDS_MAX = 600


class Missing(Exception):
    """A client that cannot be had on this machine, and why."""


def install(*command, cwd, **environment):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, env={**os.environ, **environment})
    if done.returncode:
        raise Missing(f"{command[0]} failed: {(done.stdout + done.stderr).strip()[-1500:]}")


def java():
    if problem := maven.needed():
        raise Missing(problem)
    return ["java", "-Xmx700m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=" + os.environ.get("CLIENTS_LOG", "off"),
            "-cp", maven.classes(HERE / "java"), "geminga.clients.Main"]


def python():
    return [official_client.python(), "-B", HERE / "python" / "main.py"]


def go():
    if not shutil.which("go"):
        raise Missing("there is no go here; install Debian's golang, or a newer one")
    program = CACHE / "go-client"
    CACHE.mkdir(parents=True, exist_ok=True)
    install("go", "build", "-o", program, ".", cwd=HERE / "go", CGO_ENABLED="0")
    return [program]


def node():
    """The package's own binary is not in the registry; without it the package is built with the library inside the Python client's wheel."""
    import node_client
    return ["env", f"NODE_PATH={node_client.installed(install, Missing)}", "node", HERE / "node" / "main.js"]


COMMANDS = {"java": java, "go": go, "node": node, "python": python}
NAMES = {"java": "Java", "go": "Go", "node": "Node", "python": "Python"}
VERSIONS = {"java": "pulsar-client-all 4.0.7", "go": "pulsar-client-go 0.19.0", "node": "pulsar-client 1.18.0",
            "python": f"pulsar-client {official_client.VERSION}"}
