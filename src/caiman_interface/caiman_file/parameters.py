"""CaImAn's parameters (the group ``params``) as pydantic models.

Fields are typed where CaImAn's meaning is known (``caiman/source_extraction/cnmf/params.py``) and this package
relies on it; every other parameter, of this version or another, is kept as it is.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .encoding import FileGroup

# Serialisers before 1.8 cut every text in a list to so many bytes.
_CUT_TEXT_BYTES = 32

_Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ParameterGroup(BaseModel):
    """One group of CaImAn's parameters, open to those that this package does not know."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True, frozen=True)


class DataParameters(ParameterGroup):
    """What CaImAn was told about the movie (``params/data``)."""

    fr: _Positive | None = Field(default=None, description="Imaging rate, frames per second.")
    dxy: tuple[_Positive, ...] | None = Field(default=None, description="Size of a pixel in micrometres, in x and y.")
    decay_time: float | None = Field(default=None, description="Length of a typical calcium transient, seconds.")
    dims: tuple[int, ...] | None = Field(default=None, description="Frame shape: rows, columns[, planes].")
    fnames: tuple[str, ...] = Field(default=(), description="The movie files, as CaImAn was given them.")
    caiman_version: str | None = Field(default=None, description="Release of CaImAn that made the file.")

    @field_validator("fnames", mode="before")
    @classmethod
    def _one_name_or_many(cls, value: Any) -> Any:
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else value

    @field_validator("dxy", "dims", mode="before")
    @classmethod
    def _array_to_list(cls, value: Any) -> Any:
        return value.tolist() if isinstance(value, np.ndarray) else value

    @field_validator("fr", mode="before")
    @classmethod
    def _one_number(cls, value: Any) -> Any:
        return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


class InitParameters(ParameterGroup):
    """How components were found first (``params/init``)."""

    method_init: str | None = Field(default=None, description="'greedy_roi', 'corr_pnr', …")
    center_psf: bool | None = Field(default=None, description="Whether the one-photon (CNMF-E) model was used.")
    nb: int | None = Field(default=None, description="Number of background components; negative: full rank.")


class QualityParameters(ParameterGroup):
    """Thresholds of component evaluation (``params/quality``)."""

    min_SNR: float | None = Field(default=None, description="Signal-to-noise ratio above which to accept.")
    SNR_lowest: float | None = Field(default=None, description="Signal-to-noise ratio below which to reject.")
    rval_thr: float | None = Field(default=None, description="Space correlation above which to accept.")
    rval_lowest: float | None = Field(default=None, description="Space correlation below which to reject.")
    min_cnn_thr: float | None = Field(default=None, description="CNN score above which to accept.")
    cnn_lowest: float | None = Field(default=None, description="CNN score below which to reject.")
    use_cnn: bool | None = Field(default=None, description="Whether the CNN scores were used.")


class CaimanParameters(BaseModel):
    """All groups of CaImAn's parameters.

    Attributes
    ----------
    groups : dict of ParameterGroup
        By the name of the group; ``data``, ``init`` and ``quality`` are always there.
    stored : dict of dict
        Every parameter that stands in the file, group → name → value, with the type it has there.
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
        """The thresholds of evaluation."""
        group = self.groups["quality"]
        assert isinstance(group, QualityParameters)  # noqa: S101
        return group

    @classmethod
    def read(cls, params: FileGroup | None) -> CaimanParameters:
        """Read the group ``params``; a missing one gives no parameters.

        Raises
        ------
        CaimanFileError
            If a parameter cannot be what CaImAn means by it, such as a negative rate.
        """
        stored: dict[str, dict[str, Any]] = {}
        groups: dict[str, ParameterGroup] = {name: model() for name, model in cls.typed_groups.items()}
        subgroups = {} if params is None else {name: params.subgroup(name) for name in params.names()}
        for name, group in subgroups.items():
            if group is not None:
                stored[name] = group.values()
                groups[name] = _validated(cls.typed_groups.get(name, ParameterGroup), stored[name], group)
        return cls(groups=groups, stored=stored)


def _validated(model: type[ParameterGroup], values: dict[str, Any], group: FileGroup) -> ParameterGroup:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise group.error(
            f"the parameter cannot be used: {first['msg']}",
            "/".join(str(part) for part in first["loc"]),
            found=repr(first["input"]),
            expected=_meaning(model, str(first["loc"][0])),
            remedy="Set the parameter in CaImAn and save the results again",
        ) from error


def _meaning(model: type[ParameterGroup], name: str) -> str | None:
    """Return what a parameter means, from the description of its field."""
    field = model.model_fields.get(name)
    return None if field is None or field.description is None else field.description.rstrip(".")


def is_cut_file_name(name: str) -> bool:
    """Tell whether a file name was probably cut off by an old serialiser (before 1.8, at 32 bytes)."""
    return len(name.encode()) == _CUT_TEXT_BYTES
