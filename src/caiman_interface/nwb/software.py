"""The software that made an NWB file, with versions: the field ``was_generated_by``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from pynwb import NWBFile

from caiman_interface.caiman_file import CaimanResults

_PACKAGES = {"caiman-interface": "caiman-interface", "NeuroConv": "neuroconv"}


def package_version() -> str | None:
    """Return the version of this package; None if it is not installed."""
    return _version_of("caiman-interface")


def add_software(nwbfile: NWBFile, results: CaimanResults) -> None:
    """Add this package, NeuroConv and CaImAn to ``was_generated_by``.

    A list that is already on disk cannot be extended and stays as it is.
    """
    stored = nwbfile.was_generated_by
    if stored is not None and nwbfile.container_source is not None:
        return
    entries = [[str(part) for part in entry] for entry in stored] if stored is not None else []
    versions = {name: _version_of(package) for name, package in _PACKAGES.items()}
    versions["CaImAn"] = results.caiman_version
    added = [[name, release] for name, release in versions.items() if release is not None]
    entries += [entry for entry in added if entry not in entries]
    if stored is None:
        nwbfile.was_generated_by = entries
    else:
        nwbfile.fields["was_generated_by"] = entries  # pynwb's attribute can be set once only


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
