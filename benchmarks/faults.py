"""Kill and disturb conversions, with this package and with NeuroConv alone, and print what is left.

    python benchmarks/faults.py [--kills 20]

Every conversion replaces an older NWB file, or appends to it. "NeuroConv" is NeuroConv without this package.
Needs Linux; disks of limited size need the rights of the superuser, and are skipped without them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "writer"))

import kills

WAYS = {
    "interface": "`CaimanSegmentationInterface.run_conversion`",
    "converter": "`NWBConverter`",
    "pipe": "`ConverterPipe`",
    "command": "NeuroConv's specification",
    "append": "appending on disk",
    "zarr": "Zarr",
}
CONVERTERS = ("ours", "NeuroConv")
AT_TARGET = {"old": "old file", "new": "complete new file", "broken": "broken", "missing": "nothing"}
# Larger than the old file, smaller than the new one.
SMALL_DISK = 400_000
ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT


class Disturbed(NamedTuple):
    """What a fault left: the state of the target, the error, and the number of files beside the target."""

    state: str
    error: str
    beside: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="kills of each way, at equal distances in time")
    parser.add_argument("--converter", choices=CONVERTERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.converter:
        print(json.dumps(measured(given.converter, given.kills)))
        return
    results = {name: measured_in_process(name, given.kills) for name in CONVERTERS}
    print_kills({name: result["kills"] for name, result in results.items()})
    print_faults({name: result["faults"] for name, result in results.items()})


def measured_in_process(converter: str, count: int) -> Any:
    """Measure in a process with or without the plugin."""
    environment = dict(os.environ)
    if converter == "NeuroConv":
        environment["CAIMAN_INTERFACE_NO_AUTOLOAD"] = "1"
    command = [sys.executable, __file__, "--converter", converter, "--kills", str(count)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(converter: str, count: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    if converter == "NeuroConv":
        kills.OwnInterface = kills.CaimanSegmentationInterface
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        faults = {fault.name: disturbed(fault, parent) for fault in FAULTS}
        faults["two conversions to one new file"] = at_once(parent)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            faults[f"{number.name} to the command"] = ended(number, converter, parent)
        return {"kills": {way: list(killed(way, parent, count)) for way in WAYS}, "faults": faults}


def print_kills(results: dict[str, Any]) -> None:
    print("| way | " + " | ".join(f"{name}: {words}" for name in results for words in AT_TARGET.values()) + " |")
    print("| --- |" + " ---: |" * (len(results) * len(AT_TARGET)))
    for way, words in WAYS.items():
        counts = [Counter(state for state, _ in result[way]) for result in results.values()]
        cells = [str(count[state]) for count in counts for state in AT_TARGET]
        print(f"| {words} | {' | '.join(cells)} |")
    print()


def print_faults(results: dict[str, Any]) -> None:
    print("| fault | " + " | ".join(f"{name}: at the target | beside it | error" for name in results) + " |")
    print("| --- |" + " --- | ---: | --- |" * len(results))
    for fault in next(iter(results.values())):
        left = [Disturbed(*result[fault]) for result in results.values()]
        cells = [f"{AT_TARGET.get(one.state, one.state)} | {one.beside} | {one.error}" for one in left]
        print(f"| {fault} | {' | '.join(cells)} |")


def killed(way: str, parent: Path, count: int) -> Iterator[tuple[str, int]]:
    """Kill conversions while they write, at equal distances in time; yield what `Disturbed` holds without the error."""
    seconds = max(attempt(way, parent, delay=None)[0] for _ in range(3))
    for number in range(count):
        yield attempt(way, parent, delay=seconds * number / count)[1:]


def attempt(way: str, parent: Path, *, delay: float | None) -> tuple[float, str, int]:
    """Convert in a forked process, and kill it some time after it has begun to write.

    Returns the seconds from the first change in the folder to the end, the state of the target, and how many files are
    beside it.
    """
    with new_target(way, parent) as target:
        before = content(target.parent)
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                kills.WAYS[way](target)
                status = 0
            os._exit(status)
        while content(target.parent) == before and os.waitid(os.P_PID, child, ENDED) is None:
            time.sleep(0.0005)
        start = time.perf_counter()
        if delay is not None:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return time.perf_counter() - start, state(target), beside(target)


def content(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())


def beside(target: Path) -> int:
    """Return the number of hidden files beside the target."""
    return sum(name.startswith(".") for name in kills.entries(target.parent))


@contextlib.contextmanager
def new_target(way: str, parent: Path) -> Iterator[Path]:
    """Return the path of an older NWB file in a new folder."""
    folder = parent / "work" / "out"
    folder.mkdir(parents=True)
    target = folder / ("target.nwb.zarr" if way == "zarr" else "target.nwb")
    kills.old_file(way, target)
    try:
        yield target
    finally:
        shutil.rmtree(folder.parent)


def state(target: Path) -> str:
    if not target.exists():
        return "missing"
    try:
        return kills.state(target)
    except Exception:  # noqa: BLE001 - whatever pynwb raises for a broken file
        return "broken"


class Fault(NamedTuple):
    """Something that goes wrong.

    Attributes
    ----------
    name : str
        For the table.
    around : context manager
        What is wrong while a conversion runs; called with the path of the old file.
    meanwhile : callable
        What happens to the CaImAn file after the interface opened it, before it writes.
    """

    name: str
    around: Callable[[Path], contextlib.AbstractContextManager[None]] = lambda target: contextlib.nullcontext()  # noqa: ARG005
    meanwhile: Callable[[Path], None] = lambda source: None  # noqa: ARG005


@contextlib.contextmanager
def small_disk(target: Path) -> Iterator[None]:
    """Mount a disk at the folder that is too small for the new file."""
    with mounted(target, f"size={SMALL_DISK}"):
        yield


@contextlib.contextmanager
def read_only_disk(target: Path) -> Iterator[None]:
    with mounted(target, "size=9m"):
        subprocess.run(["mount", "-o", "remount,ro", str(target.parent)], check=True)
        yield


@contextlib.contextmanager
def mounted(target: Path, options: str) -> Iterator[None]:
    """Mount a file system at the folder, with the old file on it."""
    old = target.read_bytes()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(target.parent)], check=True)
    try:
        target.write_bytes(old)
        yield
    finally:
        subprocess.run(["umount", "-l", str(target.parent)], check=True)


@contextlib.contextmanager
def limited_file_size(target: Path) -> Iterator[None]:  # noqa: ARG001
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only_target(target: Path) -> Iterator[None]:
    target.chmod(0o444)
    yield


def truncate(source: Path) -> None:
    os.truncate(source, source.stat().st_size // 2)


def change(source: Path) -> None:
    """Write other values into the CaImAn file, as another program would."""
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2] + bytes(reversed(content[len(content) // 2 :])))


FAULTS = [
    Fault("disk full", small_disk),
    Fault("limit of the file size", limited_file_size),
    Fault("file system read-only", read_only_disk),
    Fault("old file read-only", read_only_target),
    Fault("CaImAn file removed", meanwhile=Path.unlink),
    Fault("CaImAn file cut off", meanwhile=truncate),
    Fault("CaImAn file overwritten", meanwhile=change),
]


def disturbed(fault: Fault, parent: Path) -> Disturbed:
    """Convert once under a fault."""
    with new_target("interface", parent) as target:
        source = target.parent.parent / "results.hdf5"
        shutil.copyfile(kills.DATA, source)
        try:
            with fault.around(target):
                error = error_of(lambda: convert(source, target, fault.meanwhile))
                return Disturbed(state(target), error, beside(target))
        except subprocess.CalledProcessError:
            return Disturbed("not measured", "needs the rights of the superuser", 0)


def convert(source: Path, target: Path, meanwhile: Callable[[Path], None], *, overwrite: bool = True) -> None:
    interface = kills.OwnInterface(file_path=str(source))
    metadata = interface.get_metadata()
    metadata["NWBFile"].update(kills.METADATA)
    meanwhile(source)
    interface.run_conversion(nwbfile_path=str(target), metadata=metadata, overwrite=overwrite)


def error_of(action: Callable[[], None]) -> str:
    """Run in a forked process; return the error as one line, empty if there is none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        message = ""
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the child must not go on as its parent
            message = f"{type(error).__name__}: {error}"
        os.write(writing, message.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        message = pipe.read()
    status = os.waitpid(child, 0)[1]
    return f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else " ".join(message.split())


def at_once(parent: Path) -> Disturbed:
    """Start two conversions to one new file."""
    with new_target("interface", parent) as target:
        target.unlink()
        barrier = multiprocessing.get_context("fork").Barrier(2)

        def one() -> str:
            return error_of(lambda: convert(kills.DATA, target, lambda _: barrier.wait() and None, overwrite=False))

        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(one) for _ in range(2)]
            errors = [job.result() for job in jobs]
        error = f"{errors.count('')} report success; " + "; ".join(filter(None, errors))
        return Disturbed(state(target), error, beside(target))


def ended(number: signal.Signals, converter: str, parent: Path) -> Disturbed:
    """End the command by a signal when it has begun to write a new file."""
    with new_target("interface", parent) as target:
        folder = target.parent
        target.unlink()
        signal.signal(number, signal.SIG_DFL)  # a job in the background ignores some, and so would the command
        path = folder.parent / "specification.yml"
        path.write_text(kills.specification(target))
        program = Path(sys.executable).with_name("caiman-interface" if converter == "ours" else "neuroconv")
        options = ["convert", path, "-o", folder] if converter == "ours" else [path, "--output-folder-path", folder]
        command = [str(part) for part in [program, *options]]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while process.poll() is None and not any(".nwb" in name for name in kills.entries(folder)):
            time.sleep(0.001)
        process.send_signal(number)
        output = process.communicate()[0].strip()
        error = f"exit status {process.returncode}: {output.splitlines()[-1] if output else ''}"
        return Disturbed(state(target), error, beside(target))


if __name__ == "__main__":
    main()
