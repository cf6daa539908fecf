"""Every real file agrees, value for value, with what CaImAn's own loader reads from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanResults
from conversions import marks_of_case

DATA = Path(__file__).parent.parent / "data"
METRICS = {"SNR_comp": "snr", "r_values": "r_values", "cnn_preds": "cnn_preds", "ecc": "eccentricity"}
FITS = {
    "bl": "baseline",
    "c1": "initial_calcium",
    "neurons_sn": "noise_std",
    "g": "ar_coefficients",
    "lam": "regularization",
}
TRACES = {"C": "denoised", "S": "deconvolved", "F_dff": "dff"}
DFF_TRACES = {"F_dff_dec": "dff_denoised", "S_dff": "dff_deconvolved"}
IMAGES = {"Cn": "correlation", "sn": "noise", "b0": "baseline"}
LISTS = {"accepted_list": "manually_accepted", "rejected_list": "manually_rejected"}

# What the tests below compare, and what the reader ignores: `center` holds the centres of initialisation (more
# than there are components), `nr` a number of components that becomes stale, `A_thr` is for plots; contours are not
# saved.
COMPARED = {
    *(*METRICS, *FITS, *TRACES, *DFF_TRACES, *IMAGES, *LISTS),
    *("A_type", "A_sorted_indices", "A_explicit_zeros", "A_data", "A_indices", "A_indptr", "A_shape", "com"),
    *("YrA", "R", "b", "b_dense", "f", "W_nnz", "W_shape", "W_dense", "shifts", "idx_components", "idx_components_bad"),
    *("dims", "fr", "dxy", "fnames", "caiman_version", "estimates_none", "estimates_odd", "discarded_A_dense"),
    *(f"discarded_{name}" for name in (*TRACES, *METRICS, "YrA", "g", "bl")),
}
IGNORED = {"center", "nr", "contour_CoM", "contour_neuron_id", "A_thr_dense"}

FIRST_COMPONENTS = {"c1", "g", "lam", "neurons_sn"}
# The fields that each file leaves out.
LEFT_OUT = {
    "sim2p_onacid": FIRST_COMPONENTS,
    "sim_deconvolved_p0": {"g"},
    "sim_ecc_selected": {"ecc"},
    "sim_onacid_3d": {"R", "c1"},
    "sim_onacid_epochs2": FIRST_COMPONENTS,
    "sim_onacid_init_only": {"S", "bl", "c1", "lam"},
    "sim_onacid_ring": {"c1", "lam"},
    "sim_onacid_ringcnn": FIRST_COMPONENTS,
    "sim_onacid_seeded": {"c1", "lam"},
    "sim_restored_ecc": {"ecc"},
    "sim_manual_merge": {"F_dff", "SNR_comp", "lam", "r_values"},
    "sim_merge_components": {"F_dff", "R", "SNR_comp", "idx_components", "idx_components_bad", "lam", "r_values"},
    "sim_onacid_ds2_motion": FIRST_COMPONENTS,
    "sim_onacid_fitnext": {"S", "bl", "c1", "lam", "time_neuron_added"},
    "sim_onacid_motion_pwrigid": {"c1", "lam", "shifts"},
    "sim_onacid_nan": FIRST_COMPONENTS,
    "sim_restored_ecc_handpicked": {"ecc", "F_dff_dec", "S_dff", "accepted_list", "rejected_list"},
    "sim_restored_evaluated": {"accepted_list", "rejected_list"},
    "sim_sliced_rows": {"dims", "sn"},
}


class Case:
    """One file and its reference."""

    def __init__(self, path: Path) -> None:
        self.results = CaimanResults.open(path)
        with np.load(path.with_name(f"{path.stem}_ref.npz")) as reference:
            self.reference = dict(reference)
        self.none = set(str(self.reference["estimates_none"]).split(","))
        self.count = int(self.reference["A_shape"][1])
        self.left_out = LEFT_OUT.get(path.stem, set())

    def has(self, name: str) -> bool:
        """Return whether the reference has a value, and the reader is expected to have it."""
        return name in self.reference and name not in self.left_out

    def footprints(self) -> sparse.csc_array:
        parts = (self.reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
        return sparse.csc_array(tuple(parts), shape=tuple(self.reference["A_shape"]))


WITH_REFERENCE = [
    pytest.param(path, marks=marks_of_case(path.stem) if path.parent.name == "cases" else (), id=path.stem)
    for path in sorted(DATA.rglob("*.hdf5"))
    if path.with_name(f"{path.stem}_ref.npz").exists()
]


@pytest.fixture(scope="module", params=WITH_REFERENCE)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    case = Case(request.param)
    with case.results:
        yield case


def assert_same(values: np.ndarray, expected: np.ndarray) -> None:
    """Compare shape, type and every value."""
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected, strict=True)


def test_every_key_of_the_reference_is_compared(case: Case) -> None:
    assert set(case.reference) <= COMPARED | IGNORED


def test_the_fields_left_out_are_named(case: Case) -> None:
    fields = {omission.field.removeprefix("estimates/") for omission in case.results.omissions}
    assert fields == case.left_out
    assert all(omission.reason for omission in case.results.omissions)


def test_footprints(case: Case) -> None:
    expected, footprints = case.footprints(), case.results.components.footprints
    assert len(footprints) == case.results.components.count == case.count
    assert footprints.stored_dense == ("ndarray" in str(case.reference["A_type"]))
    matrix = footprints.matrix
    assert_same(matrix.toarray(), expected.toarray())
    assert matrix.nnz == expected.nnz - case.reference["A_explicit_zeros"]
    expected.eliminate_zeros()
    assert_same(matrix.data, expected.data)
    np.testing.assert_array_equal(matrix.indices, expected.indices)
    np.testing.assert_array_equal(matrix.indptr, expected.indptr)


def test_images_of_footprints_stand_upright(case: Case) -> None:
    frame_shape = tuple(case.reference["dims"])
    dense = case.footprints().toarray()
    images = case.results.components.footprints.images()
    assert images.shape == (*frame_shape, case.count)
    for number in range(case.count):
        image = dense[:, number].reshape(frame_shape, order="F")
        assert_same(images[..., number], image)
        assert_same(case.results.components.footprints.image(number), image)


def test_centroids(case: Case) -> None:
    # CaImAn's axes are row, column[, plane]; ours x (column), y (row)[, z (plane)].
    centroids = case.results.components.footprints.centroids()[:, [1, 0, 2][: len(case.results.frame_shape)]]
    expected = case.reference.get("com", np.zeros((0, 2)))  # absent where there are no components
    np.testing.assert_allclose(centroids, expected, rtol=1e-6)  # com adds float32 weights as they are
    assert centroids.dtype == np.float64


def test_traces(case: Case) -> None:
    components = case.results.components
    for found, names in ((components.traces, TRACES), (components.dff_deconvolution, DFF_TRACES)):
        for stored, name in names.items():
            if case.has(stored) and case.reference[stored].ndim == 2:
                assert_same(found[name][:], case.reference[stored].T)
            else:
                assert name not in found
    assert case.results.num_frames == case.reference["C"].shape[1]


def test_raw_is_the_denoised_trace_and_its_residual(case: Case) -> None:
    residual = case.reference.get("YrA", case.reference.get("R"))
    if residual is None:
        assert "raw" not in case.results.components.traces
    else:
        assert_same(case.results.components.traces["raw"][:], (case.reference["C"] + residual).T)


def test_background(case: Case) -> None:
    footprints, trace = case.results.background_footprints, case.results.background_trace
    b = case.reference.get("b_dense", case.reference.get("b"))
    if b is None or b.shape[1] == 0:
        assert footprints is None
        assert trace is None
        assert "mean" not in case.results.images
        return
    assert footprints is not None
    assert trace is not None
    assert footprints.stored_dense == ("b" in case.reference)
    assert_same(footprints.matrix.toarray(), b)
    assert_same(trace[:], case.reference["f"].T)
    assert_same(case.results.images["mean"], b.sum(axis=1).reshape(case.results.frame_shape, order="F"))


def test_images(case: Case) -> None:
    images, frame_shape = case.results.images, case.results.frame_shape
    for stored, name in IMAGES.items():
        if case.has(stored):
            expected = case.reference[stored]
            halved = tuple(-(-length // 2) for length in frame_shape)
            assert images[name].shape == (frame_shape if expected.size == np.prod(frame_shape) else halved)
            assert_same(images[name], expected.reshape(images[name].shape, order="F"))
        else:
            assert name not in images


def test_metrics_and_fits(case: Case) -> None:
    components = case.results.components
    for found, names in ((components.metrics, METRICS), (components.fits, FITS)):
        for stored, name in names.items():
            expected = as_numbers(case.reference.get(stored, np.zeros(())))
            # Without autoregression (p = 0) g has no columns and lam no values.
            covers_all = expected.shape[:1] == (case.count,) and stored not in case.left_out
            has_values = np.any(~np.isnan(expected)) or case.count == 0
            if covers_all and has_values:
                columns = (-1, 1) if name == "ar_coefficients" and case.count == 0 else expected.shape
                assert_same(found[name], expected.reshape(columns))
            else:
                assert name not in found


def as_numbers(values: np.ndarray) -> np.ndarray:
    """Turn text that CaImAn wrote for numbers into numbers, one by one."""
    if values.dtype.kind != "S":
        return values
    return np.array([np.nan if value == b"None" else float(value) for value in values], dtype=np.float64)


def test_acceptance(case: Case) -> None:
    acceptance = case.results.components.acceptance
    everything = np.arange(case.count)
    is_evaluated = case.has("idx_components")
    accepted = case.reference["idx_components"] if is_evaluated else everything
    rejected = case.reference.get("idx_components_bad", np.setdiff1d(everything, accepted)) if is_evaluated else []
    assert (acceptance.verdict == "evaluated") == is_evaluated
    np.testing.assert_array_equal(acceptance.accepted, accepted)
    np.testing.assert_array_equal(acceptance.rejected, rejected)


def test_lists_of_the_viewer(case: Case) -> None:
    picked = case.results.components.hand_picked
    for stored, name in LISTS.items():
        if case.has(stored) and case.reference[stored].size:
            np.testing.assert_array_equal(np.flatnonzero(picked[name]), case.reference[stored])
        else:
            assert name not in picked


def test_ring_model(case: Case) -> None:
    ring_model = case.results.ring_model
    if not {"W_nnz", "W_dense"} & set(case.reference):
        assert ring_model is None
        assert case.results.ring_model_frame_shape is None
        return
    assert ring_model is not None
    if "W_dense" in case.reference:
        np.testing.assert_array_equal(ring_model.toarray(), case.reference["W_dense"])
    else:
        assert ring_model.nnz == case.reference["W_nnz"]
        assert ring_model.shape == tuple(case.reference["W_shape"])
    assert np.prod(case.results.ring_model_frame_shape) == ring_model.shape[0]
    # CaImAn's loader builds a matrix compressed by columns and turns it into one compressed by rows.
    with h5py.File(case.results.file_path) as file:
        stored = file["estimates/W"]
        parts = tuple(stored[name][()] for name in ("data", "indices", "indptr"))
        expected = sparse.csc_matrix(parts, shape=stored["shape"][()]).tocsr()
    assert_same(ring_model.toarray(), expected.toarray())


def test_what_caiman_has_not_is_absent(case: Case) -> None:
    results = case.results
    found = {
        *(stored for stored, name in {**METRICS}.items() if name in results.components.metrics),
        *(stored for stored, name in FITS.items() if name in results.components.fits),
        *(stored for stored, name in TRACES.items() if name in results.components.traces),
        *(stored for stored, name in IMAGES.items() if name in results.images),
        *(["idx_components", "idx_components_bad"] if results.components.acceptance.verdict == "evaluated" else []),
        *(["b"] if results.background_footprints is not None else []),
        *(["f"] if results.background_trace is not None else []),
        *(["W"] if results.ring_model is not None else []),
    }
    missing = {odd.split(":")[0] for odd in str(case.reference["estimates_odd"]).split(",") if odd.endswith(":missing")}
    assert not found & (case.none | missing)


def test_discarded_components(case: Case) -> None:
    discarded = case.results.discarded
    if case.reference.get("discarded_A_dense", np.zeros((0, 0))).shape[1] == 0:
        assert discarded is None
        return
    assert discarded is not None
    expected = case.reference["discarded_A_dense"]
    assert_same(discarded.footprints.matrix.toarray().astype(expected.dtype), expected)
    for stored, name in TRACES.items():
        if (reference := case.reference.get(f"discarded_{stored}")) is not None and reference.ndim == 2:
            assert_same(discarded.traces[name][:], reference.T)
    for stored, name in {**METRICS, **FITS}.items():
        if (reference := case.reference.get(f"discarded_{stored}")) is not None and len(reference.ravel()) > 1:
            assert_same({**discarded.metrics, **discarded.fits}[name], as_numbers(reference))
    np.testing.assert_array_equal(discarded.acceptance.rejected, np.arange(discarded.count))


def test_parameters(case: Case) -> None:
    results, data = case.results, case.results.parameters.data
    assert results.frame_shape == tuple(case.reference["dims"])
    assert results.is_volumetric == (len(case.reference["dims"]) == 3)
    assert results.sampling_frequency == case.reference["fr"]
    assert data.dxy == tuple(case.reference["dxy"])
    names = str(np.array([name.encode() for name in data.fnames])) if data.fnames else "None"
    assert names == str(case.reference["fnames"])
    # The loader of a release before 1.9.9 returns bytes, and the reference their repr. Releases before 1.6 save no
    # version; the loader then fills in its own.
    version = str(case.reference["caiman_version"]).removeprefix("b'").removesuffix("'")
    assert results.caiman_version == (None if "v1.4.5" in results.file_path.name else version)


def test_shifts(case: Case) -> None:
    if case.reference["shifts"].size == 0 or "shifts" in case.left_out:
        assert case.results.shifts is None
        return
    # OnACID with ds_factor = 2 shifts the frames that it shrank.
    factor = 2 if case.results.file_path.stem == "sim_onacid_ds2_motion" else 1
    np.testing.assert_array_equal(case.results.shifts, factor * case.reference["shifts"])
