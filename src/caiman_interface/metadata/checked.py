"""Models whose messages are for the user who wrote the input: which key, what was found, what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from typing_extensions import Self

from caiman_interface.text import near_matches

_Item = TypeVar("_Item")


class CheckedModel(BaseModel):
    """A model that refuses unknown keys and lists the known ones."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            found = [_explained(details, cls.model_fields) for details in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(error.title, found) from None


def unknown_key_error(name: Any, value: Any, known: Iterable[str]) -> InitErrorDetails:
    """Return the error for a key that is not among the `known` ones."""
    names = list(known)
    near = near_matches(name, names)
    expected = f"'{near[0]}'" if near else f"one of {', '.join(names)}"
    return custom_error("extra_forbidden", f"unknown key '{name}'; expected {expected}", (name,), value)


def _explained(details: ErrorDetails, known: Iterable[str]) -> InitErrorDetails:
    if details["type"] == "extra_forbidden" and len(details["loc"]) == 1:
        return unknown_key_error(details["loc"][0], details["input"], known)
    if details["type"] == "path_not_file":
        # pydantic shortens a long input in the middle, which is where paths differ.
        return custom_error(
            details["type"], f"'{details['input']}' does not point to a file", details["loc"], details["input"]
        )
    return custom_error(details["type"], details["msg"].removeprefix("Value error, "), details["loc"], details["input"])


def custom_error(kind: str, message: str, place: tuple[int | str, ...], value: Any) -> InitErrorDetails:
    """Return an error of a model with a message of ours."""
    # pydantic's own errors end with a link to its documentation, which is for programmers.
    return InitErrorDetails(type=PydanticCustomError(kind, "{message}", {"message": message}), loc=place, input=value)


def _plain_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | np.ndarray) else value


def _none_if_empty(value: Any) -> Any:
    """Return None for what a form sends of an empty field: nothing, NaN (for null), or an empty list."""
    is_nan = isinstance(value, float) and math.isnan(value)
    is_empty = (isinstance(value, str) and value.strip() in {"", "NaN"}) or (isinstance(value, list) and not value)
    return None if is_nan or is_empty else value


OptionalNumber = Annotated[float | None, BeforeValidator(_none_if_empty)]
"""A number, or None for an empty field of a form."""

EmptyIsNone = BeforeValidator(_none_if_empty)

ListOf = Annotated[list[_Item], BeforeValidator(_plain_list)]
"""A list; a tuple or an array is accepted too, as by NeuroConv."""
