"""Convert CaImAn results to NWB, as a plugin of NeuroConv.

Importing this package is cheap, because it happens whenever the interpreter starts: the import installs the hook
that registers the plugins with NeuroConv, and every public name is imported when it is first used.
"""

from .plugins import startup

TYPE_CHECKING = False  # `typing` itself would cost more than all the rest of this import
if TYPE_CHECKING:
    from .caiman_file import CaimanFileError, CaimanFileWarning, CaimanResults
    from .extractor import CaimanSegmentationExtractor
    from .interface import CaimanSegmentationInterface
    from .nwb.nwb_results import NwbResults
    from .restoration.report import RestoreReport
    from .restoration.restore import restore
    from .specification.conversion_report import ConversionReport
    from .specification.study import convert_specification
    from .verification.verify import verify
    from .writer.file import FastNWBConverter, write_nwbfile
    from .writer.hdf5_io import ParallelNWBHDF5IO

    __version__: str

__all__ = [
    "CaimanFileError",
    "CaimanFileWarning",
    "CaimanResults",
    "CaimanSegmentationExtractor",
    "CaimanSegmentationInterface",
    "ConversionReport",
    "FastNWBConverter",
    "NwbResults",
    "ParallelNWBHDF5IO",
    "RestoreReport",
    "__version__",
    "convert_specification",
    "restore",
    "verify",
    "write_nwbfile",
]

_MODULE_OF = {
    "CaimanFileError": "caiman_interface.caiman_file",
    "CaimanFileWarning": "caiman_interface.caiman_file",
    "CaimanResults": "caiman_interface.caiman_file",
    "CaimanSegmentationExtractor": "caiman_interface.extractor",
    "CaimanSegmentationInterface": "caiman_interface.interface",
    "ConversionReport": "caiman_interface.specification.conversion_report",
    "FastNWBConverter": "caiman_interface.writer.file",
    "NwbResults": "caiman_interface.nwb.nwb_results",
    "ParallelNWBHDF5IO": "caiman_interface.writer.hdf5_io",
    "RestoreReport": "caiman_interface.restoration.report",
    "convert_specification": "caiman_interface.specification.study",
    "restore": "caiman_interface.restoration.restore",
    "verify": "caiman_interface.verification.verify",
    "write_nwbfile": "caiman_interface.writer.file",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _installed_version()
    elif name in _MODULE_OF:
        import importlib

        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("caiman-interface")
    except PackageNotFoundError:
        # An AttributeError, so that hasattr and getattr with a default work as for any module.
        message = "caiman_interface has no version because it is not installed: it was imported from a folder"
        raise AttributeError(message) from None


startup.install()
