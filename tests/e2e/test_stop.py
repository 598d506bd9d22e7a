"""How serve ends, and what it leaves behind."""
import pathlib
import signal
import threading
import time
import unittest
import uuid

from harness import RULES, Case, eventually, no_process_with, processes_with, tool_calls, tool_server


class Stop(Case):
    def setUp(self):
        super().setUp()
        self.marker = f"geminga-e2e-{uuid.uuid4()}"
        self.state = self.folder / "tools"

    def start(self, mode="normal"):
        return self.serve(mcp={"tools": tool_server(self.state, mode, E2E_MARKER=self.marker)}, rules=RULES)

    def test_sigterm_ends_an_idle_serve_with_exit_0(self):
        code, seconds = self.start().terminate()
        self.assertEqual(0, code)
        self.assertLess(seconds, 5)
        no_process_with(self.marker, 2)

    def test_sigint_does_the_same(self):
        geminga = self.start()
        geminga.process.send_signal(signal.SIGINT)
        self.assertEqual(0, geminga.process.wait(timeout=10))

    def test_sigterm_under_load_answers_everybody_within_ten_seconds(self):
        geminga = self.start()
        answers = []

        def ask():
            answers.append(geminga.query("sleep 60"))

        waiting = [threading.Thread(target=ask) for _ in range(5)]
        for thread in waiting:
            thread.start()
        eventually("five calls to run", lambda: len(tool_calls(self.state)) == 5)
        code, seconds = geminga.terminate()
        self.assertEqual(0, code)
        self.assertLess(seconds, 10)
        for thread in waiting:
            thread.join()
        self.assertEqual([503] * 5, [status for status, _ in answers], answers)
        for _, body in answers:
            self.assertIn("requestId", body)
        no_process_with(self.marker, 2)

    def test_a_second_signal_ends_at_once(self):
        geminga = self.start()
        geminga.submit("sleep 60")
        eventually("the call to run", lambda: tool_calls(self.state))
        geminga.process.send_signal(signal.SIGTERM)
        eventually("serve to say that it stops", lambda: "taking no more work" in geminga.log_text())
        began = time.monotonic()
        geminga.process.send_signal(signal.SIGTERM)
        geminga.process.wait(timeout=5)
        self.assertLess(time.monotonic() - began, 1)
        no_process_with(self.marker, 2)

    def test_sigkill_leaves_no_process_not_even_one_that_double_forks_and_ignores_sigterm(self):
        geminga = self.start("orphans")
        orphan = int(eventually("the orphan to exist", lambda: (p := self.state / "orphan.pid").exists() and p.read_text()))
        self.assertTrue(pathlib.Path(f"/proc/{orphan}").exists())
        self.assertGreaterEqual(len(processes_with(self.marker)), 2)
        geminga.kill()
        no_process_with(self.marker, 2)

    def test_what_was_accepted_before_a_kill_is_done_after_it(self):
        geminga = self.start()
        job = geminga.submit("sleep 2")
        eventually("the call to run", lambda: tool_calls(self.state))
        geminga.kill()
        again = self.start()
        ended = again.ended_job(job, 20)
        self.assertEqual("COMPLETED", ended["status"], ended)


if __name__ == "__main__":
    unittest.main(verbosity=2)
