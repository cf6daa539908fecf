"""CaImAn's models of the background: low-rank components (b, f), and the ring model (W) of one-photon imaging."""

from __future__ import annotations

from functools import partial

import h5py

from .analysis import AnalysisContext
from .encoding import Node, check_is_stored, describe, is_numeric
from .fields import Fields
from .footprints import Footprints
from .matrices import StoredMatrix
from .omissions import UnusableFieldError
from .rows import DatasetRows, of_frames
from .traces import Trace


def read_background_footprints(estimates: Fields, context: AnalysisContext) -> Footprints | None:
    """Return the spatial background ``b``, unread; None if there is none."""

    def convert(node: Node) -> Footprints | None:
        stored = StoredMatrix.checked(node, estimates.group.file_path)
        return Footprints(stored, context.frame_shape) if stored.shape[1] else None

    return estimates.read("b", convert, ndim=2)


def read_background_trace(estimates: Fields, context: AnalysisContext, footprints: Footprints | None) -> Trace | None:
    """Return the temporal background ``f`` as (frames, background components), unread; None if there is none."""
    count = 0 if footprints is None else len(footprints)

    def convert(node: Node) -> Trace | None:
        if not is_numeric(node) or node.ndim not in {1, 2} or node.dtype.kind == "b":
            message = f"is {describe(node)}, not a trace per background component"
            raise UnusableFieldError(message)
        assert isinstance(node, h5py.Dataset)  # noqa: S101 (for the type checker)
        check_is_stored(node)
        rows = DatasetRows(node, estimates.group.file_path, context.file_bytes)
        if rows.shape[0] == count == 0:
            return None
        if rows.shape[0] != count:
            state = "is left out" if estimates.is_omitted("b") else f"has {count}"
            message = f"covers {rows.shape[0]} background components, b {state}"
            raise UnusableFieldError(message)
        return Trace(of_frames(rows, context.num_frames, allow_passes=context.online is not None))

    return estimates.read("f", convert, ndim=2)


def find_ring_model(estimates: Fields) -> StoredMatrix | None:
    """Return the ring model ``W``, unread but checked; None if there is none."""
    return estimates.read("W", partial(StoredMatrix.checked, file_path=estimates.group.file_path), ndim=2)
