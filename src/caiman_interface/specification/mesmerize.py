"""Batches of mesmerize-core: a pickled DataFrame that lists analyses by CaImAn.

Source of the format: ``mesmerize_core/batch_utils.py`` (columns) and ``mesmerize_core/algorithms/cnmf.py`` (keys of
``outputs``). CaImAn's file of an item is ``<uuid>/<uuid>.hdf5`` in the folder of the batch.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

_ALGORITHMS = ("cnmf", "cnmfe")
_COLUMNS = ("algo", "item_name", "outputs", "uuid")
_FILE_KEY = "cnmf-hdf5-path"
_IMAGE_KEYS = {"mean": "mean-projection-path", "max": "max-projection-path", "correlation": "corr-img-path"}

# Everything in the pickles that pandas 1.5 to 3 write of a DataFrame of text, numbers and dictionaries. Names are
# listed one by one, because modules of pandas contain functions that execute code.
_ALLOWED: Mapping[str, frozenset[str]] = {
    "builtins": frozenset({"slice", "set", "frozenset", "complex", "bytearray"}),
    "collections": frozenset({"OrderedDict"}),
    "datetime": frozenset({"datetime", "date", "timedelta", "timezone"}),
    "numpy": frozenset({"dtype", "ndarray"}),
    "numpy._core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy._core.numeric": frozenset({"_frombuffer"}),
    "pandas": frozenset({"DataFrame", "Index", "RangeIndex", "StringDtype"}),
    "pandas.core.frame": frozenset({"DataFrame"}),
    "pandas.core.arrays.string_": frozenset({"StringDtype", "StringArray"}),
    "pandas.core.indexes.base": frozenset({"Index", "_new_Index"}),
    "pandas.core.indexes.range": frozenset({"RangeIndex"}),
    "pandas.core.internals.managers": frozenset({"BlockManager"}),
    "pandas.arrays": frozenset({"StringArray"}),
    "pandas._libs.arrays": frozenset({"__pyx_unpickle_NDArrayBacked"}),
    "pandas._libs.internals": frozenset({"_unpickle_block"}),
}
# Paths of either system, as text only: nothing on the disk is touched.
_PATHS = {
    "Path": PurePosixPath,
    "PosixPath": PurePosixPath,
    "PurePosixPath": PurePosixPath,
    "WindowsPath": PureWindowsPath,
    "PureWindowsPath": PureWindowsPath,
}


@dataclass(frozen=True, kw_only=True)
class BatchItem:
    """One successful CNMF or CNMF-E analysis of a batch.

    Attributes
    ----------
    name : str
        The item's name, often that of the movie; several items may have the same.
    uuid : str
        The item's identifier, unique in the batch.
    algorithm : {"cnmf", "cnmfe"}
        What was run.
    file : Path
        The file that CaImAn saved.
    parameters : dict
        CaImAn's parameters as given by the user.
    images : dict
        Existing ``.npy`` files of the movie's ``mean``, ``max`` and ``correlation`` image.
    """

    name: str
    uuid: str
    algorithm: str
    file: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Path] = field(default_factory=dict)


def read_batch(path: str | Path) -> list[BatchItem]:
    """Read the successful analyses of a mesmerize-core batch.

    Unpickling can execute code, so only the classes that a DataFrame consists of are loaded.

    Parameters
    ----------
    path : str or Path
        The ``.pickle`` file of the batch.

    Returns
    -------
    list of BatchItem
        In the order of the batch. Items that used other algorithms, were not run, or failed are left out.

    Raises
    ------
    ValueError
        If the file is not such a batch, or contains anything but a DataFrame.
    """
    path = Path(path)
    batch = _load(path)
    missing = [name for name in _COLUMNS if name not in batch.columns]
    if missing:
        message = f"{path} is not a batch of mesmerize-core: the columns {', '.join(missing)} are missing."
        raise ValueError(message)
    return [_item(row, path) for row in batch.to_dict("records") if _is_successful(row)]


def choose_items(items: Sequence[BatchItem], wanted: Sequence[str] = ()) -> list[BatchItem]:
    """Choose items by name or uuid; by default all.

    Raises
    ------
    ValueError
        If a name or uuid is not in the batch, the file of a chosen item is missing, or several items of the same name
        remain: they are analyses of the same movie with different parameters, and a session contains only one of them.
    """
    unknown = [text for text in wanted if all(text not in {item.name, item.uuid} for item in items)]
    if unknown:
        known = ", ".join(dict.fromkeys(item.name for item in items)) or "none"
        message = f"No successful item of the batch has the name or uuid {', '.join(unknown)}. Names: {known}."
        raise ValueError(message)
    by_uuid = [item for item in items if item.uuid in wanted]
    named = {item.name for item in by_uuid}
    # A uuid decides among the items of its name.
    by_name = [item for item in items if (not wanted or item.name in wanted) and item.name not in named]
    chosen = [item for item in items if item in by_uuid or item in by_name]
    repeated = {name: uuids for name, uuids in _uuids_by_name(chosen).items() if len(uuids) > 1}
    if repeated:
        listed = "; ".join(f"{name}: {', '.join(uuids)}" for name, uuids in repeated.items())
        message = f"Several items have the same name; choose one of each with --item UUID. {listed}."
        raise ValueError(message)
    for item in chosen:
        if not item.file.is_file():
            message = (
                f"The file of the item '{item.name}' ({item.uuid}) is missing: {item.file}. Copy the folders of the "
                "items together with the batch, or choose others with --item."
            )
            raise ValueError(message)
    return chosen


def _uuids_by_name(items: Sequence[BatchItem]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault(item.name, []).append(item.uuid)
    return found


class _DataFrameUnpickler(pickle.Unpickler):
    """An unpickler that loads the parts of a DataFrame and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function from the list of those allowed."""
        if module.split(".", maxsplit=1)[0] == "pathlib" and name in _PATHS:
            return _PATHS[name]
        # numpy 2 renamed numpy.core; a batch may have been written before or after that.
        public = module.replace("numpy.core.", "numpy._core.")
        if name not in _ALLOWED.get(public, ()):
            message = f"it contains {module}.{name}"
            raise pickle.UnpicklingError(message)
        return getattr(_import(public), name)


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        return importlib.import_module(module.replace("numpy._core.", "numpy.core."))


def _load(path: Path) -> DataFrame:
    import pandas as pd

    try:
        with path.open("rb") as file:
            batch = _DataFrameUnpickler(file).load()
    except OSError:
        raise
    except Exception as error:
        # A damaged pickle raises almost anything.
        message = (
            f"{path} cannot be read as a batch of mesmerize-core: {error}. Expected a DataFrame of text, numbers and "
            "dictionaries; nothing else is loaded, because unpickling can execute code."
        )
        raise ValueError(message) from error
    if not isinstance(batch, pd.DataFrame):
        message = f"{path} is not a batch of mesmerize-core: it contains {type(batch).__name__}, expected DataFrame."
        raise ValueError(message)  # noqa: TRY004 (the content of a file is a value)
    return batch


def _is_successful(row: Mapping[str, Any]) -> bool:
    outputs = row["outputs"]
    return row["algo"] in _ALGORITHMS and isinstance(outputs, dict) and outputs.get("success") is True


def _item(row: Mapping[str, Any], batch: Path) -> BatchItem:
    uuid, outputs = str(row["uuid"]), row["outputs"]
    path = outputs.get(_FILE_KEY) or PurePosixPath(uuid, f"{uuid}.hdf5")
    images = {name: _resolve(outputs[key], batch) for name, key in _IMAGE_KEYS.items() if outputs.get(key)}
    return BatchItem(
        name=str(row["item_name"]),
        uuid=uuid,
        algorithm=str(row["algo"]),
        file=_resolve(path, batch),
        parameters=row["params"] if isinstance(row.get("params"), dict) else {},
        images={name: image for name, image in images.items() if image.is_file()},
    )


def _resolve(path: object, batch: Path) -> Path:
    """Return a path of the batch, which is relative to its folder, on this system."""
    windows = isinstance(path, PureWindowsPath) or "\\" in str(path)
    return batch.parent / (PureWindowsPath(str(path)).as_posix() if windows else str(path))
