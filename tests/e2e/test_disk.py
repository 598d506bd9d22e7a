"""A disk that fails under a running serve: nothing more is acknowledged, exit code 74, and what was acknowledged before is there afterwards."""
import os
import unittest

from harness import Case, json_lines

SHIM = os.environ.get("GEMINGA_BROKEN_DISK", "build/dev/tests/e2e/libbroken_disk.so")


class Disk(Case):
    def test_a_failed_sync_ends_serve_with_74(self):
        flag = self.folder / "broken"
        geminga = self.serve(env={"LD_PRELOAD": os.path.abspath(SHIM), "BROKEN_DISK_FLAG": flag})
        first = geminga.cli("produce", "orders", "-m", "safe")
        self.assertEqual(0, first.returncode, first.stderr)
        flag.touch()
        second = geminga.cli("produce", "orders", "-m", "lost with the disk")
        self.assertNotEqual(0, second.returncode, "no receipt without a disk")
        self.assertEqual(74, geminga.process.wait(timeout=10), geminga.log_text())
        self.assertIn("nothing more is acknowledged", geminga.log_text())
        flag.unlink()
        again = self.serve()
        stored = json_lines(again.cli("topics", "peek", "orders", "-o", "json").stdout)
        self.assertEqual("safe", stored[0]["body"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
