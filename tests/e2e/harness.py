"""What the end-to-end tests share: a running `geminga serve`, the command line, HTTP, and a look at processes. Standard library only."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

GEMINGA = pathlib.Path(os.environ.get("GEMINGA", "build/dev/src/cli/geminga")).resolve()
FIXTURE = pathlib.Path(os.environ.get("GEMINGA_MCP_FIXTURE", "build/dev/bin/geminga_mcp_fixture")).resolve()
READY_SECONDS_MAX = 30


def eventually(what, condition, seconds=10.0, every=0.02):
    """Waits for condition() to be true; its value. Fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(every)


def environment(**more):
    """A clean one: nothing of the tester's own configuration reaches the program."""
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "USER", "LANG", "TMPDIR") or name.endswith("SAN_OPTIONS")}
    return {**keep, "NO_COLOR": "1", "GEMINGA_PULSAR": "127.0.0.1:0", **{name: str(value) for name, value in more.items()}}


def run(*arguments, url=None, stdin=None, env=None, timeout=60):
    """Runs one verb to its end."""
    more = dict(env or {})
    if url:
        more["GEMINGA_URL"] = url
    return subprocess.run([GEMINGA, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=timeout, env=environment(**more))


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class Serve:
    """A `geminga serve` on a free port. Use as a context; leaving it kills what is still there."""

    def __init__(self, folder, *flags, env=None, config=None, mcp=None, rules=None, wait=True, program=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.log_path = self.folder / "serve.log"
        command = [program or GEMINGA, "serve", "--data-dir", self.folder / "data", "--http", "127.0.0.1:0", "--ready-json"]
        if mcp is not None:
            self.mcp_path = self.folder / "mcp.json"
            if not isinstance(mcp, str):
                mcp = json.dumps({"mcpServers": mcp})
            self.mcp_path.write_text(mcp)
            command += ["--mcp", self.mcp_path]
        if rules is not None:
            self.rules_path = self.folder / "rules.toml"
            self.rules_path.write_text(rules)
            command += ["--rules", self.rules_path]
        if config is not None:
            (self.folder / "geminga.toml").write_text(config)
            command += ["--config", self.folder / "geminga.toml"]
        self.log = open(self.log_path, "a")
        self.process = subprocess.Popen([*map(str, command), *map(str, flags)], stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        text=True, env=environment(**(env or {})))
        self.pid = self.process.pid
        self.url = None
        if wait:
            self.wait_ready()

    def wait_ready(self):
        watchdog = threading.Timer(READY_SECONDS_MAX, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            self.process.wait()
            raise AssertionError(f"serve did not become ready (exit {self.process.returncode}); its log:\n{self.log_text()[-3000:]}")
        self.ready = json.loads(line)
        self.url = "http://" + self.ready["http"] if "http" in self.ready else None
        return self

    def log_text(self):
        return self.log_path.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        self.log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds=10.0):
        """SIGTERM; the exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"serve did not end {seconds} s after SIGTERM; its log ends with:\n{self.log_text()[-3000:]}")
        return code, time.monotonic() - began

    def request(self, method, path, body=None, headers=None, timeout=30, raw=None):
        """The status and the body, as JSON where it is."""
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        try:
            sent = dict(headers or {})
            if raw is None and body is not None:
                raw = json.dumps(body)
            if raw is not None:
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, body=raw, headers=sent)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return response.status, json.loads(text)
        return response.status, text.decode(errors="replace")

    def query(self, sentence, **more):
        return self.request("POST", "/api/orchestrator/query", {"query": sentence, **more})

    def submit(self, sentence, **more):
        status, job = self.request("POST", "/api/orchestrator/jobs", {"query": sentence, **more})
        assert status == 202, (status, job)
        return job["jobId"]

    def job(self, job_id):
        status, job = self.request("GET", f"/api/orchestrator/jobs/{job_id}")
        assert status == 200, (status, job)
        return job

    def ended_job(self, job_id, seconds=20.0):
        return eventually(f"job {job_id} to end",
                          lambda: (job := self.job(job_id))["status"] in ("COMPLETED", "FAILED", "CANCELLED") and job, seconds, every=0.05)

    def status(self):
        code, body = self.request("GET", "/api/orchestrator/status")
        assert code == 200, (code, body)
        return body

    def cli(self, *arguments, **more):
        return run(*arguments, url=self.url, **more)


class Case(unittest.TestCase):
    """A test with a folder of its own; it is kept when the test fails, so that one can look."""
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="geminga-e2e-"))

    def tearDown(self):
        outcome = self._outcome
        failed = outcome is not None and (any(error for _, error in getattr(outcome, "errors", [])) or not outcome.success)
        if failed:
            print(f"kept for a look: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self, *flags, **more):
        """Ends with the test."""
        process = Serve(self.folder, *flags, **more)
        self.addCleanup(process.__exit__)
        return process


def processes_with(marker):
    """The pids whose environment or command line holds `marker`: what a serve left behind, however it was re-parented."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if "State:\tZ" in (entry / "status").read_text():
                continue
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if marker.encode() in text:
                found.append(int(entry.name))
    return found


def command_line(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return "gone by now"


def no_process_with(marker, seconds):
    eventually(lambda: f"no process with {marker} left, but there are {[(pid, command_line(pid)) for pid in processes_with(marker)]}",
               lambda: not processes_with(marker), seconds)


TOOL_SERVER = pathlib.Path(__file__).resolve().parent / "tool_server.py"
RULES = r"""
[[rule]]
pattern = '^echo (?P<text>.+)$'
server = "tools"
tool = "echo"
params = { text = "${text}" }

[[rule]]
pattern = '^sleep (?P<seconds>[0-9.]+)$'
server = "tools"
tool = "sleep"
params = { seconds = "${seconds}" }
""" + "".join(f"""
[[rule]]
pattern = '^{name}$'
server = "tools"
tool = "{name}"
""" for name in ("die", "destroy", "refuse", "sick", "show_environment"))


def tool_server(state, mode="normal", **env):
    """An entry of mcp.json."""
    state = pathlib.Path(state)
    state.mkdir(parents=True, exist_ok=True)
    return {"command": "/usr/bin/python3", "args": [str(TOOL_SERVER), mode], "env": {"TOOL_STATE": str(state), **env}}


def tool_calls(state):
    """What a tool server says that it was asked, oldest first."""
    path = pathlib.Path(state) / "calls.jsonl"
    return json_lines(path.read_text()) if path.exists() else []
