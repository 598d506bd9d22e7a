"""A tool that dies in the middle of its call: the schedule, the dead letter, the replay. Takes forty seconds by its nature."""
import json
import unittest

from harness import RULES, Case, eventually, json_lines, tool_calls, tool_server

SCHEDULE_S = (0, 5, 35)
LATE_S_MAX = 1.0


class Retry(Case):
    def test_attempts_then_dead_letter_then_replay(self):
        state = self.folder / "tools"
        geminga = self.serve(mcp={"tools": tool_server(state)}, rules=RULES)
        job_id = geminga.submit("die")
        job = geminga.ended_job(job_id, seconds=60)
        self.assertEqual("FAILED", job["status"], job)

        times = [call["time"] for call in tool_calls(state)]
        after = [moment - times[0] for moment in times]
        print("attempts after", [round(t, 3) for t in after], "s")
        self.assertEqual(len(SCHEDULE_S), len(after))
        for due, was in zip(SCHEDULE_S, after):
            self.assertGreaterEqual(was, due, "never early")
            self.assertLessEqual(was, due + LATE_S_MAX * (2 if due > 5 else 1), "at most 1 s late for each wait")
        keys = {json.dumps(call["meta"].get("idempotencyKey")) for call in tool_calls(state)}
        self.assertEqual(1, len(keys), "every attempt carries the same key")

        letters = json_lines(geminga.cli("dlq", "list", "-o", "json").stdout)
        self.assertEqual(1, len(letters))
        letter = letters[0]
        self.assertEqual(job["requestId"], letter["requestId"])
        self.assertEqual(("tools", "die"), (letter["server"], letter["tool"]))
        self.assertEqual(3, len(letter["attempts"]))
        for attempt in letter["attempts"]:
            self.assertTrue(attempt["time"] and attempt["error"])
        self.assertEqual(job["requestId"], letter["event"]["requestId"], "the original message is in it")
        shown = geminga.cli("dlq", "show", letter["id"])
        self.assertEqual(0, shown.returncode, shown.stderr)
        self.assertIn(letter["reason"], shown.stdout)

        (state / "mended").touch()
        replayed = geminga.cli("dlq", "replay", letter["id"])
        self.assertEqual(0, replayed.returncode, replayed.stderr)
        eventually("the replayed job to complete", lambda: geminga.job(job_id)["status"] == "COMPLETED", 20)
        self.assertEqual(4, len(tool_calls(state)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
