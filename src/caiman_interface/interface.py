"""`CaimanSegmentationInterface`: CaImAn results as a NeuroConv data interface."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroconv.datainterfaces.ophys.basesegmentationextractorinterface import BaseSegmentationExtractorInterface
from neuroconv.utils import DeepDict, fill_defaults
from pynwb import NWBFile

from ._compat.neuroconv import uses_dict_metadata, uses_first_listed_table
from .extractor import CaimanSegmentationExtractor
from .metadata import (
    DEFAULT_METADATA_KEY,
    CaimanConversionOptions,
    CaimanSourceData,
    checked_metadata,
    metadata_of,
    ophys_metadata_schema,
    renamed_containers,
    shadows_other_segmentation,
    to_dictionaries,
    to_lists,
)
from .metadata.blocks import uses_lists
from .metadata.list_schema import list_metadata_schema
from .metadata.schema import mergeable_schema
from .nwb.content import Selection, add_results
from .nwb.responses import Timing
from .nwb.segmentation import Column
from .writer.file import FastWriteMixin


class CaimanSegmentationInterface(FastWriteMixin, BaseSegmentationExtractorInterface):  # type: ignore[misc]
    """The results of a CaImAn analysis of any kind: two-photon, one-photon, online, volumetric.

    It stands in for NeuroConv's own class of this name: same arguments, same options, same names in the NWB file.

    Parameters
    ----------
    file_path : FilePath
        The HDF5 file that CaImAn saved with ``cnmf.save(...)`` or ``OnACID.save(...)``.
    verbose : bool, default: False
        Whether to print progress.
    metadata_key : str, optional
        The key under which ``metadata["Ophys"]`` describes this file, by default "caiman_segmentation". Give each
        of several CaImAn files in one NWB file its own; the names in the NWB file are derived from it.

    Raises
    ------
    pydantic.ValidationError
        If an argument is wrong, such as a folder in place of the file.
    CaimanFileError
        If the file is not what CaImAn writes.

    Examples
    --------
    >>> from caiman_interface import CaimanSegmentationInterface
    >>> interface = CaimanSegmentationInterface(file_path="tests/data/sim2p_full.hdf5")
    >>> interface.get_metadata()["Ophys"]["ImagingPlanes"]["caiman_segmentation"]["imaging_rate"]
    15.49
    """

    display_name = "CaImAn Segmentation"
    associated_suffixes = (".hdf5", ".h5")
    info = "Components, traces, background, quality metrics and parameters that CaImAn saved."

    def __init__(self, file_path: str | Path, *, verbose: bool = False, metadata_key: str | None = None) -> None:
        # Validated here too, since not every caller goes through the JSON schema.
        source = {"file_path": file_path, "verbose": verbose, "metadata_key": metadata_key}
        CaimanSourceData.model_validate(source)
        super().__init__(file_path=file_path, verbose=verbose)
        self.metadata_key = metadata_key or DEFAULT_METADATA_KEY

    @classmethod
    def get_extractor_class(cls) -> type[CaimanSegmentationExtractor]:
        """Return the class that reads the file."""
        return CaimanSegmentationExtractor

    @classmethod
    def get_source_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the constructor's arguments."""
        # The forms of NWB GUIDE, whose NeuroConv speaks lists, show no field that may be null.
        return CaimanSourceData.model_json_schema() if uses_dict_metadata() else mergeable_schema(CaimanSourceData)

    def get_conversion_options_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the options of `add_to_nwbfile` and `run_conversion`."""
        return CaimanConversionOptions.model_json_schema()

    # Metadata

    @property
    def file_metadata(self) -> dict[str, Any]:
        """What the CaImAn file specifies: dictionary-based metadata with the one block ``Ophys``."""
        return {"Ophys": metadata_of(self.segmentation_extractor.results, self.metadata_key)}

    def get_metadata(self, *, use_new_metadata_format: bool | None = None) -> DeepDict:
        """Return what the file states: imaging rate, grid spacing, and the names and descriptions of its content.

        Parameters
        ----------
        use_new_metadata_format : bool, optional
            Whether to give dictionaries (True) or the older lists (False); by default what the installed NeuroConv
            gives.
        """
        dictionaries = uses_dict_metadata() if use_new_metadata_format is None else use_new_metadata_format
        metadata = self._parent_metadata()
        metadata.deep_update(self.file_metadata if dictionaries else self._stated_in_lists())
        return metadata

    def _parent_metadata(self) -> DeepDict:
        """Return the host's metadata, less its list-based placeholders for ophys: they describe no CaImAn file."""
        metadata = super().get_metadata()
        if uses_lists(metadata):
            del metadata["Ophys"]
        return metadata

    def _stated_in_lists(self) -> dict[str, Any]:
        return to_lists(self.file_metadata)

    def get_metadata_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the metadata; each field says what it wants and in which unit."""
        schema: dict[str, Any] = super().get_metadata_schema()
        if not uses_dict_metadata():
            tables = [entry["name"] for entry in self.file_metadata["Ophys"]["PlaneSegmentations"].values()]
            schema["properties"]["Ophys"] = list_metadata_schema(tables)
            schema["required"] = ["NWBFile"]  # NeuroConv's own demands lists
            fill_defaults(schema, self.get_metadata())
            return schema
        properties, definitions = ophys_metadata_schema()
        ophys = schema["properties"]["Ophys"]
        ophys["properties"] = {**ophys["properties"], **properties}
        ophys["definitions"] = {**ophys.get("definitions", {}), **definitions}
        return schema

    def validate_metadata(self, metadata: dict[str, Any], append_mode: bool = False) -> None:
        """Check the metadata.

        Raises
        ------
        pydantic.ValidationError
            If an entry of this interface is wrong; the message has its path and what was expected.
        """
        self._dictionaries(metadata)
        super().validate_metadata(metadata=metadata, append_mode=append_mode)

    def _dictionaries(self, metadata: Mapping[str, Any], segmentation_name: str | None = None) -> dict[str, Any]:
        """Return checked, dictionary-based metadata, with the entries of this interface under its keys."""
        own = self.file_metadata
        translated = to_dictionaries(metadata, own, segmentation_name=segmentation_name)
        return checked_metadata(translated, own["Ophys"]["PlaneSegmentations"])

    # Conversion

    def add_to_nwbfile(
        self, nwbfile: NWBFile, metadata: dict[str, Any] | None = None, **conversion_options: Any
    ) -> None:
        """Add the analysis to an NWB file.

        Parameters
        ----------
        nwbfile : pynwb.NWBFile
            The file, in memory or open for appending.
        metadata : dict, optional
            Metadata in either of NeuroConv's formats; by default what the file states.
        **conversion_options
            The fields of `caiman_interface.schemas.CaimanConversionOptions`.

        Raises
        ------
        pydantic.ValidationError
            If an option or an entry of the metadata is wrong.
        ValueError
            If something of a name that is to be written stands in the file.
        """
        options = CaimanConversionOptions.model_validate(conversion_options)
        if metadata is None:
            metadata = self.get_metadata()
        _warn_of_container_names(metadata)
        if uses_first_listed_table() and shadows_other_segmentation(metadata, self.file_metadata):
            _warn_of_the_first_table()
        translated = self._dictionaries(metadata, options.plane_segmentation_name)
        if options.plane_segmentation_name is not None:
            translated = _with_name(translated, self.metadata_key, options.plane_segmentation_name)
        add_results(
            nwbfile,
            self.segmentation_extractor.results,
            metadata=translated,
            metadata_key=self.metadata_key,
            selection=self._selection(options),
        )

    def _selection(self, options: CaimanConversionOptions) -> Selection:
        """Translate the options to what is written."""
        everything = self.segmentation_extractor
        extractor = _chosen(everything, options)
        frames = extractor.get_num_samples()
        if options.stub_test and frames:
            extractor = extractor.slice_samples(0, min(options.num_stub_samples, frames))
        lists_background = len(extractor.background_components) > 0
        filtered = options.accepted_only or options.roi_ids_to_add is not None
        return Selection(
            components=extractor.components,
            background=extractor.background_components if lists_background else everything.background_components,
            frames=extractor.frames,
            timing=_timing(extractor),
            mask_type=options.mask_type,
            columns=_own_columns(extractor),
            iterator_options=options.iterator_options or {},
            is_accepted=options.include_roi_acceptance is not False,
            centroids=options.include_roi_centroids,
            with_background=options.include_background_segmentation,
            with_discarded=options.include_discarded_components and not filtered,
            with_ring_model=options.include_ring_model,
        )


def _warn_of_container_names(metadata: Mapping[str, Any]) -> None:
    for container, name in renamed_containers(metadata).items():
        warnings.warn(
            f"metadata['Ophys']['{container}']['name'] is '{name}', but the container in the NWB file is called "
            f"'{container}': names for containers are a thing of list-based metadata alone.",
            UserWarning,
            stacklevel=3,
        )


def _warn_of_the_first_table() -> None:
    warnings.warn(
        "NeuroConv takes the first table of ROIs in list-based metadata for that of each other segmentation interface, "
        "and the first is CaImAn's: the other's ROIs would be lost, or refused. Put the CaImAn interface after the "
        "other one in the converter, or use dictionary-based metadata, get_metadata(use_new_metadata_format=True).",
        UserWarning,
        stacklevel=3,
    )


def _chosen(extractor: CaimanSegmentationExtractor, options: CaimanConversionOptions) -> CaimanSegmentationExtractor:
    """Return a view of the ROIs that the options choose."""
    if options.roi_ids_to_add is not None:
        extractor = extractor.select_rois(options.roi_ids_to_add)
    return extractor.select_accepted() if options.accepted_only else extractor


def _timing(extractor: CaimanSegmentationExtractor) -> Timing:
    """Say when the frames were taken: by the file's rate, unless times were set."""
    if not extractor.frames:  # no trace, whose frames would have times
        return Timing()
    rate = extractor.get_sampling_frequency()
    if not extractor.has_time_vector() and rate is not None:
        return Timing(rate=rate, starting_time=extractor.frames.start / rate)
    return Timing.of(extractor.get_timestamps(), rate)


def _own_columns(extractor: CaimanSegmentationExtractor) -> dict[str, Column]:
    """Return the properties that the user set, as columns."""
    keys = [key for key in extractor.get_property_keys() if key in extractor.user_properties]  # in a lasting order
    infos = {key: extractor.get_property_info(key) for key in keys}
    return {
        key: Column(info.data, info.description or f"Property '{key}', set before conversion.")
        for key, info in infos.items()
    }


def _with_name(metadata: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """Return the metadata with another name for the table of ROIs of that key."""
    ophys = metadata.get("Ophys") or {}
    segmentations = ophys.get("PlaneSegmentations") or {}
    entry = {**(segmentations.get(key) or {}), "name": name}
    return {**metadata, "Ophys": {**ophys, "PlaneSegmentations": {**segmentations, key: entry}}}
