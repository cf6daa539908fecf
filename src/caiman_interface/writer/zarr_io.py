"""`AtomicNWBZarrIO`: hdmf-zarr's `NWBZarrIO`, with new stores that appear when they are complete."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from hdmf_zarr import NWBZarrIO
from pynwb import NWBFile

from caiman_interface._compat.hdmf import change_source

from .errors import disk_errors_explained
from .marks import run_checks
from .partial_files import PartialFile, ReplacePolicy


class AtomicNWBZarrIO(NWBZarrIO):  # type: ignore[misc]  # hdmf-zarr is untyped
    """A drop-in for hdmf-zarr's `NWBZarrIO` that writes new stores completely or not at all.

    In mode "w", the store is written in the folder of the target. It gets its name when it is closed after a complete
    write. Other modes, and targets that are not local paths, behave as in hdmf-zarr.

    Parameters
    ----------
    path : str or Path
        Path of the store.
    *arguments
        Further positional arguments of hdmf-zarr's class.
    replace : {"always", "known", "never"}, default: "always"
        Whether a store at `path` is replaced: always; only if it was there when this object was created; or never.
    **options
        Further arguments of hdmf-zarr's class, such as `mode`.
    """

    def __init__(self, path: Any, *arguments: Any, replace: ReplacePolicy = "always", **options: Any) -> None:
        self._partial: PartialFile | None = None
        self._is_written = False
        self._source_of: list[NWBFile] = []
        if options.get("mode") != "w" or not isinstance(path, str | Path) or "://" in str(path):
            super().__init__(path, *arguments, **options)
            return
        self._partial = PartialFile(Path(path), replace=replace, folder=True)
        try:
            super().__init__(str(self._partial.path), *arguments, **options)
        except BaseException:
            self._partial.discard()
            raise

    def write(self, container: NWBFile, **options: Any) -> None:
        """Write an in-memory NWB file, as hdmf-zarr does."""
        if self._partial is None:
            super().write(container, **options)
            return
        self._is_written = False
        self._source_of.append(container)
        change_source(container, str(self._partial.target), str(self._partial.path))
        with disk_errors_explained(self._partial.target):
            super().write(container, **options)
        run_checks(container)
        self._is_written = True

    def export(self, *arguments: Any, **options: Any) -> None:
        """Export a file that was read from another one, as hdmf-zarr does."""
        super().export(*arguments, **options)
        self._is_written = True

    def close(self) -> None:
        """Close the store; if it was written completely, give it its name."""
        partial, self._partial = self._partial, None
        super().close()
        if partial is None:
            return
        try:
            if self._is_written:
                with disk_errors_explained(partial.target):
                    partial.commit()
        finally:
            partial.discard()
            for container in self._source_of:
                change_source(container, str(partial.path), str(partial.target) if self._is_written else None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._is_written = False
        self.close()


class NeuroConvZarrIO(AtomicNWBZarrIO):
    """The class that NeuroConv uses: a new store never replaces one that appeared since the write began."""

    def __init__(self, path: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(path, *arguments, **{"replace": "known", **options})

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        """Count every `NWBZarrIO` as an instance: NeuroConv finds the backend of a file that was read by its class."""
        return True if cls is NeuroConvZarrIO and NWBZarrIO in other.__mro__ else NotImplemented
