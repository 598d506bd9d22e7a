"""Webhooks: a local receiver that fails at first, and a SIGKILL between two attempts and between a job's end and its webhook."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import threading
import time
import unittest

from harness import RULES, Case, Serve, eventually, json_lines, tool_server

CONFIG = """
[orchestrator]
webhook_secret_key = "webhook.key"
webhook_private_network = true
webhook_timeout = "60s"
retry_delays = ["2s", "3s"]
"""


def verified(secret, request):
    """As docs/guide/webhooks.md shows it."""
    message_id, timestamp = request["headers"]["webhook-id"], request["headers"]["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + request["body"]
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{expected}", given) for given in request["headers"]["webhook-signature"].split())


class Receiver:
    """Answers what `status(n)` says to the n-th request (from 0), and keeps all of them."""

    def __init__(self, status):
        self.requests = []
        lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append({"time": time.time(), "headers": {name.lower(): value for name, value in self.headers.items()}, "body": body})
                self.send_response(status(number))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Webhooks(Case):
    def setUp(self):
        super().setUp()
        self.secret = os.urandom(32)
        (self.folder / "webhook.key").write_bytes(self.secret)
        self.options = {"mcp": {"tools": tool_server(self.folder / "tools")}, "rules": RULES, "config": CONFIG}

    def receiver(self, status):
        receiver = Receiver(status)
        self.addCleanup(receiver.close)
        return receiver

    def killed_between(self, wait):
        """One attempt was made and noted, and the kill came before the wait of so many seconds was over; None on a machine that is too slow for it."""
        receiver = self.receiver(lambda number: 500 if number < 2 else 204)
        with Serve(self.folder, **{**self.options, "config": CONFIG.replace('"2s"', f'"{wait}s"')}) as first:
            job_id = first.submit("echo to be told", webhook=receiver.url)
            self.assertEqual("COMPLETED", first.ended_job(job_id, 60)["status"], "no job waits for its webhook")
            eventually("the first attempt and its note", lambda: [hop for hop in self.hops(first, job_id) if hop["hop"] == "webhook"], 60)
            first.kill()
        return (receiver, job_id) if len(receiver.requests) == 1 else None

    def test_a_receiver_that_fails_at_first_and_a_kill_between(self):
        wait, receiver, job_id = next((wait, *killed) for wait in (2, 8, 32) if (killed := self.killed_between(wait)))
        with Serve(self.folder, **self.options) as second:
            eventually("three attempts", lambda: len(receiver.requests) == 3, 120)
            for request in receiver.requests:
                self.assertTrue(verified(self.secret, request))
                self.assertFalse(verified(os.urandom(32), request), "another secret does not fit")
                self.assertEqual(f"{job_id}.0", request["headers"]["webhook-id"], "the receiver can tell it again")
                body = json.loads(request["body"])
                self.assertEqual("job.completed", body["type"])
                self.assertEqual("to be told", body["data"]["result"]["content"][0]["text"])
            times = [request["time"] for request in receiver.requests]
            self.assertGreaterEqual(times[1] - times[0], wait, "the wait goes on over the kill: never early")
            self.assertGreaterEqual(times[2] - times[1], 3)
            drawn = eventually("the attempts in the timeline", lambda: len(
                found := [hop for hop in self.hops(second, job_id) if hop["hop"] == "webhook"]) == 3 and found, 60)
            self.assertEqual(["unknown_error", "unknown_error", "ok"], [hop["outcome"] for hop in drawn])
            self.assertEqual([], json_lines(second.cli("dlq", "list", "-o", "json").stdout))

    def hops(self, serve, job_id):
        shown = serve.cli("jobs", "show", job_id, "-o", "json")
        self.assertEqual(0, shown.returncode, shown.stderr)
        return json.loads(shown.stdout)["hops"]

    def test_every_end_is_told_over_kills(self):
        receiver = self.receiver(lambda number: 204)
        jobs = []
        for _ in range(3):
            with Serve(self.folder, **self.options) as serve:
                for number in range(20):
                    jobs.append(serve.submit(f"echo {number}", webhook=receiver.url))
                eventually("some to be told", lambda: receiver.requests, 60, every=0.001)
                serve.kill()
        with Serve(self.folder, **self.options) as serve:
            for job_id in jobs:
                self.assertEqual("COMPLETED", serve.ended_job(job_id, 120)["status"])
            wanted = {f"{job_id}.0" for job_id in jobs}
            eventually(lambda: f"all of {len(wanted)} to be told; missing {wanted - self.told(receiver)}", lambda: wanted == self.told(receiver), 120)
        print(f"{len(jobs)} ends, {len(receiver.requests)} webhooks over three kills")

    @staticmethod
    def told(receiver):
        return {request["headers"]["webhook-id"] for request in list(receiver.requests)}

    def test_attempts_that_are_used_up_end_in_a_dead_letter(self):
        receiver = self.receiver(lambda number: 500)
        geminga = self.serve(**{**self.options, "config": CONFIG.replace('["2s", "3s"]', '["20ms"]')})
        job_id = geminga.submit("echo unheard", webhook=receiver.url)
        letter = eventually("a dead letter", lambda: json_lines(geminga.cli("dlq", "list", "-o", "json").stdout), 60)[0]
        self.assertEqual(3, len(receiver.requests))
        self.assertEqual(3, len(letter["attempts"]))
        self.assertEqual("COMPLETED", geminga.job(job_id)["status"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
