"""What must hold of jobs after kills, checked against three witnesses that know nothing of each other: what the clients were told, what the
tool server wrote down before each answer, and the rows of the jobs store. Pure; gives the faults in words."""
import collections
import json

TERMINAL = ("COMPLETED", "FAILED", "CANCELLED")
DESTRUCTIVE = ("delete",)


class Request:
    """One request with all that the witnesses say of it; times in milliseconds since 1970."""

    def __init__(self, row):
        self.job, self.id, self.status, self.sentence, self.result, self.error = row
        self.tool, _, self.text = self.sentence.partition(" ")
        self.terminal = 0
        self.attempts = 0
        self.failures = []  # (attempt, at, outcome), in order
        self.calls = []     # times
        self.answers = []   # "ok", "try_again", "never", in order
        self.letters = 0

    def calls_by_attempt(self):
        """A call belongs to the attempt that had not failed by then: the next one begins some time after the failure of the last."""
        return collections.Counter(sum(at < time for _, at, _ in self.failures) for time in self.calls)

    def cut_off(self):
        """The attempts that a kill has found between claim and end."""
        return {attempt for attempt, _, outcome in self.failures if outcome == "outcome_unknown"}


def requests_of(store, fixture_log, letters):
    requests = {row[1]: Request(row) for row in store.rows("select id, request_id, status, query, result_json, error_message from orchestrator_jobs")}
    for (request,) in store.rows(f"select request_id from job_events where event in {TERMINAL}"):
        requests[request].terminal += 1
    for request, attempt in store.rows("select request_id, attempt from claims"):
        requests[request].attempts = int(attempt) + 1
    for request, attempt, at, outcome in store.rows("select request_id, attempt, at, outcome from claim_failures order by request_id, attempt"):
        requests[request].failures.append((int(attempt), int(at), outcome))
    for line in fixture_log:
        time, _, event, _, request, _ = line.split(" ", 5)
        if event == "call":
            requests[request].calls.append(int(time))
        elif event == "answer":
            requests[request].answers.append(line.split(" ")[3])
    for request in letters:
        requests[request].letters += 1
    return requests


def wrong_end(request, max_attempts):
    """The end that a request has must follow from the last thing that happened to it."""
    last = request.answers[-1] if request.answers else "nothing"
    if request.status == "COMPLETED":
        result = json.loads(request.result)
        if result["status"] != "tool":
            return f"completed with a {result['status']}"
        texts = [item["text"] for item in result["result"]["content"]]
        if last != "ok" or texts != [request.text] or request.letters:
            return f"completed with {texts}, {request.letters} dead letters, after the answer '{last}'"
        return None
    attempt, _, outcome = request.failures[-1] if request.failures else (0, 0, "none")
    if outcome == "final":
        return None if last == "never" and "never works" in request.error and not request.letters else f"final with {request.letters} letters after '{last}'"
    exhausted = attempt + 1 == max_attempts
    unknown = outcome == "outcome_unknown" and request.tool in DESTRUCTIVE
    if not exhausted and not unknown:
        return f"failed in attempt {attempt + 1} of {max_attempts} with {outcome}"
    if outcome == "unknown_error" and last != "try_again":
        return f"exhausted after the answer '{last}'"
    return None if request.letters == 1 else f"{request.letters} dead letters of an end with {outcome}"


def wrong_calls(request, kills):
    """One call for each attempt; none or one for those that a kill cut off, and then a kill there was."""
    cut_off, calls = request.cut_off(), request.calls_by_attempt()
    for attempt in range(request.attempts):
        least = 0 if attempt in cut_off else 1
        if not least <= calls[attempt] <= 1:
            return f"{calls[attempt]} calls of attempt {attempt + 1}" + (" (cut off by a kill)" if attempt in cut_off else "")
    if sum(calls.values()) != sum(calls[attempt] for attempt in range(request.attempts)):
        return f"calls of attempts {sorted(calls)}, but there were {request.attempts}"
    before = 0
    for attempt, at, outcome in request.failures:
        if outcome == "outcome_unknown" and not any(before <= kill <= at for kill in kills):
            return f"attempt {attempt + 1} has an unknown outcome, and no kill explains it"
        before = at
    return None


def faults(requests, accepted, wanted, kills, max_attempts):
    """`accepted`: job id -> sentence, as clients were told with 2xx. `kills`: when serve was killed."""
    found = []
    jobs = {request.job: request for request in requests.values()}
    if len(accepted) != wanted or set(jobs) != set(accepted):
        found.append(f"{wanted} jobs were posted, each with its key; clients know {len(accepted)}, the store {len(jobs)}")
    for job, sentence in accepted.items():
        request = jobs.get(job)
        if request is None or request.sentence != sentence:
            found.append(f"job {job} ('{sentence}') was accepted and is not there")
            continue
        if request.status not in TERMINAL:
            found.append(f"job {job} is {request.status}")
            continue
        if request.terminal != 1:
            found.append(f"job {job} has ended {request.terminal} times")
        for wrong in (wrong_end(request, max_attempts), wrong_calls(request, kills)):
            if wrong:
                found.append(f"{request.tool} of request {request.id}, {request.status}: {wrong}")
    return found


def summary(requests):
    twice = [request for request in requests.values() if any(count > 1 for count in request.calls_by_attempt().values())]
    return {"by_status": dict(collections.Counter(request.status for request in requests.values())),
            "by_attempts": dict(sorted(collections.Counter(request.attempts for request in requests.values()).items())),
            "tool_calls": sum(len(request.calls) for request in requests.values()),
            "attempts_cut_off_by_kills": sum(len(request.cut_off()) for request in requests.values()),
            "attempts_called_twice": len(twice), "of_them_destructive": sum(request.tool in DESTRUCTIVE for request in twice),
            "dead_letters": sum(request.letters for request in requests.values())}
