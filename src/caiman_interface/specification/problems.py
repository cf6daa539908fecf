"""Breaches of JSON schemas and of pydantic models, in words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError
from referencing import Registry

from .document import KeyPath

_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of keys",
    "null": "nothing",
}
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a value, wherever that value came from.

    Attributes
    ----------
    path : tuple of str and int
        Where it is; for a missing key the path of that key.
    message, found, expected, remedy : str
        As in `Finding`.
    is_missing : bool
        Whether the problem is that nothing is there.
    """

    path: KeyPath
    message: str
    found: str
    expected: str
    remedy: str
    is_missing: bool = False


def schema_problems(instance: Any, schema: Mapping[str, Any], registry: Registry[Any] | None = None) -> list[Problem]:
    """Return each breach of a JSON schema (draft 07).

    Parameters
    ----------
    instance : object
        Plain data, as JSON gives them.
    schema : mapping
        The schema.
    registry : referencing.Registry, optional
        The schemas to which it refers.
    """
    validator = Draft7Validator(schema) if registry is None else Draft7Validator(schema, registry=registry)
    problems = (problem for error in validator.iter_errors(instance) for problem in describe_schema_error(error))
    return list(dict.fromkeys(problems))


def model_problems(error: ModelError) -> list[Problem]:
    """Return each breach of a pydantic model."""
    return list(dict.fromkeys(_of_model_error(details) for details in error.errors(include_url=False)))


def show_value(value: Any) -> str:
    """Write a value in the short, as it would stand in YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        text = f"a block with the keys {', '.join(map(str, value))}" if value else "an empty block"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def near_matches(word: str, known: Iterable[str], *, likeness: float = 0.6) -> list[str]:
    """Return the known words that someone may have meant, the likeliest first."""
    by_lower = {name.lower(): name for name in known}
    return [by_lower[match] for match in difflib.get_close_matches(str(word).lower(), by_lower, n=3, cutoff=likeness)]


def unknown_key(path: KeyPath, known: Sequence[str]) -> Problem:
    """Return the problem of a key that nothing knows."""
    key = str(path[-1])
    near = near_matches(key, known)
    if near:
        return Problem(path, f"unknown key '{key}'", "", f"'{near[0]}'", f"Did you mean '{near[0]}'?")
    expected = f"one of {', '.join(known)}" if known else "no key here"
    return Problem(path, f"unknown key '{key}'", "", expected, "Take it out, or correct its name.")


def describe_schema_error(error: SchemaError) -> Iterator[Problem]:
    """Yield the problems in one breach of a schema."""
    path: KeyPath = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    rule: Any = error.validator_value
    instance: Any = error.instance
    if error.validator == "required":
        for key in rule:
            if key not in instance:
                yield _missing((*path, key), schema.get("properties", {}).get(key, {}))
    elif error.validator == "additionalProperties" and rule is False:
        known = list(schema.get("properties", {}))
        for key in instance:
            if key not in known:
                yield unknown_key((*path, key), known)
    elif error.validator in {"anyOf", "oneOf"}:
        yield from _of_alternatives(error, schema)
    else:
        yield _wrong_value(path, error, schema)


def _missing(path: KeyPath, schema: Mapping[str, Any]) -> Problem:
    key = path[-1]
    example = _example(schema)
    remedy = f"Add it, for example `{key}: {example}`." if example else "Add it."
    return Problem(path, f"'{key}' is missing", "", _describe(schema), remedy, is_missing=True)


def _of_alternatives(error: SchemaError, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Explain why the one alternative that is meant does not fit: "or nothing" is none."""
    choices: Any = error.validator_value
    alternatives = [choice for choice in choices if choice != {"type": "null"}]
    path: KeyPath = tuple(error.absolute_path)
    if len(alternatives) == 1:
        described = {key: value for key, value in schema.items() if key in {"title", "description", "examples"}}
        inner = {**described, **alternatives[0]}
        for problem in schema_problems(error.instance, inner):
            yield replace(
                problem, path=(*path, *problem.path), message=problem.message if problem.path else _wrong(path)
            )
        return
    expected = " or ".join(dict.fromkeys(_describe(choice) for choice in alternatives))
    yield Problem(path, _wrong(path), show_value(error.instance), expected, "Correct the value.")


def _wrong_value(path: KeyPath, error: SchemaError, schema: Mapping[str, Any]) -> Problem:
    example = _example(schema)
    rule: Any = error.validator_value
    remedy = f"Write for example {example}." if example else "Correct the value."
    if error.validator == "type" and "string" in _listed(rule):
        can_be_text = not isinstance(error.instance, Mapping | list) and error.instance is not None
        remedy = f'Put it in quotes: "{error.instance}".' if can_be_text else remedy
    if error.validator == "enum":
        near = near_matches(str(error.instance), [str(choice) for choice in rule])
        remedy = f"Did you mean '{near[0]}'?" if near else "Write one of these."
    expected = _describe(schema) or _describe_rule(error)
    return Problem(path, _wrong(path), show_value(error.instance), expected, remedy)


def _wrong(path: KeyPath) -> str:
    named = next((key for key in reversed(path) if isinstance(key, str)), None)
    return "wrong value" if named is None else f"wrong value of '{named}'"


def _describe_rule(error: SchemaError) -> str:
    return f"a value for which this holds: {error.validator} {json.dumps(error.validator_value, default=str)}"


def _describe(schema: Mapping[str, Any]) -> str:
    """Say what a schema expects: its rules, then its own description."""
    rules = []
    if "enum" in schema:
        rules.append("one of " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in schema["enum"]))
    elif "const" in schema:
        rules.append(json.dumps(schema["const"], ensure_ascii=False))
    elif "type" in schema:
        rules.append(" or ".join(_WORDS[name] for name in _listed(schema["type"])))
    for rule, words in (
        ("exclusiveMinimum", "greater than {}"),
        ("minimum", "at least {}"),
        ("minLength", "of at least {} character(s)"),
        ("minItems", "of at least {} item(s)"),
        ("maxItems", "of at most {} items"),
    ):
        if rule in schema:
            rules.append(words.format(schema[rule]))
    meaning = schema.get("description", "")
    if "pattern" in schema and not meaning:
        rules.append(f"of the form {schema['pattern']}")
    described = " ".join(rules)
    return f"{described}: {meaning}" if described and meaning else described or meaning


def _example(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples") or []
    return json.dumps(examples[0], ensure_ascii=False) if examples else ""


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _of_model_error(details: Mapping[str, Any]) -> Problem:
    path: KeyPath = tuple(details["loc"])
    if details["type"] == "missing":
        return Problem(path, f"'{path[-1]}' is missing", "", "", "Add it.", is_missing=True)
    message, _, expected = details["msg"].removeprefix("Value error, ").partition("; expected ")
    if details["type"] == "extra_forbidden":
        remedy = "Take it out, or correct its name."
        return Problem(path, message, "", expected, remedy)
    stands_there = "" if isinstance(details["input"], Mapping) else show_value(details["input"])
    wanted = expected or message.removeprefix("expected ").removeprefix("Input should be ")
    return Problem(path, _wrong(path), stands_there, wanted, "Correct the value.")
