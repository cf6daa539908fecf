"""Changes of a field of an HDF5 file: of its type, values, shape, storage, kind of node, and of sparse matrices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Change = Callable[[h5py.Group, str, np.random.Generator], None]
HUGE = 10**12
LINKED = "linked.hdf5"


def node_at(file: h5py.File, path: str) -> tuple[h5py.Group | None, str]:
    """Return the group of a field and its name in it; no group if the path leads nowhere."""
    *parents, name = path.split("/")
    try:
        group = file["/".join(parents)] if parents else file["/"]
    except (KeyError, OSError, ValueError, RuntimeError):
        return None, name
    return (group, name) if isinstance(group, h5py.Group) else (None, name)


def member_of(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """Return a member; None where it is absent or behind a broken link."""
    try:
        return group.get(name)
    except (OSError, ValueError, RuntimeError):
        return None


def values_of(group: h5py.Group, name: str, rng: np.random.Generator) -> NDArray[Any]:
    """Return the numbers of a field as float64, or some numbers if it has none."""
    try:
        node = group[name]
        if node.size <= 10**7:
            with np.errstate(all="ignore"):
                return np.asarray(np.real(node[()]), dtype=float)
    except (KeyError, OSError, ValueError, TypeError, AttributeError, RuntimeError):
        pass
    return rng.random(3)


def remove(group: h5py.Group, name: str) -> None:
    if group.get(name, getlink=True) is not None:
        del group[name]


def replace(group: h5py.Group, name: str, values: Any, **storage: Any) -> None:
    remove(group, name)
    group.create_dataset(name, data=values, **storage)


def of_dtype(dtype: Any) -> Change:
    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        with np.errstate(all="ignore"):
            values = values_of(group, name, rng)
            replace(group, name, np.nan_to_num(values).astype(dtype))

    return change


def special_type(make: Callable[[h5py.Group, str, NDArray[Any]], Any]) -> Change:
    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        values = values_of(group, name, rng)
        remove(group, name)
        make(group, name, np.nan_to_num(values.ravel()[:20]))

    return change


def ragged(group: h5py.Group, name: str, _: NDArray[Any]) -> None:
    dataset = group.create_dataset(name, shape=(3,), dtype=h5py.vlen_dtype("f8"))
    for row in range(3):
        dataset[row] = np.arange(row + 1.0)


def named_type(group: h5py.Group, name: str, values: NDArray[Any]) -> None:
    group[f"{name}_type"] = np.dtype("f8")
    group.create_dataset(name, data=values, dtype=group[f"{name}_type"])


SPECIAL_TYPES: dict[str, Callable[[h5py.Group, str, NDArray[Any]], Any]] = {
    "text": lambda group, name, values: group.create_dataset(name, data=["abc"] * max(len(values), 1)),
    "reference": lambda group, name, _: group.create_dataset(name, data=[group.ref] * 3, dtype=h5py.ref_dtype),
    "region": lambda group, name, _: group.create_dataset(name, shape=(2,), dtype=h5py.regionref_dtype),
    "enum": lambda group, name, values: group.create_dataset(
        name, data=(values % 2).astype("i1"), dtype=h5py.enum_dtype({"NO": 0, "YES": 1}, "i1")
    ),
    "opaque": lambda group, name, _: group.create_dataset(name, data=np.array([b"\x00\x01\x02"] * 3, dtype="V3")),
    "compound": lambda group, name, _: group.create_dataset(name, data=np.zeros(4, dtype=[("x", "i4"), ("y", "f8")])),
    "arrays": lambda group, name, _: group.create_dataset(name, shape=(3,), dtype=np.dtype(("f8", (2,)))),
    "ragged": ragged,
    "named": named_type,
    "type alone": lambda group, name, _: group.__setitem__(name, np.dtype("f8")),
}


def with_value(value: Any, *, everywhere: bool = False) -> Change:
    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        values = values_of(group, name, rng).copy()
        if everywhere or not values.ndim:
            values[...] = value
        elif values.size:
            values.flat[int(rng.integers(values.size))] = value
        replace(group, name, values)

    return change


def reshaped(function: Callable[[NDArray[Any]], Any]) -> Change:
    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        replace(group, name, function(values_of(group, name, rng)))

    return change


def declared(shape: tuple[int, ...], **storage: Any) -> Change:
    """A shape without data."""

    def change(group: h5py.Group, name: str, _: np.random.Generator) -> None:
        remove(group, name)
        group.create_dataset(name, shape=shape, dtype="f8", **storage)

    return change


def no_data(group: h5py.Group, name: str, _: np.random.Generator) -> None:
    remove(group, name)
    group.create_dataset(name, data=h5py.Empty("f8"))


def stored(**storage: Any) -> Change:
    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        values = np.atleast_1d(values_of(group, name, rng))
        if values.size:
            replace(group, name, values, chunks=tuple(max(side // 2, 1) for side in values.shape), **storage)

    return change


def in_external_file(folder: str, *, is_written: bool = True) -> Change:
    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        values = np.atleast_1d(values_of(group, name, rng))
        root = Path(group.file.filename).parent
        raw = root / folder / f"raw_{name}.bin"
        if is_written:
            values.tofile(raw)
        remove(group, name)
        target = raw.name if not folder else str(raw.resolve())
        group.create_dataset(name, shape=values.shape, dtype="f8", external=[(target, 0, max(values.nbytes, 1))])

    return change


def virtual(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
    values = np.atleast_1d(values_of(group, name, rng))
    with h5py.File(Path(group.file.filename).parent / LINKED, "a") as other:
        replace(other, f"virtual_{name}", values)
    layout = h5py.VirtualLayout(shape=values.shape, dtype="f8")
    layout[...] = h5py.VirtualSource(LINKED, f"virtual_{name}", shape=values.shape)
    remove(group, name)
    group.create_virtual_dataset(name, layout, fillvalue=np.nan)


def linked_file(folder: str) -> Change:
    """Move a field to another file and link to it there."""

    def change(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
        other = (Path(group.file.filename).parent / folder / LINKED).resolve()
        target = f"moved_{name}"
        with h5py.File(other, "a") as file:
            remove(file, target)
            try:
                group.copy(name, file, target)
            except (KeyError, OSError, RuntimeError, ValueError):
                file[target] = rng.random(3)
        remove(group, name)
        group[name] = h5py.ExternalLink(LINKED if not folder else str(other), target)

    return change


def link(make: Callable[[h5py.Group, str], Any]) -> Change:
    def change(group: h5py.Group, name: str, _: np.random.Generator) -> None:
        remove(group, name)
        group[name] = make(group, name)

    return change


def moved_soft_link(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
    if group.get(name, getlink=True) is None:
        group[name] = rng.random(3)
    remove(group, f"{name}_moved")
    group.move(name, f"{name}_moved")
    group[name] = h5py.SoftLink(f"{group.name.rstrip('/')}/{name}_moved")


def missing(group: h5py.Group, name: str, _: np.random.Generator) -> None:
    remove(group, name)


def none(group: h5py.Group, name: str, _: np.random.Generator) -> None:
    replace(group, name, "NoneType")


def folder_instead(group: h5py.Group, name: str, rng: np.random.Generator) -> None:
    remove(group, name)
    group.create_group(name)["x"] = rng.random(2)


def text_instead(group: h5py.Group, name: str, _: np.random.Generator) -> None:
    replace(group, name, "\x1b[31m<script>alert(1)</script>\n")


DAMAGE: dict[str, Change] = {
    **{f"dtype {dtype}": of_dtype(dtype) for dtype in ("f2", "f4", "g", "c8", "c16", ">f4", ">f8", ">i4", "?", "i1")},
    **{f"dtype {dtype}": of_dtype(dtype) for dtype in ("u1", "u8", "i8", "S8", "S32")},
    **{f"type {kind}": special_type(make) for kind, make in SPECIAL_TYPES.items()},
    **{f"one {value}": with_value(value) for value in (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, -1, 2**53, 0)},
    **{f"all {value}": with_value(value, everywhere=True) for value in (np.nan, np.inf, 1e300, 0, -1, 1e18)},
    "scalar": reshaped(lambda values: values.ravel()[0] if values.size else 1.0),
    "empty": reshaped(lambda _: np.empty(0)),
    "one more": reshaped(lambda values: np.concatenate([np.atleast_1d(values), np.atleast_1d(values)[-1:]])),
    "one less": reshaped(lambda values: np.atleast_1d(values)[:-1]),
    "transposed": reshaped(lambda values: values.T),
    "flat": reshaped(np.ravel),
    "another axis": reshaped(lambda values: values[np.newaxis]),
    "cut": reshaped(lambda values: values[..., : values.shape[-1] // 2] if values.ndim else values),
    "declared square": declared((10**6, 10**6), chunks=(1000, 1000)),
    "declared row": declared((HUGE,), chunks=(10**6,)),
    "declared unallocated": declared((1000, 10**9)),
    "no dataspace": no_data,
    "chunked": stored(),
    "gzip": stored(compression="gzip", shuffle=True),
    "lzf": stored(compression="lzf", fletcher32=True),
    "resizable": stored(maxshape=None),
    "external storage": in_external_file(""),
    "external storage outside": in_external_file("../outside"),
    "external storage gone": in_external_file("", is_written=False),
    "virtual": virtual,
    "missing": missing,
    "none": none,
    "group": folder_instead,
    "terminal codes": text_instead,
    "soft link": moved_soft_link,
    "dangling link": link(lambda *_: h5py.SoftLink("/nowhere/at/all")),
    "cyclic link": link(lambda group, name: h5py.SoftLink(f"{group.name.rstrip('/')}/{name}")),
    "link to root": link(lambda group, _: h5py.SoftLink("/") if group.name == "/" else group.file["/"]),
    "link to parent": link(lambda group, _: group),
    "external link": linked_file(""),
    "external link outside": linked_file("../outside"),
    "external link gone": link(lambda *_: h5py.ExternalLink("gone.hdf5", "/x")),
    "external link to itself": link(lambda group, name: h5py.ExternalLink("session.hdf5", f"{group.name}/{name}")),
    "external link to root": link(lambda *_: h5py.ExternalLink("session.hdf5", "/")),
    "external device": link(lambda *_: h5py.ExternalLink("/dev/zero", "/x")),
}


def sparse_part(name: str, function: Callable[[NDArray[Any], np.random.Generator], Any]) -> Callable[..., None]:
    def change(node: h5py.Group, rng: np.random.Generator) -> None:
        try:
            values = node[name][()]
        except (KeyError, OSError, TypeError, ValueError, AttributeError, RuntimeError):
            return
        if isinstance(values, np.ndarray) and values.size:
            replace(node, name, function(values.copy(), rng))

    return change


def put(value: Any) -> Callable[[NDArray[Any], np.random.Generator], Any]:
    def change(values: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        wide = values.astype("i8")
        wide.flat[int(rng.integers(wide.size))] = value
        return wide

    return change


def shuffle_column(node: h5py.Group, rng: np.random.Generator) -> None:
    """Change the order of the entries of every column, which leaves the matrix as it is."""
    try:
        data, indices, indptr = (node[name][()] for name in ("data", "indices", "indptr"))
        for start, stop in pairwise(indptr):
            order = start + rng.permutation(int(stop) - int(start))
            data[start:stop], indices[start:stop] = data[order], indices[order]
    except (KeyError, OSError, TypeError, ValueError, AttributeError, IndexError, RuntimeError):
        return
    replace(node, "data", data)
    replace(node, "indices", indices)


SPARSE_DAMAGE: dict[str, Callable[[h5py.Group, np.random.Generator], None]] = {
    "unsorted": shuffle_column,
    "duplicate index": sparse_part("indices", lambda values, _: np.concatenate([values[:1], values[:-1]])),
    "index out of range": sparse_part("indices", put(10**7)),
    "index beyond int32": sparse_part("indices", put(2**40)),
    "index just out of range": sparse_part("indices", lambda values, _: values + 1),
    "negative index": sparse_part("indices", put(-1)),
    "float indices": sparse_part("indices", lambda values, _: values.astype("f8")),
    "broken float indices": sparse_part("indices", lambda values, _: values + 0.5),
    "big-endian indices": sparse_part("indices", lambda values, _: values.astype(">i8")),
    "unsigned indices": sparse_part("indices", lambda values, _: values.astype("u8")),
    "short indices": sparse_part("indices", lambda values, _: values[:-1]),
    "short data": sparse_part("data", lambda values, _: values[:-1]),
    "long data": sparse_part("data", lambda values, _: np.append(values, 1.0)),
    "explicit zeros": sparse_part("data", put(0)),
    "whole weights": sparse_part("data", lambda values, _: np.ceil(values).astype("i8")),
    "true weights": sparse_part("data", lambda values, _: values != 0),
    "decreasing indptr": sparse_part("indptr", lambda values, _: values[::-1]),
    "random indptr": sparse_part("indptr", lambda values, rng: rng.permutation(values)),
    "negative indptr": sparse_part("indptr", put(-3)),
    "indptr beyond the end": sparse_part("indptr", put(10**9)),
    "short indptr": sparse_part("indptr", lambda values, _: values[:-1]),
    "long indptr": sparse_part("indptr", lambda values, _: np.append(values, values[-1])),
    "indptr from one": sparse_part("indptr", lambda values, _: values + 1),
    "huge shape": sparse_part("shape", lambda values, _: np.full_like(values, HUGE)),
    "one pixel less": sparse_part("shape", lambda values, _: values - np.array([1, 0])),
    "one component more": sparse_part("shape", lambda values, _: values + np.array([0, 1])),
    "negative shape": sparse_part("shape", lambda values, _: -values),
    "three-dimensional shape": sparse_part("shape", lambda values, _: np.append(values, 1)),
    "swapped shape": sparse_part("shape", lambda values, _: values[::-1]),
}
