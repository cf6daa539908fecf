"""The Python examples of the documentation run, as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["caiman-file-format.md", "nwb-content.md", "python.md"])
def test_examples_run(page: str, tmp_path: Path):
    data = tmp_path / "tests" / "data"
    data.mkdir(parents=True)
    for name in ("sim2p_full.hdf5", "sim2p_minimal.hdf5"):
        shutil.copy(ROOT / "tests" / "data" / name, data)
    examples = "\n".join(PYTHON.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    assert examples
    done = subprocess.run([sys.executable, "-c", examples], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
