"""A server that a test has for itself: `start` and `process` come from the class that knows it. Use as a context."""
import shutil
import signal
import subprocess


class Owned:
    process = None
    stop_signal = signal.SIGTERM
    stop_seconds_max = 20

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """An orderly end."""
        if not self.running():
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(timeout=self.stop_seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception):
        """Nothing of it is needed any more, so it need not close its files."""
        if self.running():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
