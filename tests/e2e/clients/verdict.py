"""What must hold for clients that went on over a fault: lines of workers, `what milliseconds key number`."""
import collections
import dataclasses

RESUME_MS_MAX = 10_000
Line = collections.namedtuple("Line", "what at key number")


def parse(text):
    """The last line may be cut: its writer may have been killed. That a consumer is there ("ready") is no message."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and words[0] != "ready" and words[1].isdigit() and words[3].isdigit():
            yield Line(words[0], int(words[1]), words[2], int(words[3]))


@dataclasses.dataclass
class Worker:
    name: str
    subscription: str  # empty: it produces
    lines: list
    steady: bool = True  # it was there all the time


def lost(workers):
    """What a producer was told is kept, and a subscription never got."""
    kept = {(line.key, line.number) for worker in workers for line in worker.lines if line.what == "acked"}
    for subscription in sorted({worker.subscription for worker in workers if worker.subscription}):
        got = {(line.key, line.number) for worker in workers if worker.subscription == subscription for line in worker.lines}
        if missing := sorted(kept - got):
            yield f"subscription {subscription} never got {len(missing)} of {len(kept)} acknowledged messages, the first is {missing[0]}"


def refused(workers):
    for worker in workers:
        if failed := [line for line in worker.lines if line.what == "failed"]:
            yield f"{worker.name}: {len(failed)} messages failed, the first is {failed[0].key} {failed[0].number}"


def disorder(workers):
    """What comes for the first time comes behind all that came of its key. What comes again is no matter."""
    for subscription in sorted({worker.subscription for worker in workers if worker.subscription}):
        last = {}
        lines = [line for worker in workers if worker.subscription == subscription for line in worker.lines]
        for line in sorted(lines, key=lambda line: line.at):
            before = last.get(line.key, -1)
            if line.number > before + 1:
                yield f"subscription {subscription}: {line.key} {line.number} came behind {before}"
            last[line.key] = max(before, line.number)


def stuck(workers, restarts):
    """`restarts`: when the server was ready again, in milliseconds."""
    for worker in workers:
        for restart in restarts if worker.steady else []:
            after = [line.at - restart for line in worker.lines if line.at >= restart]
            if not after:
                yield f"{worker.name} did not go on after a restart"
            elif after[0] > RESUME_MS_MAX:
                yield f"{worker.name} went on {after[0] / 1000:.1f} s after a restart; {RESUME_MS_MAX / 1000:.0f} s are allowed"


def breaches(workers, restarts):
    yield from lost(workers)
    yield from refused(workers)
    yield from disorder(workers)
    yield from stuck(workers, restarts)


def slowest(workers, restarts):
    """Seconds until the last worker went on."""
    return max((min((line.at - restart for line in worker.lines if line.at >= restart), default=0) for worker in workers if worker.steady for restart in restarts),
               default=0) / 1000
