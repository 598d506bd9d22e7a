"""The tour of README.md, line by line: every command exits 0 and prints what the page says ("..." stands for anything)."""
import os
import pathlib
import re
import socket
import subprocess
import time
import unittest
import urllib.request

from harness import GEMINGA, Case, environment, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]


def steps():
    """(command, lines that its output must show), in the order of the page."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Tour(Case):
    def test_the_tour(self):
        self.assertGreater(len(steps()), 8)
        (self.folder / "bin").mkdir()
        (self.folder / "bin/geminga").symlink_to(GEMINGA)
        (self.folder / "tests").symlink_to(ROOT / "tests")
        port = free_port()
        env = environment(GEMINGA_HTTP=f"127.0.0.1:{port}", GEMINGA_URL=f"http://127.0.0.1:{port}")
        env["PATH"] = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        background = None
        for command, expected in steps():
            with self.subTest(command=command):
                if command.endswith("&"):
                    background = subprocess.Popen(["/bin/bash", "-c", "exec " + command[:-1]], cwd=self.folder, env=env, stderr=subprocess.DEVNULL)
                    self.addCleanup(background.wait)
                    self.addCleanup(background.kill)
                    eventually("serve to be ready", lambda: self.ready(port), 30)
                elif command == "kill %1":
                    background.terminate()
                    self.assertEqual(0, background.wait(timeout=10))
                else:
                    self.check(command, expected, env)

    def check(self, command, expected, env):
        done = subprocess.run(["/bin/bash", "-c", command], cwd=self.folder, env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for line in expected:
            pattern = ".*".join(re.escape(part.strip()) for part in line.split("..."))
            self.assertRegex(done.stdout, pattern, f"the page promises: {line}")

    def ready(self, port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.05)
            return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
