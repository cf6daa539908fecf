"""Every real file agrees, value for value, with what CaImAn's own loader reads from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanResults

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
IMAGES = {"Cn": "correlation", "sn": "noise", "b0": "baseline"}

# What the tests below compare, and what the reader leaves alone: `center` holds the centres of initialisation (more
# than there are components), `nr` a number of components that goes stale, the contours are drawn, not saved.
COMPARED = {
    *(*METRICS, *FITS, *TRACES, *IMAGES),
    *("A_type", "A_sorted_indices", "A_explicit_zeros", "A_data", "A_indices", "A_indptr", "A_shape", "com"),
    *("YrA", "R", "b", "b_dense", "f", "W_nnz", "W_shape", "shifts", "idx_components", "idx_components_bad"),
    *("dims", "fr", "dxy", "fnames", "caiman_version", "estimates_none", "estimates_odd"),
    *("discarded_A_dense", "discarded_C", "discarded_F_dff"),
}
LEFT_ALONE = {"center", "nr", "contour_CoM", "contour_neuron_id"}


class Case:
    """One file and its reference."""

    def __init__(self, path: Path) -> None:
        self.results = CaimanResults.open(path)
        with np.load(path.with_name(f"{path.stem}_ref.npz")) as reference:
            self.reference = dict(reference)
        self.none = set(str(self.reference["estimates_none"]).split(","))
        self.count = int(self.reference["A_shape"][1])

    def footprints(self) -> sparse.csc_array:
        parts = (self.reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
        return sparse.csc_array(tuple(parts), shape=tuple(self.reference["A_shape"]))


@pytest.fixture(scope="module", params=sorted(DATA.glob("*.hdf5")), ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    case = Case(request.param)
    with case.results:
        yield case


def assert_same(values: np.ndarray, expected: np.ndarray) -> None:
    """Compare shape, type and every value."""
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected, strict=True)


def test_every_key_of_the_reference_is_compared(case: Case) -> None:
    assert set(case.reference) <= COMPARED | LEFT_ALONE


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
    np.testing.assert_allclose(centroids, case.reference["com"], rtol=1e-6)  # com adds float32 weights as they are
    assert centroids.dtype == np.float64


def test_traces(case: Case) -> None:
    traces = case.results.components.traces
    for stored, name in TRACES.items():
        if stored in case.reference and case.reference[stored].ndim == 2:
            assert_same(traces[name][:], case.reference[stored].T)
        else:
            assert name not in traces
    assert case.results.num_frames == case.reference["C"].shape[1]


def test_raw_is_the_denoised_trace_and_its_residual(case: Case) -> None:
    raw = case.results.components.traces["raw"]
    assert_same(raw[:], (case.reference["C"] + case.reference["YrA"]).T)
    if "R" in case.reference:
        np.testing.assert_array_equal(case.reference["R"], case.reference["YrA"])


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
    images = case.results.images
    for stored, name in IMAGES.items():
        if stored in case.reference:
            expected = case.reference[stored].reshape(case.results.frame_shape, order="F")
            assert_same(images[name], expected)
        else:
            assert name not in images


def test_metrics_and_fits(case: Case) -> None:
    components = case.results.components
    for found, names in ((components.metrics, METRICS), (components.fits, FITS)):
        for stored, name in names.items():
            expected = as_numbers(case.reference.get(stored, np.zeros(())))
            # OnACID's g, c1, lam and neurons_sn cover its first components only; without autoregression (p = 0)
            # g has no columns and lam no values.
            covers_all = expected.shape[:1] == (case.count,)
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
    assert (acceptance.verdict == "evaluated") == ("idx_components" in case.reference)
    np.testing.assert_array_equal(acceptance.accepted, case.reference.get("idx_components", everything))
    np.testing.assert_array_equal(acceptance.rejected, case.reference.get("idx_components_bad", []))


def test_ring_model(case: Case) -> None:
    ring_model = case.results.ring_model
    if "W_nnz" not in case.reference:
        assert ring_model is None
        return
    assert ring_model is not None
    assert ring_model.nnz == case.reference["W_nnz"]
    assert ring_model.shape == tuple(case.reference["W_shape"])
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
    assert_same(discarded.footprints.matrix.toarray().astype(np.float32), case.reference["discarded_A_dense"])
    assert_same(discarded.traces["denoised"][:], case.reference["discarded_C"].T)
    assert_same(discarded.traces["dff"][:], case.reference["discarded_F_dff"].T)
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
    assert case.reference["shifts"].size == 0
    assert results.shifts is None
