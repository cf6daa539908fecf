"""`caiman-interface inspect` and the facts behind it."""

from __future__ import annotations

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanResults
from caiman_interface.caiman_file.summary import FileSummary

FORBIDDEN = ("scipy", "matplotlib", "neuroconv", "pynwb", "roiextractors", "hdmf", "pandas")


def summary_of(path) -> FileSummary:
    with CaimanResults(path) as results:
        return results.summary()


def test_everything_of_a_full_file(caiman_files):
    path = caiman_files["sim2p_full"]
    trace = {"shape": [600, 13], "dtype": "float64"}
    found = summary_of(path).model_dump(mode="json")
    with h5py.File(path) as file:
        snr = file["estimates/SNR_comp"][()]
    metrics = found.pop("metrics")
    assert metrics["snr"] == {
        "shape": [13],
        "dtype": "float64",
        "lowest": snr.min(),
        "median": np.median(snr),
        "highest": snr.max(),
    }
    assert list(metrics) == ["snr", "r_values", "cnn_preds"]
    assert found == {
        "file": str(path),
        "method": "CNMF",
        "modality": "two-photon",
        "caiman_version": "1.12.1",
        "frame_shape": [60, 80],
        "pixel_size": [1.2, 1.5],
        "num_frames": 600,
        "sampling_frequency": 15.49,
        "duration": 600 / 15.49,
        "movie_files": ["/data/lab/sessions/movie/sim2p.tif"],
        "components": {
            "count": 13,
            "verdict": "evaluated",
            "accepted": 7,
            "rejected": 6,
            "not_evaluated": 0,
            "discarded": 0,
            "manually_accepted": None,
            "manually_rejected": None,
        },
        "traces": {"raw": trace, "dff": trace, "denoised": trace, "deconvolved": trace},
        "images": {
            "correlation": {"shape": [60, 80], "dtype": "float64"},
            "mean": {"shape": [60, 80], "dtype": "float64"},
            "noise": {"shape": [60, 80], "dtype": "float32"},
        },
        "fits": {
            "baseline": {"shape": [13], "dtype": "float64"},
            "initial_calcium": {"shape": [13], "dtype": "float64"},
            "noise_std": {"shape": [13], "dtype": "float64"},
            "ar_coefficients": {"shape": [13, 1], "dtype": "float64"},
            "regularization": {"shape": [13], "dtype": "float64"},
        },
        "background": {
            "components": 1,
            "trace": {"shape": [600, 1], "dtype": "float64"},
            "ring_model": False,
        },
        "missing": [],
        "left_out": [],
        "warnings": [],
        "notes": [],
    }


@pytest.mark.parametrize(
    ("name", "method", "counts", "missing", "notes"),
    [
        ("sim2p_all_rejected", "CNMF", (0, 13, 0, 0), ["metrics.cnn_preds"], []),
        ("sim2p_selected", "CNMF", (7, 0, 0, 6), [], ["selected"]),
        ("sim2p_selected_none", "CNMF", (0, 0, 0, 13), [], ["no-components", "selected"]),
        (
            "sim2p_minimal",
            "CNMF",
            (0, 0, 13, 0),
            ["traces.dff", "images.correlation", "metrics.snr", "metrics.r_values", "metrics.cnn_preds"],
            ["not-evaluated"],
        ),
        ("sim1p_cnmfe", "CNMF-E", (12, 0, 0, 0), [], ["default-pixel-size"]),
        (
            "sim2p_onacid",
            "OnACID",
            (0, 0, 11, 0),
            ["traces.dff", "images.correlation", "metrics.snr", "metrics.r_values", "metrics.cnn_preds"],
            ["not-evaluated", "frame-shape-absent"],
        ),
        (
            "sim3d",
            "CNMF",
            (6, 1, 0, 0),
            ["movie_files", "images.correlation"],
            ["default-pixel-size", "frame-shape-absent"],
        ),
        (
            "sim2p_inmemory_k1",
            "CNMF",
            (0, 0, 1, 0),
            [
                "movie_files",
                "traces.dff",
                "traces.deconvolved",
                "images.correlation",
                "metrics.snr",
                "metrics.r_values",
                "metrics.cnn_preds",
            ],
            ["not-evaluated", "default-rate", "default-pixel-size", "frame-shape-absent"],
        ),
        ("sim2p_ser_v1.4.5", "CNMF", (7, 6, 0, 0), ["caiman_version"], ["cut-file-names"]),
        ("sim2p_ser_v1.6.4", "CNMF", (7, 6, 0, 0), [], ["cut-file-names"]),
        ("sim2p_ser_v1.9.10", "CNMF", (7, 6, 0, 0), [], []),
    ],
)
def test_what_became_of_the_components_and_what_is_missing_or_odd(caiman_files, name, method, counts, missing, notes):
    summary = summary_of(caiman_files[name])
    facts = summary.components
    assert summary.method == method
    assert (facts.accepted, facts.rejected, facts.not_evaluated, facts.discarded) == counts
    assert list(summary.missing) == missing
    assert [note.code for note in summary.notes] == notes


