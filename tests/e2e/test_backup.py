"""A backup under a serve that is being written to: everything acknowledged before the call is in it, and it can be restored."""
import threading
import unittest

from harness import Case, Serve, json_lines, run


class Backup(Case):
    def bodies(self, geminga):
        return [m["body"] for m in json_lines(geminga.cli("topics", "peek", "orders", "--count", 1000, "-o", "json").stdout)]

    def test_a_backup_under_load_holds_what_was_acknowledged_before(self):
        geminga = self.serve()
        acknowledged = []
        enough, stop = threading.Event(), threading.Event()

        def write():
            while not stop.is_set() and len(acknowledged) < 900:
                body = f"order {len(acknowledged)}"
                if geminga.cli("produce", "orders", "-m", body).returncode == 0:
                    acknowledged.append(body)
                if len(acknowledged) >= 10:
                    enough.set()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.assertTrue(enough.wait(30), geminga.log_text())
            before = list(acknowledged)
            copied = run("backup", self.folder / "copy", "--data-dir", self.folder / "data", "-o", "json")
        finally:
            stop.set()
            writer.join()
        self.assertEqual(0, copied.returncode, copied.stderr)
        self.assertTrue(json_lines(copied.stdout)[0]["sound"])
        self.assertEqual(2, run("fsck", self.folder / "data").returncode, "it is in use")
        self.assertEqual(0, run("fsck", self.folder / "copy").returncode)

        again = run("backup", self.folder / "copy", "--data-dir", self.folder / "data")
        self.assertEqual(2, again.returncode, "a target that is not empty is refused")
        self.assertIn("is not empty", again.stderr)

        restored = run("restore", self.folder / "copy", "--data-dir", self.folder / "second" / "data")
        self.assertEqual(0, restored.returncode, restored.stderr)
        with Serve(self.folder / "second") as second:
            self.assertEqual(before, self.bodies(second)[:len(before)])

    def test_fsck_names_what_damage_hurts(self):
        geminga = self.serve()
        self.assertEqual(0, geminga.cli("produce", "orders", "-m", "one").returncode)
        geminga.terminate()
        self.assertEqual(0, run("fsck", self.folder / "data").returncode)
        for segment in (self.folder / "data").glob("segment-*.seg"):
            segment.unlink()
        hurt = run("fsck", self.folder / "data", "-o", "json")
        self.assertEqual(1, hurt.returncode, hurt.stderr)
        self.assertIn("orders", json_lines(hurt.stdout)[0]["hurtTopics"][0]["topic"])
        self.assertEqual(1, run("backup", self.folder / "copy", "--data-dir", self.folder / "data").returncode)
        self.assertEqual(2, run("fsck", self.folder / "nowhere").returncode)


if __name__ == "__main__":
    unittest.main(verbosity=2)
