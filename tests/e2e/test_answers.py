"""Sentences in, answers out, over HTTP and over the command line."""
import json
import pathlib
import re
import unittest
import uuid

from harness import RULES, Case, eventually, json_lines, tool_calls, tool_server

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Answers(Case):
    def setUp(self):
        super().setUp()
        self.state = self.folder / "tools"
        self.geminga = self.serve(mcp={"tools": tool_server(self.state, SECRET="declared")}, rules=RULES, env={"UNDECLARED": "must not arrive"})

    def test_a_rule_finds_the_tool_and_its_answer_comes_back(self):
        status, answer = self.geminga.query("echo hello over the bus")
        self.assertEqual(200, status, answer)
        self.assertIs(True, answer["success"])
        self.assertEqual("tool", answer["status"])
        self.assertEqual("hello over the bus", answer["result"]["content"][0]["text"])
        self.assertEqual(str(uuid.UUID(answer["requestId"])), answer["requestId"])
        calls = tool_calls(self.state)
        self.assertEqual(1, len(calls))
        self.assertIn("idempotencyKey", json.dumps(calls[0]["meta"]))

    def test_words_of_the_description_find_a_tool_without_any_rule(self):
        status, answer = self.geminga.query("List the cranes of the harbour")
        self.assertEqual((200, "tool"), (status, answer.get("status")), answer)
        self.assertEqual("crane 1, crane 2", answer["result"]["content"][0]["text"])

    def test_an_unrelated_sentence_gets_a_plan_that_says_that_no_model_is_configured(self):
        status, answer = self.geminga.query("Compose a symphony about quantum turtles")
        self.assertEqual((200, "plan"), (status, answer.get("status")), answer)
        self.assertIn("no model is configured", json.dumps(answer["plan"]).lower())
        self.assertNotIn("result", answer)

    def test_a_tool_that_fails_by_its_own_word_is_a_failed_result_with_its_text(self):
        status, answer = self.geminga.query("sick")
        self.assertEqual(500, status, answer)
        self.assertIn("the tool is sick", answer["message"])
        self.assertEqual(1, len(tool_calls(self.state)), "an answer is no reason to call again")

    def test_refused_arguments_fail_at_once_without_a_retry(self):
        status, answer = self.geminga.query("refuse")
        self.assertEqual(500, status, answer)
        self.assertIn("refused on principle", answer["message"])
        self.assertEqual(1, len(tool_calls(self.state)))
        self.assertEqual([], json_lines(self.geminga.cli("dlq", "list", "-o", "json").stdout), "a final failure is no dead letter")

    def test_a_tool_that_says_it_destroys_is_not_called_twice(self):
        job = self.geminga.ended_job(self.geminga.submit("destroy"))
        self.assertEqual("FAILED", job["status"], job)
        self.assertEqual(1, len(tool_calls(self.state)))
        letters = json_lines(self.geminga.cli("dlq", "list", "-o", "json").stdout)
        self.assertEqual([job["requestId"]], [letter["requestId"] for letter in letters], "a person has to look at it")

    def test_only_declared_variables_reach_a_server(self):
        status, answer = self.geminga.query("show_environment")
        self.assertEqual(200, status, answer)
        seen = json.loads(answer["result"]["content"][0]["text"])
        self.assertEqual("declared", seen.get("SECRET"))
        self.assertNotIn("UNDECLARED", seen)
        allowed = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TZ", "TMPDIR", "TOOL_STATE", "SECRET", "LC_CTYPE", "PWD", "SHLVL", "_"}
        self.assertEqual(set(), set(seen) - allowed)

    def test_jobs_from_submission_to_history(self):
        job_id = self.geminga.submit("echo as a job", sessionId="s1")
        job = self.geminga.ended_job(job_id)
        self.assertEqual("COMPLETED", job["status"], job)
        self.assertEqual("s1", job["sessionId"])
        self.assertLessEqual(job["createdAt"], job["completedAt"])
        status, body = self.geminga.request("POST", f"/api/orchestrator/jobs/{job_id}/cancel")
        self.assertEqual(409, status, body)
        listed = json_lines(self.geminga.cli("jobs", "list", "-o", "json", "--status", "COMPLETED").stdout)
        self.assertIn(job_id, [line["jobId"] for line in listed])
        shown = self.geminga.cli("jobs", "show", job_id)
        self.assertEqual(0, shown.returncode, shown.stderr)
        for part in (job_id, "COMPLETED", "as a job", "coordinator"):
            self.assertIn(part, shown.stdout)

    def test_a_running_job_can_be_cancelled_and_stays_cancelled(self):
        job_id = self.geminga.submit("sleep 3")
        eventually("the tool to be called", lambda: tool_calls(self.state))
        cancelled = self.geminga.cli("jobs", "cancel", job_id, "-o", "json")
        self.assertEqual(0, cancelled.returncode, cancelled.stderr)
        self.assertEqual("CANCELLED", json.loads(cancelled.stdout)["status"])
        self.assertEqual("CANCELLED", self.geminga.job(job_id)["status"])

    def test_the_same_idempotency_key_is_the_same_job(self):
        key = {"Idempotency-Key": "order-17"}
        first = self.geminga.request("POST", "/api/orchestrator/jobs", {"query": "echo once"}, headers=key)
        second = self.geminga.request("POST", "/api/orchestrator/jobs", {"query": "echo once"}, headers=key)
        self.assertEqual(first[1]["jobId"], second[1]["jobId"])
        self.geminga.ended_job(first[1]["jobId"])
        self.assertEqual(1, len(tool_calls(self.state)))

    def test_the_query_verb(self):
        asked = self.geminga.cli("query", "--hops", "echo", "from", "the", "shell")
        self.assertEqual(0, asked.returncode, asked.stderr)
        self.assertTrue(asked.stdout.startswith("from the shell\n"), asked.stdout)
        self.assertIn("coordinator", asked.stdout)
        as_json = self.geminga.cli("query", "-o", "json", "echo from a program")
        self.assertEqual("from a program", json.loads(as_json.stdout)["result"]["content"][0]["text"])
        failing = self.geminga.cli("query", "sick")
        self.assertEqual(1, failing.returncode)
        self.assertIn("the tool is sick", failing.stderr)

    def test_submit_and_watch(self):
        watched = self.geminga.cli("jobs", "submit", "--watch", "-o", "json", "echo watched")
        self.assertEqual(0, watched.returncode, watched.stderr)
        events = json_lines(watched.stdout)
        self.assertEqual("COMPLETED", events[-1].get("event", events[-1].get("status")), events)
        many = self.geminga.cli("jobs", "submit", "-f", "-", stdin="echo one\n\necho two\n")
        self.assertEqual(2, len(many.stdout.split()), many.stderr)

    def test_status_health_and_metrics(self):
        self.assertEqual(200, self.geminga.request("GET", "/healthz")[0])
        self.assertEqual(200, self.geminga.request("GET", "/readyz")[0])
        status = json.dumps(self.geminga.status())
        self.assertIn("tools", status)
        code, text = self.geminga.request("GET", "/metrics")
        self.assertEqual(200, code)
        shown = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
        page = (ROOT / "docs/reference/metrics.md").read_text()
        documented = dict(re.findall(r"^\| `([a-z_]+)` \| ([a-z]+) \|", page, re.MULTILINE))
        self.assertEqual({}, {name: kind for name, kind in shown.items() if documented.get(name) != kind}, "not so in docs/reference/metrics.md")
        always = {name for name in documented if not name.startswith("geminga_orchestrator_")}
        self.assertEqual(set(), always - set(shown), "documented, but not shown")


if __name__ == "__main__":
    unittest.main(verbosity=2)
