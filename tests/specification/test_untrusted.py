"""Specifications that are malicious, or misread by YAML."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from caiman_interface.specification.checks import Request, check_specification
from caiman_interface.specification.document import Document, DocumentError
from caiman_interface.specification.findings import Finding, write_findings
from caiman_interface.specification.outputs import OutputFolder

DATA = Path(__file__).parents[1] / "data"
TEXT = """\
metadata:
  NWBFile: {{session_start_time: "2024-05-03T14:30:00+02:00"}}
  Subject: {{subject_id: {subject_id}, species: Mus musculus, sex: F}}
data_interfaces: {{Segmentation: CaimanSegmentationInterface}}
experiments:
  day1:
    sessions:
      - nwbfile_name: {name}
        source_data: {{Segmentation: {{file_path: {file}}}}}
"""


def check(folder: Path, subject_id: str = "m1", name: str = "one", file: str = "sim2p_minimal.hdf5") -> list[Finding]:
    path = folder / "spec.yml"
    path.write_text(TEXT.format(subject_id=subject_id, name=name, file=file))
    target = OutputFolder(folder=folder / "nwb")
    return list(check_specification(path, Request(data_folder=DATA, target=target)).findings)


@pytest.mark.parametrize(
    ("source", "value"),
    [("010", "8"), ("007", "7"), ("20240502_01", "2024050201"), ("10:30", "630"), ("NO", "false"), ("1.50", "1.5")],
)
def test_the_remedy_quotes_what_is_written_and_not_what_yaml_reads(tmp_path, source, value):
    (finding,) = check(tmp_path, subject_id=source)
    assert finding.found == f"{source} (YAML reads it as {value})"
    assert finding.remedy == f'Put it in quotes: "{source}".'


def test_backslashes_in_double_quotes(tmp_path):
    (finding,) = check(tmp_path, file='"C:\\data\\mouse1.hdf5"')
    assert "backslash" in finding.remedy
    (finding,) = check(tmp_path, file='"C:\\new\\test.hdf5"')
    assert "backslash" in finding.remedy
    assert "C:\n" not in write_findings([finding])


@pytest.mark.parametrize(
    "name",
    ["/tmp/out", "../out", "a/../../out", ".", "..", '""', "a//b", "'C:\\out'", "'..\\out'", '"a\\tb"', "x" * 300],
)
def test_names_cannot_leave_the_output_folder(tmp_path, name):
    (finding,) = check(tmp_path, name=name)
    assert (finding.severity, finding.key) == ("error", "experiments.day1.sessions[0].nwbfile_name")


def test_links_cannot_leave_the_output_folder(tmp_path):
    (tmp_path / "nwb").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "nwb" / "link").symlink_to(tmp_path / "elsewhere")
    (finding,) = check(tmp_path, name="link/one")
    assert "outside of the output folder" in finding.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system [ls]\n", "tags such as"),
        ("a: !!binary aGk=\n", "tags such as"),
        ("a: &x [*x]\n", "refers to nothing that is complete"),
        ("a: " + "[" * 100 + "]" * 100, "nested deeper than 50 levels"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)),
            "more than 2000000 values",
        ),
        ("? [a]\n: 1\n", "not valid YAML"),
    ],
)
def test_texts_that_are_refused_before_anything_is_built(tmp_path, text, problem):
    path = tmp_path / "spec.yml"
    path.write_text(text)
    with pytest.raises(DocumentError, match=problem):
        Document.read(path)


def test_files_that_are_too_large(tmp_path):
    path = tmp_path / "spec.yml"
    with path.open("wb") as file:
        file.truncate(2**27)
    with pytest.raises(DocumentError, match="bytes, more than"):
        Document.read(path)


def test_control_characters_are_shown_escaped():
    finding = Finding(message="odd \x1b[2J\u202e name", path=("a\nb",), file="x.yml", line=1, column=2)
    text = write_findings([finding])
    assert text == "x.yml:1:2: error: odd \\x1b[2J\\u202e name\n    at        a\\nb"


def test_keys_that_are_not_text(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text("data_interfaces: {}\nexperiments:\n  NO: {sessions: []}\n  2024: {sessions: []}\n")
    findings = check_specification(path).findings
    assert [(finding.line, finding.remedy) for finding in findings] == [
        (3, 'Put it in quotes: "NO".'),
        (4, 'Put it in quotes: "2024".'),
    ]


def test_a_missing_rate_is_an_error_that_a_rate_corrects(tmp_path):
    file = shutil.copy(DATA / "sim2p_minimal.hdf5", tmp_path / "norate.hdf5")
    with h5py.File(file, "r+") as opened:
        del opened["params/data/fr"]
    (finding,) = check(tmp_path, file=str(file))
    assert finding.message.startswith("the CaImAn file has no frame rate (fr)")
    assert "`sampling_frequency: 30.0`" in finding.remedy
    assert check(tmp_path, file=f"{file}, sampling_frequency: 30.0") == []


def test_suspicious_files_are_refused_only_if_strict(tmp_path):
    file = shutil.copy(DATA / "sim2p_full.hdf5", tmp_path / "broken.hdf5")
    with h5py.File(file, "r+") as opened:
        for name in list(opened["estimates"])[25:]:
            del opened["estimates"][name]
    findings = check(tmp_path, file=str(file))
    assert {finding.severity for finding in findings} == {"warning"}
    assert any("did not finish saving" in finding.message for finding in findings)
    strict = check_specification(tmp_path / "spec.yml", Request(is_strict=True)).findings
    assert any(finding.severity == "error" for finding in strict)
