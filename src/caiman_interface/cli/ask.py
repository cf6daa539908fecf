"""Questions of `init --ask`; each answer is checked at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import click

_BLANK = re.compile(r"^(?P<start>\s*(?:- )?(?P<key>\w+)):  # (?P<meaning>.*)$")
_LISTS = {"experimenter"}
_NUMBERS = {"excitation_lambda", "emission_lambda", "sampling_frequency"}


def fill_in(text: str) -> str:
    """Ask for each blank of a specification, and return the text with the answers filled in."""
    click.echo("Press Enter to leave a field blank.", err=True)
    lines = []
    for line in text.splitlines():
        found = _BLANK.match(line)
        if found and not line.lstrip().startswith("#") and " e.g. " in line:
            answer = click.prompt(
                f"{found['key']} ({found['meaning']})",
                default="",
                show_default=False,
                err=True,
                value_proc=_checker(found["key"]),
            )
            lines.append(f"{found['start']}: {answer}" if answer else line)
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _checker(key: str) -> Callable[[str], str]:
    from caiman_interface.specification.fields import write_example

    def check(answer: str) -> str:
        answer = answer.strip()
        if not answer:
            return ""
        problem = _problem(key, answer)
        if problem:
            raise click.UsageError(problem)
        if key in _LISTS:
            return write_example([name.strip() for name in answer.split(";")])
        return answer if key in _NUMBERS else write_example(answer)

    return check


def _problem(key: str, answer: str) -> str | None:
    """Return what is wrong with an answer according to the vocabularies of NWB."""
    if key == "sex" and answer not in {"M", "F", "U", "O"}:
        return "sex must be M, F, U (unknown) or O (other)."
    if key == "species" and not re.fullmatch(r"[A-Z][a-z]+ [a-z]+( [a-z]+)?|https?://\S+", answer):
        return "species must be a Latin name such as Mus musculus."
    if key == "age" and not re.fullmatch(r"P(?!$)(\d+(\.\d+)?[YMWD])*(T(\d+(\.\d+)?[HMS])+)?(/.*)?", answer):
        return "age must be an ISO 8601 duration such as P90D (90 days)."
    if key == "session_start_time":
        try:
            has_zone = datetime.fromisoformat(answer).tzinfo is not None
        except ValueError:
            has_zone = False
        return None if has_zone else "Write the time with its zone, such as 2024-05-03T14:30:00+02:00."
    if key in _NUMBERS:
        try:
            is_positive = float(answer) > 0
        except ValueError:
            is_positive = False
        return None if is_positive else f"{key} must be a positive number."
    return None
