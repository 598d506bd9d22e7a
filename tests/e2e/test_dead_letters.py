"""Dead letters over the command line: choosing, looking before leaping, replaying gently, discarding."""
import time
import unittest

from harness import RULES, Case, eventually, json_lines, tool_server

CONFIG = "[orchestrator]\nretry_delays = ['20ms']\n[servers.tools]\nretry_tool_errors = true\n"


class DeadLetters(Case):
    def setUp(self):
        super().setUp()
        self.state = self.folder / "tools"
        self.geminga = self.serve(mcp={"tools": tool_server(self.state)}, rules=RULES, config=CONFIG)
        self.jobs = [self.geminga.ended_job(self.geminga.submit(sentence)) for sentence in ("sick", "sick", "destroy")]
        for job in self.jobs:
            self.assertEqual("FAILED", job["status"], job)
        self.assertEqual([3, 3, 1], [job["attempts"] for job in self.jobs], "what destroys is not called again")

    def dlq(self, *arguments):
        done = self.geminga.cli("dlq", *arguments)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def letters(self, *choice):
        return json_lines(self.dlq("list", *choice, "-o", "json"))

    def test_choose_replay_discard(self):
        self.assertEqual(3, len(self.letters()))
        self.assertEqual(2, len(self.letters("--tool", "sick")))
        self.assertEqual(3, len(self.letters("--mcp-server", "tools")))
        self.assertEqual(0, len(self.letters("--mcp-server", "others")))
        self.assertEqual(1, len(self.letters("--reason", "outcome_unknown after 1 of 3")))

        (self.state / "mended").touch()
        looked = self.geminga.cli("dlq", "replay", "--tool", "sick", "--dry-run")
        self.assertEqual(2, len(looked.stdout.splitlines()), looked.stdout)
        self.assertIn("nothing was done", looked.stderr)
        self.assertEqual("FAILED", self.geminga.job(self.jobs[0]["jobId"])["status"])

        began = time.monotonic()
        self.dlq("replay", "--tool", "sick", "--rate", "2")
        self.assertGreaterEqual(time.monotonic() - began, 0.5, "the second one waits")
        for job in self.jobs[:2]:
            eventually("the replayed job to complete", lambda: self.geminga.job(job["jobId"])["status"] == "COMPLETED")

        destroyed = self.letters("--tool", "destroy")[0]["id"]
        self.dlq("discard", destroyed)
        self.assertEqual([], self.letters("--tool", "destroy"))
        refused = self.geminga.cli("dlq", "replay", destroyed)
        self.assertEqual(1, refused.returncode)
        self.assertIn("was discarded", refused.stderr)
        self.assertEqual("FAILED", self.geminga.job(self.jobs[2]["jobId"])["status"])

        self.dlq("discard", "--all")
        self.assertEqual([], self.letters())

    def test_what_fails_again_is_replayed_once(self):
        self.dlq("replay", "--all", "--rate", "5")
        for job in self.jobs:
            ended = eventually("the replayed job to fail", lambda: (now := self.geminga.job(job["jobId"]))["status"] == "FAILED" and now)
            self.assertEqual(1, ended["generation"])

    def test_a_choice_must_be_said(self):
        for arguments in (("replay",), ("discard",), ("discard", "1:0:-1", "--all"), ("replay", "1:0:-1", "--dry-run")):
            with self.subTest(arguments=arguments):
                self.assertEqual(2, self.geminga.cli("dlq", *arguments).returncode)
        self.assertEqual(3, len(self.letters()))

    def test_jobs_show_draws_what_happened(self):
        shown = self.geminga.cli("jobs", "show", self.jobs[0]["jobId"]).stdout
        rows = [line for line in shown.splitlines() if "coordinator" in line]
        self.assertEqual(3, len(rows), shown)
        self.assertIn("(attempt 3)", rows[2])
        bars = [next(word for word in row.split() if set(word) <= set("#.") and len(word) == 24) for row in rows]
        begins = [bar.index("#") for bar in bars]
        self.assertEqual(sorted(begins), begins, "later attempts stand further right")


if __name__ == "__main__":
    unittest.main(verbosity=2)
