"""Windows and macOS lack some calls; what takes their place is tested here by removing them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from caiman_interface import restore, verify
from caiman_interface.specification import processes
from caiman_interface.writer import system_calls


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_conversion_and_restoration_without_calls_of_linux(
    convert: Callable[..., Path],
    caiman_files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
) -> None:
    monkeypatch.setattr(system_calls, "fcntl", None)  # no locks of files
    monkeypatch.setattr(system_calls, "sys", SimpleNamespace(platform="win32"))  # no exchange of two names
    for name in ("preadv", "sched_getaffinity", "O_DIRECTORY"):
        monkeypatch.delattr(os, name, raising=False)
    source, nwb = caiman_files["sim2p_inmemory_k1"], tmp_path / "results.nwb"
    for _ in range(2):  # the second time, the file is replaced
        convert(source, nwb, backend=backend)
    assert verify(source, nwb).ok
    report = restore(nwb, tmp_path / "restored.hdf5")
    assert verify(report.hdf5_path, nwb).ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["restored.hdf5", "results.nwb"]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_processes_are_fresh_where_forking_is_unsafe(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "sys", SimpleNamespace(platform=platform))
    assert processes.process_context().get_start_method() == "spawn"
