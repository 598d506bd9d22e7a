#!/usr/bin/env python3
"""House rules as a test: what a reviewer would otherwise have to look for. Prints each breach as file:line: what; exit 1 on any."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A module may include itself and what is named here. Public headers know only public headers and the standard library.
LAYERS = {
    "base": set(),
    "auth": {"base"},
    "wire": {"base"},
    "net": {"base", "auth"},
    "schema": {"base"},
    "storage": {"base"},
    "broker": {"base", "storage"},
    "bus": {"base"},
    "engines": {"base", "wire", "net", "bus"},
    "engines/embedded": {"wire", "base", "bus", "broker", "storage", "engines"},
    "doors": {"base", "auth", "wire", "net", "broker", "bus"},
    "mcp": {"base", "wire", "net", "schema"},
    "orchestrator": {"base", "auth", "wire", "net", "schema", "bus", "mcp"},
    "cli": {"base", "auth", "wire", "net", "schema", "storage", "broker", "bus", "engines", "doors", "mcp", "orchestrator"},
}
PUBLIC_HEADERS_MAX = 15
BANNED = [
    (re.compile(r"\bdetached\b"), "detached: nothing runs that nobody joins", r"^(src|include)/"),
    (re.compile(r"std::c(out|err)\b|\bprintf\("), "the library writes nothing to stdout or stderr", r"^(src/(?!cli/)|include)"),
    (re.compile(r"\bsleep_for\b|\busleep\("), "a sleep that hopes; wait for the event", r"^(src|tests)/.*_test\.cpp$"),
    (re.compile(r"\bFIXME\b|\bTODO\b"), "finish it or file it", r"^(src|include|tests|bench|examples|fuzz|tools/(?!tidy))"),
    (re.compile(r"\bthread\b.*\.detach\(\)"), "detached thread", r"^(src|tests)/"),
]
INCLUDE = re.compile(r'^\s*#include\s+[<"]([^">]+)[">]')
FORBIDDEN_IN_PUBLIC = re.compile(r"^(boost|google/protobuf|openssl|nlohmann|fmt|spdlog|sqlite3|curl|prometheus)")


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).is_file()]


def module_of(path):
    parts = path.relative_to(ROOT / "src").parts
    nested = "/".join(parts[:2])
    return nested if nested in LAYERS else parts[0]


def allowed(module, target):
    return target == module or target.split("/")[0] == module or target in LAYERS[module] or target.split("/")[0] in LAYERS[module]


def check_includes(path, lines):
    relative = path.relative_to(ROOT).as_posix()
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found.group(1)
        if relative.startswith("include/"):
            if FORBIDDEN_IN_PUBLIC.match(name) or (ROOT / "src" / name).exists():
                yield number, f"a public header includes {name}"
        elif relative.startswith("src/") and (ROOT / "src" / name).exists():
            module, target = module_of(path), module_of(ROOT / "src" / name)
            if not allowed(module, target):
                yield number, f"src/{module} must not know src/{target}"


def check_file(path):
    relative = path.relative_to(ROOT).as_posix()
    lines = path.read_text(errors="replace").splitlines()
    if path.suffix in (".hpp", ".cpp"):
        yield from check_includes(path, lines)
        if path.suffix == ".hpp" and "#pragma once" not in lines:
            yield 1, "no #pragma once"
    for pattern, why, where in BANNED:
        if re.search(where, relative):
            for number, line in enumerate(lines, 1):
                if pattern.search(line):
                    yield number, why


def check_listed_sources():
    """A source file that no CMakeLists names is dead; one folder's README table must name its folders."""
    for path in tracked("src/**/*.cpp", "src/*.cpp"):
        folder = path.parent
        while folder != ROOT:
            lists = folder / "CMakeLists.txt"
            if lists.exists():
                if path.relative_to(folder).as_posix() not in lists.read_text():
                    yield path, 1, "not named in " + lists.relative_to(ROOT).as_posix()
                break
            folder = folder.parent


