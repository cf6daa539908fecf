"""Limits of size and rules of wording that hold in the whole package; CONTRIBUTING.md explains them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "src").rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in (
        *("src/**/*.py", "src/**/*.jinja", "src/**/*.js", "tests/**/*.py", "benchmarks/*.py", "docs/**/*.md"),
        *("benchmarks/*.md", "conversion_specs/*.yml", ".github/**/*.md", "*.md"),
    )
    for path in ROOT.glob(pattern)
    if path != Path(__file__)  # contains the markers
)

LONGEST_MODULE = 350
LONGEST_CLASS = 250
LONGEST_FUNCTION = 40

# Words and turns of phrase that read as translated or archaic. Each is a regular expression, matched in any case.
MARKERS = (
    r"\bstands?\b(?!-)",
    r"\bstood\b",
    r"\bstates\b",
    r"\bstated\b",
    r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b|such\b)[a-z]",
    r"\bone \w+ an? [a-z]",
    r"\btakes?\b[^.]{0,40} to NWB\b",
    r"\bkeeps? back\b",
    r"\b(?:is|are|was|be) told\b",
    r"\bdemand(?:s|ed)?\b",
    r"\ba person\b",
    r"\btell whether\b",
    r'"""(?:Give|Say|Tell) ',
    r"\banew\b",
    r"\bwhichever\b",
    r"\bthereby\b",
    r"\bof (?:its|their|his|her|our|your) own\b",
    r"\bhosts\b",
    r"\bseldom\b",
    r"\bif need be\b",
    r"\bbears?\b",
)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def body_length(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a body without its docstring, the comments above its first statement included."""
    first, last = node.body[0], node.body[-1]
    start = first.lineno
    if ast.get_docstring(node) is not None:
        start = (first.end_lineno or start) + 1
    return max((last.end_lineno or start) - start + 1, 0)


def oversized(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > LONGEST_MODULE:
        yield f"{name_of(path)} has {lines} lines, more than {LONGEST_MODULE}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            length, limit = (node.end_lineno or 0) - node.lineno + 1, LONGEST_CLASS
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length, limit = body_length(node), LONGEST_FUNCTION
        else:
            continue
        if length > limit:
            yield f"{name_of(path)}:{node.lineno}: {node.name} has {length} lines, more than {limit}"


def marked(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for marker in MARKERS:
            for found in re.finditer(marker, line, re.IGNORECASE):
                yield f"{name_of(path)}:{number}: {found[0]!r} (marker {marker})"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_classes_and_functions_are_short(path: Path):
    assert list(oversized(path)) == []


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_wording_is_plain_and_current(path: Path):
    assert list(marked(path)) == []


def test_rules_find_what_they_are_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    module = tmp_path / "long.py"
    body = "".join(f"    x = {number}\n" for number in range(41))
    module.write_text(f'def f():\n    """Say what\n\n    stands here."""\n{body}', encoding="utf-8")
    assert list(oversized(module)) == ["long.py:1: f has 41 lines, more than 40"]
    assert [found.split(": ")[1].split(" (")[0] for found in marked(module)] == ['\'"""Say \'', "'stands'"]
