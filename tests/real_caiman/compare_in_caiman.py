"""Compare two CaImAn files with CaImAn itself; run by the Python of CaImAn's environment.

Usage: python compare_in_caiman.py ORIGINAL RESTORED DIRECTORY

Loads both files with ``load_CNMF``, compares every attribute, and compares the results of CaImAn's functions on a movie
that is simulated from the original. Prints a JSON object: ``different`` attributes, and for every function "equal",
"different: …" or "raises: …" (if both raise the same error).
"""

from __future__ import annotations

import copy
import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import scipy.sparse

mpl.use("Agg")
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import caiman  # noqa: E402
from caiman.source_extraction.cnmf.cnmf import CNMF, load_CNMF  # noqa: E402
from caiman.source_extraction.cnmf.estimates import Estimates  # noqa: E402
from caiman.source_extraction.cnmf.params import CNMFParams  # noqa: E402


def different_paths(first: Any, second: Any, path: str) -> list[str]:
    """Return the paths below which two values are not equal bit for bit."""
    if type(first) is not type(second):
        return [path]
    if isinstance(first, CNMF | Estimates | CNMFParams):
        return different_paths(vars(first), vars(second), path)
    if isinstance(first, dict):
        keys = sorted(map(str, first.keys() | second.keys()))
        members = ((first.get(key, _MISSING), second.get(key, _MISSING), f"{path}.{key}".strip(".")) for key in keys)
        return [found for member in members for found in different_paths(*member)]
    if scipy.sparse.issparse(first):
        parts = ("data", "indices", "indptr")
        equal = first.shape == second.shape and all(
            same_array(getattr(first, part), getattr(second, part)) for part in parts
        )
    elif isinstance(first, np.ndarray):
        equal = same_array(first, second)
    elif isinstance(first, list | tuple):
        equal = len(first) == len(second) and not any(
            different_paths(*pair, path) for pair in zip(first, second, strict=True)
        )
    else:
        equal = first is second or bool(first == second) or (first != first and second != second)  # noqa: PLR0124
    return [] if equal else [path]


_MISSING = object()


def same_array(first: np.ndarray, second: np.ndarray) -> bool:
    same_type = first.dtype == second.dtype or first.dtype.kind == second.dtype.kind == "S"
    return (
        same_type and first.shape == second.shape and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
    )


def movie_of(cnmf: CNMF, directory: Path) -> np.ndarray:
    """Write a movie as the model describes it, with noise, as a memory map, and return its frames."""
    estimates, dims = cnmf.estimates, cnmf.estimates.dims
    signal = scipy.sparse.csc_matrix(estimates.A) @ estimates.C
    if isinstance(estimates.b, np.ndarray) and estimates.b.size:
        signal = signal + estimates.b @ estimates.f
    elif estimates.b0 is not None:
        signal = signal + estimates.b0[:, np.newaxis]
    noise = np.random.default_rng(0).normal(size=signal.shape) * np.mean(estimates.sn)
    frames = np.asarray(signal + noise, dtype=np.float32).T.reshape((-1, *dims), order="F")
    name = caiman.save_memmap([frames], base_name=str(directory / "movie"), order="C", is_3D=len(dims) > 2)
    pixels, shape, count = caiman.load_memmap(name)
    return np.reshape(pixels.T, (count, *shape), order="F")


def evaluate(cnmf: CNMF, movie: np.ndarray) -> CNMF:
    cnmf.params.set("quality", {"use_cnn": False})
    cnmf.estimates.evaluate_components(movie, cnmf.params)
    return cnmf


def filter_(cnmf: CNMF, movie: np.ndarray) -> CNMF:
    cnmf.estimates.filter_components(movie, cnmf.params, new_dict={"min_SNR": 4, "rval_thr": 0.9, "use_cnn": False})
    return cnmf


def select(cnmf: CNMF, movie: np.ndarray) -> CNMF:  # noqa: ARG001
    if cnmf.estimates.idx_components is None:
        cnmf.estimates.select_components(idx_components=np.arange(0, cnmf.estimates.A.shape[1], 2))
    else:
        cnmf.estimates.select_components(use_object=True)
    return cnmf


def detrend(cnmf: CNMF, movie: np.ndarray) -> CNMF:  # noqa: ARG001
    one_photon = cnmf.estimates.b is None or not np.size(cnmf.estimates.b)
    cnmf.estimates.detrend_df_f(frames_window=100, detrend_only=one_photon)
    return cnmf


def deconvolve(cnmf: CNMF, movie: np.ndarray) -> CNMF:  # noqa: ARG001
    cnmf.deconvolve()
    return cnmf


def contours(cnmf: CNMF, movie: np.ndarray) -> CNMF:  # noqa: ARG001
    cnmf.estimates.plot_contours(img=cnmf.estimates.Cn if hasattr(cnmf.estimates, "Cn") else None)
    return cnmf


def refit(cnmf: CNMF, movie: np.ndarray) -> CNMF:
    return cnmf.refit(movie)


FUNCTIONS: dict[str, Callable[[CNMF, np.ndarray], CNMF]] = {
    "evaluate_components": evaluate,
    "filter_components": filter_,
    "select_components": select,
    "detrend_df_f": detrend,
    "deconvolve": deconvolve,
    "plot_contours": contours,
    "refit": refit,
}


def outcome(function: Callable[[CNMF, np.ndarray], CNMF], cnmf: CNMF, movie: np.ndarray) -> Any:
    try:
        return function(cnmf, movie)
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"


def main(original: str, restored: str, directory: Path) -> dict[str, Any]:
    files = load_CNMF(original), load_CNMF(restored)
    known = set(different_paths(*files, ""))
    movie = movie_of(files[0], directory)
    functions = {}
    for name, function in FUNCTIONS.items():
        first, second = (outcome(function, load_CNMF(path), movie) for path in (original, restored))
        if isinstance(first, str):
            functions[name] = f"raises: {first}" if first == second else f"different: {first} / {second}"
        else:
            # What differed before still does; a function that reads it would make something else differ.
            found = sorted(set(different_paths(first, second, "")) - known)
            functions[name] = f"different: {', '.join(found)}" if found else "equal"
    return {"different": sorted(known), "functions": functions}


if __name__ == "__main__":
    stdout, sys.stdout = sys.stdout, sys.stderr
    result = main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    print(json.dumps(copy.deepcopy(result)), file=stdout)
