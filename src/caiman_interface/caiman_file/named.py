"""Dictionaries whose error messages list the choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

_T = TypeVar("_T")


class NamedItems(dict[str, _T]):
    """A dict whose KeyError lists the available names.

    Parameters
    ----------
    items : mapping
        The items; those that are None are left out.
    kind : str
        What they are, in the plural, for the message.
    """

    def __init__(self, items: Mapping[str, _T | None], *, kind: str) -> None:
        super().__init__({name: item for name, item in items.items() if item is not None})
        self.kind = kind

    def __missing__(self, name: object) -> NoReturn:
        raise KeyError(_Message(f"There is no {name!r} among the {self.kind}: {', '.join(self) or 'there are none'}."))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (dict(self), self.kind)


class _Message(str):
    """A message that KeyError shows without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _rebuild(items: dict[str, Any], kind: str) -> NamedItems[Any]:
    return NamedItems(items, kind=kind)
