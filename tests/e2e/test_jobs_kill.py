"""The small form of jobs_kill.py, for every test run."""
import unittest

from harness import Case
from jobs_kill import Run


class JobsKill(Case):
    def test_sixty_jobs_over_two_kills_end_exactly_once(self):
        self.assertTrue(Run(self.folder, jobs=60, kills=2, seed=7).run())

    def test_on_postgresql_which_is_killed_as_well(self):
        self.assertTrue(Run(self.folder, jobs=60, kills=2, seed=7, store="postgresql").run())


if __name__ == "__main__":
    unittest.main(verbosity=2)
