"""The program of Pulsar's Python client: runs the tests, or those that are named, and prints one JSON line for each."""
import json
import os
import sys
import threading
import time
import traceback

import lab
import connections  # each registers its tests
import messages
import subscriptions
import topics

TEST_SECONDS_MAX = 60


def describe(error):
    frame = next((each for each in reversed(traceback.extract_tb(error.__traceback__)) if not each.filename.endswith(("lab.py", "__init__.py"))), None)
    place = f" ({os.path.basename(frame.filename)}:{frame.lineno})" if frame else ""
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")


def run(name, test):
    outcome = [f"did not end within {TEST_SECONDS_MAX} s"]

    def body():
        try:
            with lab.Lab(name) as place:
                test(place)
            outcome[0] = ""
        except BaseException as error:
            outcome[0] = describe(error)
    began = time.monotonic()
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(TEST_SECONDS_MAX)
    detail = outcome[0]
    print(json.dumps({"feature": name, "result": "fail" if detail else "pass", "detail": detail, "ms": int((time.monotonic() - began) * 1000)}), flush=True)


def main():
    wanted = sys.argv[1:]
    for name, test in lab.FEATURES.items():
        if not wanted or name in wanted:
            run(name, test)
    sys.stdout.flush()
    os._exit(0)  # threads of a test that did not end do not hold the program


if __name__ == "__main__":
    main()
