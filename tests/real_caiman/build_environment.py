"""Build a virtual environment with the real CaImAn, for the tests in this directory.

Usage::

    python tests/real_caiman/build_environment.py CAIMAN_SOURCE ENVIRONMENT
    CAIMAN_PYTHON=ENVIRONMENT/bin/python python -m pytest tests/real_caiman

CAIMAN_SOURCE is a directory that contains CaImAn's source, such as a clone of
https://github.com/flatironinstitute/CaImAn. Dependencies come from the package index that pip uses. CaImAn imports
TensorFlow in several modules, but only its neural network needs it; importable placeholders take its place, which
saves more than a gigabyte. Graphical interfaces are left out. Python 3.11 or 3.12 is required.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

DEPENDENCIES = (
    "bokeh",
    "certifi",
    "cython",
    "h5py",
    "holoviews",
    "ipyparallel",
    "ipython",
    "ipywidgets",
    "matplotlib",
    "numpy>=1.26,<2",
    "opencv-python-headless<4.12",
    "peakutils",
    "pims",
    "psutil",
    "pynwb",
    "python-dateutil",
    "scikit-image",
    "scikit-learn",
    "scipy<1.15",  # later releases no longer accept the arrays that CaImAn's deconvolution passes
    "setuptools<81",  # later releases have no pkg_resources, which CaImAn imports
    "tifffile",
    "tqdm",
    "wheel",
    "zarr<3",
)

# CaImAn's own build files list example movies and network weights, which this build does not need.
_SETUP = """
import numpy
from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

oasis = Extension(
    "caiman.source_extraction.cnmf.oasis",
    sources=["caiman/source_extraction/cnmf/oasis.pyx"],
    include_dirs=[numpy.get_include()],
    language="c++",
)
setup(
    name="caiman",
    version={version!r},
    packages=find_packages(include=["caiman", "caiman.*"]),
    ext_modules=cythonize([oasis], language_level="3"),
)
"""

_PLACEHOLDER = '''
"""Placeholder: this environment has no TensorFlow. What is imported from here has no function."""


def is_tensor(value):  # matplotlib asks
    return False


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {"__init__": lambda self, *arguments, **options: None})
'''
_PLACEHOLDER_MODULES = ("layers", "models", "optimizers", "callbacks", "backend", "initializers", "utils")


def build(source: Path, environment: Path) -> Path:
    """Build the environment and return the path of its Python interpreter."""
    venv.create(environment, with_pip=True, clear=True)
    folder = "Scripts" if (environment / "Scripts").is_dir() else "bin"
    python = environment / folder / "python"
    _pip(python, *DEPENDENCIES)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "caiman-source"
        shutil.copytree(source / "caiman", copy / "caiman")
        version = (source / "VERSION").read_text(encoding="utf-8").strip()
        (copy / "setup.py").write_text(_SETUP.format(version=version), encoding="utf-8")
        _pip(python, "--no-deps", "--no-build-isolation", str(copy))
    _add_placeholders(python)
    subprocess.run([python, "-c", "from caiman.source_extraction.cnmf import cnmf, online_cnmf"], check=True)
    return python


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)


def _add_placeholders(python: Path) -> None:
    """Write a package ``tensorflow`` whose names can be imported and do nothing."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    keras = Path(packages) / "tensorflow" / "keras"
    keras.mkdir(parents=True, exist_ok=True)
    for file in (
        keras.parent / "__init__.py",
        keras / "__init__.py",
        *(keras / f"{n}.py" for n in _PLACEHOLDER_MODULES),
    ):
        file.write_text(_PLACEHOLDER, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="directory with CaImAn's source")
    parser.add_argument("environment", type=Path, help="directory of the new environment")
    arguments = parser.parse_args()
    print(build(arguments.source, arguments.environment))
