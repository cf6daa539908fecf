"""Convert one case once, in this process, and print time and memory as JSON.

Called by ``compare.py``: ``python convert.py CONVERTER FOLDER OUTPUT``, with the environment variable
``CAIMAN_INTERFACE_NO_AUTOLOAD`` set, so that NeuroConv's own classes are NeuroConv's own.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

METADATA = {"session_start_time": "2024-01-02T03:04:05+00:00", "session_description": "Benchmark."}


def main(converter: str, folder: Path, output: Path) -> None:
    """Convert the case in a folder with one of the two, and print seconds, megabytes and bytes."""
    started = time.perf_counter()
    run = conversion(converter, folder)
    imported = time.perf_counter()
    imported_cpu = time.process_time()
    run(output)
    finished = time.perf_counter()
    finished_cpu = time.process_time()
    print(
        json.dumps(
            {
                "import_seconds": imported - started,
                "seconds": finished - imported,
                "processor_seconds": finished_cpu - imported_cpu,
                "peak_megabytes": peak_megabytes(),
                "output_bytes": output.stat().st_size,
                "dataset_bytes": dataset_bytes(output),
            }
        )
    )


def conversion(converter: str, folder: Path) -> Any:
    """Import what a conversion needs, and return the function that does it."""
    with suppress(ImportError):
        import IPython  # noqa: F401 - imported by NeuroConv during a conversion, if it is installed

    from neuroconv import NWBConverter
    from neuroconv.datainterfaces import CaimanSegmentationInterface, TiffImagingInterface

    base = NWBConverter
    if converter == "caiman-interface":
        from caiman_interface import CaimanSegmentationInterface, FastNWBConverter

        base = FastNWBConverter
    elif converter == "stock":  # our interface in NeuroConv's own converter, as in the `neuroconv` command
        from caiman_interface import CaimanSegmentationInterface
        from caiman_interface.plugins.registry import use_fast_writer

        use_fast_writer()
    source = {"Segmentation": {"file_path": str(folder / "caiman.hdf5")}}
    classes = {"Segmentation": CaimanSegmentationInterface}
    if (folder / "movie.tif").exists():
        source["Imaging"] = {"file_paths": [str(folder / "movie.tif")], "sampling_frequency": 30.0}
        classes["Imaging"] = TiffImagingInterface

    def run(output: Path) -> None:
        built = type("BenchmarkConverter", (base,), {"data_interface_classes": classes})(source)
        metadata = built.get_metadata()
        metadata["NWBFile"].update(METADATA)
        built.run_conversion(nwbfile_path=str(output), metadata=metadata, overwrite=True)

    return run


def dataset_bytes(output: Path) -> dict[str, int]:
    """Return how many bytes each dataset takes in the file."""
    import h5py

    found: dict[str, int] = {}
    with h5py.File(output) as file:
        file.visititems(
            lambda name, node: (
                found.update({name: node.id.get_storage_size()}) if isinstance(node, h5py.Dataset) else None
            )
        )
    return found


def peak_megabytes() -> float:
    """Return the peak of the resident memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
