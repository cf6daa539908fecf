"""Checks before publication: real NWB files, the real nwbinspector and dandi."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from nwbinspector import available_checks

from caiman_interface import CaimanSegmentationInterface
from caiman_interface.cli.program import program
from caiman_interface.publication import check_nwb_files
from caiman_interface.publication.remedies import _REMEDIES
from conversions import DATA, START

pytestmark = pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversion without anything that only the experimenter knows."""
    path = tmp_path_factory.mktemp("bare") / "bare.nwb"
    interface = CaimanSegmentationInterface(DATA / "sim2p_full.hdf5")
    metadata = interface.get_metadata(use_new_metadata_format=True)
    metadata["NWBFile"]["session_start_time"] = START
    interface.run_conversion(nwbfile_path=path, metadata=metadata)
    interface.segmentation_extractor.results.close()
    return path


def test_a_missing_subject_prevents_an_upload_and_has_a_remedy(bare: Path) -> None:
    findings = check_nwb_files([bare])
    first = findings[0]
    assert (first.check, first.severity, first.tool) == ("check_subject_exists", "critical", "nwbinspector")
    assert "subject_id, species, sex and age" in first.remedy
    assert [finding.check for finding in findings if finding.severity == "critical"] == ["check_subject_exists"]
    assert all(finding.remedy for finding in findings)


def test_a_complete_session_can_be_uploaded(converted: Callable[..., Path]) -> None:
    findings = check_nwb_files([converted("sim2p_full")])
    assert [finding for finding in findings if finding.severity != "suggestion"] == []
    assert {finding.check for finding in findings} <= {"check_single_row", "DANDI.NO_DANDISET_FOUND"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*missing\.nwb'"):
        check_nwb_files([tmp_path / "missing.nwb"])


def test_what_is_not_an_nwb_file_is_one_finding_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "text.nwb"
    path.write_text("not an NWB file")
    (finding,) = check_nwb_files([path])
    assert (finding.severity, finding.message) == ("critical", "This is not an NWB file that can be read.")
    assert finding.remedy == "Give the NWB file that a conversion wrote (.nwb, or .nwb.zarr)."
    result = CliRunner().invoke(program, ["check", str(path)])
    assert (result.exit_code, "Traceback" in result.stdout) == (1, False)
    assert "1 file checked: 1 finding, 1 of them critical for an upload to DANDI." in result.stdout


def test_remedies_are_for_checks_that_exist() -> None:
    known = {check.__name__ for check in available_checks}
    assert {name for name in _REMEDIES if name.startswith("check_")} <= known


def test_the_command_reports_what_to_do_and_its_status_says_whether_an_upload_would_fail(
    bare: Path, converted: Callable[..., Path]
) -> None:
    runner = CliRunner()
    failed = runner.invoke(program, ["check", str(bare), "--json"])
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)[0]["check"] == "check_subject_exists"
    passed = runner.invoke(program, ["check", str(converted("sim2p_full"))])
    assert passed.exit_code == 0
    assert "none prevents an upload to DANDI" in passed.stdout
