"""What a run of the worker proves, kept over kills, power cuts and disk errors. See worker.cpp for the facts."""
import collections

TOPIC_OF = {"exclusive": "in", "shared": "in", "keyed": "in", "forward": "in", "up-to": "in", "later": "later", "once": "once", "parts": "parts", "early": "early"}
ORDERED = ("exclusive", "keyed", "up-to", "once", "parts", "early")
EARLY_MS = 20 + 1000  # what a crash may take of `early`: its policy, and the time of one write on a busy machine


def place_of(id_):
    """Where a message stands in its topic; ids are ledger:entry:..."""
    return tuple(int(number) for number in id_.split(":")[:2])


class Breach(Exception):
    pass


class Checker:
    """What is known over all rounds, and what must hold."""

    def __init__(self):
        self.confirmed = {}  # (topic, id) -> (key, sequence): a receipt was given
        self.content = {}  # (topic, id) -> (key, sequence): seen in any read
        self.delivered = collections.defaultdict(set)  # subscription -> ids
        self.delivered_before_cut = None  # where `delivered` has more than what the disk may be asked for
        self.acknowledged = collections.defaultdict(set)  # subscription -> ids whose acknowledgement was confirmed
        self.not_settled = collections.deque()  # of up-to: (place, id), in order
        self.forwarded = set()
        self.known_stored = set()  # (key, sequence) of `once`: a receipt without a place was given
        self.early = {}  # id -> the time of its answer
        self.early_lost = set()
        self.compacted_away = 0
        self.last_first = {}  # (subscription, key) -> sequence of the latest first delivery

    def same(self, topic, id_, what):
        if self.content.setdefault((topic, id_), what) != what:
            raise Breach(f"{topic} {id_} was {self.content[topic, id_]} and is now {what}")

    def read_work(self, lines):
        for line in lines:
            match line.split():
                case ["P", topic, id_, key, sequence]:
                    self.confirmed[topic, id_] = (key, int(sequence))
                    self.same(topic, id_, (key, int(sequence)))
                case ["D", group, id_, key, sequence]:
                    self.on_delivered(group, id_, key, int(sequence))
                case ["A", group, id_]:
                    self.acknowledged[group].add(id_)
                case ["C", group, id_]:
                    self.settle_up_to(group, place_of(id_))
                case ["E", id_, key, sequence, time]:
                    self.early[id_] = int(time)
                    self.same("early", id_, (key, int(sequence)))
                case ["S", key, sequence]:
                    self.known_stored.add((key, int(sequence)))
                case ["F", id_]:
                    self.forwarded.add(id_)
                    self.acknowledged["forward"].add(id_)
                case ["ready"]:
                    pass
                case _:
                    raise Breach(f"the worker said: {line}")

    def on_delivered(self, group, id_, key, sequence):
        self.same(TOPIC_OF[group], id_, (key, sequence))
        if id_ in self.acknowledged[group]:
            raise Breach(f"{group}: {id_} came again though its acknowledgement was confirmed")
        if id_ in self.delivered[group]:
            return
        self.delivered[group].add(id_)
        if group == "up-to":
            self.not_settled.append((place_of(id_), id_))
        if group in ORDERED:
            if self.last_first.get((group, key), -1) >= sequence:
                raise Breach(f"{group}: key {key}: {sequence} came first after {self.last_first[group, key]}")
            self.last_first[group, key] = sequence

    def settle_up_to(self, group, place):
        while self.not_settled and self.not_settled[0][0] <= place:
            self.acknowledged[group].add(self.not_settled.popleft()[1])

    def read_verify(self, lines):
        stored = collections.defaultdict(dict)
        pending = collections.defaultdict(set)
        compacted = {}
        last = {}
        for line in lines:
            match line.split():
                case ["R", topic, id_, key, sequence]:
                    self.same(topic, id_, (key, int(sequence)))
                    stored[topic][id_] = (key, int(sequence))
                    if topic in ("in", "later", "once", "parts", "early", "latest"):
                        if last.get((topic, key), -1) >= int(sequence):
                            raise Breach(f"{topic}: key {key}: {sequence} is stored after {last[topic, key]}")
                        last[topic, key] = int(sequence)
                case ["L", id_, key, sequence]:
                    compacted[id_] = (key, int(sequence))
                case ["N", group, id_]:
                    if id_ in pending[group]:
                        raise Breach(f"{group}: {id_} came twice")
                    pending[group].add(id_)
                case ["verified"]:
                    pass
                case _:
                    raise Breach(f"the worker said: {line}")
        self.compare(stored, pending)
        self.compare_early(stored["early"])
        self.compare_compacted(stored["latest"], compacted)
        return {topic: len(ids) for topic, ids in stored.items()}

    def compare(self, stored, pending):
        for (topic, id_), what in self.confirmed.items():
            if stored[topic].get(id_) != what:
                raise Breach(f"{topic} {id_} {what} had its receipt and is lost")
        for group, topic in TOPIC_OF.items():
            if back := pending[group] & self.acknowledged[group]:
                raise Breach(f"{group}: {min(back)} is back though its acknowledgement was confirmed ({len(back)} of them)")
            if gone := (self.delivered_before_cut or self.delivered)[group] - set(stored[topic]):
                raise Breach(f"{group}: {min(gone)} was delivered and is lost ({len(gone)} of them)")
            if lost := set(stored[topic]) - pending[group] - self.delivered[group]:
                raise Breach(f"{group}: {min(lost)} is settled and was never delivered ({len(lost)} of them)")
        self.compare_once(list(stored["once"].values()))
        outputs = []
        for topic in ("out-1", "out-2"):
            keys = [key for key, _ in stored[topic].values()]
            if len(keys) != len(set(keys)):
                raise Breach(f"{topic}: an input was forwarded twice")
            outputs.append(set(keys))
        settled = set(stored["in"]) - pending["forward"]
        if not outputs[0] == outputs[1] == settled:
            raise Breach(f"forward is torn: {len(outputs[0])} and {len(outputs[1])} outputs of {len(settled)} acknowledged inputs")

    def compare_early(self, stored):
        """A crash takes the last moment of the answers that did not wait for the disk, and nothing before it."""
        if risen := self.early_lost & set(stored):
            raise Breach(f"early: {min(risen)} was lost and is there")
        lost = set(self.early) - set(stored) - self.early_lost
        end = max(self.early.values(), default=0)
        if too_old := [id_ for id_ in lost if self.early[id_] < end - EARLY_MS]:
            raise Breach(f"early: {min(too_old)} was answered {end - self.early[min(too_old)]} ms before the end and is lost ({len(too_old)} of them)")
        first = {ledger: entry for ledger, entry in sorted(map(place_of, lost), reverse=True)}
        if behind := [id_ for id_ in stored if place_of(id_)[1] > first.get(place_of(id_)[0], float("inf"))]:
            raise Breach(f"early: {behind[0]} is there and one before it in its ledger is lost")
        self.early_lost |= lost

    def compare_compacted(self, stored, compacted):
        """Of each key the last one, each as it is stored, in the same order."""
        if strange := [id_ for id_, what in compacted.items() if stored.get(id_) != what]:
            raise Breach(f"latest: compacted, {strange[0]} is {compacted[strange[0]]}, stored {stored.get(strange[0])}")
        if list(compacted) != sorted(compacted, key=place_of):
            raise Breach("latest: compacted, it is in another order")
        last = {key: id_ for id_, (key, _) in stored.items()}
        if lost := set(last.values()) - set(compacted):
            raise Breach(f"latest: {min(lost)}, the last one of its key, is not there when it is read compacted")
        self.compacted_away = len(stored) - len(compacted)

    def compare_once(self, stored):
        """Whatever was sent again is there once; a producer's numbers have no gap."""
        if lost := self.known_stored - set(stored):
            raise Breach(f"once: {min(lost)} had its receipt and is lost ({len(lost)} of them)")
        numbers = collections.defaultdict(list)
        for key, sequence in stored:
            numbers[key].append(sequence)
        for key, sequences in numbers.items():
            if sorted(sequences) != list(range(len(sequences))):
                twice = [sequence for sequence, times in collections.Counter(sequences).items() if times > 1]
                missing = set(range(max(sequences))) - set(sequences)
                raise Breach(f"once: of {key} {sorted(twice)[:5]} are stored twice, {sorted(missing)[:5]} are lost")


def whole_lines(path):
    """A line that the end cut short is no fact."""
    text = path.read_text(errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()
