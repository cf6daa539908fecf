"""What a user should know of a conversion that is not an error."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from pynwb import NWBFile

from caiman_interface._compat.neuroconv import uses_first_listed_table
from caiman_interface.caiman_file import CaimanFileWarning, CaimanResults
from caiman_interface.metadata import renamed_containers, shadows_other_segmentation, value_at

from .movies import movie_mismatches

_AT_THE_CALLER = 4  # of `add_to_nwbfile`


def warn_of_file(results: CaimanResults) -> None:
    """Warn of what looks wrong in a CaImAn file, and of what is left out."""
    for warning in results.warnings:
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


def warn_of_movies(
    nwbfile: NWBFile,
    metadata: Mapping[str, Any],
    metadata_key: str,
    *,
    results: CaimanResults,
    rate: float | None,
    is_stub: bool,
) -> None:
    """Warn of a movie in the NWB file that does not match the traces."""
    plane_key = value_at(metadata, ("Ophys", "PlaneSegmentations", metadata_key, "imaging_plane_metadata_key"))
    plane_name = value_at(metadata, ("Ophys", "ImagingPlanes", plane_key or metadata_key, "name"))
    mismatches = movie_mismatches(
        nwbfile,
        plane_name=plane_name or "ImagingPlane",
        num_frames=None if is_stub else results.num_frames,
        rate=rate,
    )
    for mismatch in mismatches:
        warnings.warn(f"{results.file_path}: {mismatch}.", UserWarning, stacklevel=_AT_THE_CALLER)