def test_the_messages_of_notes_name_what_they_are_about(caiman_files):
    summary = summary_of(caiman_files["sim2p_onacid"])
    messages = {note.code: note.message for note in summary.notes}
    assert messages["frame-shape-absent"] == "The frame shape is in estimates/dims and params/data/dims, not in dims."
    reason = "covers 5 components, the file has 11"
    expected = [(f"estimates/{name}", reason) for name in ("c1", "g", "lam", "neurons_sn")]
    assert [(one.field, one.reason) for one in summary.left_out] == expected
    (cut,) = summary_of(caiman_files["sim2p_ser_v1.4.5"]).notes
    assert cut.message == (
        "CaImAn cuts some file names to 32 bytes: /data/lab/sessions/movie/sim2p.t may be incomplete."
    )


def test_what_is_left_out_and_suspicious_is_shown(run, copy_of):
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        del file["estimates/S"], file["estimates/g"]
        file["estimates/g"] = np.ones((12, 1))
        file["estimates/accepted_list"] = np.array([6, 7])
    shown = run("inspect", path).stdout
    assert "\n  Left out      estimates/S: is missing: CaImAn stopped before it saved the field\n" in shown
    assert "\n  Left out      estimates/g: covers 12 components, the file has 13\n" in shown
    assert "\n  Warning       CaImAn did not finish saving this file: 1 of the 42 fields" in shown
    assert (
        "\n  Warning       idx_components and the lists made by hand in CaImAn's viewer contradict each other" in shown
    )
    assert "13 (7 accepted, 6 rejected, 2 accepted by hand)" in shown


def test_results_of_the_first_batch_only_are_named(caiman_files):
    notes = {note.code: note.message for note in summary_of(caiman_files["sim_onacid_fitnext"]).notes}
    assert notes["first-batch-only"] == (
        "OnACID did not finish: the footprints and traces are those of its first batch of frames."
    )


def test_components_that_were_judged_neither_way_are_counted(copy_of):
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        rejected = file["estimates/idx_components_bad"][()]
        del file["estimates/idx_components_bad"]
        file["estimates/idx_components_bad"] = rejected[:4]
    summary = summary_of(path)
    assert (summary.components.accepted, summary.components.rejected, summary.components.not_evaluated) == (7, 4, 2)
    assert [note.code for note in summary.notes] == ["partly-evaluated"]


def test_shapes_are_those_of_every_file(converted_file):
    summary = summary_of(converted_file)
    with h5py.File(converted_file) as file:
        count, frames = file["estimates/C"].shape
    assert summary.traces["denoised"].shape == (frames, count)
    assert summary.num_frames == frames
    assert all(len(image.shape) == len(summary.frame_shape) for image in summary.images.values())
    assert all(metric.shape == (count,) for metric in summary.metrics.values())
    assert summary.components.count == count


