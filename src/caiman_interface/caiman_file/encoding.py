"""CaImAn's dialect of HDF5: how it writes None, text, numbers and sparse matrices.

CaImAn saves the ``__dict__`` of its objects recursively (``recursively_save_dict_contents_to_group`` in
``caiman/utils/utils.py``). ``None`` becomes the text ``NoneType``, strings are attributes of the parent group
from release 1.9.9 on and scalar datasets before, and a sparse matrix is a group of ``data``, ``indices``,
``indptr`` and ``shape``. This module alone knows that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from .errors import CaimanFileError

_NONE_TEXT = "NoneType"
_SPARSE_MEMBERS = ("data", "indices", "indptr", "shape")
_NUMBER_KINDS = "fiub"

Node: TypeAlias = "h5py.Group | h5py.Dataset"


class FileGroup:
    """One group of an open file, whose members are looked up so that a failure says what is wrong and where.

    Parameters
    ----------
    group : h5py.Group
        The group.
    file_path : Path
        For messages.

    Notes
    -----
    Where the file is damaged, looking into it raises `CaimanFileError`; where it was closed, ValueError.
    """

    def __init__(self, group: h5py.Group, file_path: Path) -> None:
        self._group = group
        self._name = group.name
        self.file_path = file_path

    def place(self, name: str = "") -> str:
        """Return the path of a member inside the file."""
        return f"{self._name}/{name}".strip("/")

    def names(self) -> list[str]:
        """Return the names of the members."""
        with reading(self._group, self.file_path, self.place()):
            return [str(name) for name in self._group]

    def values(self) -> dict[str, Any]:
        """Read all members as plain Python, see `read_mapping`."""
        with reading(self._group, self.file_path, self.place()):
            return read_mapping(self._group)

    def find(self, name: str, *, ndim: int = 0) -> Node | None:
        """Return a member, or None where it is absent.

        Parameters
        ----------
        name : str
            Name of the member, or its path below this group.
        ndim : int
            See `is_absent`.
        """
        with reading(self._group, self.file_path, self.place(name)):
            # Group.get takes a damaged member, and any member of a closed file, for an absent one.
            if name not in self._group:
                return None
            node = self._group[name]
            if isinstance(node, h5py.Dataset):
                _ = node.dtype  # one that numpy does not know fails here
            return None if is_absent(node, ndim=ndim) else node

    def subgroup(self, name: str) -> FileGroup | None:
        """Return a member that is a group, or None."""
        node = self.find(name)
        return FileGroup(node, self.file_path) if isinstance(node, h5py.Group) else None

    def array(self, name: str, *, ndim: int) -> h5py.Dataset | None:
        """Return a numeric dataset of `ndim` dimensions, unread, or None where it is absent."""
        node = self.find(name, ndim=ndim)
        if node is None or (is_numeric(node) and node.ndim == ndim):
            return node
        raise self.error(
            f"'{name}' is not an array of {ndim} dimension(s) of numbers",
            name,
            found=describe(node),
            expected=f"a numeric dataset with {ndim} dimension(s), or '{_NONE_TEXT}'",
            remedy="Save the results again with CaImAn",
        )

    def text(self, name: str) -> str | None:
        """Return a text, which is an attribute or, before 1.9.9, a dataset; None where it is absent."""
        node = self.find(name)
        with reading(self._group, self.file_path, self.place(name)):
            value = read_value(self._group.attrs.get(name) if node is None else node)
        return None if value is None else str(value)

    def error(
        self,
        problem: str,
        name: str = "",
        *,
        found: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> CaimanFileError:
        """Compose the error for this group or a member of it; the parameters are those of `CaimanFileError`."""
        return CaimanFileError(
            self.file_path, problem, place=self.place(name) or "/", found=found, expected=expected, remedy=remedy
        )


@contextmanager
def reading(node: Node, file_path: Path, place: str) -> Iterator[None]:
    """Let what h5py raises where a file is damaged or closed come out as an error that a person understands.

    Raises
    ------
    CaimanFileError
        If this part of the file cannot be read.
    ValueError
        If the file was closed.
    """
    try:
        if node:
            yield
    except CaimanFileError:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        if node:
            raise CaimanFileError(
                file_path,
                "this part of the file cannot be read",
                place=place or "/",
                found=str(error.args[0] if error.args else error),
                remedy="The file is damaged: copy it again, or save the results again with CaImAn",
            ) from error
    if not node:
        raise closed_file_error(file_path)


def closed_file_error(file_path: Path) -> ValueError:
    """Compose the error for reading from a file that was closed."""
    return ValueError(f"{file_path} was closed; open it again to read from it.")


def read(dataset: h5py.Dataset, file_path: Path, selection: Any = ()) -> Any:
    """Read values of a dataset, all by default."""
    with reading(dataset, file_path, place_of(dataset)):
        return dataset[selection]


def place_of(node: Node) -> str:
    """Return the path of a node inside its file."""
    return (node.name or "").strip("/")


def text_of(value: Any) -> str:
    """Decode what h5py returns for a string (``bytes``, ``str`` or a numpy scalar of them)."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def is_absent(node: Any, *, ndim: int = 0) -> bool:
    """Decide whether CaImAn had no value here: the one place where that is decided.

    Parameters
    ----------
    node : h5py.Group, h5py.Dataset, attribute value or None
        What stands in the file; None where the key is missing.
    ndim : int
        The number of dimensions that a real value has. Where an array is expected, CaImAn writes a scalar
        (``g`` as 0.0) or an empty list of fewer dimensions (``(0,)``) when it has none.
    """
    if node is None:
        return True
    if isinstance(node, h5py.Group):
        return len(node) == 0 and len(node.attrs) == 0
    if isinstance(node, h5py.Dataset):
        if node.shape is None:  # HDF5's own null dataspace
            return True
        if node.ndim < ndim and node.size <= 1:
            return True
        return node.ndim == 0 and node.dtype.kind in "OS" and text_of(node[()]) == _NONE_TEXT
    return isinstance(node, h5py.Empty) or (isinstance(node, str | bytes) and text_of(node) == _NONE_TEXT)


