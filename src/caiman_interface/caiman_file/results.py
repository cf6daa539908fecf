"""`CaimanResults`: one result file of CaImAn, opened lazily."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .acceptance import contradictions
from .analysis import AnalysisContext, Method
from .background import find_ring_model, read_background_footprints, read_background_trace
from .completeness import missing_fields, read_warnings, record_missing_fields
from .components import Components, read_discarded, stored_footprints
from .display import html_table
from .encoding import Node
from .fields import Fields
from .footprints import Footprints
from .frame import VOLUME_DIMENSIONS, count_frames, find_frame_shape
from .groups import FileGroup, reading
from .images import ImageShapes, downsampled_shape, read_images, ring_model_frame, with_mean_image
from .matrices import StoredMatrix
from .motion import read_frame_added, read_shifts
from .named import NamedItems
from .omissions import Omission, OmissionLog, UnusableFieldError
from .opening import REMEDY_OTHER_FILE
from .parameters import CaimanParameters
from .result_file import ResultFile
from .storage import describe_storage
from .traces import Trace

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from .summary import FileSummary


class CaimanResults(ResultFile):
    """A result file that CaImAn wrote with ``cnmf.save`` or ``OnACID.save``.

    Each field of the file is read when it is first used, independently of the others. A field that cannot be used is
    left out and listed in `omissions`. Opening reads neither traces nor images, and only the pixel indices of
    footprints, to check them.

    Parameters
    ----------
    file_path : str or Path
        The file that CaImAn saved.

    Attributes
    ----------
    file_path : Path
        The file.
    parameters : CaimanParameters
        The parameters of the analysis.
    frame_shape : tuple of int
        (rows, columns), or (rows, columns, planes) for a volume.
    num_frames : int or None
        Number of frames, or None where the file has no trace at all.
    components : Components
        The components, with their footprints, traces, acceptance, metrics and fits.
    is_one_photon : bool
        Whether it was set up for one-photon imaging (CNMF-E's centred kernel, or OnACID's ring model).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CaimanFileError
        If it is not what CaImAn writes, or its footprints and frame shape contradict each other.

    Examples
    --------
    >>> from caiman_interface import CaimanResults
    >>> with CaimanResults("tests/data/sim2p_full.hdf5") as results:
    ...     results.components.count, results.components.traces["denoised"][:2, [5, 7]].shape
    (13, (2, 2))
    """

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}('{self.file_path}', method={self.method}, frame_shape={self.frame_shape}, "
            f"num_frames={self.num_frames}, components={self.components.count})"
        )

    def _repr_html_(self) -> str:
        return html_table(
            self.file_path.name,
            {
                "Analysis": self.method,
                "Frame shape": " × ".join(map(str, self.frame_shape)),
                "Frames": self.num_frames,
                "Rate (Hz)": self.sampling_frequency,
                "Components": self.components.count,
            },
        )

    @property
    def method(self) -> Method:
        """The analysis: ``CNMF`` (two-photon batch), ``CNMF-E`` (one-photon) or ``OnACID`` (online)."""
        return self._context.method

    @property
    def is_volumetric(self) -> bool:
        """Whether the frame is a volume."""
        return len(self.frame_shape) == VOLUME_DIMENSIONS

    @property
    def is_first_batch_only(self) -> bool:
        """Whether OnACID did not run to its end, so that the results are those of its first batch of frames."""
        return self._context.online is not None and not self._context.online.is_finished

    @property
    def sampling_frequency(self) -> float | None:
        """Frames per second (CaImAn's ``fr``), or None where the file does not specify it."""
        return self.parameters.data.fr

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """Size of a pixel of the footprints in micrometres: x (width), y (height)[, z]; None where not specified.

        It is CaImAn's ``dxy``, times ``ds_factor`` where the footprints are those of the frames that OnACID shrank.
        """
        return self._context.pixel_size(self.parameters.data.dxy)

    @property
    def shrunk_frame_shape(self) -> tuple[int, ...] | None:
        """The shape of the frames that OnACID worked on, where it shrank them (``ds_factor``); None otherwise."""
        return self._context.shrunk_shape

    @property
    def caiman_version(self) -> str | None:
        """Release of CaImAn that wrote the file, or None (before about 1.6)."""
        return self.parameters.data.caiman_version

    @property
    def frame_shape_places(self) -> tuple[str, ...]:
        """The fields of the file that contain the frame shape."""
        return self._frame.places

    @cached_property
    def omissions(self) -> tuple[Omission, ...]:
        """Every field of the file that is left out because it cannot be used, ordered by field."""
        self.components.read_all_fields()
        if self.discarded is not None:
            self.discarded.read_all_fields()
        _ = self.background_trace, self._stored_images, self._stored_ring_model, self.shifts, self.frame_added
        _ = self.settings
        record_missing_fields(self._estimates)
        return self._log.sorted()

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is suspicious about the values that are used, one sentence each; no trace is read."""
        footprints = {"estimates/A": self.components.footprints, "estimates/b": self.background_footprints}
        if self.discarded is not None:
            footprints["estimates/discarded_components/A"] = self.discarded.footprints
        contradicting = contradictions(self.components.acceptance, self.components.hand_picked)
        return tuple(read_warnings(self.missing_fields, self._frame, contradicting, footprints))

    @cached_property
    def missing_fields(self) -> tuple[str, ...]:
        """The fields of ``estimates`` that this file lacks because saving was interrupted."""
        return missing_fields(self._estimates)

    def summary(self) -> FileSummary:
        """Return what the file contains, as plain values.

        Returns
        -------
        FileSummary
            ``.model_dump(mode="json")`` gives a dictionary for JSON.
        """
        from .summary import describe_file

        return describe_file(self)

    @cached_property
    def discarded(self) -> Components | None:
        """The components that ``select_components`` removed and kept in the file; None if there are none.

        Also None if they cover frames that OnACID shrank (``ds_factor``): it enlarges only the other components.
        """
        return read_discarded(self._estimates, self._context)

    @cached_property
    def background_footprints(self) -> Footprints | None:
        """The spatial background ``b``; None if there is none."""
        return read_background_footprints(self._estimates, self._context)

    @cached_property
    def background_trace(self) -> Trace | None:
        """The temporal background ``f``, as (frames, background components); None if there is none."""
        return read_background_trace(self._estimates, self._context, self.background_footprints)

    @cached_property
    def images(self) -> NamedItems[NDArray[Any]]:
        """The images in the file, each of shape (rows, columns[, planes]).

        ``correlation`` (Cn) or, where its values exceed those of a correlation, ``peak_to_noise``; ``mean`` (the sum of
        the spatial background b); ``noise`` (sn, the standard deviation of each pixel's noise); ``baseline`` (b0, each
        pixel's constant of the one-photon model). Where OnACID shrank the movie (``ds_factor``), ``noise`` has the
        shape of the shrunk frame; where the one-photon model was initialised downsampled (``init.ssub``), ``baseline``
        has the shape of that frame.
        """
        return NamedItems(with_mean_image(self._stored_images, self.background_footprints), kind="images")

    @cached_property
    def ring_model(self) -> csr_array[Any] | None:
        """The ring model W of CNMF-E, over the pixels of the downsampled frame; None where absent.

        The background of a pixel (row) is the weighted sum of the pixels on a ring around it (columns).
        """
        return None if self._stored_ring_model is None else self._stored_ring_model.read().tocsr()

    @property
    def has_ring_model(self) -> bool:
        """Whether the file has a usable ring model; it is not read."""
        return self._stored_ring_model is not None

    @property
    def ring_model_frame_shape(self) -> tuple[int, ...] | None:
        """The shape of the downsampled frame of the ring model; None if there is none or it is ambiguous."""
        stored = self._stored_ring_model
        return None if stored is None else ring_model_frame(self.frame_shape, self.parameters.init, stored.shape[0])

    @cached_property
    def shifts(self) -> NDArray[np.float64] | None:
        """Rigid shifts of motion correction, (frames, 2 or 3) in pixels of the frame; None where absent.

        After several passes of OnACID over the movie, those of the last pass.
        """
        return read_shifts(self._estimates, self._context)

    @cached_property
    def frame_added(self) -> NDArray[np.int64] | None:
        """For OnACID, the frame at which each component was added (the first batch: its length); None otherwise."""
        return read_frame_added(self._root, self.components.count, stale=self.components.order_is_unreliable)

    @cached_property
    def memory_map(self) -> str | None:
        """The memory-mapped movie that CaImAn worked on, as stored; None where absent."""
        return None if (value := self._root.value("mmap_file")) is None else str(value)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The single values next to ``estimates`` and ``params``, by name: ``skip_refinement``, ``mmap_file``, …."""
        names = [name for name in self._root.names() if self._root.read(name, _is_single)]
        values = {name: self._root.value(name) for name in names}
        values = {name: value for name, value in values.items() if not self._root.is_omitted(name)}
        return values if self.memory_map is None else {**values, "mmap_file": self.memory_map}

    @cached_property
    def stored_as(self) -> dict[str, Any]:
        """How every value of the file is stored, see `describe_storage`."""
        with reading(self._file, self.file_path, ""):
            return describe_storage(self._file)

    def _read(self) -> None:
        """Read what everything else depends on."""
        self._log = OmissionLog()
        self._root = Fields(FileGroup(self._file, self.file_path), self._log)
        self._estimates = Fields(_find_estimates(self._root.group), self._log)
        stored = stored_footprints(self._estimates.group)
        self._frame = find_frame_shape(self._root, stored.shape[0])
        self.frame_shape = self._frame.shape
        self.num_frames = count_frames(self._estimates, stored.shape[1])
        self.parameters = CaimanParameters.read(self._root.subgroup("params"))
        self._context = AnalysisContext.read(
            self._root,
            self.parameters,
            frame_shape=self.frame_shape,
            num_frames=self.num_frames,
            file_bytes=self._file_bytes,
            count=stored.shape[1],
        )
        self.is_one_photon = self._context.is_one_photon
        self.components = Components(self._estimates, stored, self._context)

    @cached_property
    def _stored_images(self) -> dict[str, NDArray[Any]]:
        downsampled = downsampled_shape(self.frame_shape, self.parameters.init.ssub)
        return read_images(self._estimates, ImageShapes(self.frame_shape, self.shrunk_frame_shape, downsampled))

    @cached_property
    def _stored_ring_model(self) -> StoredMatrix | None:
        return find_ring_model(self._estimates)


def _is_single(node: Node) -> bool:
    return isinstance(node, h5py.Dataset) and node.shape == ()


def _find_estimates(root: FileGroup) -> FileGroup:
    """Return the group of the results.

    Raises
    ------
    CaimanFileError
        If there is none.
    """
    problem, found = "there are no results of CaImAn", ", ".join(root.names()[:12]) or "nothing"
    try:
        estimates = root.subgroup("estimates")
        if estimates is not None:
            return estimates
        nwb_version = root.text("nwb_version")
        if nwb_version is not None:
            problem, found = "this is already an NWB file, not what CaImAn saved", f"NWB {nwb_version}"
    except UnusableFieldError as error:
        found = f"'estimates' {error}"
    raise root.error(
        problem, found=found, expected="a group 'estimates', as CaImAn's `save` writes", remedy=REMEDY_OTHER_FILE
    )