def test_dff_of_other_components_is_left_out(copy_of):
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        dff = file["estimates/F_dff"][:-1]
        del file["estimates/F_dff"]
        file["estimates/F_dff"] = dff
    summary = summary_of(path)
    (left_out,) = summary.left_out
    assert (left_out.field, left_out.reason) == ("estimates/F_dff", "covers 12 components, the file has 13")
    assert list(summary.traces) == ["raw", "denoised", "deconvolved"]


def test_no_trace_is_read(copy_of):
    """The chunks of the traces are damaged: reading any of them would fail."""
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        for name in ("C", "S", "YrA", "R", "F_dff", "f"):
            shape, dtype = file[f"estimates/{name}"].shape, file[f"estimates/{name}"].dtype
            del file[f"estimates/{name}"]
            trace = file.create_dataset(f"estimates/{name}", shape, dtype, chunks=shape, compression="gzip")
            trace.id.write_direct_chunk((0, 0), b"not a zlib stream")
    with h5py.File(path) as file, pytest.raises(OSError, match=r"Can't (synchronously )?read data"):
        file["estimates/C"][0, 0]
    assert summary_of(path).traces["raw"].shape == (600, 13)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_imports_none_of_the_heavy_packages(run_process, caiman_files, options):
    done = run_process("inspect", caiman_files["sim2p_full"], *options, watch=FORBIDDEN)
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    assert "sim2p_full.hdf5" in done.stdout


def test_the_table_of_one_file_is_plain_in_a_pipe(run, caiman_files):
    result = run("inspect", caiman_files["sim2p_selected"])
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout == (
        f"{caiman_files['sim2p_selected']}\n"
        "  Analysis      CNMF, two-photon, CaImAn 1.12.1\n"
        "  Frame         60 × 80 (rows × columns), pixel 1.2 µm wide, 1.5 µm high\n"
        "  Recording     600 frames, 15.49 frames/s, 38.7 s\n"
        "  Components    7 (7 accepted); 6 more discarded\n"
        "  Traces        raw (C + YrA), ΔF/F (F_dff), denoised (C), deconvolved (S): 600 × 7 float64\n"
        "  Images        correlation, background (sum of b): 60 × 80 float64; noise: 60 × 80 float32\n"
        "  Metrics       SNR 10.4 to 27.3 (median 10.9); r 0.972 to 0.997 (median 0.987); "
        "CNN 1.42e-10 to 1 (median 1)\n"
        "  Fits          baseline, initial calcium, noise, regularization: 7 float64; AR coefficients: 7 × 1 float64\n"
        "  Background    1 component\n"
        "  Movie         /data/lab/sessions/movie/sim2p.tif\n"
        "  Note          CaImAn's select_components kept these components, which its evaluation or the user had "
        "chosen; the 6 others are in the file as discarded components.\n"
    )


def test_several_files_end_in_an_overview(run, caiman_files):
    result = run("inspect", caiman_files["sim2p_full"], caiman_files["sim2p_onacid"])
    heading, full, path, online, _ = (line.split() for line in result.stdout.splitlines()[-5:])
    assert heading == ["Analysis", "Frame", "Frames", "Hz", "ROIs", "Accepted", "Rejected", "Discarded"]
    assert full == ["CNMF", "60", "×", "80", "600", "15.49", "13", "7", "6", "0"]
    assert path == [str(caiman_files["sim2p_full"])]
    assert online == ["OnACID", "36", "×", "44", "500", "10", "11", "-", "-", "0"]


def test_several_files_are_separated(run, caiman_files):
    paths = [caiman_files["sim2p_full"], caiman_files["sim2p_onacid"]]
    alone = [run("inspect", path).stdout for path in paths]
    together = run("inspect", *paths).stdout.split("\n\n")
    assert len(together) == 3  # the last is the overview
    assert [f"{part}\n" for part in together[:2]] == alone


