"""Environments in which the package is installed in each of the ways that users install it.

Each is a separate virtual environment. It sees what the running environment has installed, except this package
and what runs at Python's start: links to everything else are in one folder, which is on its path.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from plugin_environments import Environment, Interpreter, build_wheel, pip

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def build_backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what builds the package."""
    folder = tmp_path_factory.mktemp("build_backend")
    pip("install", "--quiet", "--target", folder, "hatchling", "hatch-vcs", "editables")
    return folder


@pytest.fixture(scope="session")
def wheel(build_backend: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree."""
    return build_wheel(ROOT, build_backend, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def wheel_of_sdist(build_backend: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(build_backend)},
        capture_output=True,
        check=True,
    )
    (sdist,) = folder.glob("*.tar.gz")
    return build_wheel(sdist, build_backend, folder)


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that links to everything installed but this package."""
    folder = tmp_path_factory.mktemp("dependencies")
    for entry in sys.path:
        installed = Path(entry)
        if not any(installed.glob("*.dist-info")):
            continue
        for item in installed.iterdir():
            link = folder / item.name
            if "caiman_interface" not in item.name and item.suffix != ".pth" and not link.exists():
                link.symlink_to(item)
    return folder


@pytest.fixture(scope="session")
def new_environment(dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """Make a virtual environment that has the dependencies and not the package."""

    def make(name: str) -> Environment:
        folder = tmp_path_factory.mktemp(name)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = str(folder / "bin" / "python")
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site_packages = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
        (Path(site_packages) / "dependencies.pth").write_text(f"{dependencies}\n")
        return Environment((python,), {}, Path(site_packages))

    return make


@pytest.fixture(scope="session")
def installed_wheel_python(new_environment: Callable[[str], Environment], wheel: Path) -> Environment:
    """An environment with the wheel."""
    environment = new_environment("installed_wheel")
    environment.pip("install", "--quiet", "--no-deps", "--no-index", str(wheel))
    return environment


@pytest.fixture(scope="session")
def editable_python(new_environment: Callable[[str], Environment], build_backend: Path) -> Environment:
    """An environment with an editable install of the source tree."""
    environment = new_environment("editable")
    pip(
        *("--python", environment.command[0], "install", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--editable", ROOT),
        PYTHONPATH=str(build_backend),
    )
    return environment


@pytest.fixture
def uninstalled_python(new_environment: Callable[[str], Environment], wheel: Path) -> Environment:
    """An environment in which the wheel was installed and uninstalled again."""
    environment = new_environment("uninstalled")
    environment.pip("install", "--quiet", "--no-deps", "--no-index", str(wheel))
    assert (environment.site_packages / "caiman_interface_autoload.pth").is_file()
    environment.pip("uninstall", "--quiet", "--yes", "caiman-interface")
    return environment


@pytest.fixture(scope="session")
def python_without_autoload(
    new_environment: Callable[[str], Environment], wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Interpreter:
    """The wheel on a path of which Python does not read the ``.pth`` files: only an import installs the hook."""
    folder = tmp_path_factory.mktemp("wheel_on_path")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return Interpreter(new_environment("without_autoload").command, {"PYTHONPATH": str(folder)})
