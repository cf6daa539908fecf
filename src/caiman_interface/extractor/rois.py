"""The ROIs of an extractor: their ids, and their properties."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self

from caiman_interface._compat.roiextractors import ExtractorBase, PropertyInfo, RoiId
from caiman_interface.caiman_file import CaimanResults

_METRIC_DESCRIPTIONS = {
    "snr": "Signal-to-noise ratio for each component",
    "r_values": "Spatial correlation values for each component",
    "cnn_preds": "CNN classifier predictions for component quality",
}
MOST_LISTED = 10  # ids in a message


class RoiExtractor(ExtractorBase):
    """An open CaImAn file, and which of its components are shown."""

    def __init__(self, file_path: str | Path) -> None:
        super().__init__()
        self.file_path = file_path
        self.results = CaimanResults.open(file_path)
        background = self.results.background_footprints
        self.components: NDArray[np.intp] = np.arange(self.results.components.count)
        self.background_components: NDArray[np.intp] = np.arange(0 if background is None else len(background))
        self.base_planes = self.results.frame_shape[2] if self.results.is_volumetric else 1
        self.base_properties = self._metrics_as_properties()
        self.user_properties: frozenset[str] = frozenset()

    def _metrics_as_properties(self) -> dict[str, PropertyInfo]:
        components = self.results.components
        accepted = PropertyInfo(
            data=components.acceptance.mask(components.count),
            description="Whether the ROI was accepted during quality assessment",
        )
        metrics = {
            name: PropertyInfo(data=components.metrics[name], description=description)
            for name, description in _METRIC_DESCRIPTIONS.items()
            if name in components.metrics
        }
        return {"is_accepted": accepted, **metrics}

    def _copy(self) -> Self:
        """Return a view of the same open file whose properties and times can be set independently."""
        view = copy.copy(self)
        view.base_properties = dict(self.base_properties)
        for name in ("footprints", "_roi_positions", "_background_positions"):
            view.__dict__.pop(name, None)
        return view

    # Ids

    def get_roi_ids(self) -> list[int]:
        """Return the ids of the ROIs: CaImAn's index of each component."""
        return list(self.components.tolist())

    def get_num_rois(self) -> int:
        """Return the number of ROIs."""
        return len(self.components)

    def get_background_ids(self) -> list[str]:
        """Return the ids of the background components: ``background0``, ``background1``, …."""
        return [f"background{number}" for number in self.background_components]

    def get_num_background_components(self) -> int:
        """Return the number of background components."""
        return len(self.background_components)

    def get_accepted_list(self) -> list[int]:
        """Return the ids of the ROIs whose property ``is_accepted`` is true; all if CaImAn did not evaluate them."""
        return list(self.components[self._is_accepted()].tolist())

    def get_rejected_list(self) -> list[int]:
        """Return the ids of the ROIs that were rejected; none if CaImAn did not evaluate them.

        A ROI that CaImAn lists neither as accepted nor as rejected is in neither list, unless the property
        ``is_accepted`` was set since.
        """
        rejected = ~self._is_accepted()
        if "is_accepted" not in self.user_properties:
            rejected &= np.isin(self.components, self.results.components.acceptance.rejected)
        return list(self.components[rejected].tolist())

    def _is_accepted(self) -> NDArray[np.bool_]:
        return np.asarray(self.get_property_info("is_accepted").data, dtype=bool)

    # Positions of ids in this extractor. Dictionaries, because there can be hundreds of thousands of ids.

    @cached_property
    def _roi_positions(self) -> dict[RoiId, int]:
        return {roi_id: position for position, roi_id in enumerate(self.get_roi_ids())}

    @cached_property
    def _background_positions(self) -> dict[RoiId, int]:
        return {background_id: position for position, background_id in enumerate(self.get_background_ids())}

    def _cell_ids(self, roi_ids: Sequence[RoiId] | None) -> Sequence[RoiId]:
        """Return the given ids (by default all) without those of background components."""
        if roi_ids is None:
            return self.get_roi_ids()
        return [roi_id for roi_id in roi_ids if roi_id not in self._background_positions]

    def _positions(self, roi_ids: Iterable[RoiId]) -> NDArray[np.intp]:
        return self._positions_in(self._roi_positions, roi_ids, "ROI ids")

    def _positions_of_background(self, background_ids: Iterable[RoiId]) -> NDArray[np.intp]:
        return self._positions_in(self._background_positions, background_ids, "Background ids")

    def _positions_in(self, positions: Mapping[RoiId, int], ids: Iterable[RoiId], kind: str) -> NDArray[np.intp]:
        plain = [item.item() if isinstance(item, np.generic) else item for item in ids]
        missing = [item for item in plain if item not in positions]
        if missing:
            message = (
                f"{kind} {missing[:MOST_LISTED]} not found in extractor of {self.file_path}. It contains the ROIs "
                f"{_shown(self.get_roi_ids())} and the background components {_shown(self.get_background_ids())}."
            )
            raise ValueError(message)
        return np.array([positions[item] for item in plain], dtype=np.intp)

    # Properties

    def set_property(self, key: str, values: ArrayLike, ids: Sequence[RoiId], *, description: str = "") -> None:
        """Set a property of all ROIs; it is written to NWB as a column.

        Parameters
        ----------
        key : str
            Name of the property.
        values : array
            One value for each of `ids`.
        ids : sequence of int
            All ROIs of this extractor, in any order.
        description : str
            What the values mean.

        Raises
        ------
        ValueError
            If there is not exactly one value and one id for each ROI.
        """
        array = np.asarray(values)
        count = self.get_num_rois()
        if len(array) != count or len(ids) != count:
            message = f"Length of values ({len(array)}) and ids ({len(ids)}) must match number of ROIs ({count})"
            raise ValueError(message)
        try:
            positions = self._positions(ids)
        except ValueError as error:
            message = f"Provided ids must match the extractor's ROI ids. {error}"
            raise ValueError(message) from error
        if len(np.unique(positions)) != count:
            message = "Provided ids must match the extractor's ROI ids: one is listed twice."
            raise ValueError(message)
        ordered = np.empty_like(array)
        ordered[positions] = array
        self.base_properties[key] = PropertyInfo(data=ordered, description=description)
        self.user_properties |= {key}

    def get_property(self, key: str, ids: Sequence[RoiId]) -> NDArray[Any]:
        """Return a property of some ROIs, in the order of `ids`.

        Raises
        ------
        KeyError
            If there is no such property; the message lists the available ones.
        ValueError
            If the extractor does not have one of the ids.
        """
        return np.asarray(self.get_property_info(key).data[self._positions(ids)])


def _shown(ids: Sequence[RoiId]) -> str:
    """Return ids as text, at most a few of them."""
    return str(list(ids)) if len(ids) <= 2 * MOST_LISTED else f"{list(ids[:MOST_LISTED])} … ({len(ids)} in all)"
