"""`CaimanSegmentationInterface`: CaImAn results as a NeuroConv data interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from neuroconv.datainterfaces.ophys.basesegmentationextractorinterface import BaseSegmentationExtractorInterface
from neuroconv.utils import DeepDict
from numpy.typing import NDArray
from pynwb import NWBFile

from .caiman_file import CaimanFileError
from .caiman_file.display import html_table
from .conversion.notices import MovieComparison, warn_of_file, warn_of_lists
from .conversion.planning import ending_of, plan_of, sampling_frequency_of
from .conversion.representation import summary
from .conversion.summary_images import SummaryImages
from .conversion.timestamps import find_timestamps, read_timestamps
from .extractor import CaimanSegmentationExtractor
from .metadata import (
    DEFAULT_METADATA_KEY,
    CaimanConversionOptions,
    CaimanSourceData,
    checked_metadata,
    metadata_of,
    to_dictionaries,
    with_imaging_rate,
    with_new_names,
)
from .metadata.formats import full_metadata_schema, in_format, source_schema
from .nwb.content import add_results
from .writer.file import FastWriteMixin
from .writer.marks import mark_for_fast_write


class CaimanSegmentationInterface(FastWriteMixin, BaseSegmentationExtractorInterface):  # type: ignore[misc]
    """The results of a CaImAn analysis of any kind: two-photon, one-photon, online, volumetric.

    It replaces NeuroConv's own class of this name: same arguments, same options, same names in the NWB file.

    Parameters
    ----------
    file_path : FilePath
        The HDF5 file that CaImAn saved with ``cnmf.save(...)`` or ``OnACID.save(...)``.
    verbose : bool, default: False
        Whether to print progress.
    metadata_key : str, optional
        The key under which ``metadata["Ophys"]`` describes this file, by default "caiman_segmentation". Give each
        of several CaImAn files in one NWB file its own; the names in the NWB file are derived from it.
    sampling_frequency : float, optional
        Frames per second, for a file without a rate or with a wrong one; by default the file's own.
    timestamps_path : str or Path, optional
        File with the time of each frame in seconds, in place of a rate: ``.npy``, ``.csv`` or ``.txt`` with one time
        per line, or ``file.h5::dataset``. A relative path is looked up from the current folder, then from the folder
        of the CaImAn file and its parents.
    summary_images : mapping of str to path, optional
        Images of the movie that the CaImAn file does not contain: ``.npy`` files by kind (``mean``, ``max``,
        ``correlation``), with paths as above. One of another shape than the frame is left out with a warning.

    Raises
    ------
    pydantic.ValidationError
        If an argument is wrong, such as a folder in place of the file.
    CaimanFileError
        If the file was not written by CaImAn.
    TimestampsError, SummaryImageError
        If `timestamps_path` does not contain a usable time for each frame, or a summary image cannot be read.

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

    def __init__(
        self,
        file_path: str | Path,
        *,
        verbose: bool = False,
        metadata_key: str | None = None,
        sampling_frequency: float | None = None,
        timestamps_path: str | Path | None = None,
        summary_images: Mapping[str, str | Path] | None = None,
    ) -> None:
        # Validated here too, since not every caller validates with the JSON schema.
        source = CaimanSourceData.of(
            file_path=file_path,
            verbose=verbose,
            metadata_key=metadata_key,
            sampling_frequency=sampling_frequency,
            timestamps_path=timestamps_path,
            summary_images=summary_images,
        )
        super().__init__(file_path=file_path, verbose=verbose)
        self.metadata_key = metadata_key or DEFAULT_METADATA_KEY
        self._has_warned = False
        self._is_sampling_given = bool(source.sampling_frequency or source.timestamps_path)
        extractor = self.segmentation_extractor
        if source.sampling_frequency is not None:
            extractor.base_rate = source.sampling_frequency
        self.summary_images = SummaryImages.read(source.summary_images or {}, extractor.results)
        self._given_times: NDArray[np.float64] | None = None
        if source.timestamps_path:
            path = find_timestamps(source.timestamps_path, file_path)
            self._given_times = read_timestamps(path, num_frames=extractor.results.num_frames)
            extractor.set_times(self._given_times)

    def __reduce__(self) -> tuple[Any, ...]:
        extractor = self.segmentation_extractor
        rate, images = extractor.get_sampling_frequency(), self.summary_images.paths
        state = (self.verbose, self.metadata_key, rate, self._is_sampling_given, images)
        properties = {key: extractor.get_property_info(key) for key in extractor.user_properties}
        return _reopened, (type(self), str(extractor.file_path), state, extractor.base_times, properties)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'; '.join(self._summary().values())})"

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, self._summary())

    def _summary(self) -> dict[str, str]:
        return summary(self.segmentation_extractor, self.metadata_key, self.sampling_frequency)

    # Time

    @property
    def sampling_frequency(self) -> float | None:
        """Frames per second, from the timestamps, the argument or the file; None if none of them has a rate."""
        return sampling_frequency_of(self.segmentation_extractor)

    def get_original_timestamps(self) -> NDArray[np.float64]:
        """Return the times before any alignment: those of `timestamps_path`, or frame number over rate."""
        if self._given_times is not None:
            return np.array(self._given_times)
        self.check_sampling(has_times=False)
        rate = float(self.segmentation_extractor.get_sampling_frequency())
        times: NDArray[np.float64] = np.arange(self.segmentation_extractor.get_num_samples()) / rate
        return times

    def check_sampling(self, *, has_times: bool = True) -> None:
        """Check that each frame has a time.

        Parameters
        ----------
        has_times : bool, default: True
            Whether times that were set are sufficient.

        Raises
        ------
        CaimanFileError
            If the file has traces, but no rate, and neither a rate nor times were given.
        """
        extractor = self.segmentation_extractor
        if not extractor.frames or (has_times and extractor.has_time_vector()):
            return
        if extractor.get_sampling_frequency() is None:
            raise CaimanFileError(
                extractor.file_path,
                "there is no imaging rate",
                place="params/data/fr",
                remedy="Give sampling_frequency, in frames per second, or timestamps_path to the interface",
            )

    # Schemas and metadata

    @classmethod
    def get_extractor_class(cls) -> type[CaimanSegmentationExtractor]:
        """Return the class that reads the file."""
        return CaimanSegmentationExtractor

    @classmethod
    def get_source_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the constructor's arguments."""
        return source_schema()

    def get_conversion_options_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the options of `add_to_nwbfile` and `run_conversion`."""
        return CaimanConversionOptions.model_json_schema()

    @property
    def file_metadata(self) -> dict[str, Any]:
        """What the CaImAn file specifies: dictionary-based metadata with the one block ``Ophys``."""
        return self._named_metadata(None)

    def _named_metadata(self, ending: str | None) -> dict[str, Any]:
        results, rate = self.segmentation_extractor.results, self.sampling_frequency
        return {"Ophys": metadata_of(results, self.metadata_key, sampling_frequency=rate, ending=ending)}

    def get_metadata(self, *, use_new_metadata_format: bool | None = None) -> DeepDict:
        """Return what the file specifies: imaging rate, grid spacing, and the names and descriptions of its content.

        Parameters
        ----------
        use_new_metadata_format : bool, optional
            Whether to return dictionaries (True) or the older lists (False); by default as the installed NeuroConv.
        """
        return in_format(super().get_metadata(), self.file_metadata, use_dictionaries=use_new_metadata_format)

    def get_metadata_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the metadata; each field has a description, with its unit."""
        return full_metadata_schema(super().get_metadata_schema(), self.file_metadata, self.get_metadata)

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
        checked = checked_metadata(translated, own["Ophys"]["PlaneSegmentations"])
        results = self.segmentation_extractor.results
        return with_imaging_rate(
            checked,
            self.metadata_key,
            rate=self.sampling_frequency,
            file_rate=results.sampling_frequency,
            file_path=results.file_path,
        )

    # Conversion

    def add_to_nwbfile(
        self, nwbfile: NWBFile, metadata: dict[str, Any] | None = None, **conversion_options: Any
    ) -> None:
        """Add the analysis to an NWB file.

        Parameters
        ----------
        nwbfile : pynwb.NWBFile
            The file, in memory or opened for appending.
        metadata : dict, optional
            Metadata in either of NeuroConv's formats; by default what the file specifies.
        **conversion_options
            The fields of `caiman_interface.metadata.CaimanConversionOptions`.

        Raises
        ------
        pydantic.ValidationError
            If an option or an entry of the metadata is wrong.
        ValueError
            If the NWB file already has an object with a name that would be written, or if a frame has no time.
        """
        options = CaimanConversionOptions.model_validate(conversion_options)
        self.check_sampling()
        metadata = self.get_metadata() if metadata is None else metadata
        results = self.segmentation_extractor.results
        results.check_unchanged()
        if not self._has_warned:
            warn_of_file(results, self.summary_images.warnings)
            self._has_warned = True
        warn_of_lists(metadata, self.file_metadata)
        ending = ending_of(nwbfile, self.metadata_key, options.plane_segmentation_name)
        translated = self._dictionaries(metadata, options.plane_segmentation_name)
        if options.plane_segmentation_name is not None:
            renamed = self._named_metadata(ending)
            translated = with_new_names(translated, self.file_metadata["Ophys"], renamed["Ophys"])
            translated = _with_table_name(translated, self.metadata_key, options.plane_segmentation_name)
        extractor = self.segmentation_extractor
        rate = self.sampling_frequency
        is_given = self._is_sampling_given or rate != results.sampling_frequency
        source: Literal["CaImAn", "given"] = "given" if is_given else "CaImAn"
        plan = plan_of(extractor, options, sampling_frequency=rate, rate_source=source, ending=ending)
        key = self.metadata_key
        movies = MovieComparison(translated, key, results=results, rate=rate, is_stub=options.stub_test)
        movies.warn(nwbfile)
        with _named_in_errors(results.file_path, key):
            self.summary_images.check(nwbfile, ending)
            add_results(nwbfile, results, metadata=translated, metadata_key=key, plan=plan)
            self.summary_images.add_to(nwbfile, ending)
        for check in (results.check_unchanged, movies.later(nwbfile)):
            mark_for_fast_write(nwbfile, check=check)


