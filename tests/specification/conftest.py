"""Specifications to try, and a way to fill in the blanks of a scaffold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from caiman_interface.specification.checks import check_specification

DATA = Path(__file__).parents[1] / "data"

# A value for each blank, by the last key.
ANSWERS = {
    "experiment_description": "Gratings.",
    "experimenter": '["Doe, Jane"]',
    "lab": "Doe Lab",
    "institution": "Example University",
    "subject_id": "mouse12",
    "species": "Mus musculus",
    "sex": "F",
    "age": "P90D",
    "description": "As written by hand.",
    "location": "VISp2/3",
    "indicator": "GCaMP6s",
    "excitation_lambda": "920.0",
    "emission_lambda": "510.0",
    "session_start_time": '"2024-05-03T14:30:00+02:00"',
    "session_description": "The mouse runs on a wheel.",
    "session_id": "day3",
}

WriteSpecification = Callable[[str], Path]


@pytest.fixture
def write_specification(tmp_path: Path) -> WriteSpecification:
    """A function that writes the text of a specification to a file."""

    def write(text: str) -> Path:
        path = tmp_path / "spec.yml"
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write


@pytest.fixture
def fill_in() -> Callable[[Path], None]:
    """A function that fills in every blank in the text of a specification, as a user would."""

    def fill(path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        blanks = [finding for finding in check_specification(path).findings if finding.severity == "blank"]
        for blank in blanks:
            key = blank.key.rpartition(".")[2]
            before, _, after = lines[blank.line - 1].partition(f"{key}:")
            assert len(before) == blank.column - 1
            lines[blank.line - 1] = f"{before}{key}: {ANSWERS[key]}{after}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return fill
