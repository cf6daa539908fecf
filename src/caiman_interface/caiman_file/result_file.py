"""An open result file: opening, closing and recognizing that it was changed meanwhile."""

from __future__ import annotations

from pathlib import Path

import h5py
from typing_extensions import Self

from .display import public_names
from .errors import CaimanFileError
from .links import check_links
from .opening import FileIdentity, is_same_file, open_hdf5
from .rows import FileBytes
from .string_heaps import check_string_heaps
from .walk import members_of


class ResultFile:
    """The one open file object through which all of a file is read; a context manager.

    Parameters
    ----------
    file_path : str or Path
        The file that CaImAn saved.
    """

    def __init__(self, file_path: str | Path) -> None:
        self.file_path = Path(file_path)
        self._file: h5py.File = open_hdf5(self.file_path)
        self._file_bytes: FileBytes | None = None
        try:
            members = list(members_of(self._file))
            check_string_heaps(self.file_path, members)
            check_links(self.file_path, members)
            self._identity = FileIdentity.of(self.file_path)
            self._file_bytes = self._open_bytes()
            self._read()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, file_path: str | Path) -> Self:
        """Open a file; the same as calling the class."""
        return cls(file_path)

    def close(self) -> None:
        """Close the file; values that were not read yet cannot be read any more."""
        if self._file_bytes is not None:
            self._file_bytes.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        return public_names(super().__dir__())

    def check_unchanged(self) -> None:
        """Check that the file was not overwritten or replaced since it was opened.

        Raises
        ------
        CaimanFileError
            If its size, its time of modification or its identity changed.
        """
        if not is_same_file(self.file_path, self._identity):
            raise CaimanFileError(
                self.file_path,
                "the file was changed or replaced while it was read",
                expected="the file as it was when it was opened",
                remedy="Wait until CaImAn has finished writing it, and convert it again",
            )

    def _open_bytes(self) -> FileBytes | None:
        try:
            return FileBytes.of(self.file_path, self._file)
        except (OSError, RuntimeError) as error:
            raise CaimanFileError(
                self.file_path,
                "the file cannot be read",
                found=str(error),
                expected="the file that CaImAn saved",
                remedy="Copy the file again, or save the results again with CaImAn",
            ) from error

    def _read(self) -> None:
        """Read what everything else depends on; subclasses implement it."""
