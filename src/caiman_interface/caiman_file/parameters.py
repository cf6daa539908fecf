"""CaImAn's parameters (the group ``params``).

The parameters that this package uses are typed, with CaImAn's meaning (``caiman/source_extraction/cnmf/params.py``).
All others, of this release or another, are kept as they are stored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .fields import Fields

_Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ParameterGroup(BaseModel):
    """One group of CaImAn's parameters, including those that this package does not know."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True, frozen=True)

    @field_validator("fr", "ssub", "ssub_B", "center_psf", "use_ecc", mode="before", check_fields=False)
    @classmethod
    def _one_value(cls, value: Any) -> Any:
        """Return the value of an array of length one, as some versions of numpy make of a number."""
        if isinstance(value, list) and len(value) == 1:
            return value[0]
        return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


class DataParameters(ParameterGroup):
    """The description of the movie (``params/data``)."""

    fr: _Positive | None = Field(default=None, description="Imaging rate, frames per second.")
    dxy: Annotated[tuple[_Positive, ...], Field(min_length=2, max_length=3)] | None = Field(
        default=None, description="Size of a pixel in micrometres, in x and y."
    )
    fnames: tuple[str, ...] = Field(default=(), description="The movie files, as given to CaImAn.")
    caiman_version: str | None = Field(default=None, description="Release of CaImAn that wrote the file.")

    @field_validator("fnames", mode="before")
    @classmethod
    def _one_name_or_many(cls, value: Any) -> Any:
        if value is None or (isinstance(value, np.ndarray) and value.size == 0):
            return ()
        return (value,) if isinstance(value, str) else value

    @field_validator("dxy", mode="before")
    @classmethod
    def _one_length_or_many(cls, value: Any) -> Any:
        if value is None or isinstance(value, list):
            return value
        lengths = np.ravel(value).tolist()
        return lengths * 2 if len(lengths) == 1 else lengths


class InitParameters(ParameterGroup):
    """The initialisation of the components (``params/init``)."""

    method_init: str | None = Field(default=None, description="'greedy_roi', 'corr_pnr', …")
    center_psf: bool | None = Field(default=None, description="Whether the one-photon (CNMF-E) model was used.")
    ssub: int | None = Field(default=None, ge=1, description="Spatial downsampling of the initialisation.")
    ssub_B: int | None = Field(default=None, ge=1, description="Spatial downsampling of the ring model.")


class QualityParameters(ParameterGroup):
    """The settings of the evaluation of components (``params/quality``)."""

    use_ecc: bool | None = Field(default=None, description="Whether the eccentricity was used.")


class CaimanParameters(BaseModel):
    """All groups of CaImAn's parameters.

    Attributes
    ----------
    groups : dict of ParameterGroup
        By the name of the group; ``data``, ``init`` and ``quality`` always exist. A parameter that this package uses
        and whose value is invalid (such as a negative rate) is None here.
    stored : dict of dict
        Every parameter in the file, group → name → value, with the type that it has there.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    groups: dict[str, ParameterGroup]
    stored: dict[str, dict[str, Any]]

    typed_groups: ClassVar[dict[str, type[ParameterGroup]]] = {
        "data": DataParameters,
        "init": InitParameters,
        "quality": QualityParameters,
    }

    @property
    def data(self) -> DataParameters:
        """The parameters of the movie."""
        group = self.groups["data"]
        assert isinstance(group, DataParameters)  # noqa: S101 (for the type checker: `read` made it)
        return group

    @property
    def init(self) -> InitParameters:
        """The parameters of initialisation."""
        group = self.groups["init"]
        assert isinstance(group, InitParameters)  # noqa: S101
        return group

    @property
    def quality(self) -> QualityParameters:
        """The parameters of evaluation."""
        group = self.groups["quality"]
        assert isinstance(group, QualityParameters)  # noqa: S101
        return group

    @classmethod
    def read(cls, params: Fields | None) -> CaimanParameters:
        """Read the group ``params``; a missing one gives no parameters.

        A parameter that cannot be read, or that this package uses and whose value is invalid, is recorded as left out.
        """
        stored: dict[str, dict[str, Any]] = {}
        groups: dict[str, ParameterGroup] = {name: model() for name, model in cls.typed_groups.items()}
        for name in [] if params is None else params.names():
            assert params is not None  # noqa: S101 (for the type checker)
            group = params.subgroup(name)
            if group is not None:
                stored[name] = _stored(group)
                groups[name] = _typed(cls.typed_groups.get(name, ParameterGroup), stored[name], group)
        return cls(groups=groups, stored=stored)


def _stored(group: Fields) -> dict[str, Any]:
    """Read every parameter of a group, as it is stored."""
    values = {name: group.value(name) for name in group.names()}
    return {name: value for name, value in values.items() if not group.is_omitted(name)}


def _typed(model: type[ParameterGroup], values: dict[str, Any], group: Fields) -> ParameterGroup:
    """Validate the parameters that this package uses; invalid ones are left out."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # Of several problems of one parameter the first is the cause.
        wrong = {str(problem["loc"][0]): problem["msg"] for problem in reversed(error.errors())}
    for name, message in wrong.items():
        group.omit(name, f"is {shown_value(values[name])}: {message[:1].lower()}{message[1:]}")
    return model.model_validate({name: value for name, value in values.items() if name not in wrong})


def shown_value(value: Any) -> str:
    """Return a value as a short text for a message."""
    if isinstance(value, np.ndarray) and value.size > 6:  # noqa: PLR2004 (as many as fit into a message)
        return f"an array of shape {value.shape}"
    text = str(value.tolist() if isinstance(value, np.ndarray) else value)
    return text if len(text) < 60 else f"{text[:57]}…"  # noqa: PLR2004
