#!/usr/bin/env python3
"""Runs the programs of Pulsar's official clients, whole, against Geminga and a real Pulsar; prints what passed; writes docs/pulsar-clients.md.

    run.py [--against geminga|pulsar|both] [--language NAME]... [--write] [FEATURE...]     (by the verb: ./dev e2e clients)

Exit 1 when a feature fails that is not among the known differences of features.toml, or when one of those passes.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

import judge
import languages
import page
import servers

PROGRAM_SECONDS_MAX = 1_500
PAGE = servers.ROOT / "docs" / "pulsar-clients.md"


def run_program(command, features, environment):
    """The lines that a program printed, and what it said instead of ending well. It ends when it is silent for too long."""
    process = subprocess.Popen([*map(str, command), *features], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                               env={**os.environ, **environment})
    watchdog = threading.Timer(PROGRAM_SECONDS_MAX, process.kill)
    watchdog.start()
    lines = {}
    try:
        for text in process.stdout:
            if text.startswith("{"):
                line = json.loads(text)
                lines[line["feature"]] = line
                yield line
    finally:
        watchdog.cancel()
        process.kill() if process.poll() is None and sys.exc_info()[0] else None
        process.wait()
    if process.returncode:
        yield {"feature": None, "detail": f"the program ended with {process.returncode}"}


def run_language(kind, language, command, features, environment):
    results = {}
    began = time.monotonic()
    for line in run_program(command, features, environment):
        if line["feature"] is None:
            print(f"{kind:8} {language:7} ENDED {line['detail']}", flush=True)
            continue
        results[line["feature"]] = line
        print(f"{kind:8} {language:7} {line['result']:5} {line['feature']:32} {line['ms']:6} ms  {line['detail']}", flush=True)
    passed = sum(line["result"] == "pass" for line in results.values())
    print(f"{kind:8} {language:7} {passed} of {len(results)} in {time.monotonic() - began:.0f} s", flush=True)
    return results


def commands(names):
    """The programs that can be had; the others with the reason."""
    found, missing = {}, {}
    for name in names:
        try:
            found[name] = languages.COMMANDS[name]()
        except languages.Missing as reason:
            missing[name] = str(reason)
    return found, missing


def kept(kind, language):
    """Where the last whole run of a program is kept, for the page."""
    return languages.CACHE / "results" / f"{kind}-{language}.json"


def keep(kind, language, lines):
    kept(kind, language).parent.mkdir(parents=True, exist_ok=True)
    kept(kind, language).write_text(json.dumps(lines))


def all_kept():
    paths = {(kind, language): kept(kind, language) for kind in servers.KINDS for language in languages.COMMANDS}
    return {key: json.loads(path.read_text()) for key, path in paths.items() if path.exists()}


def narrowed(expected, features):
    expected.features = {name: what for name, what in expected.features.items() if not features or name in features}
    if unknown := set(features) - set(expected.features):
        sys.exit(f"run.py: no feature {', '.join(sorted(unknown))} in {judge.FILE}")
    return expected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=[*servers.KINDS, "both"], default="both")
    parser.add_argument("--language", action="append", choices=list(languages.COMMANDS), help="this one only; may come again")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(servers.ROOT)}: of this run, and of the last one of what it leaves out")
    parser.add_argument("feature", nargs="*", help="these only")
    options = parser.parse_intermixed_args()
    if options.write and options.feature:
        parser.error("--write is for a run of all features")
    expected = narrowed(judge.Expectations(), options.feature)
    found, missing = commands(options.language or list(languages.COMMANDS))
    results = {}
    for kind in servers.KINDS if options.against == "both" else [options.against]:
        with servers.running(kind) as environment:
            for language, command in found.items():
                wanted = [feature for feature in options.feature if not expected.absent(language, feature)]
                if options.feature and not wanted:
                    continue
                results[kind, language] = run_language(kind, language, command, wanted, environment)
                if not options.feature:
                    keep(kind, language, results[kind, language])
    wrong = list(judge.problems(expected, results)) + [f"{name} was not run: {why}" for name, why in missing.items()]
    if options.write:
        PAGE.write_text(page.text(expected, all_kept()))
    for each in wrong:
        print(f"WRONG: {each}")
    passed = sum(line["result"] == "pass" for lines in results.values() for line in lines.values())
    failed = sum(len(lines) for lines in results.values()) - passed
    print(f"{passed} passed, {failed} failed\n{len(wrong)} unexpected")
    return 1 if wrong or not results else 0


if __name__ == "__main__":
    sys.exit(main())
