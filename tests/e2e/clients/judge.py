"""What is expected of each feature (features.toml), and what the results mean."""
import fnmatch
import pathlib
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
FILE = "tests/e2e/clients/features.toml"


class Expectations:
    def __init__(self, text=None):
        data = tomllib.loads(text if text is not None else (HERE / "features.toml").read_text())
        self.features = data["features"]
        self.absent_of = data.get("absent", {})
        self.differs = data.get("differs", {})
        self.broken = data.get("pulsar", {})
        for name in [*self.differs, *self.broken]:
            if not any(fnmatch.fnmatch(feature, name.split("/")[-1]) for feature in self.features):
                raise ValueError(f"{FILE}: '{name}' is no feature")

    def absent(self, language, feature):
        """Why this language's program has no such test; empty: it has."""
        return next((why for name, why in self.absent_of.get(language, {}).items() if fnmatch.fnmatch(feature, name)), "")

    @staticmethod
    def listed(table, language, feature):
        return next((why for name, why in table.items() if fnmatch.fnmatch(f"{language}/{feature}", name if "/" in name else f"*/{name}")), "")

    def difference(self, language, feature):
        return self.listed(self.differs, language, feature)

    def excuse(self, kind, language, feature):
        """The listed reason for a failure on this kind of server."""
        return self.listed(self.differs if kind == "geminga" else self.broken, language, feature)


def problems(expected, results):
    """Every reason why the run is not good. `results`: {(kind, language): {feature: line}}, for all that ran."""
    for (kind, language), lines in results.items():
        for feature in lines:
            if feature not in expected.features:
                yield f"{language} prints '{feature}', which {FILE} does not have"
            elif expected.absent(language, feature):
                yield f"{language} has {feature}, but {FILE} says that it has not"
        for feature in expected.features:
            if feature in lines:
                yield from problem(expected, kind, language, feature, lines[feature], results)
            elif not expected.absent(language, feature):
                yield f"{language} said nothing of {feature} on {kind}"


def problem(expected, kind, language, feature, line, results):
    excuse = expected.excuse(kind, language, feature)
    if line["result"] == "pass":
        if excuse:
            yield f"{language} {feature} passes on {kind}: take it from the list in {FILE}"
        return
    if excuse:
        return
    other = results.get(("pulsar", language), {}).get(feature)
    if kind == "geminga" and other and other["result"] != "pass":
        return  # the test fails there too: that is what is said
    yield f"{language} {feature} fails on {kind}: {line['detail']}"
