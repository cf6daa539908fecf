"""Violations of JSON schemas and of pydantic models as findings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError
from referencing import Registry

from caiman_interface.text import near_matches

from .findings import Finding
from .text import KeyPath, last_name, show_value

_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of keys",
    "null": "nothing",
}
_MOST_LISTED = 20
_LIMITS = {
    "exclusiveMinimum": "greater than {}",
    "minimum": "at least {}",
    "minLength": "of at least {} character(s)",
    "minItems": "of at least {} item(s)",
    "maxItems": "of at most {} items",
}


def schema_findings(
    instance: Any, schema: Mapping[str, Any], registry: Registry[Any] | None = None, *, at: KeyPath = ()
) -> list[Finding]:
    """Return every violation of a JSON schema (draft 07).

    Parameters
    ----------
    instance : object
        Plain data, as JSON has them.
    schema : mapping
        The schema.
    registry : referencing.Registry, optional
        The schemas to which it refers.
    at : tuple of str and int
        Path of the instance in its file.
    """
    errors = Draft7Validator(schema, registry=registry or Registry()).iter_errors(instance)
    found = (finding for error in errors for finding in describe_schema_error(error))
    return [replace(finding, path=(*at, *finding.path)) for finding in dict.fromkeys(found)]


def model_findings(error: ModelError, *, at: KeyPath = ()) -> list[Finding]:
    """Return every violation of a pydantic model."""
    found = dict.fromkeys(_of_model_error(details) for details in error.errors(include_url=False))
    return [replace(finding, path=(*at, *finding.path)) for finding in found]


def unknown_key(path: KeyPath, known: Sequence[str]) -> Finding:
    """Return the finding of a key that is not one of the `known` ones."""
    near = near_matches(str(path[-1]), known)
    expected = f"'{near[0]}'" if near else f"one of {', '.join(known)}" if known else "no key here"
    remedy = f"Did you mean '{near[0]}'?" if near else "Remove it, or correct its name."
    return Finding(path=path, message=f"unknown key '{path[-1]}'", expected=expected, remedy=remedy)


def describe_schema_error(error: SchemaError) -> Iterator[Finding]:
    """Yield the findings in one violation of a schema."""
    path: KeyPath = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    # Alternatives of ``anyOf``; "or nothing" is never the one that was meant.
    alternatives = [one for one in error.context or () if one.validator_value != "null"]
    if error.validator == "required":
        missing = (key for key in error.validator_value if key not in error.instance)
        yield from (_missing((*path, key), schema.get("properties", {}).get(key, {})) for key in missing)
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = list(schema.get("properties", {}))
        yield from (unknown_key((*path, key), known) for key in error.instance if key not in known)
    elif len({one.schema_path[0] for one in alternatives}) == 1:
        for one in alternatives:
            one.schema = {**{key: schema[key] for key in schema.keys() - {"anyOf", "oneOf"}}, **dict(one.schema)}
            yield from describe_schema_error(one)
    else:
        yield _wrong_value(path, error, schema)


def _missing(path: KeyPath, schema: Mapping[str, Any]) -> Finding:
    example = _example(schema)
    remedy = f"Add it, for example `{path[-1]}: {example}`." if example else "Add it."
    message = f"'{path[-1]}' is missing"
    return Finding(path=path, message=message, expected=_describe(schema), remedy=remedy, is_missing=True)


def _wrong_value(path: KeyPath, error: SchemaError, schema: Mapping[str, Any]) -> Finding:
    rule: Any = error.validator_value
    example = _example(schema)
    near = near_matches(str(error.instance), map(str, rule)) if error.validator == "enum" else []
    remedy = f"Write for example {example}." if example else ""
    wants_text = error.validator == "type" and "string" in _listed(rule) and isinstance(error.instance, int | float)
    if near or wants_text:
        remedy = f"Did you mean '{near[0]}'?" if near else f'Put it in quotes: "{error.instance}".'
    choices = rule if error.validator in {"anyOf", "oneOf"} else ()
    expected = " or ".join(dict.fromkeys(map(_describe, choices))) or _describe(schema)
    return Finding(
        path=path,
        message=_wrong(path),
        found=show_value(error.instance),
        expected=expected or f"{error.validator}: {json.dumps(rule, default=str)}",
        remedy=remedy,
        wants_text=wants_text,
    )


def _wrong(path: KeyPath) -> str:
    name = last_name(path)
    return "wrong value" if name is None else f"wrong value of '{name}'"


def _describe(schema: Mapping[str, Any]) -> str:
    """Return what a schema expects: its rules, then its own description."""
    choices = schema.get("enum", [])
    rules = [words.format(schema[rule]) for rule, words in _LIMITS.items() if rule in schema]
    if choices:
        values = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
        rules = [f"one of {values}" if len(choices) <= _MOST_LISTED else f"one of {len(choices)} names"]
    elif "type" in schema:
        rules.insert(0, " or ".join(_WORDS[name] for name in _listed(schema["type"])))
    meaning = schema.get("description", "")
    if "pattern" in schema and not meaning:
        rules.append(f"of the form {schema['pattern']}")
    return ": ".join(part for part in (" ".join(rules), meaning) if part)


def _example(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples") or []
    return json.dumps(examples[0], ensure_ascii=False) if examples else ""


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _of_model_error(details: Mapping[str, Any]) -> Finding:
    path: KeyPath = tuple(details["loc"])
    if details["type"] == "missing":
        return Finding(path=path, message=f"'{path[-1]}' is missing", remedy="Add it.", is_missing=True)
    message, _, expected = details["msg"].removeprefix("Value error, ").partition("; expected ")
    if details["type"] == "extra_forbidden":
        return Finding(path=path, message=message, expected=expected, remedy="Remove it, or correct its name.")
    found = "" if isinstance(details["input"], Mapping) else show_value(details["input"])
    wanted = expected or message.removeprefix("expected ").removeprefix("Input should be ")
    wants_text = details["type"] == "string_type" and isinstance(details["input"], int | float)
    return Finding(path=path, message=_wrong(path), found=found, expected=wanted, wants_text=wants_text)
