"""A new file that appears under its name when it is complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caiman_interface.writer.system_calls import flush_folder


@contextmanager
def new_file(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Provide a temporary name in the same directory, and rename it to `target` at the end.

    Parameters
    ----------
    target : Path
        The final name. Its directory is created if missing.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists, at the beginning or at the end, and `overwrite` is False.
    """
    if target.is_dir() or (not overwrite and target.exists()):
        raise _exists(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        _publish(partial, target, overwrite=overwrite)
        flush_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _publish(partial: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        partial.replace(target)
        return
    try:
        os.link(partial, target)  # unlike a rename, fails if another process created the file meanwhile
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:  # a file system without hard links
        if target.exists():
            raise _exists(target) from None
        partial.replace(target)


def _exists(target: Path) -> FileExistsError:
    message = f"'{target}' exists already; choose another name or allow overwriting."
    return FileExistsError(message)
