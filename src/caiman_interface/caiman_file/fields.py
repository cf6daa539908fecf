"""The fields of a group, each read by one function and independent of the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import Node, describe, is_numeric, numbers
from .errors import CaimanFileError
from .groups import FileGroup, read
from .omissions import OmissionLog, UnusableFieldError

_T = TypeVar("_T")


class Fields:
    """The fields of one group of the file.

    Parameters
    ----------
    group : FileGroup
        The group.
    log : OmissionLog
        Where a field that cannot be used is recorded.
    """

    def __init__(self, group: FileGroup, log: OmissionLog) -> None:
        self.group = group
        self.log = log

    def read(self, name: str, convert: Callable[[Any], _T], *, ndim: int = 0) -> _T | None:
        """Return what `convert` makes of a field, or None if it is absent or cannot be used.

        Parameters
        ----------
        name : str
            Name of the field, or its path below this group.
        convert : callable
            Receives the node of the file; raises `UnusableFieldError` with the reason why it cannot be used.
        ndim : int
            See `is_absent`.
        """
        try:
            node = self.group.find(name, ndim=ndim)
            return None if node is None else convert(node)
        except UnusableFieldError as error:
            self.omit(name, str(error))
        except CaimanFileError as error:
            self.omit(name, error.problem if error.found is None else f"{error.problem} ({error.found})")
        return None

    def value(self, name: str) -> Any:
        """Read a field or attribute as plain Python; None if it is absent or cannot be used."""
        try:
            return self.group.value(name)
        except (UnusableFieldError, CaimanFileError) as error:
            self.omit(name, getattr(error, "found", None) or str(error))
        return None

    def names(self) -> list[str]:
        """Return the names of all fields and attributes, in order; those that cannot be looked up are left out."""
        for name in self.group.strange_names():
            self.omit(name, "has a name that is not plain text")
        return sorted({*self.group.names(), *self.group.attribute_names()})

    def subgroup(self, name: str) -> Fields | None:
        """Return the fields of a member that is a group; None if it is absent or not a group."""
        group = self.read(name, self._as_group)
        return None if group is None else Fields(group, self.log)

    def is_present(self, name: str, *, ndim: int = 0) -> bool:
        """Return whether the file has a value here, usable or not."""
        try:
            return self.group.find(name, ndim=ndim) is not None
        except (UnusableFieldError, CaimanFileError):
            return True

    def shape(self, name: str, *, allow_empty: bool = False) -> tuple[int, ...] | None:
        """Return the shape of an array that has values, None for anything else; no omission is recorded."""
        try:
            node = self.group.find(name, ndim=1)
        except (UnusableFieldError, CaimanFileError):
            return None
        if not isinstance(node, h5py.Dataset) or node.ndim == 0 or not (node.size or allow_empty):
            return None
        shape: tuple[int, ...] = node.shape
        return shape

    def omit(self, name: str, reason: str) -> None:
        """Record that a field is left out."""
        self.log.add(self.group.place(name), reason)

    def is_omitted(self, name: str) -> bool:
        """Return whether a field was found to be unusable."""
        return self.group.place(name) in self.log

    def _as_group(self, node: Node) -> FileGroup:
        if not isinstance(node, h5py.Group):
            message = f"is {describe(node)}, not a group"
            raise UnusableFieldError(message)
        return FileGroup(node, self.group.file_path)

    def values(self, node: Node, *, ndim: int | None = None) -> NDArray[Any]:
        """Read a dataset of numbers.

        Raises
        ------
        UnusableFieldError
            If it is not one, or has another number of dimensions.
        """
        if not is_numeric(node) or (ndim is not None and node.ndim != ndim):
            wanted = "" if ndim is None else f" with {ndim} dimension{'s' * (ndim != 1)}"
            message = f"is {describe(node)}, not an array of numbers{wanted}"
            raise UnusableFieldError(message)
        return np.asarray(read(node, self.group.file_path))

    def column(self, node: Node, count: int, *, allow_rows: bool = False) -> NDArray[Any] | None:
        """Read one value (or, with `allow_rows`, one row of values) per component; None if none has a value.

        Raises
        ------
        UnusableFieldError
            If it covers another number of components, or is not made of numbers.
        """
        if not isinstance(node, h5py.Dataset) or node.ndim == 0:
            message = f"is {describe(node)}, not one number per component"
            raise UnusableFieldError(message)
        if node.shape[0] != count:
            if node.size == 0:
                return None
            message = f"covers {node.shape[0]} components, the file has {count}"
            raise UnusableFieldError(message)
        width = math.prod(node.shape[1:])
        if width != 1 and not (allow_rows and node.ndim == 2):  # noqa: PLR2004 (components, values)
            message = f"has shape {node.shape}, not one value per component"
            raise UnusableFieldError(message)
        if node.dtype.kind not in "fiubOS":
            message = f"is of type {node.dtype}, not numbers"
            raise UnusableFieldError(message)
        return self._numbers(node, (count, width) if allow_rows else (count,))

    def _numbers(self, node: h5py.Dataset, shape: tuple[int, ...]) -> NDArray[Any] | None:
        stored = read(node, self.group.file_path)
        try:
            values = numbers(stored)
        except ValueError as error:
            message = f"contains text that is not a number ({error})"
            raise UnusableFieldError(message) from error
        # Without autoregression (p = 0) CaImAn lists no value, or the text None, for every component.
        has_none = values.size == 0 or (values is not stored and bool(np.all(np.isnan(values))))
        return None if shape[0] and has_none else values.reshape(shape)
