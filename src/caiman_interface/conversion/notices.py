"""What a user should know of a conversion that is not an error."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynwb import NWBFile

from caiman_interface._compat.neuroconv import uses_first_listed_table
from caiman_interface.caiman_file import CaimanFileWarning, CaimanResults
from caiman_interface.metadata import renamed_containers, shadows_other_segmentation, value_at

from .movies import movie_mismatches

_AT_THE_CALLER = 4  # of `add_to_nwbfile`


def warn_of_file(results: CaimanResults, more: Sequence[str] = ()) -> None:
    """Warn of what looks wrong in a CaImAn file, of what is left out, and of `more`."""
    for warning in (*results.warnings, *more):
        warnings.warn(f"{results.file_path}: {warning}", CaimanFileWarning, stacklevel=_AT_THE_CALLER)
    if results.omissions:
        left_out = "; ".join(f"{omission.field} ({omission.reason})" for omission in results.omissions)
        warnings.warn(f"{results.file_path}: left out: {left_out}", CaimanFileWarning, stacklevel=_AT_THE_CALLER)


def warn_of_lists(metadata: Mapping[str, Any], file_metadata: Mapping[str, Any]) -> None:
    """Warn of what NeuroConv and this package cannot do with list-based metadata."""
    for container, name in renamed_containers(metadata).items():
        warnings.warn(
            f"metadata['Ophys']['{container}']['name'] is '{name}', but the container in the NWB file is called "
            f"'{container}': only list-based metadata has names of containers.",
            UserWarning,
            stacklevel=_AT_THE_CALLER,
        )
    if uses_first_listed_table() and shadows_other_segmentation(metadata, file_metadata):
        warnings.warn(
            "NeuroConv assigns the first table of ROIs in list-based metadata to every other segmentation interface, "
            "and the first is CaImAn's: the other's ROIs would be lost, or refused. Put the CaImAn interface after the "
            "other one in the converter, or use dictionary-based metadata, get_metadata(use_new_metadata_format=True).",
            UserWarning,
            stacklevel=_AT_THE_CALLER,
        )


class MovieComparison:
    """Compares the traces with the movie in an NWB file, which another interface may add before or after them.

    Parameters
    ----------
    metadata : mapping
        Dictionary-based metadata.
    metadata_key : str
        The key of the analysis.
    results : CaimanResults
        The analysis.
    rate : float or None
        Rate of the traces, as they are written.
    is_stub : bool
        Whether only some frames are written, so that their number is not compared.
    """

    def __init__(
        self,
        metadata: Mapping[str, Any],
        metadata_key: str,
        *,
        results: CaimanResults,
        rate: float | None,
        is_stub: bool,
    ) -> None:
        plane_key = value_at(metadata, ("Ophys", "PlaneSegmentations", metadata_key, "imaging_plane_metadata_key"))
        plane_name = value_at(metadata, ("Ophys", "ImagingPlanes", plane_key or metadata_key, "name"))
        self._plane_name: str = plane_name or "ImagingPlane"
        self._num_frames = None if is_stub else results.num_frames
        self._rate = rate
        self._file_path = results.file_path
        self._known: set[str] = set()

    def warn(self, nwbfile: NWBFile) -> None:
        """Warn of what does not match, each once."""
        for mismatch in movie_mismatches(
            nwbfile, plane_name=self._plane_name, num_frames=self._num_frames, rate=self._rate
        ):
            if mismatch not in self._known:
                self._known.add(mismatch)
                warnings.warn(f"{self._file_path}: {mismatch}.", UserWarning, stacklevel=_AT_THE_CALLER - 1)

    def later(self, nwbfile: NWBFile) -> Callable[[], None]:
        """Return a function that warns of an NWB file, without keeping it alive."""
        reference = weakref.ref(nwbfile)

        def warn() -> None:
            found = reference()
            if found is not None:
                self.warn(found)

        return warn