def check_tree():
    headers = list((ROOT / "include/geminga").glob("*.hpp"))
    if len(headers) > PUBLIC_HEADERS_MAX:
        yield ROOT / "include/geminga", 1, f"{len(headers)} public headers; {PUBLIC_HEADERS_MAX} is the limit"
    listed = (ROOT / "cmake/GemingaLibrary.cmake").read_text()
    for header in headers:
        if not re.search(rf"GEMINGA_PUBLIC_HEADERS [^)]*\b{header.stem}\b", listed):
            yield header, 1, "a public header that cmake/GemingaLibrary.cmake does not install"
    for folder in sorted((ROOT / "src").iterdir()):
        if folder.is_dir() and folder.name not in LAYERS:
            yield folder, 1, "a module that LAYERS in tools/tidy.py does not know"
        if folder.is_dir() and any(folder.rglob("*.cpp")) and not (folder / "README.md").exists():
            yield folder, 1, "a module without README.md"
    yield from check_listed_sources()


def check_module_readme(path):
    """What the first column of a table of files or folders names is there: `log` is log.hpp, log.cpp or a folder; `rows_*` is a pattern."""
    in_table = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        cells = line.split("|")
        if not line.startswith("|"):
            in_table = False
        elif re.fullmatch(r"\s*(files?|folder)\s*", cells[1]):
            in_table = True
        elif in_table:
            for name in re.findall(r"`([^`]+)`", cells[1]):
                if not any(list(path.parent.glob(name.rstrip("/") + ending)) for ending in ("", ".hpp", ".cpp")):
                    yield path, number, f"the table names {name}, which is not there"


def check_documents():
    """Links lead somewhere, a page has one title, the index of decisions and the README's table of folders are complete."""
    for path in tracked("*.md"):
        lines = path.read_text().splitlines()
        fenced = False
        titles = 0
        for number, line in enumerate(lines, 1):
            fenced ^= line.startswith("```")
            titles += line.startswith("# ") and not fenced
            for target in [] if fenced else re.findall(r"\]\(([^)#\s]+)", line):
                if "://" not in target and not (path.parent / target).exists():
                    yield path, number, f"a link to {target}, which is not there"
        if path.name == "README.md" and path.parent != ROOT:
            yield from check_module_readme(path)
        if titles != 1:
            yield path, 1, f"{titles} titles (# ...); one is the rule"
    index = (ROOT / "docs/adr/README.md").read_text()
    for page in sorted((ROOT / "docs/adr").glob("0*.md")):
        title = page.read_text().splitlines()[0].removeprefix(f"# {page.name[:4]}: ")
        if f"| [{page.name[:4]}]({page.name}) | {title} |" not in index:
            yield ROOT / "docs/adr/README.md", 1, f"{page.name} does not stand in the table with its title"
    guide = (ROOT / "docs/guide/configuration.md").read_text()
    for key, flag in re.findall(r'\.key = "(\w+)",\s*\.flag = "([\w-]+)"', (ROOT / "src/cli/setting_table.cpp").read_text()):
        if f"| `{key}` | `--{flag}` |" not in guide:
            yield ROOT / "docs/guide/configuration.md", 1, f"the table does not name {key} with --{flag}"
    readme = (ROOT / "README.md").read_text()
    for folder in sorted({path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}):
        if not folder.startswith(".") and f"| `{folder}/` |" not in readme:
            yield ROOT / "README.md", 1, f"the table of folders does not name {folder}/"


def main():
    breaches = list(check_tree()) + list(check_documents())
    for path in tracked("*.cpp", "*.hpp", "*.py", "dev"):
        breaches += [(path, number, what) for number, what in check_file(path)]
    for path, number, what in breaches:
        print(f"{path.relative_to(ROOT).as_posix()}:{number}: {what}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
