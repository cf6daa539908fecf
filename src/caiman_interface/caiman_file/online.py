"""The state of an online analysis (OnACID): initial values that are not results, and frames that it shrank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fields import Fields
from .parameters import CaimanParameters

# What only online analysis saves.
_ONLINE_MEMBERS = ("ind_new_all", "time_neuron_added", "t_online")

# Initialisation methods without a fit: OnACID fills S, c1 and lam with zeros.
_INITIALISED_WITH_ZEROS = {"bare", "seeded"}


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
    shrunk_shape : tuple of int or None
        The shape of the frames that it worked on, where it shrank them (``ds_factor``).
    shrink_factor : float
        Factor by which it shrank them; 1 if it did not.
    """

    is_finished: bool
    deconvolves: bool
    starts_from_zeros: bool
    shrunk_shape: tuple[int, ...] | None
    shrink_factor: float

    @classmethod
    def read(cls, root: Fields, parameters: CaimanParameters) -> OnlineAnalysis | None:
        """Read the state from the file; None where the analysis is not online."""
        if not any(root.is_present(name) for name in _ONLINE_MEMBERS):
            return None
        online, order = parameters.stored.get("online", {}), parameters.stored.get("preprocess", {}).get("p")
        shape = root.shape("img_norm")
        return cls(
            is_finished=root.is_present("t_online"),
            deconvolves=order is None or bool(np.any(np.asarray(order) != 0)),
            starts_from_zeros=online.get("init_method") in _INITIALISED_WITH_ZEROS,
            # Its `img_norm`, by which it divides the frames, has their shape.
            shrunk_shape=shape if shape is not None and len(shape) > 1 else None,
            shrink_factor=_shrink_factor(online.get("ds_factor")),
        )

    def shrunk_pixel_size(self, size: tuple[float, ...]) -> tuple[float, ...]:
        """Return the size of a pixel (x, y[, z]) of the frames that it shrank, from that of the movie."""
        return (*(length * self.shrink_factor for length in size[:2]), *size[2:])

    def reason_against_deconvolved(self) -> str | None:
        """Return why ``S`` is not a deconvolved trace; None if it is."""
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
        if name == "g":
            return None if self.deconvolves else "is an initial value: OnACID does not use it with p = 0"
        is_used = name == "bl" and self.deconvolves and self.is_finished
        if name in {"c1", "lam", "bl"} and not is_used and values.size and not np.any(values):
            return "is filled with OnACID's initial zeros, not fitted"
        return None


def _shrink_factor(value: Any) -> float:
    """Return ``ds_factor`` if it is a number above 1, and 1 otherwise, as OnACID does."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and np.isfinite(value) and value > 1 else 1.0
