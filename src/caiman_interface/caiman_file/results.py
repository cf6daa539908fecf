"""`CaimanResults`: one result file of CaImAn, opened lazily."""

from __future__ import annotations

import math
import os
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from .components import Components, stored_footprints
from .encoding import FileGroup, describe, is_numeric, read, read_value, reading
from .errors import CaimanFileError
from .footprints import Footprints
from .matrices import StoredMatrix
from .omissions import Omission
from .parameters import CaimanParameters
from .storage import describe_storage
from .traces import DatasetRows, FileBytes, Trace

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Method = Literal["CNMF", "CNMF-E", "OnACID"]

_FRAME_SHAPE_PLACES = ("estimates/dims", "dims", "params/data/dims")
_VOLUME_DIMENSIONS = 3

# What only online analysis saves.
_ONLINE_MEMBERS = ("ind_new_all", "time_neuron_added", "t_online")

# CaImAn's images in `estimates`; the mean image is made from the background.
_IMAGES = ("Cn", "sn", "b0")

_REMEDY_OTHER_FILE = 'Give the file that CaImAn\'s `cnmf.save("….hdf5")` wrote'

# What HDF5 says when it does not open a file: the problem and its remedy.
_REFUSALS = {
    "truncated": ("the file is cut off", "The copy is incomplete: copy the file again"),
    "Permission denied": ("the file may not be read", "Ask its owner for the right to read it"),
    "unable to lock": ("the file is in use", "Close it in the program that writes to it"),
}


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
    method : {"CNMF", "CNMF-E", "OnACID"}
        The analysis: two-photon batch, one-photon, or online.
    is_one_photon : bool
        Whether it was set up for one-photon imaging (CNMF-E's centred kernel, or OnACID's ring model).

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
        self._file_bytes: FileBytes | None = None
        try:
            if hasattr(os, "preadv"):  # else h5py reads the traces
                self._file_bytes = FileBytes(file_path)
            self._root = FileGroup(file, file_path)
            self._estimates = self._find_estimates()
            self.parameters = CaimanParameters.read(self._root.subgroup("params"))
            self.frame_shape = self._read_frame_shape()
            self.components = self._components(self._estimates)
            self.is_one_photon = self._read_is_one_photon()
            self.method: Method = self._read_method()
            self._check()
        except BaseException:
            self.close()
            raise

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
        return cls(path, _open_hdf5(path))

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
        return len(self.frame_shape) == _VOLUME_DIMENSIONS

    @cached_property
    def num_frames(self) -> int | None:
        """Number of frames, or None where the file holds no trace at all."""
        background = self.background_trace
        frames = self.components.num_frames
        if background is None or frames == background.shape[0]:
            return frames
        if frames is None:
            return background.shape[0]
        raise self._estimates.error(
            "the traces of components and of the background have different numbers of frames",
            "f",
            found=f"{background.shape[0]} frames in f and {frames} in the traces of the components",
            expected="the same number",
            remedy="Save the results again with CaImAn",
        )

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """Every field of the file that is left out because it cannot be used."""
        return ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is suspicious about the values that are used."""
        return ()

    @property
    def sampling_frequency(self) -> float | None:
        """Frames per second (CaImAn's ``fr``), or None where it is absent."""
        return self.parameters.data.fr

    @property
    def caiman_version(self) -> str | None:
        """Release of CaImAn that made the file, or None (before about 1.6)."""
        return self.parameters.data.caiman_version

    @cached_property
    def discarded(self) -> Components | None:
        """The components that ``select_components`` removed and kept aside; None where there are none.

        None, too, where they are of a movie that OnACID shrank (``ds_factor``): it enlarges only the others.

        Raises
        ------
        CaimanFileError
            If they do not fit the frame.
        """
        group = self._estimates.subgroup("discarded_components")
        if group is None or group.find("A", ndim=2) is None:
            return None
        pixels, count = stored_footprints(group).shape
        if count == 0 or (self._shrunk_shape is not None and pixels == math.prod(self._shrunk_shape)):
            return None
        return self._components(group, set_aside=True)

    @cached_property
    def background_footprints(self) -> Footprints | None:
        """The spatial background ``b``; None where there is none."""
        stored = self._stored_background()
        return Footprints(stored, self.frame_shape) if stored is not None and stored.shape[1] else None

    @cached_property
    def background_trace(self) -> Trace | None:
        """The temporal background ``f``, as (frames, background components); None where there is none."""
        dataset = self._estimates.array("f", ndim=2)
        if dataset is None:
            return None
        stored = self._stored_background()
        if stored is not None and stored.shape[1] != dataset.shape[0]:
            raise self._estimates.error(
                "the spatial and the temporal background have different numbers of components",
                "f",
                found=f"{dataset.shape[0]} in f and {stored.shape[1]} in b",
                expected="the same number",
                remedy="Save the results again with CaImAn",
            )
        return Trace(DatasetRows(dataset, self.file_path, self._file_bytes)) if dataset.shape[0] else None

    @cached_property
    def images(self) -> dict[str, NDArray[Any]]:
        """The images that stand in the file, each of the frame's shape (rows, columns[, planes]).

        ``correlation`` (Cn), ``mean`` (the sum of the spatial background b), ``noise`` (sn, the standard
        deviation of each pixel's noise) and ``baseline`` (b0, each pixel's constant of the one-photon model).
        Where OnACID shrank the movie (``ds_factor``), ``noise`` is of the shrunk frame's shape.
        """
        background = self.background_footprints
        images = {
            "correlation": self._image("Cn"),
            "mean": None if background is None else background.total(),
            "noise": self._image("sn"),
            "baseline": self._image("b0"),
        }
        return {name: image for name, image in images.items() if image is not None}

    @cached_property
    def ring_model(self) -> csr_array[Any] | None:
        """The ring model W of CNMF-E, over the pixels of the downsampled frame; None where absent.

        The background of a pixel (row) is the weighted sum of the pixels on a ring around it (columns).
        """
        node = self._estimates.find("W", ndim=2)
        return None if node is None else StoredMatrix(node, self.file_path).read().tocsr()

    @cached_property
    def shifts(self) -> NDArray[np.float64] | None:
        """Rigid motion-correction shifts, (frames, 2 or 3) in pixels, as OnACID records them; None where absent."""
        node = self._estimates.find("shifts", ndim=2)
        if node is None or not is_numeric(node) or node.shape[1:] not in {(2,), (3,)} or node.size == 0:
            return None
        return np.asarray(read(node, self.file_path), dtype=np.float64)

    @cached_property
    def frame_added(self) -> NDArray[np.int64] | None:
        """For OnACID, the frame at which each component was added (the first batch: its length); None otherwise."""
        node = self._root.find("time_neuron_added", ndim=2)
        if not isinstance(node, h5py.Dataset) or node.shape != (self.components.count, 2) or node.dtype.kind != "i":
            return None
        number, frame = read(node, self.file_path).astype(np.int64).T
        return frame if np.array_equal(number, np.arange(len(number))) else None

    @cached_property
    def memory_map(self) -> str | None:
        """The memory-mapped movie that CaImAn worked on, as it was given; None where absent."""
        return self._root.text("mmap_file")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The single values beside ``estimates`` and ``params``, by name: ``skip_refinement``, ``mmap_file``, …."""
        nodes = {name: self._root.find(name) for name in self._root.names()}
        values = {
            name: read_value(node)
            for name, node in nodes.items()
            if isinstance(node, h5py.Dataset) and node.shape == ()
        }
        return values if self.memory_map is None else {**values, "mmap_file": self.memory_map}

    @cached_property
    def stored_as(self) -> dict[str, Any]:
        """How every value of the file is stored, see `describe_storage`."""
        with reading(self._file, self.file_path, ""):
            return describe_storage(self._file)

    def _check(self) -> None:
        """Compare the shapes of what stands in the file, without reading it, so that a bad file fails at once."""
        _ = self.num_frames, self.background_footprints, self.components.acceptance
        for name in _IMAGES:
            self._find_image(name)

    def _find_estimates(self) -> FileGroup:
        estimates = self._root.subgroup("estimates")
        if estimates is None:
            nwb_version = self._root.text("nwb_version")
            problem, found = "there are no results of CaImAn", ", ".join(self._root.names()[:12]) or "nothing"
            if nwb_version is not None:
                problem, found = "this is an NWB file already, not what CaImAn saved", f"NWB {nwb_version}"
            raise self._root.error(
                problem,
                found=found,
                expected="a group 'estimates', as CaImAn's `save` writes",
                remedy=_REMEDY_OTHER_FILE,
            )
        return estimates

    def _read_is_one_photon(self) -> bool:
        init = self.parameters.init
        online = self._root.find("is1p")
        is_1p = online is not None and is_numeric(online) and online.shape == () and bool(read(online, self.file_path))
        return bool(init.center_psf) or init.method_init == "corr_pnr" or is_1p

    def _read_method(self) -> Method:
        if any(self._root.find(name) is not None for name in _ONLINE_MEMBERS):
            return "OnACID"
        return "CNMF-E" if self.is_one_photon else "CNMF"

    def _components(self, group: FileGroup, *, set_aside: bool = False) -> Components:
        return Components(group, frame_shape=self.frame_shape, file_bytes=self._file_bytes, set_aside=set_aside)

    def _stored_background(self) -> StoredMatrix | None:
        node = self._estimates.find("b", ndim=2)
        return None if node is None else StoredMatrix(node, self.file_path)

    def _read_frame_shape(self) -> tuple[int, ...]:
        """Find the frame shape among the places where CaImAn writes it, and check it against the footprints."""
        pixels, _ = stored_footprints(self._estimates).shape
        stated = {place: shape for place in _FRAME_SHAPE_PLACES if (shape := self._stated_shape(place)) is not None}
        fitting = {shape for shape in stated.values() if math.prod(shape) == pixels}
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
        node = self._root.find(place, ndim=1)
        if node is None:
            return None
        lengths = read(node, self.file_path) if is_numeric(node) and node.shape in {(2,), (3,)} else None
        if lengths is None or not all(length >= 1 and float(length).is_integer() for length in lengths):
            raise self._root.error(
                "this is no shape of a frame",
                place,
                found=describe(node) if lengths is None else str(lengths),
                expected="two or three whole numbers (rows, columns[, planes])",
                remedy="Save the results again with CaImAn",
            )
        return tuple(int(length) for length in lengths)

    def _find_image(self, name: str) -> h5py.Dataset | None:
        """Find an image, which is of an image's shape or, flattened in Fortran order, as long as that has pixels."""
        node = self._estimates.find(name, ndim=1)
        if node is None or (isinstance(node, h5py.Dataset) and node.size == 0):
            return None
        # CaImAn's `manual_merge` takes sn for a list of components and keeps so many of its pixels: no image is left.
        if name == "sn" and isinstance(node, h5py.Dataset) and node.shape == (self.components.count,):
            return None
        if not is_numeric(node) or self._image_shape(node) is None:
            raise self._estimates.error(
                "the image and the frame have different sizes",
                name,
                found=describe(node),
                expected=f"the frame's shape {self.frame_shape}, or {math.prod(self.frame_shape)} pixels",
                remedy="Assign an image of the frame's shape in CaImAn, or None, and save the results again",
            )
        return node

    def _image_shape(self, node: h5py.Dataset) -> tuple[int, ...] | None:
        """Tell the shape of the image that a dataset holds, flat or not; None where it is no image of the frame."""
        for shape in (self.frame_shape, self._shrunk_shape):
            if shape is not None and node.shape in {shape, (math.prod(shape),), (math.prod(shape), 1)}:
                return shape
        return None

    @cached_property
    def _shrunk_shape(self) -> tuple[int, ...] | None:
        """The shape of the frames that OnACID worked on where it shrank them (``ds_factor``); None elsewhere.

        When OnACID is done it enlarges the footprints, the background and b0 (which it leaves as a column), but
        nothing else. Its ``img_norm``, by which it divides the frames, has their shape.
        """
        node = self._root.find("img_norm", ndim=2)
        return node.shape if isinstance(node, h5py.Dataset) and node.shape != self.frame_shape else None

    def _image(self, name: str) -> NDArray[Any] | None:
        node = self._find_image(name)
        if node is None:
            return None
        return np.asarray(read(node, self.file_path).reshape(self._image_shape(node), order="F"))


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
        found = str(error)
        problem, remedy = next(
            (known for sign, known in _REFUSALS.items() if sign in found),
            ("this is not an HDF5 file that can be read", _REMEDY_OTHER_FILE),
        )
        raise CaimanFileError(
            path, problem, found=found, expected="the HDF5 file that CaImAn saved", remedy=remedy
        ) from error