def test_the_sides_of_a_pixel_are_those_of_the_imaging_plane(run, caiman_files):
    """The width goes with the columns: x, the first of NWB's grid_spacing."""
    from caiman_interface.metadata.from_results import metadata_of

    path = caiman_files["sim2p_full"]
    with CaimanResults.open(path) as results:
        plane = metadata_of(results, "caiman_segmentation")["ImagingPlanes"]["caiman_segmentation"]
    assert plane["grid_spacing"] == (1.2e-6, 1.5e-6)  # x, y
    assert "60 × 80 (rows × columns), pixel 1.2 µm wide, 1.5 µm high\n" in run("inspect", path).stdout


def test_an_unknown_version_is_said_once(run, caiman_files):
    shown = run("inspect", caiman_files["sim2p_ser_v1.4.5"]).stdout
    assert "  Analysis      CNMF, two-photon\n" in shown
    assert "  Missing       CaImAn's version\n" in shown


def test_a_reader_that_goes_after_the_first_line_is_no_error(caiman_files):
    files = [str(caiman_files["sim2p_full"])] * 5
    code = f"import sys; sys.argv = ['x', 'inspect', *{files!r}]; from caiman_interface.cli import main; main()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout.readline() == f"{files[0]}\n"
        process.stdout.close()
        assert process.wait() == 0


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_where_each_error_arose(run, caiman_files, tmp_path, place):
    arguments = ["inspect", tmp_path / "absent.hdf5", caiman_files["sim3d"]]
    result = run(*(["--debug", *arguments] if place == "before" else [*arguments, "--debug"]))
    assert result.exit_code == 1
    message = f"There is no file '{tmp_path / 'absent.hdf5'}'."
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith(f"\nFileNotFoundError: {message}\nError: {message}\n")
    assert "CNMF" in result.stdout


def test_json_is_an_array_in_the_order_of_the_arguments(run, caiman_files):
    paths = [caiman_files[name] for name in ("sim3d", "sim2p_full", "sim3d")]
    result = run("inspect", "--json", *paths)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [summary_of(path).model_dump(mode="json") for path in paths]


def test_json_of_one_file_is_an_array_too(run, caiman_files):
    (found,) = json.loads(run("inspect", "--json", caiman_files["sim3d"]).stdout)
    assert found["frame_shape"] == [20, 24, 8]


def test_scores_without_a_finite_value_have_no_range(run, copy_of):
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        file["estimates/SNR_comp"][...] = np.nan
        file["estimates/r_values"][3] = np.inf
    (found,) = json.loads(run("inspect", "--json", path).stdout)
    assert (found["metrics"]["snr"]["lowest"], found["metrics"]["snr"]["highest"]) == (None, None)
    assert found["metrics"]["r_values"]["highest"] < 1
    assert "SNR: no values" in run("inspect", path).stdout


def test_a_broken_file_is_reported_and_the_others_are_shown(run, caiman_files, tmp_path):
    broken = tmp_path / "broken.hdf5"
    broken.write_bytes(caiman_files["sim2p_full"].read_bytes()[:100_000])
    result = run("inspect", broken, caiman_files["sim3d"], tmp_path / "absent.hdf5")
    assert result.exit_code == 1
    assert "20 × 24 × 8 (rows × columns × planes)" in result.stdout
    first, second = result.stderr.splitlines()
    assert first.startswith(f"Error: {broken}: the file is cut off.")
    assert second == f"Error: There is no file '{tmp_path / 'absent.hdf5'}'."


def test_json_tells_of_a_broken_file(run, caiman_files, tmp_path):
    other = tmp_path / "notes.hdf5"
    with h5py.File(other, "w") as file:
        file["data"] = [1, 2]
    result = run("inspect", "--json", other, caiman_files["sim3d"])
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert first["file"] == str(other)
    assert first["error"] in result.stderr
    assert "estimates" in first["error"]
    assert second["method"] == "CNMF"


def test_every_key_is_described():
    schema = FileSummary.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            assert "description" in field or "$ref" in field, name
