"""What happens to a job, seen while it happens and afterwards: its event stream over a SIGKILL, its timeline, its trace."""
import http.client
import json
import unittest

from harness import RULES, Case, Serve, eventually, tool_calls, tool_server

CONFIG = "[orchestrator]\nretry_delays = ['1s']\n"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Stream:
    """The events of one connection: (id, name, data)."""

    def __init__(self, serve, job_id, last=None):
        host, port = serve.url.removeprefix("http://").rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=30)
        self.connection.request("GET", f"/api/orchestrator/jobs/{job_id}/events", headers={"Last-Event-ID": str(last)} if last else {})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __iter__(self):
        """Until the stream ends, by its server or by a cut."""
        fields = {}
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\n")
                if line == "" and "data" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                    fields = {}
                elif ": " in line and not line.startswith(":"):
                    name, value = line.split(": ", 1)
                    fields[name] = value
        except (OSError, http.client.HTTPException):
            pass
        finally:
            self.connection.close()


class LiveView(Case):
    def setUp(self):
        super().setUp()
        self.state = self.folder / "tools"
        self.options = {"mcp": {"tools": tool_server(self.state)}, "rules": RULES, "config": CONFIG}

    def test_a_stream_goes_on_behind_a_kill(self):
        first = self.serve(**self.options)
        job_id = first.submit("sleep 2")
        eventually("the tool to be called", lambda: tool_calls(self.state))
        seen = []
        for event in Stream(first, job_id):
            seen.append(event)
            if event[1] == "PROCESSING":
                first.kill()
        self.assertEqual(["PENDING", "PROCESSING"], [name for _, name, _ in seen])

        with Serve(self.folder, **self.options) as second:
            for event in Stream(second, job_id, last=seen[-1][0]):
                seen.append(event)
            self.assertEqual(["PENDING", "PROCESSING", "RETRY", "COMPLETED"], [name for _, name, _ in seen])
            self.assertEqual(seen, list(Stream(second, job_id)), "what was seen in pieces is the whole, each event once")
            self.assertEqual(204, Stream(second, job_id, last=seen[-1][0]).status, "nothing more will come")

            shown = second.cli("jobs", "show", job_id, "-o", "json")
            self.assertEqual(0, shown.returncode, shown.stderr)
            attempts = [hop["attempt"] for hop in json.loads(shown.stdout)["hops"] if hop["hop"] == "coordinator"]
            self.assertEqual([0, 1], attempts, "the attempt that was cut off and the one after it")

    def test_the_timeline_as_json(self):
        geminga = self.serve(**self.options)
        job = geminga.ended_job(geminga.submit("echo timeline"))
        hops = eventually("all hops", lambda: len(found := json.loads(
            geminga.cli("jobs", "show", job["jobId"], "-o", "json").stdout)["hops"]) == 4 and found)
        self.assertEqual(["ingress", "matcher", "coordinator", "job-updater"], [hop["hop"] for hop in hops])
        for hop in hops:
            self.assertLessEqual(hop["startedAt"], hop["endedAt"])
            self.assertEqual("ok", hop["outcome"])
        self.assertEqual("tools/echo", hops[2]["tool"])

    def test_a_trace_goes_through(self):
        geminga = self.serve(**self.options)
        status, answer = geminga.request("POST", "/api/orchestrator/query", {"query": "echo traced"}, headers={"traceparent": TRACE})
        self.assertEqual(200, status, answer)
        self.assertEqual(TRACE, tool_calls(self.state)[0]["meta"]["traceparent"])
        for topic in ("user-requests", "tool-signals", "results"):
            name = f"persistent://mcp-core/orchestrator/{topic}"
            _, page = geminga.request("GET", f"/api/bus/messages?topic={name}")
            self.assertEqual(TRACE, page["messages"][0]["properties"]["traceparent"], topic)


if __name__ == "__main__":
    unittest.main(verbosity=2)
