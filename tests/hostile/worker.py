"""Convert the files that are named on standard input, and report what happened to each; one process for many files.

With CAIMAN_INTERFACE_NO_AUTOLOAD set, NeuroConv's own class converts them.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from independent import compare, left_out_needlessly

IS_STOCK = bool(os.environ.get("CAIMAN_INTERFACE_NO_AUTOLOAD"))
ADDRESS_SPACE = 6 * 2**30


def status(field: str) -> int:
    """Return a field of this process's status in bytes; 0 where there is none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def convert(source: Path, nwb: Path) -> None:
    from neuroconv.datainterfaces import CaimanSegmentationInterface

    interface = CaimanSegmentationInterface(file_path=str(source))
    try:
        metadata = interface.get_metadata(use_new_metadata_format=True)
    except TypeError:
        metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = datetime(2024, 5, 2, 10, 30, tzinfo=timezone.utc)
    interface.run_conversion(nwbfile_path=str(nwb), metadata=metadata, overwrite=True)


def read_otherwise(source: Path) -> None:
    """Do what ``inspect`` does."""
    from caiman_interface import CaimanResults

    with CaimanResults.open(source) as results:
        summary = getattr(results, "summary", None)
        if summary is not None:
            summary()


def attempt(source: Path, nwb: Path, touched: set[str]) -> dict[str, Any]:
    problems: list[str] = []
    try:
        convert(source, nwb)
        outcome = "converted"
    except Exception as error:  # noqa: BLE001
        refused = type(error).__name__ == "CaimanFileError"
        outcome, problems = ("refused", [str(error)[:300]]) if refused else ("raised", [describe(error)])
    if outcome != "converted":
        if nwb.exists():
            problems.append("an NWB file was left behind")
            outcome = "raised"
        return {"outcome": outcome, "problems": problems}
    try:
        problems = compare(source, nwb, any_orientation=IS_STOCK)
    except Exception as error:  # noqa: BLE001
        return {"outcome": "not compared", "problems": [describe(error)]}
    if problems:
        return {"outcome": "wrong", "problems": problems}
    if IS_STOCK:
        return {"outcome": "converted", "problems": []}
    return check_own(source, nwb, touched)


def check_own(source: Path, nwb: Path, touched: set[str]) -> dict[str, Any]:
    """Check what NeuroConv's own class does not have: ``verify``, the summary, and every usable field."""
    from caiman_interface import verify

    lost = left_out_needlessly(source, nwb, touched)
    if lost:
        return {"outcome": "lost", "problems": lost}
    try:
        read_otherwise(source)
        report = verify(source, nwb)
    except Exception as error:  # noqa: BLE001
        return {"outcome": "raised", "problems": [f"verify or summary: {describe(error)}"]}
    if not report.ok:
        return {"outcome": "wrong", "problems": ["verify finds differences where there are none", str(report)[:500]]}
    return {"outcome": "converted", "problems": []}


def describe(error: BaseException) -> str:
    import traceback

    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "caiman_interface" in frame.filename]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {str(error)[:200]}{place}"


def is_allowed(warning: warnings.WarningMessage) -> bool:
    """Whether a warning is one that users are meant to see: of this package, about their file."""
    text = str(warning.message)
    own = warning.category is UserWarning or warning.category.__module__.startswith("caiman_interface")
    return own and ("estimates" in text or "CaImAn" in text or "session.hdf5" in text)


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from neuroconv.datainterfaces import CaimanSegmentationInterface  # noqa: F401

    resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + ADDRESS_SPACE, resource.RLIM_INFINITY))
    known: set[str] = set()
    for line in sys.stdin:
        request = json.loads(line)
        source, nwb = Path(request["source"]), Path(request["nwb"])
        before, start = status("VmRSS"), time.perf_counter()
        forget_peak()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = attempt(source, nwb, set(request["touched"]))
        answer["memory"] = max(status("VmHWM") - before, 0)
        answer["seconds"] = time.perf_counter() - start
        odd = {
            f"{warning.category.__name__}: {str(warning.message)[:200]}"
            for warning in caught
            if not is_allowed(warning)
        }
        if request.get("is_undamaged"):
            known |= odd
        elif odd - known and answer["outcome"] in ("converted", "refused") and not IS_STOCK:
            answer |= {"outcome": "warned", "problems": sorted(odd - known)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
