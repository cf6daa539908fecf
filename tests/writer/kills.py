"""Kill conversions at many moments, and print what is at the target afterwards.

``python kills.py WAY FOLDER STEP`` converts a real CaImAn file in forked processes. Each is killed at another moment:
at one of its operations on the folder (creating, renaming, linking, removing files), or after some milliseconds. Prints
for each kill what is at the target, and what is beside it before and after the leftovers are removed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py
import yaml
from neuroconv import ConverterPipe, NWBConverter, run_conversion_from_yaml
from neuroconv.datainterfaces import CaimanSegmentationInterface
from nwbfiles import file_with
from pynwb import NWBHDF5IO, read_nwb

from caiman_interface import CaimanSegmentationInterface as OwnInterface
from caiman_interface import ParallelNWBHDF5IO
from caiman_interface.writer.partial_files import remove_leftovers

DATA = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"
METADATA = {"session_start_time": "2024-01-02T03:04:05+00:00", "session_description": "A session."}
EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.copyfile"}
MILLISECONDS = (20, 60, 120, 200)


class PlainConverter(NWBConverter):
    data_interface_classes: ClassVar = {"Segmentation": CaimanSegmentationInterface}


def converter() -> Any:
    return PlainConverter({"Segmentation": {"file_path": str(DATA)}})


def pipe() -> Any:
    return ConverterPipe(data_interfaces=[CaimanSegmentationInterface(file_path=str(DATA))])


def run(made: Any, target: Path, **options: Any) -> None:
    metadata = made.get_metadata()
    metadata["NWBFile"].update(METADATA)
    made.run_conversion(nwbfile_path=str(target), metadata=metadata, **options)


def specification(target: Path) -> str:
    """Return a specification of one session with that output."""
    subject = {"subject_id": "one", "sex": "F", "species": "Mus musculus", "age": "P60D"}
    session = {
        "nwbfile_name": target.stem,
        "source_data": {"Segmentation": {"file_path": str(DATA)}},
        "metadata": {"NWBFile": {"session_id": "one"}, "Subject": subject},
    }
    return yaml.safe_dump(
        {
            "data_interfaces": {"Segmentation": "CaimanSegmentationInterface"},
            "experiments": {"one": {"metadata": {"NWBFile": METADATA}, "sessions": [session]}},
        }
    )


def run_specification(target: Path) -> None:
    path = target.parent.parent / "specification.yml"
    path.write_text(specification(target))
    run_conversion_from_yaml(
        specification_file_path=path, data_folder_path=DATA.parent, output_folder_path=target.parent, overwrite=True
    )


def write_with_io(target: Path) -> None:
    nwbfile = file_with([1.0, 2.0])
    OwnInterface(file_path=DATA).add_to_nwbfile(nwbfile)
    with ParallelNWBHDF5IO(target, "w") as io:
        io.write(nwbfile)


WAYS: dict[str, Callable[[Path], None]] = {
    "command": run_specification,
    "converter": lambda target: run(converter(), target, overwrite=True),
    "pipe": lambda target: run(pipe(), target, overwrite=True),
    "interface": lambda target: run(OwnInterface(file_path=DATA), target, overwrite=True),
    "io": write_with_io,
    "append": lambda target: run(converter(), target, append_on_disk_nwbfile=True),
    "zarr": lambda target: run(converter(), target, overwrite=True, backend="zarr"),
}


def die_at_event(folder: Path, number: int) -> None:
    """Kill this process at its operation of that number on the folder."""
    left = [number]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        is_own = event in EVENTS and isinstance(arguments[0], str | Path) and Path(arguments[0]).parent == folder
        if is_own or event == "ctypes.dlopen":  # how two stores are exchanged
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    sys.addaudithook(watch)


def killed(way: Callable[[Path], None], target: Path, prepare: Callable[[], None]) -> bool:
    """Convert in a forked process, and return whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            prepare()
            way(target)
        except BaseException:  # noqa: BLE001 - the child must not go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the conversion failed")
    return os.WIFSIGNALED(status)


def moments(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    for milliseconds in MILLISECONDS:
        yield f"{milliseconds} ms", lambda delay=milliseconds: signal.setitimer(signal.ITIMER_REAL, delay / 1000)
    number = 0
    while True:
        yield f"operation {number}", lambda number=number: die_at_event(folder, number)
        number += 1


def old_file(way: str, target: Path) -> None:
    if way == "zarr":
        from hdmf_zarr import NWBZarrIO

        with NWBZarrIO(str(target), mode="w") as io:
            io.write(file_with([1.0, 2.0]))
    else:
        with NWBHDF5IO(str(target), "w") as io:
            io.write(file_with([1.0, 2.0]))


def state(target: Path) -> str:
    """Whether the old or the complete new file is at the target."""
    nwbfile = read_nwb(target)
    try:
        if "ophys" not in nwbfile.processing:
            return "old" if nwbfile.acquisition["Series"].data[:].tolist() == [1.0, 2.0] else "broken"
        with h5py.File(DATA) as source:
            expected = source["estimates/C"][()].T
        found = nwbfile.processing["ophys"]["Fluorescence"]["Denoised"].data[:]
        return "new" if (found == expected).all() else "broken"
    finally:
        nwbfile.read_io.close()


def main(way: str, folder: Path, step: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    target = folder / ("target.nwb.zarr" if way == "zarr" else "target.nwb")
    results = []
    for index, (moment, prepare) in enumerate(moments(folder)):
        if index % step and moment.startswith("operation"):
            continue
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        old_file(way, target)
        was_killed = killed(WAYS[way], target, prepare)
        beside = len(entries(folder)) - 1
        remove_leftovers(folder)  # what the next conversion to the folder does first
        results.append((moment, was_killed, state(target), beside, len(entries(folder)) - 1))
        if not was_killed and moment.startswith("operation"):
            break  # all operations are done
    print(json.dumps(results))


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