@contextmanager
def _named_in_errors(file_path: Path, key: str) -> Iterator[None]:
    """Add the file and the metadata key to the message of a `ValueError` that does not name the file."""
    try:
        yield
    except ValueError as error:
        if type(error) is not ValueError or str(file_path) in str(error):
            raise
        message = f"{file_path} (metadata_key '{key}'): {error}"
        raise ValueError(message) from error


def _reopened(
    interface_class: type[CaimanSegmentationInterface],
    file_path: str,
    state: tuple[bool, str, float | None, bool, Mapping[str, Path]],
    times: NDArray[np.float64] | None,
    properties: Mapping[str, Any],
) -> CaimanSegmentationInterface:
    """Return an unpickled interface: its file is opened again by its path."""
    verbose, metadata_key, rate, is_sampling_given, images = state
    interface = interface_class(
        file_path, verbose=verbose, metadata_key=metadata_key, sampling_frequency=rate, summary_images=images
    )
    interface._is_sampling_given = is_sampling_given  # noqa: SLF001
    extractor = interface.segmentation_extractor
    if times is not None:
        extractor.set_times(times)
    for key, info in properties.items():
        extractor.set_property(key, info.data, extractor.get_roi_ids(), description=info.description)
    return interface


def _with_table_name(metadata: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """Return the metadata with another name for the table of ROIs of that key."""
    ophys = metadata.get("Ophys") or {}
    segmentations = ophys.get("PlaneSegmentations") or {}
    entry = {**(segmentations.get(key) or {}), "name": name}
    return {**metadata, "Ophys": {**ophys, "PlaneSegmentations": {**segmentations, key: entry}}}
