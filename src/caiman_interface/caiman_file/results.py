"""`CaimanResults`: one result file of CaImAn, opened lazily."""

from __future__ import annotations

import math
import os
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from .components import Components, find_footprints
from .encoding import describe, find, find_array, is_absent, require_group
from .errors import CaimanFileError
from .footprints import Footprints, check_frame_shape, matrix_shape, read_ring_model
from .parameters import CaimanParameters, read_text
from .traces import DatasetRows, FileBytes, Trace

Method = Literal["CNMF", "CNMF-E", "OnACID"]

_FRAME_SHAPE_PLACES = ("estimates/dims", "dims", "params/data/dims")
_FRAME_DIMENSIONS = (2, 3)


class CaimanResults:
    """A result file that CaImAn wrote with ``cnmf.save`` or ``OnACID.save``.

    Open it with `CaimanResults.open`; opening reads neither traces nor footprints.

    Attributes
    ----------
    file_path : Path
        The file.
    parameters : CaimanParameters
        What CaImAn was told.
    frame_shape : tuple of int
        (rows, columns), or (rows, columns, planes) for a volume.
    components : Components
        The components, with their footprints, traces, acceptance, metrics and fits.

    Examples
    --------
    >>> from caiman_interface import CaimanResults
    >>> with CaimanResults.open("tests/data/sim2p_full.hdf5") as results:
    ...     results.components.count, results.components.traces["denoised"][:2, [5, 7]].shape
    (13, (2, 2))
    """

    def __init__(self, file_path: Path, file: h5py.File) -> None:
        self.file_path = file_path
        self._file = file
        # Where the system has no positioned reads, h5py reads the traces.
        self._file_bytes = FileBytes(file_path) if hasattr(os, "preadv") else None
        remedy = 'Give the file that CaImAn\'s `cnmf.save("….hdf5")` wrote'
        self._estimates = require_group(file, "estimates", file_path=file_path, remedy=remedy)
        params = file.get("params")
        self.parameters = CaimanParameters.read(params if isinstance(params, h5py.Group) else None, file_path=file_path)
        self.frame_shape = self._read_frame_shape()
        self.components = self._components(self._estimates)

    @classmethod
    def open(cls, file_path: str | Path) -> CaimanResults:
        """Open a file for reading.

        Parameters
        ----------
        file_path : str or Path
            The file that CaImAn saved.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CaimanFileError
            If it is not what CaImAn writes.
        """
        path = Path(file_path)
        if not path.exists():
            message = f"There is no file '{path}'."
            raise FileNotFoundError(message)
        file = _open_hdf5(path)
        try:
            return cls(path, file)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file; views of traces that were not read can no longer be."""
        if self._file_bytes is not None:
            self._file_bytes.close()
        self._file.close()

    def __enter__(self) -> CaimanResults:  # noqa: PYI034 (Self is not in Python 3.10)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}('{self.file_path}', method={self.method}, frame_shape={self.frame_shape}, "
            f"components={self.components.count})"
        )

    @property
    def is_volumetric(self) -> bool:
        """Whether the frame is a volume."""
        return len(self.frame_shape) > _FRAME_DIMENSIONS[0]

    @cached_property
    def num_frames(self) -> int | None:
        """Number of frames, or None where the file holds no trace at all."""
        background = self.background_trace
        lengths = [self.components.num_frames, None if background is None else background.shape[0]]
        known = [length for length in lengths if length is not None]
        if len(set(known)) > 1:
            raise CaimanFileError(
                self.file_path,
                "the traces of components and of the background have different numbers of frames",
                place="estimates/f",
                found=f"{known[1]} frames in f and {known[0]} in the traces of the components",
                expected="the same number",
                remedy="Save the results again with CaImAn",
            )
        return known[0] if known else None

    @property
    def sampling_frequency(self) -> float | None:
        """Frames per second (CaImAn's ``fr``), or None where it is absent."""
        return self.parameters.data.fr

    @cached_property
    def caiman_version(self) -> str | None:
        """Release of CaImAn that made the file, or None (before about 1.6)."""
        return self.parameters.data.caiman_version

    @cached_property
    def method(self) -> Method:
        """The analysis: CNMF (two-photon batch), CNMF-E (one-photon) or OnACID (online)."""
        if "ind_new_all" in self._file or "time_neuron_added" in self._file or "t_online" in self._file:
            return "OnACID"
        return "CNMF-E" if self.is_one_photon else "CNMF"

    @cached_property
    def is_one_photon(self) -> bool:
        """Whether the analysis was set up for one-photon imaging (CNMF-E's centred kernel or ring model)."""
        init = self.parameters.init
        is_1p = self._file.get("is1p")
        online = isinstance(is_1p, h5py.Dataset) and not is_absent(is_1p) and bool(is_1p[()])
        return bool(init.center_psf) or init.method_init == "corr_pnr" or online

    @cached_property
    def discarded(self) -> Components | None:
        """The components that ``select_components`` removed and kept aside; None where there are none."""
        group = find(self._estimates, "discarded_components")
        if not isinstance(group, h5py.Group) or find(group, "A", ndim=2) is None:
            return None
        discarded = self._components(group)
        return discarded if discarded.count else None

    @cached_property
    def background_footprints(self) -> Footprints | None:
        """The spatial background ``b``; None where there is none."""
        node = find(self._estimates, "b", ndim=2)
        if node is None:
            return None
        pixels, count = matrix_shape(node, self.file_path)
        if pixels != math.prod(self.frame_shape):
            raise self._contradiction("estimates/b", f"{pixels} pixels", "pixels of the background")
        return Footprints(node, self.frame_shape, self.file_path) if count else None

    @cached_property
    def background_trace(self) -> Trace | None:
        """The temporal background ``f``, as (frames, background components); None where there is none."""
        dataset = find_array(self._estimates, "f", ndim=2, file_path=self.file_path)
        if dataset is None or dataset.shape[0] == 0:
            return None
        footprints = self.background_footprints
        if footprints is not None and len(footprints) != dataset.shape[0]:
            raise CaimanFileError(
                self.file_path,
                "the spatial and the temporal background have different numbers of components",
                place="estimates/f",
                found=f"{dataset.shape[0]} in f and {len(footprints)} in b",
                expected="the same number",
                remedy="Save the results again with CaImAn",
            )
        return Trace(DatasetRows(dataset, self._file_bytes))

    @cached_property
    def images(self) -> dict[str, NDArray[Any]]:
        """The images that stand in the file, each of the frame's shape (rows, columns[, planes]).

        ``correlation`` (Cn), ``mean`` (the sum of the spatial background b), ``noise`` (sn, the standard
        deviation of each pixel's noise) and ``baseline`` (b0, each pixel's constant of the one-photon model).
        """
        background = self.background_footprints
        images = {
            "correlation": self._frame_image("Cn"),
            "mean": None if background is None else background.total(),
            "noise": self._flat_image("sn"),
            "baseline": self._flat_image("b0"),
        }
        return {name: image for name, image in images.items() if image is not None}

    @cached_property
    def ring_model(self) -> Any:
        """The ring model W of CNMF-E as a scipy ``csr_array`` over the downsampled frame; None where absent."""
        node = find(self._estimates, "W", ndim=2)
        return None if node is None else read_ring_model(node, self.file_path)

    @cached_property
    def shifts(self) -> NDArray[np.float64] | None:
        """Motion-correction shifts, (frames, 2 or 3) in pixels, as OnACID records them; None where absent."""
        node = find_array(self._estimates, "shifts", ndim=2, file_path=self.file_path) if self._has_shifts() else None
        return None if node is None or node.size == 0 else np.asarray(node[()], dtype=np.float64)

    @cached_property
    def frame_added(self) -> NDArray[np.int64] | None:
        """For OnACID, the frame at which each component was found (0: in the first batch); None otherwise."""
        node = self._file.get("time_neuron_added")
        if not isinstance(node, h5py.Dataset) or node.shape != (self.components.count, 2):
            return None
        found = node[()].astype(np.int64)
        in_order = np.array_equal(found[:, 0], np.arange(self.components.count))
        return found[:, 1] if in_order else None

    @cached_property
    def memory_map(self) -> str | None:
        """The memory-mapped movie that CaImAn worked on, as it was given; None where absent."""
        return read_text(self._file.attrs.get("mmap_file", self._file.get("mmap_file")))

    def _has_shifts(self) -> bool:
        node = find(self._estimates, "shifts")
        return isinstance(node, h5py.Dataset) and node.ndim == 2  # noqa: PLR2004 (the empty list has one)

    def _components(self, group: h5py.Group) -> Components:
        return Components(group, frame_shape=self.frame_shape, file_path=self.file_path, file_bytes=self._file_bytes)

    def _read_frame_shape(self) -> tuple[int, ...]:
        """Find the frame shape among the places where CaImAn writes it, and check it against the footprints."""
        pixels, _ = matrix_shape(find_footprints(self._estimates, self.file_path), self.file_path)
        stated = {place: shape for place in _FRAME_SHAPE_PLACES if (shape := self._stated_shape(place)) is not None}
        fitting = {shape for shape in stated.values() if check_frame_shape(pixels, shape)}
        if len(fitting) == 1:
            return fitting.pop()
        raise CaimanFileError(
            self.file_path,
            "the shape of the frame is not clear",
            place=" or ".join(_FRAME_SHAPE_PLACES),
            found=", ".join(f"{place} = {shape}" for place, shape in stated.items()) or "none of these",
            expected=f"one shape (rows, columns[, planes]) that makes the {pixels} pixels of the footprints",
            remedy="Set `cnmf.dims` and `cnmf.estimates.dims` in CaImAn and save the results again",
        )

    def _stated_shape(self, place: str) -> tuple[int, ...] | None:
        node = self._file.get(place)
        if is_absent(node, ndim=1):
            return None
        if not isinstance(node, h5py.Dataset) or node.shape not in {(2,), (3,)} or node.dtype.kind not in "iuf":
            raise CaimanFileError(
                self.file_path,
                "this is no shape of a frame",
                place=place,
                found=describe(node),
                expected="two or three whole numbers (rows, columns[, planes])",
                remedy="Save the results again with CaImAn",
            )
        return tuple(int(length) for length in node[()])

    def _frame_image(self, name: str) -> NDArray[Any] | None:
        node = find_array(self._estimates, name, ndim=len(self.frame_shape), file_path=self.file_path)
        if node is None:
            return None
        if node.shape != self.frame_shape:
            raise self._contradiction(f"estimates/{name}", f"an image of shape {node.shape}", "image")
        return np.asarray(node[()])

    def _flat_image(self, name: str) -> NDArray[Any] | None:
        node = find_array(self._estimates, name, ndim=1, file_path=self.file_path)
        if node is None or node.size == 0:
            return None
        if not check_frame_shape(node.size, self.frame_shape):
            raise self._contradiction(f"estimates/{name}", f"{node.size} values", "image")
        return np.asarray(node[()].reshape(self.frame_shape, order="F"))

    def _contradiction(self, place: str, found: str, what: str) -> CaimanFileError:
        return CaimanFileError(
            self.file_path,
            f"the {what} and the frame have different sizes",
            place=place,
            found=found,
            expected=f"the frame's shape {self.frame_shape}, {math.prod(self.frame_shape)} pixels",
            remedy="Assign an image of the frame's shape in CaImAn, or None, and save the results again",
        )


def _open_hdf5(path: Path) -> h5py.File:
    """Open the file, or say why that is not possible."""
    if path.is_dir():
        raise CaimanFileError(
            path,
            "this is a folder",
            expected="the file that CaImAn saved",
            remedy="Give the path of the file",
        )
    try:
        return h5py.File(path, "r")
    except OSError as error:
        truncated = "truncated" in str(error)
        raise CaimanFileError(
            path,
            "the file is cut off" if truncated else "this is not an HDF5 file that can be read",
            found=str(error),
            expected="the HDF5 file that CaImAn saved",
            remedy="The copy is incomplete: copy the file again"
            if truncated
            else 'Give the file that CaImAn\'s `cnmf.save("….hdf5")` wrote',
        ) from error
