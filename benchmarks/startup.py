"""Measure what the hook costs at each start of Python.

Two new virtual environments are alike but for this package and its ``.pth`` file. Starts of the two alternate, so
that whatever else the machine does falls on both. Nothing is installed and nothing fetched.

    python benchmarks/startup.py [number of starts of each]
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
TARGET_MS = 2.0


def make_environment(folder: Path) -> Path:
    """Make a bare virtual environment and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (python,) = [path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists()]
    return python


def add_package(python: Path) -> None:
    """Put the package and its ``.pth`` file where an installation puts them."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    site_packages = Path(answer.stdout.strip())
    package = site_packages / "caiman_interface"
    shutil.copytree(SOURCE / "caiman_interface", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "caiman_interface_autoload.pth", site_packages)
    subprocess.run([python, "-m", "compileall", "-q", package], check=True)  # as pip does


def start_ms(python: Path) -> float:
    """Start and end an interpreter; return the wall time in milliseconds."""
    begin = time.perf_counter()
    subprocess.run([python, "-c", "pass"], check=True)
    return 1e3 * (time.perf_counter() - begin)


def main(starts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        without, with_hook = (make_environment(Path(folder) / name) for name in ("without", "with_hook"))
        add_package(with_hook)
        for python in (without, with_hook):
            start_ms(python)  # the first start reads from the disk
        pairs = [(start_ms(without), start_ms(with_hook)) for _ in range(starts)]
    base, hooked = (statistics.median(column) for column in zip(*pairs, strict=True))
    cost = statistics.median(second - first for first, second in pairs)
    print(f"Python {sys.version.split()[0]}, {starts} starts of each, medians")
    print(f"start without the hook  {base:6.2f} ms")
    print(f"start with the hook     {hooked:6.2f} ms")
    print(f"cost of the hook        {cost:6.2f} ms (target: below {TARGET_MS:g} ms)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
