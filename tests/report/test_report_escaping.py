"""Text of a CaImAn file or of metadata is text in the report, never markup."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from caiman_interface.report import write_report
from conversions import DATA, convert_file

PLANTED = "<script>planted()</script></script><img src=x onerror=planted()>"


def plant(path, folder):
    """Add markup to every text of a CaImAn file."""
    changed = folder / "planted.hdf5"
    changed.write_bytes(path.read_bytes())

    def texts(name, node):
        is_text = isinstance(node, h5py.Dataset) and node.dtype.kind in "OS" and node.shape is not None
        if is_text and "NoneType" not in str(node[()]):
            found.append(name)

    found: list[str] = []
    with h5py.File(changed, "r+") as file:
        file.visititems(texts)
        for name in found:
            values = file[name][()]
            planted = [bytes(value) + PLANTED.encode() for value in np.ravel(values)]
            del file[name]
            file[name] = planted[0] if np.ndim(values) == 0 else np.array(planted)
    assert len(found) > 5
    return changed


def with_markup(value):
    """Add markup to every text of metadata except names, in which NWB allows no slash, and controlled terms."""
    for key, item in list(value.items()):
        if isinstance(item, dict):
            with_markup(item)
        elif isinstance(item, str) and key not in {"name", "sex", "age", "species"} and not key.endswith("_key"):
            value[key] = item + PLANTED
        elif isinstance(item, list) and all(isinstance(one, str) for one in item):
            value[key] = [one + PLANTED for one in item]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_markup_in_files_and_metadata_is_escaped(tmp_path):
    pytest.importorskip("bokeh")
    file = plant(DATA / "sim2p_full.hdf5", tmp_path)
    nwb = convert_file(file, tmp_path / "planted.nwb", metadata=with_markup)
    for source, caiman_file in ((file, None), (nwb, file)):
        page = write_report(source, tmp_path / "report.html", title=PLANTED, overwrite=True, caiman_file=caiman_file)
        text = page.read_text(encoding="utf-8")
        assert "<script>planted" not in text
        assert "<img src=x" not in text
        assert text.count("&lt;script&gt;planted()") > 3
