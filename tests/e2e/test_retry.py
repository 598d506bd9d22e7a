"""A tool that dies in the middle of its call: the schedule, over a kill of serve and beside other work; the dead letter; the replay. Takes forty
seconds for each way of waiting by its nature."""
import json
import threading
import time
import unittest

from harness import RULES, Case, eventually, json_lines, tool_calls, tool_server

SCHEDULE_S = (0, 5, 30)  # before each attempt
LATE_S_MAX = 1.0
OTHERS = 500
CLIENTS = 4
FAILING = """
[[rule]]
pattern = '^fail$'
server = "failing"
tool = "die"
"""


class Retry(Case):
    def start(self, *flags):
        servers = {"tools": tool_server(self.folder / "others"), "failing": tool_server(self.state)}
        return self.serve(*flags, mcp=servers, rules=RULES + FAILING, config=f'[orchestrator]\nretry = "{self.mode}"\n')

    def p99_of_others(self, geminga):
        """The 99th percentile of what others wait for their answers, in seconds."""
        took = []

        def ask(first):
            for number in range(first, OTHERS, CLIENTS):
                began = time.monotonic()
                status, answer = geminga.query(f"echo number {number}")
                assert (status, answer["result"]["content"][0]["text"]) == (200, f"number {number}"), (status, answer)
                took.append(time.monotonic() - began)
        clients = [threading.Thread(target=ask, args=[first]) for first in range(CLIENTS)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        self.assertEqual(OTHERS, len(took), "each has its answer")
        return sorted(took)[OTHERS * 99 // 100]

    def check_the_schedule(self):
        times = [call["time"] for call in tool_calls(self.state)]
        self.assertEqual(len(SCHEDULE_S), len(times))
        waits = [0.0] + [after - before for before, after in zip(times, times[1:])]
        print(self.mode, "attempts after", [round(wait, 3) for wait in waits], "s")
        for due, was in zip(SCHEDULE_S, waits):
            self.assertGreaterEqual(was, due, "never early")
            self.assertLessEqual(was, due + LATE_S_MAX, "at most 1 s late")
        keys = {json.dumps(call["meta"].get("idempotencyKey")) for call in tool_calls(self.state)}
        self.assertEqual(1, len(keys), "every attempt carries the same key")

    def check_the_letter(self, geminga, job):
        letters = json_lines(geminga.cli("dlq", "list", "-o", "json").stdout)
        self.assertEqual(1, len(letters))
        letter = letters[0]
        self.assertEqual(job["requestId"], letter["requestId"])
        self.assertEqual(("failing", "die"), (letter["server"], letter["tool"]))
        self.assertEqual(3, len(letter["attempts"]))
        for attempt in letter["attempts"]:
            self.assertTrue(attempt["time"] and attempt["error"])
        self.assertEqual(job["requestId"], letter["event"]["requestId"], "the original message is in it")
        shown = geminga.cli("dlq", "show", letter["id"])
        self.assertEqual(0, shown.returncode, shown.stderr)
        self.assertIn(letter["reason"], shown.stdout)
        return letter

    def attempts_over_a_kill(self, mode):
        self.mode, self.state = mode, self.folder / "failing"
        geminga = self.start()
        self.assertEqual(mode, geminga.status()["retry"])
        p99_alone = self.p99_of_others(geminga)
        job_id = geminga.submit("fail")
        eventually("the second attempt", lambda: len(tool_calls(self.state)) == 2, 20)

        p99_beside = self.p99_of_others(geminga)
        geminga.kill()
        geminga = self.start("--http", geminga.ready["http"])
        self.assertEqual(2, len(tool_calls(self.state)), "it still waits")
        job = geminga.ended_job(job_id, seconds=60)
        self.assertEqual("FAILED", job["status"], job)
        self.check_the_schedule()
        p99_after = self.p99_of_others(geminga)
        print(f"{mode} p99 of {OTHERS} others: alone {p99_alone * 1000:.1f} ms, beside a retry that waits {p99_beside * 1000:.1f} ms, "
              f"afterwards {p99_after * 1000:.1f} ms")
        self.assertLessEqual(p99_beside, 1.5 * max(p99_alone, p99_after) + 0.010)

        letter = self.check_the_letter(geminga, job)
        (self.state / "mended").touch()
        replayed = geminga.cli("dlq", "replay", letter["id"])
        self.assertEqual(0, replayed.returncode, replayed.stderr)
        eventually("the replayed job to complete", lambda: geminga.job(job_id)["status"] == "COMPLETED", 20)
        self.assertEqual(4, len(tool_calls(self.state)))

    def test_retries_that_wait_on_the_bus(self):
        self.attempts_over_a_kill("native")

    def test_retries_that_wait_in_topics(self):
        self.attempts_over_a_kill("topics")


if __name__ == "__main__":
    unittest.main(verbosity=2)
