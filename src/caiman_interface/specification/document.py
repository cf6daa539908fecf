"""A YAML file as data, with the line, the column and the source text of everything in it.

NeuroConv reads specifications with PyYAML, which implements YAML 1.1. The same parser is used here on purpose: one for
YAML 1.2, such as ruamel.yaml, reads ``010`` as 10 instead of 8 and ``NO`` as text instead of false, so that a check
would approve values that NeuroConv reads differently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .text import KeyPath

_SUFFIXES = (".yml", ".yaml", ".json")
_MERGE_TAG = "tag:yaml.org,2002:merge"
_TEXT_TAG = "tag:yaml.org,2002:str"

# A specification of 10,000 sessions has about 6 MB and 300,000 values.
_MOST_BYTES = 64 * 2**20
_MOST_VALUES = 2_000_000
_DEEPEST = 50


_SYNTAX_REMEDIES = {
    "escape character|hexdecimal number|Unicode character": (
        "A backslash (\\) in double quotes starts an escape sequence. Use single quotes, as in 'C:\\data\\mouse1', or "
        "forward slashes."
    ),
    r"tab character|'\\t'": "Indent with spaces; YAML allows no tabs.",
    "mapping values are not allowed": "Quote text that contains ': ', and give keys of one block the same indentation.",
    "": "Check quotes, brackets and indentation of this line and of those before it.",
}


class YamlPosition(NamedTuple):
    """A position in a text file, counted from 1."""

    line: int
    column: int


_START = YamlPosition(1, 1)


class DocumentError(ValueError):
    """A file that cannot be read as YAML.

    Attributes
    ----------
    path : Path
        The file.
    position : YamlPosition
        Where reading ended.
    problem : str
        What is wrong.
    remedy : str
        What to do.
    """

    def __init__(self, path: Path, position: YamlPosition, problem: str, remedy: str) -> None:
        super().__init__(f"{path}:{position.line}:{position.column}: {problem}. {remedy}")
        self.path = path
        self.position = position
        self.problem = problem
        self.remedy = remedy


_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Loader(yaml.SafeLoader):
    """A loader that keeps dates as text, as that of NeuroConv does."""

    yaml_implicit_resolvers = _RESOLVERS


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C: about ten times faster, but it refuses a few texts that the Python loader reads."""

    yaml_implicit_resolvers = _RESOLVERS


@dataclass(frozen=True)
class Document:
    """A YAML file.

    Attributes
    ----------
    path : Path
        The file.
    data : object
        Its content as NeuroConv reads it; dates are text.
    positions : dict
        Position of each key and list item, by path.
    sources : dict
        The text of each value without quotes, by path.
    repeated_keys : list of tuple
        Path and position of each key that repeats one of its mapping; YAML ignores the earlier value.
    odd_keys : list of tuple
        Path and position of each key that is not text, such as ``NO`` (false) or ``2024`` (a number).
    """

    path: Path
    data: Any
    positions: dict[KeyPath, YamlPosition] = field(default_factory=dict, repr=False)
    sources: dict[KeyPath, str] = field(default_factory=dict, repr=False)
    repeated_keys: list[tuple[KeyPath, YamlPosition]] = field(default_factory=list, repr=False)
    odd_keys: list[tuple[KeyPath, YamlPosition]] = field(default_factory=list, repr=False)

    @classmethod
    def read(cls, path: str | Path) -> Document:
        """Read a file.

        Raises
        ------
        DocumentError
            If it is missing, not text, not valid YAML, too large, or contains tags.
        """
        path = Path(path)
        text = _read_text(path)
        try:
            return cls._parse(path, text, _FastLoader)
        except yaml.YAMLError:
            pass  # the Python loader, which NeuroConv uses, decides
        try:
            return cls._parse(path, text, _Loader)
        except yaml.YAMLError as error:
            raise _syntax_error(path, error) from error

    @classmethod
    def _parse(cls, path: Path, text: str, loader: type[Any]) -> Document:
        _refuse_unsafe(path, text, loader)
        document = cls(path, None)
        root = yaml.compose(text, Loader=loader)
        if root is not None:
            document.positions[()] = _position(root.start_mark)
            document._index(root, ())  # before the data are built, which changes the nodes
        data = _read_json(path, text) if path.suffix == ".json" else _construct(root)
        return replace(document, data=data)

    def position(self, keys: KeyPath) -> YamlPosition:
        """Return the position of a key or list item; where it does not exist, that of the nearest one above it."""
        while keys and keys not in self.positions:
            keys = keys[:-1]
        return self.positions.get(keys, _START)

    def _index(self, node: yaml.Node, keys: KeyPath, *, is_merged: bool = False) -> None:
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.positions.setdefault((*keys, index), _position(item.start_mark))
                self._index(item, (*keys, index), is_merged=is_merged)
        elif isinstance(node, yaml.MappingNode):
            self._index_mapping(node, keys, is_merged=is_merged)
        elif isinstance(node, yaml.ScalarNode) and not node.style:
            self.sources.setdefault(keys, node.value)

    def _index_mapping(self, node: yaml.MappingNode, keys: KeyPath, *, is_merged: bool) -> None:
        own: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for name, value in node.value:
            if name.tag == _MERGE_TAG:
                continue
            if not isinstance(name, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", name.start_mark)
            key = name.value if name.tag == _TEXT_TAG else _construct(name)
            if key in own and not is_merged:
                self.repeated_keys.append(((*keys, key), _position(name.start_mark)))
            if name.tag != _TEXT_TAG and not is_merged:
                self.odd_keys.append(((*keys, name.value), _position(name.start_mark)))
            own[key] = (name, value)  # of a repeated key the last one counts
        for key, (name, value) in own.items():
            inner = (*keys, key)
            if inner not in self.positions:
                self.positions[inner] = _position(name.start_mark)
                self._index(value, inner, is_merged=is_merged)
        for merged in _merged(node):  # keys from `<<` that the mapping does not define itself
            self._index(merged, keys, is_merged=True)


def _construct(node: yaml.Node | None) -> Any:
    if node is None:
        return None
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    for name, value in node.value:
        if name.tag == _MERGE_TAG:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]


