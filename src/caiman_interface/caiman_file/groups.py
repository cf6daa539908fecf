"""Groups of an open file, read so that every failure names the file, the place and the problem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from .encoding import Node, check_is_stored, is_absent, is_name, read_value, text_of, usable_dtype
from .errors import CaimanFileError
from .omissions import UnusableFieldError

# What h5py and numpy raise for a damaged file.
DAMAGE = (KeyError, MemoryError, OSError, OverflowError, RuntimeError, TypeError, ValueError)


class FileGroup:
    """One group of an open file.

    Parameters
    ----------
    group : h5py.Group
        The group.
    file_path : Path
        For messages.

    Notes
    -----
    Access to the group raises `CaimanFileError` if the file is damaged, and ValueError if it was closed.
    """

    def __init__(self, group: h5py.Group, file_path: Path) -> None:
        self._group = group
        self._name = group.name or ""
        self.file_path = file_path

    def place(self, name: str = "") -> str:
        """Return the path of a member inside the file."""
        return f"{self._name}/{name}".strip("/")

    def names(self) -> list[str]:
        """Return the names of the members that can be looked up, without those of the attributes."""
        with reading(self._group, self.file_path, self.place()):
            return [name for name in self._group if is_name(name)]

    def attribute_names(self) -> list[str]:
        """Return the names of the attributes, where CaImAn stores text from release 1.9.9 on."""
        with reading(self._group, self.file_path, self.place()):
            return [name for name in self._group.attrs if is_name(name)]

    def strange_names(self) -> list[str]:
        """Return the names of members and attributes that cannot be looked up, with escape sequences."""
        with reading(self._group, self.file_path, self.place()):
            names = [*self._group, *self._group.attrs]
        return [repr(text_of(name))[1:-1] for name in names if not is_name(name)]

    def find(self, name: str, *, ndim: int = 0) -> Node | None:
        """Return a member, or None if it is absent.

        Parameters
        ----------
        name : str
            Name of the member, or its path below this group.
        ndim : int
            See `is_absent`.
        """
        with reading(self._group, self.file_path, self.place(name)):
            # Group.get returns None for a damaged member too, and for any member of a closed file.
            link = self._link(name)
            if name not in self._group:
                if link is not None:
                    message = f"is a link to '{link.path}', which does not exist"
                    raise UnusableFieldError(message)
                if name in list(self._group):
                    message = "is in the list of members, which is damaged: it cannot be looked up"
                    raise UnusableFieldError(message)
                return None
            node = self._follow(name, link)
            if isinstance(node, h5py.Dataset):
                _ = node.dtype  # fails here for a type that numpy does not have
            return None if is_absent(node, ndim=ndim) else node

    def value(self, name: str) -> Any:
        """Read a member or attribute as plain Python, see `read_value`."""
        node = self.find(name)
        with reading(self._group, self.file_path, self.place(name)):
            if node is None and name not in self._group:
                return read_value(self._group.attrs.get(name))
            return read_value(node)

    def subgroup(self, name: str) -> FileGroup | None:
        """Return a member that is a group, or None."""
        node = self.find(name)
        return FileGroup(node, self.file_path) if isinstance(node, h5py.Group) else None

    def text(self, name: str) -> str | None:
        """Read a text, which is an attribute or, before 1.9.9, a dataset; None if it is absent."""
        value = self.value(name)
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

    def _link(self, name: str) -> h5py.SoftLink | h5py.ExternalLink | None:
        """Return the soft or external link of a member; None if it is neither."""
        try:
            link = self._group.get(name, getlink=True)
        except DAMAGE:
            return None
        return link if isinstance(link, h5py.SoftLink | h5py.ExternalLink) else None

    def _follow(self, name: str, link: h5py.SoftLink | h5py.ExternalLink | None) -> Node:
        try:
            return self._group[name]
        except (KeyError, OSError) as error:
            if not isinstance(link, h5py.ExternalLink):
                raise
            message = f"is a link to '{link.path}' of the file '{link.filename}', which cannot be opened"
            raise UnusableFieldError(message) from error


@contextmanager
def reading(node: Any, file_path: Path, place: str) -> Iterator[None]:
    """Convert what h5py raises for a damaged or closed file.

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
    except (CaimanFileError, UnusableFieldError):
        raise
    except DAMAGE as error:
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
        check_is_stored(dataset)
        dtype = usable_dtype(dataset.dtype)
        return dataset[selection] if dtype == dataset.dtype else dataset.astype(dtype)[selection]


def place_of(node: Node) -> str:
    """Return the path of a node inside its file."""
    return (node.name or "").strip("/")
