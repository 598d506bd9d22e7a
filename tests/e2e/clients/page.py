"""docs/pulsar-clients.md, made of results."""
import languages
import servers

HEAD = """# Pulsar's clients, feature by feature
Made by `./dev e2e clients --write`; not to be changed by hand. Programs of official clients (`tests/e2e/clients`), each run whole against Geminga and against a real Pulsar {version}.
"yes": the test of that feature passes. A number leads to the reason below. What the commands of the protocol are is in [pulsar-compatibility.md](pulsar-compatibility.md).

Clients: {clients}.
"""


class Notes:
    def __init__(self):
        self.texts = []

    def mark(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return f" ({self.texts.index(text) + 1})"


def cell(expected, notes, results, kind, language, feature):
    line = results.get((kind, language), {}).get(feature)
    if line is None:
        return "–" + notes.mark(expected.absent(language, feature) or "not run here")
    if line["result"] == "pass":
        return "yes"
    return "**no**" + notes.mark(expected.excuse(kind, language, feature) or line["detail"])


def text(expected, results):
    notes = Notes()
    columns = [(language, kind) for language in languages.COMMANDS for kind in servers.KINDS]
    clients = ", ".join(f"{languages.NAMES[each]} ({version})" for each, version in languages.VERSIONS.items())
    lines = [HEAD.format(version=servers.pulsar_broker.VERSION, clients=clients)]
    lines.append("| feature | " + " | ".join(f"{languages.NAMES[language]}: {kind.capitalize()}" for language, kind in columns) + " |")
    lines.append("| --- |" + " --- |" * len(columns))
    for feature, what in expected.features.items():
        cells = [cell(expected, notes, results, kind, language, feature) for language, kind in columns]
        lines.append(f"| {what} (`{feature}`) | " + " | ".join(cells) + " |")
    counts = []
    for language, kind in columns:
        of = results.get((kind, language), {})
        counts.append(f"{sum(line['result'] == 'pass' for line in of.values())} of {len(of)}")
    lines.append("| **passed** | " + " | ".join(counts) + " |")
    lines += ["", "## Reasons", *(f"{number}. {note}" for number, note in enumerate(notes.texts, 1)), ""]
    return "\n".join(lines)
