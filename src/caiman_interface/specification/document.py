"""A YAML file as data, with the line and column of everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from neuroconv.utils import load_dict_from_file

KeyPath = tuple["str | int", ...]
"""The keys and list indices that lead to a value."""

_SUFFIXES = (".yml", ".yaml", ".json")
_MERGE_TAG = "tag:yaml.org,2002:merge"


class Place(NamedTuple):
    """A place in a text file, counted from 1."""

    line: int
    column: int


class DocumentError(ValueError):
    """A file that cannot be read as YAML.

    Attributes
    ----------
    path : Path
        The file.
    place : Place
        Where reading ended.
    problem : str
        What is wrong there.
    remedy : str
        What to do.
    """

    def __init__(self, path: Path, place: Place, problem: str, remedy: str) -> None:
        super().__init__(f"{path}:{place.line}:{place.column}: {problem}. {remedy}")
        self.path = path
        self.place = place
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Document:
    """A YAML file that was read.

    Attributes
    ----------
    path : Path
        The file.
    data : object
        What NeuroConv reads from it: dates stay text.
    root : yaml.Node or None
        The same as nodes, which know their places; None for an empty file.
    """

    path: Path
    data: Any
    root: yaml.Node | None

    @classmethod
    def read(cls, path: str | Path) -> Document:
        """Read a file.

        Raises
        ------
        DocumentError
            If it is not there, not text, or not valid YAML.
        """
        path = Path(path)
        text = _text_of(path)
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            data = load_dict_from_file(path)
        except yaml.YAMLError as error:
            raise _syntax_error(path, error) from error
        except ValueError as error:  # JSON has stricter rules than YAML
            place = Place(getattr(error, "lineno", 1), getattr(error, "colno", 1))
            raise DocumentError(path, place, f"not valid JSON: {error}", "Correct it at this place.") from error
        return cls(path, data, root)

    def place(self, keys: KeyPath) -> Place:
        """Return where something stands: a key of a mapping, an item of a list.

        Of a path that leads further than the file does, it is the place of the last part that is there.
        """
        node, mark = self.root, self.root.start_mark if self.root is not None else None
        for key in keys:
            step = _step(node, key)
            if step is None:
                break
            named, node = step
            mark = named.start_mark
        return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)

    def repeated_keys(self) -> Iterator[tuple[KeyPath, Place]]:
        """Yield each key that its mapping has already: YAML drops the earlier value without a word."""
        if self.root is not None:
            yield from _repeated_keys(self.root, (), set())


def get_value(data: Any, keys: KeyPath) -> Any:
    """Return what stands at a path, or None if nothing does."""
    for key in keys:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and 0 <= key < len(data):
            data = data[key]
        else:
            return None
    return data


def write_path(keys: KeyPath) -> str:
    """Write a path as people do.

    Examples
    --------
    >>> write_path(("experiments", "day1", "sessions", 0, "nwbfile_name"))
    'experiments.day1.sessions[0].nwbfile_name'
    """
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return "".join(parts).removeprefix(".")


def _text_of(path: Path) -> str:
    start = Place(1, 1)
    if path.suffix not in _SUFFIXES:
        found = f"'{path.suffix}'" if path.suffix else "none"
        raise DocumentError(
            path,
            start,
            f"expected a file whose name ends with {', '.join(_SUFFIXES)}; its ending is {found}",
            "Give the YAML file, or rename it.",
        )
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DocumentError(path, start, f"the file {what}", "Check the path.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DocumentError(path, Place(line, 1), "not text in UTF-8", "Save the file as UTF-8.") from error


def _syntax_error(path: Path, error: yaml.YAMLError) -> DocumentError:
    mark = getattr(error, "problem_mark", None)
    place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
    problem = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    return DocumentError(
        path, place, f"not valid YAML: {problem}" + (f" {context}" if context else ""), _syntax_remedy(problem)
    )


def _syntax_remedy(problem: str) -> str:
    if "\\t" in problem:
        return "Indent with spaces; YAML allows no tabs."
    if "mapping values are not allowed" in problem:
        return "Put text that holds ': ' in quotes, and give keys of one block the same indentation."
    return "Check quotes, brackets and indentation of this line and of those before it."


def _step(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the node that bears the place of a key or index, and that of its value."""
    if isinstance(node, yaml.SequenceNode):
        return (node.value[key],) * 2 if isinstance(key, int) and 0 <= key < len(node.value) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for name, value in reversed(node.value):  # of a repeated key the last counts
        if name.value == str(key):
            return name, value
    for merged in _merged(node):
        step = _step(merged, key)
        if step is not None:
            return step
    return None


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """Yield the mappings that ``<<`` merges into one."""
    for name, value in node.value:
        if name.tag == _MERGE_TAG:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]


def _repeated_keys(node: yaml.Node, keys: KeyPath, seen: set[int]) -> Iterator[tuple[KeyPath, Place]]:
    if id(node) in seen:  # an alias: its anchor was looked at
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated_keys(item, (*keys, index), seen)
    elif isinstance(node, yaml.MappingNode):
        names = set()
        for name, value in node.value:
            inner = (*keys, str(name.value))
            if name.value in names and name.tag != _MERGE_TAG:
                yield inner, Place(name.start_mark.line + 1, name.start_mark.column + 1)
            names.add(name.value if isinstance(name, yaml.ScalarNode) else id(name))
            yield from _repeated_keys(value, inner, seen)
