"""The state of an online analysis (OnACID): initial values that are not results, and frames that it shrank."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoding import Node
from .fields import Fields
from .parameters import CaimanParameters

# What only online analysis saves.
_ONLINE_MEMBERS = ("ind_new_all", "time_neuron_added", "t_online")

# Initialisation methods without a fit: OnACID fills S, c1 and lam with zeros.
_INITIALISED_WITH_ZEROS = {"bare", "seeded"}

# What OnACID has for the components of its first batch, and never for those that it adds.
_OF_FIRST_BATCH = {"g", "c1", "lam", "neurons_sn"}


@dataclass(frozen=True)
class OnlineAnalysis:
    """The state of an online analysis.

    Attributes
    ----------
    is_finished : bool
        Whether ``fit_online`` ran to its end. Otherwise (``fit_next`` called frame by frame, or initialisation only)
        ``A``, ``C`` and the other results in the file are those of the first batch of frames.
    deconvolves : bool
        Whether it deconvolves (``p`` of at least 1).
    starts_from_zeros : bool
        Whether its initialisation fills ``S``, ``c1`` and ``lam`` with zeros.
    norm_shape : tuple of int or None
        The shape of ``img_norm``, by which it divides the frames; None where the file lacks it.
    shrink_factor : float
        Factor by which it shrank them; 1 if it did not.
    is_reduced : bool
        Whether it added components to those of its first batch, and some were removed afterwards.
    has_lost_components : bool
        Whether it ran to its end, and some of its components were removed or merged afterwards.
    """

    is_finished: bool
    deconvolves: bool
    starts_from_zeros: bool
    norm_shape: tuple[int, ...] | None
    shrink_factor: float
    is_reduced: bool
    has_lost_components: bool

    @classmethod
    def read(cls, root: Fields, parameters: CaimanParameters, count: int) -> OnlineAnalysis | None:
        """Read the state of an analysis with `count` components; None if it is not online."""
        if not any(root.is_present(name) for name in _ONLINE_MEMBERS):
            return None
        online, order = parameters.stored.get("online", {}), parameters.stored.get("preprocess", {}).get("p")
        shape, lost = root.shape("img_norm"), partial(_has_lost_components, root, count=count)
        added, is_finished = root.shape("time_neuron_added"), root.is_present("t_online")
        return cls(
            is_finished=is_finished,
            deconvolves=order is None or bool(np.any(np.asarray(order) != 0)),
            starts_from_zeros=online.get("init_method") in _INITIALISED_WITH_ZEROS,
            norm_shape=shape if shape is not None and len(shape) > 1 else None,
            shrink_factor=shrink_factor_of(online.get("ds_factor")),
            is_reduced=root.read("time_neuron_added", lost, ndim=2) is True,
            has_lost_components=is_finished and added is not None and added[0] > count,
        )

    def shape_of_frames(self, frame_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the shape of the frames that it worked on; None if that is not known to differ from the footprints'.

        At its end, ``fit_online`` enlarges the results to the frame of the movie. In files without ``img_norm``, such
        as restored ones, the shape is computed as in CaImAn's ``movie.resize``.
        """
        if self.norm_shape is not None or self.shrink_factor == 1:
            return self.norm_shape
        if not self.is_finished:
            return frame_shape
        return (*(int(length * (1 / self.shrink_factor)) for length in frame_shape[:2]), *frame_shape[2:])

    def shrunk_pixel_size(self, size: tuple[float, ...]) -> tuple[float, ...]:
        """Return the size of a pixel (x, y[, z]) of the frames that it shrank, from that of the movie."""
        return (*(length * self.shrink_factor for length in size[:2]), *size[2:])

    def reason_against_zeros(self) -> str | None:
        """Return why ``S``, if it is filled with zeros, is not a deconvolved trace; None if it is one."""
        if not self.deconvolves:
            return "is filled with zeros: OnACID does not deconvolve with p = 0"
        if not self.is_finished and self.starts_from_zeros:
            return "is filled with zeros: OnACID did not deconvolve its first batch"
        return None

    def reason_against_fit(self, name: str, values: NDArray[Any]) -> str | None:
        """Return why values are not the result of a fit; None if they are.

        Parameters
        ----------
        name : str
            CaImAn's name.
        values : array
            What the file contains, for all components.
        """
        if name == "g" and not self.deconvolves:
            return "is an initial value: OnACID does not use it with p = 0"
        is_used = name == "bl" and self.deconvolves and self.is_finished
        if name in {"c1", "lam", "bl"} and not is_used and values.size and not np.any(values):
            return "is filled with OnACID's initial zeros, not fitted"
        if name in _OF_FIRST_BATCH and self.is_finished and self.is_reduced:
            # `select_components` moves only arrays that cover all components.
            return "covers the components of OnACID's first batch: it added others, and some were removed"
        return None


def _has_lost_components(root: Fields, node: Node, *, count: int) -> bool:
    """Return whether ``time_neuron_added``, which no edit updates, has more than `count`, some of them added later."""
    added = root.values(node, ndim=2)
    is_list = added.shape[1] == 2  # noqa: PLR2004 (component, frame)
    return is_list and len(added) > count and len(np.unique(added[:, 1])) > 1


def shrink_factor_of(value: Any) -> float:
    """Return ``ds_factor`` if it is a number above 1, and 1 otherwise, as OnACID does."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and np.isfinite(value) and value > 1 else 1.0
