"""The small form of jobs_kill.py, for every test run: fewer jobs and kills, retries that come sooner."""
import unittest

from harness import Case
from jobs_kill import UNSAFE_SERVE, Run, noticed

SMALL = {"jobs": 150, "kills": 2, "seed": 7, "retry_delays": ["500ms", "1s"]}


class JobsKill(Case):
    def test_jobs_over_kills_end_exactly_once(self):
        self.assertEqual([], Run(self.folder, **SMALL).run())

    def test_on_postgresql_which_is_killed_as_well(self):
        self.assertEqual([], Run(self.folder, store="postgresql", **SMALL).run())

    def test_a_call_that_is_claimed_afterwards_is_noticed(self):
        self.assertTrue(noticed(Run(self.folder, program=UNSAFE_SERVE, **SMALL)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