def is_numeric(node: Node) -> bool:
    """Tell whether a node is a dataset of real numbers."""
    return isinstance(node, h5py.Dataset) and node.dtype.kind in _NUMBER_KINDS


def is_sparse(node: Node | None) -> bool:
    """Tell whether a node is a compressed sparse matrix."""
    return isinstance(node, h5py.Group) and all(member in node for member in _SPARSE_MEMBERS)


def describe(node: Any) -> str:
    """Say in a few words what a node of the file is, for messages."""
    if is_absent(node):
        return "nothing" if node is None else f"'{_NONE_TEXT}' or nothing in it"
    if isinstance(node, h5py.Group):
        return f"a group of {', '.join(list(node)[:6])}"
    if isinstance(node, h5py.Dataset):
        return f"a dataset of shape {node.shape} and type {node.dtype}"
    return repr(node)


def numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Turn numbers that CaImAn saved as text (``b'-290.4356841223353'``) into float64; leave others alone.

    A component without a value (the text ``None``) becomes NaN.

    Raises
    ------
    ValueError
        If a text is no number.
    """
    if values.dtype.kind in _NUMBER_KINDS:
        return values
    return np.array([_number(text_of(value)) for value in values.ravel()], dtype=np.float64).reshape(values.shape)


def _number(text: str) -> float:
    """Read one number; arrays of one element were saved as ``[0.5]``."""
    inner = text.strip().strip("[]").strip()
    return float("nan") if inner in {"None", _NONE_TEXT} else float(inner)


def read_value(node: Any) -> Any:
    """Read one value as plain Python: None, bool, int, float, str, a numeric array, a list of str or a dict."""
    value = node[()] if isinstance(node, h5py.Dataset) else node
    if is_absent(value):
        return None
    if isinstance(value, h5py.Group):
        return read_mapping(value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OSU":
            return [text_of(item) for item in value.ravel()]
        return value if value.ndim else value.item()
    if isinstance(value, np.generic) and value.dtype.kind in _NUMBER_KINDS:
        return value.item()
    return text_of(value)


def read_mapping(group: h5py.Group) -> dict[str, Any]:
    """Read a group of parameters: its datasets, its subgroups and its attributes (text from 1.9.9 on)."""
    members = {**dict(group.attrs), **{name: group[name] for name in group}}
    return {name: read_value(members[name]) for name in sorted(members)}
