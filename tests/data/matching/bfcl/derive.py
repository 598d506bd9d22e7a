#!/usr/bin/env python3
"""Makes tools.json and questions.jsonl from a wheel of bfcl-eval; README.md says what is in them.

    pip download --no-deps bfcl-eval==2026.3.23
    python3 tests/data/matching/bfcl/derive.py bfcl_eval-2026.3.23-py3-none-any.whl
"""

import json
import pathlib
import random
import sys
import zipfile

SET_SIZE = 40
TEXT_MAX = 400
# Which files, and every how manieth row of each; the last two hold questions that their own tools cannot answer.
SOURCES = [("simple_python", 2), ("multiple", 2), ("live_simple", 2), ("live_multiple", 3), ("irrelevance", 2), ("live_irrelevance", 10)]
TYPES = {"dict": "object", "float": "number", "tuple": "array", "list": "array"}
KEPT = {"type", "description", "enum", "items", "properties", "required", "default", "format", "minimum", "maximum"}


def lines(wheel, name):
    try:
        with wheel.open(f"bfcl_eval/data/{name}") as file:
            return [json.loads(line) for line in file]
    except KeyError:
        return []


def schema_of(source):
    """BFCL's own words for types become those of JSON Schema; "any" is no type at all."""
    schema = {}
    for name, value in source.items():
        if name not in KEPT:
            continue
        if name == "type":
            value = TYPES.get(value, value)
            if value == "any":
                continue
        if name == "items" and isinstance(value, dict):
            value = schema_of(value)
        if name == "properties":
            value = {key: schema_of(inner) for key, inner in value.items()}
        schema[name] = value
    return schema


def rows_of(wheel):
    rows = []
    for name, step in SOURCES:
        answers = {row["id"]: row["ground_truth"] for row in lines(wheel, f"possible_answer/BFCL_v4_{name}.json")}
        for row in lines(wheel, f"BFCL_v4_{name}.json")[::step]:
            turn = row["question"][0]
            if len(row["question"]) != 1 or [said["role"] for said in turn] != ["user"]:
                continue
            text = " ".join(turn[0]["content"].split())
            truth = answers.get(row["id"])
            if not text or len(text) > TEXT_MAX or not row["function"] or (truth and len(truth) != 1):
                continue
            right = next(iter(truth[0])) if truth else None
            rows.append({"id": row["id"], "text": text, "tool": right, "arguments": truth[0][right] if truth else {}, "functions": row["function"]})
    return rows


def tool_of(function):
    return {"tool": function["name"], "description": function["description"], "inputSchema": schema_of(function["parameters"])}


def main():
    rows = rows_of(zipfile.ZipFile(sys.argv[1]))
    random.Random(1).shuffle(rows)
    tools, questions, sets = {}, [], [0]
    for row in rows:
        functions = [tool_of(function) for function in row["functions"]]
        # One name is one tool: a row that means another tool by a known name is left out.
        known = [tools[f["tool"]] for f in functions if f["tool"] in tools]
        if any({**f, "server": tools[f["tool"]]["server"]} != tools[f["tool"]] for f in functions if f["tool"] in tools):
            continue
        if not known and sets[-1] >= SET_SIZE:
            sets.append(0)
        server = known[0]["server"] if known else f"set-{len(sets):02}"
        for function in functions:
            if function["tool"] not in tools:
                tools[function["tool"]] = {"server": server, **function}
                sets[int(server[4:]) - 1] += 1
        right = tools.get(row["tool"] or "")
        questions.append({"set": right["server"] if right else server, "tool": row["tool"], "text": row["text"], "arguments": row["arguments"], "id": row["id"]})
    folder = pathlib.Path(__file__).parent
    with open(folder / "tools.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools.values()) + "\n]\n")
    with open(folder / "questions.jsonl", "w") as out:
        out.writelines(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
    print(f"{len(tools)} tools in {len(sets)} sets, {len(questions)} questions, {sum(q['tool'] is None for q in questions)} of them for no tool")


main()
