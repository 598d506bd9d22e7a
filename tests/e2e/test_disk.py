"""A disk that fails under a running serve: nothing more is acknowledged, exit code 74, and what was acknowledged before is there afterwards."""
import http.client
import os
import unittest

from harness import RULES, Case, eventually, json_lines, tool_calls, tool_server

SHIM = os.environ.get("GEMINGA_BROKEN_DISK", "build/dev/tests/e2e/libbroken_disk.so")


class Disk(Case):
    def serve_on_a_disk_that_can_break(self, name=None, **more):
        self.flag = self.folder / "broken"
        env = {"LD_PRELOAD": os.path.abspath(SHIM), "BROKEN_DISK_FLAG": self.flag}
        if name:
            env["BROKEN_DISK_NAME"] = name
        return self.serve(env=env, **more)

    def ends_with_74(self, geminga, *texts):
        self.assertEqual(74, geminga.process.wait(timeout=10), geminga.log_text())
        for text in ("nothing more is acknowledged", *texts):
            self.assertIn(text, geminga.log_text())
        self.flag.unlink()

    def test_a_failed_sync_of_the_journal(self):
        geminga = self.serve_on_a_disk_that_can_break()
        first = geminga.cli("produce", "orders", "-m", "safe")
        self.assertEqual(0, first.returncode, first.stderr)
        self.flag.write_text("sync")
        second = geminga.cli("produce", "orders", "-m", "lost with the disk")
        self.assertNotEqual(0, second.returncode, "no receipt without a disk")
        self.ends_with_74(geminga)
        again = self.serve()
        stored = json_lines(again.cli("topics", "peek", "orders", "-o", "json").stdout)
        self.assertEqual("safe", stored[0]["body"])

    def test_the_metadata(self):
        geminga = self.serve_on_a_disk_that_can_break("metadata.db")
        safe = geminga.cli("topics", "create", "safe")
        self.assertEqual(0, safe.returncode, safe.stderr)
        self.flag.write_text("sync")
        self.assertNotEqual(0, geminga.cli("topics", "create", "lost").returncode, "no topic without a disk")
        self.ends_with_74(geminga, "metadata.db")
        self.assertIn("safe", self.serve().cli("topics", "list").stdout)

    def test_the_jobs_store(self):
        for call in ("sync", "write"):
            with self.subTest(call=call):
                self.jobs_store_breaks(call)

    def jobs_store_breaks(self, call):
        state = self.folder / "tools"
        more = {"mcp": {"tools": tool_server(state)}, "rules": RULES}
        geminga = self.serve_on_a_disk_that_can_break("jobs.sqlite", **more)
        safe = geminga.submit(f"echo safe from {call}")
        self.assertEqual("COMPLETED", geminga.ended_job(safe)["status"])
        known = len(geminga.request("GET", "/api/orchestrator/jobs")[1]["jobs"])
        self.flag.write_text(call)
        with self.assertRaises((AssertionError, OSError, http.client.HTTPException), msg="no 202 without a disk"):
            geminga.submit("echo lost with the disk")
        self.ends_with_74(geminga, "jobs.sqlite")
        again = self.serve(**more)
        self.assertEqual("COMPLETED", again.job(safe)["status"])
        # What was not acknowledged may have reached the disk or not; then it is a job like any other.
        jobs = again.request("GET", "/api/orchestrator/jobs")[1]["jobs"]
        for job in jobs:
            self.assertEqual("COMPLETED", again.ended_job(job["jobId"])["status"])
        self.assertLessEqual(len(jobs), known + 1)
        self.assertLessEqual(len(tool_calls(state)), len(jobs))
        self.assertEqual(0, again.terminate()[0])

    def test_a_failed_write_in_the_middle_of_a_call(self):
        state = self.folder / "tools"
        more = {"mcp": {"tools": tool_server(state)}, "rules": RULES}
        geminga = self.serve_on_a_disk_that_can_break("jobs.sqlite", **more)
        job = geminga.submit("sleep 1")
        eventually("the call to run", lambda: tool_calls(state))
        self.flag.write_text("write")
        self.ends_with_74(geminga, "jobs.sqlite")
        again = self.serve(**more)
        # Its end was never written, so the outcome is unknown; a read-only tool is called again.
        self.assertEqual("COMPLETED", again.ended_job(job, seconds=30)["status"])
        self.assertEqual(2, len(tool_calls(state)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