def _position(mark: Any) -> YamlPosition:
    return YamlPosition(mark.line + 1, mark.column + 1)


def _read_text(path: Path) -> str:
    if path.suffix not in _SUFFIXES:
        found = f"'{path.suffix}'" if path.suffix else "none"
        problem = f"expected a file name that ends in {', '.join(_SUFFIXES)}; the ending is {found}"
        raise DocumentError(path, _START, problem, "Give the YAML file, or rename it.")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DocumentError(path, _START, f"the file {what}", "Check the path.")
    if path.stat().st_size > _MOST_BYTES:
        problem = f"the file has {path.stat().st_size} bytes, more than {_MOST_BYTES}"
        raise DocumentError(path, _START, problem, "Split the specification into several files.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DocumentError(path, YamlPosition(line, 1), "not text in UTF-8", "Save the file as UTF-8.") from error


def _read_json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        position = YamlPosition(error.lineno, error.colno)
        raise DocumentError(path, position, f"not valid JSON: {error}", "Correct it at this position.") from error


def _refuse_unsafe(path: Path, text: str, loader: type[Any]) -> None:
    """Refuse tags, deep nesting and aliases that multiply, before anything is built from the text."""
    sizes = _Sizes()
    for event in yaml.parse(text, Loader=loader):
        refusal = sizes.refusal(event)
        if refusal is not None:
            raise DocumentError(path, _position(event.start_mark), *refusal)


class _Sizes:
    """The number of values in each open block and behind each anchor, with aliases expanded."""

    def __init__(self) -> None:
        self._open: list[list[Any]] = [[None, 0]]
        self._anchored: dict[str, int] = {}

    def refusal(self, event: Any) -> tuple[str, str] | None:
        """Count an event of the parser; return problem and remedy if it is not allowed."""
        if getattr(event, "tag", None) not in {None, "!"}:
            return f"tags such as '{event.tag}' are not allowed", "Write the plain value."
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:
                problem = f"the alias '*{event.anchor}' refers to nothing that is complete at this point"
                return problem, "Define the anchor before the alias, and outside of it."
            self._open[-1][1] += self._anchored[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open.append([event.anchor, 1])
        elif isinstance(event, yaml.ScalarEvent):
            self._close(event.anchor, 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(*self._open.pop())
        if len(self._open) > _DEEPEST:
            return f"nested deeper than {_DEEPEST} levels", "Check brackets and indentation."
        if self._open[-1][1] > _MOST_VALUES:
            problem = f"more than {_MOST_VALUES} values, counting aliases each time they are used"
            return problem, "Split the specification, or remove aliases of aliases."
        return None

    def _close(self, anchor: str | None, size: int) -> None:
        self._open[-1][1] += size
        if anchor is not None:
            self._anchored[anchor] = size


def _syntax_error(path: Path, error: yaml.YAMLError) -> DocumentError:
    mark = getattr(error, "problem_mark", None)
    position = _START if mark is None else _position(mark)
    problem = " ".join(filter(None, (getattr(error, "problem", None) or str(error), getattr(error, "context", None))))
    remedy = next(remedy for pattern, remedy in _SYNTAX_REMEDIES.items() if re.search(pattern, problem))
    return DocumentError(path, position, f"not valid YAML: {problem}", remedy)
