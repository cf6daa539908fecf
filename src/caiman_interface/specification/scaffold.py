"""`write_scaffold`: a specification for CaImAn files, with blanks for what only the experimenter knows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.metadata.from_results import metadata_of
from caiman_interface.metadata.vocabulary import DEFAULT_METADATA_KEY

from .fields import help_for, write_example
from .text import KeyPath

_INTERFACE = "CaimanSegmentationInterface"
_DEVICE = "Microscope"
_CHANNEL = "OpticalChannel"  # as NeuroConv calls it where nobody does: an entry of another name would be a second one

# What CaImAn assumes when it is told nothing.
_DEFAULT_RATE = 30.0
_DEFAULT_PIXEL_SIZE = (1.0, 1.0)

_SECONDS_IN_MINUTE = 60

_PLANE = ("Ophys", "ImagingPlane")


@dataclass(frozen=True)
class _FileFacts:
    """What one CaImAn file states."""

    path: str
    name: str
    summary: str
    keyword: str
    plane: dict[str, Any]
    is_volumetric: bool
    is_default_rate: bool
    is_default_spacing: bool


def write_scaffold(
    files: Sequence[str | Path],
    *,
    folder: str | Path,
    file_name: str,
    schema: str | None = None,
    as_planes: bool = False,
) -> str:
    """Return the text of a specification for CaImAn files.

    What the files state is filled in. What only the experimenter knows is a key without a value, with a comment that
    says what it wants; `check_specification` reports each as a blank.

    Parameters
    ----------
    files : sequence of str or Path
        The CaImAn files.
    folder : str or Path
        The folder in which the specification will stand; the paths in it are relative to that.
    file_name : str
        The name of the specification, for the commands in its comments.
    schema : str, optional
        Where editors find the JSON schema, relative to the specification.
    as_planes : bool
        Whether the files are planes of one session; by default each is a session.

    Raises
    ------
    CaimanFileError
        If a file is not what CaImAn writes.
    ValueError
        If a file is given twice.
    """
    paths = [Path(file) for file in files]
    _refuse_repeats(paths)
    keys = [f"plane{index}" for index in range(len(paths))] if as_planes else [DEFAULT_METADATA_KEY] * len(paths)
    names = [_session_name(paths)] * len(paths) if as_planes else _output_names(paths)
    facts = [_read(path, name, key, Path(folder)) for path, name, key in zip(paths, names, keys, strict=True)]
    interfaces = [f"Plane{index}" for index in range(len(paths))] if as_planes else ["Segmentation"]
    planes = _planes_of_one_session(facts) if as_planes else [_common_plane(facts)]
    lines = [
        *_head(file_name, schema),
        "",
        "# The name on the left is yours to choose; source_data refers to it.",
        "data_interfaces:",
        *(f"  {name}: {_INTERFACE}" for name in interfaces),
        "",
        *_common_metadata(facts, planes, is_one_session=as_planes or len(facts) == 1),
        "",
        *_options(),
        "",
        "experiments:",
        "  recordings:  # a name of your choice",
        "    sessions:",
        *_sessions(facts, interfaces, keys, as_planes=as_planes),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _refuse_repeats(paths: Sequence[Path]) -> None:
    """Raise an error if a file is given twice, even by another path."""
    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            again = "twice" if first == path else f"twice, the second time as {path}"
            raise ValueError(f"{first} is given {again}. Give each file once.")


def _output_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file's NWB file, unlike the others: its own, with its folder's where files share it."""
    stems = [path.stem for path in paths]
    names: list[str] = []
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else f"{path.resolve().parent.name}_{stem}"
        numbered = (f"{name}_{number}" for number in count(2))
        names.append(next(free for free in chain([name], numbered) if free not in names))
    return names


def _session_name(paths: Sequence[Path]) -> str:
    """Return a name for a session of several files: the words with which all their names begin, or else the folder."""
    pieces = [re.findall(r"[^\W_]+|[\W_]+", path.stem) for path in paths]  # words, and what stands between them
    alike = takewhile(lambda at: len(set(at)) == 1, zip(*pieces, strict=False))
    shared = re.sub(r"[\W_]+$", "", "".join(piece for piece, *_ in alike))
    folders = {path.resolve().parent.name for path in paths}
    return shared or (folders.pop() if len(folders) == 1 else "") or "session"


def _read(path: Path, name: str, key: str, folder: Path) -> _FileFacts:
    with CaimanResults.open(path) as results:
        return _FileFacts(
            path=_relative(path, folder),
            name=name,
            summary=_summary(results),
            keyword=f"{'one' if results.is_one_photon else 'two'}-photon calcium imaging",
            plane=metadata_of(results, key)["ImagingPlanes"][key],
            is_volumetric=results.is_volumetric,
            is_default_rate=results.sampling_frequency == _DEFAULT_RATE,
            is_default_spacing=results.parameters.data.dxy == _DEFAULT_PIXEL_SIZE,
        )


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return path.resolve().as_posix()


def _summary(results: CaimanResults) -> str:
    components, rate, frames = results.components, results.sampling_frequency, results.num_frames
    shape = " x ".join(map(str, results.frame_shape))
    recording = ", ".join(
        part
        for part in (
            "" if frames is None else f"{frames} frames",
            "" if rate is None else f"{rate:g} per second",
            "" if rate is None or frames is None else _duration(frames / rate),
        )
        if part
    )
    judged = components.acceptance.verdict != "not evaluated"
    verdict = f"{len(components.acceptance.accepted)} accepted" if judged else "not evaluated"
    number = f"{components.count} component{'s' * (components.count != 1)}"
    version = f"CaImAn {results.caiman_version}" if results.caiman_version else "CaImAn of unknown version"
    return f"{version}, {results.method}; {shape} pixels; {recording}; {number}, {verdict}"


def _duration(seconds: float) -> str:
    if seconds < _SECONDS_IN_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS_IN_MINUTE)
    return f"{minutes} min {rest} s"


def _head(file_name: str, schema: str | None) -> Iterator[str]:
    if schema is not None:
        yield f"# yaml-language-server: $schema={schema}"
        yield "#"
    yield from (
        "# What the NWB files shall say besides what CaImAn saved: a specification for NeuroConv.",
        "#",
        "# A key without a value is a blank that only you can fill in; the comment after it says what it wants. If you",
        "# do not know it, delete the line (session_start_time is demanded). A line with '#' before a key is optional:",
        "# take the '#' and the space after it away to use it. Then:",
        "#",
        f"#   caiman-interface validate {file_name}",
        f"#   caiman-interface convert {file_name} -o nwb",
        "#",
        f"# NeuroConv's own command runs it too: neuroconv {file_name} --output-folder-path nwb",
    )


def _common_metadata(facts: Sequence[_FileFacts], planes: list[list[str]], *, is_one_session: bool) -> Iterator[str]:
    kinds = {one.keyword for one in facts}
    keywords = [kinds.pop() if len(kinds) == 1 else "calcium imaging", "CaImAn"]
    yield "metadata:" if is_one_session else "metadata:  # of all sessions; what a session states itself wins"
    yield "  NWBFile:"
    for name in ("experiment_description", "experimenter", "lab", "institution"):
        yield f"    {_blank('NWBFile', name)}"
    yield f"    keywords: {write_example(keywords)}"
    for name in ("protocol", "related_publications"):
        yield f"    {_optional('NWBFile', name)}"
    yield (
        "  Subject:"
        if is_one_session
        else "  Subject:  # a session of another animal states a Subject of its own, below"
    )
    for name in ("subject_id", "species", "sex", "age"):
        yield f"    {_blank('Subject', name)}"
    for name in ("date_of_birth", "strain", "genotype", "weight", "description"):
        yield f"    {_optional('Subject', name)}"
    yield from (
        "  Ophys:",
        "    Devices: []  # NeuroConv demands this line; the microscope stands below it",
        "    Device:",
        f"      - name: {_DEVICE}",
        f"        {_blank('Ophys', 'Device', 'description')}",
        f"        {_optional('Ophys', 'Device', 'manufacturer')}",
        "    ImagingPlane:",
    )
    for plane in planes:
        yield from (f"      {line}" for line in plane)


def _common_plane(facts: Sequence[_FileFacts]) -> list[str]:
    """Return the imaging plane of sessions that each have one: with what all files state alike."""
    first = facts[0]
    alike = {name: value for name, value in first.plane.items() if all(one.plane.get(name) == value for one in facts)}
    own = _own_lines(replace(first, plane=alike))
    if len(alike) < len(first.plane):
        own.append("# What is not the same in all files is taken from each of them, such as imaging_rate.")
    return _as_item([*own, *_shared_lines()])


def _planes_of_one_session(facts: Sequence[_FileFacts]) -> list[list[str]]:
    """Return the imaging planes; from the second on each states only what it does not share with the first."""
    first, *others = (_own_lines(one) for one in facts)
    anchor = ["&first  # by this word the other planes refer to it"] if others else []
    reference = "<<: *first  # what is not stated here is as in the first plane"
    return [_as_item([*anchor, *first, *_shared_lines()]), *(_as_item([reference, *own]) for own in others)]


def _as_item(lines: Sequence[str]) -> list[str]:
    """Make lines of one block an item of a list."""
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def _own_lines(facts: _FileFacts) -> list[str]:
    """Return the lines of an imaging plane that are not the same for another plane of the session."""
    plane = facts.plane
    lines = [f"name: {plane['name']}  # the plane of the CaImAn data bears this name"]
    if "description" in plane:
        lines.append(
            f"description: {write_example(plane['description'])}  # from the file; say more, such as the depth"
        )
    if "imaging_rate" in plane:
        doubt = "; CaImAn assumes 30 when it is told nothing: make sure" if facts.is_default_rate else ""
        lines.append(
            f"imaging_rate: {write_example(plane['imaging_rate'])}  # frames per second, from the file (fr){doubt}"
        )
    if "grid_spacing" in plane:
        lines.append(_spacing_line(plane["grid_spacing"], facts))
    return [*lines, _blank(*_PLANE, "location"), _optional(*_PLANE, "origin_coords")]


def _spacing_line(spacing: Sequence[float], facts: _FileFacts) -> str:
    doubt = "; CaImAn assumes 1 micrometre when it is told nothing" if facts.is_default_spacing else ""
    lacks_depth = facts.is_volumetric and len(spacing) == 2  # noqa: PLR2004 (x, y)
    lengths = write_example([*spacing, *([None] if lacks_depth else [])])
    depth = "; in place of null the distance between planes, such as 5.0e-06" if lacks_depth else ""
    axes = "x, y and z" if facts.is_volumetric else "x and y"
    return f"# grid_spacing: {lengths}  # metres in {axes}, taken from the file (dxy){depth}{doubt}"


def _shared_lines() -> list[str]:
    """Return the lines of an imaging plane that are the same for all planes of a session."""
    return [
        *(_optional(*_PLANE, name) for name in ("origin_coords_unit", "reference_frame")),
        f"device: {_DEVICE}",
        *(_blank(*_PLANE, name) for name in ("indicator", "excitation_lambda")),
        "optical_channel:",
        f"  - name: {_CHANNEL}",
        *(f"    {_blank(*_PLANE, 'optical_channel', name)}" for name in ("description", "emission_lambda")),
    ]


def _options() -> Iterator[str]:
    yield from (
        "# conversion_options:  # for all interfaces and sessions; these and more, which editors list",
        "#   accepted_only: true  # only the components that CaImAn accepted",
        "#   stub_test: true  # only the first 100 frames, to try it out",
    )


def _sessions(
    facts: Sequence[_FileFacts], interfaces: Sequence[str], keys: Sequence[str], *, as_planes: bool
) -> Iterator[str]:
    if as_planes:
        sources = list(zip(interfaces, facts, keys, strict=True))
        yield from _session([one.summary for one in facts], facts[0].name, sources, is_one=True)
        return
    for one, key in zip(facts, keys, strict=True):
        yield from _session([one.summary], one.name, [(interfaces[0], one, key)], is_one=len(facts) == 1)


def _session(
    summaries: Sequence[str], name: str, sources: Sequence[tuple[str, _FileFacts, str]], *, is_one: bool
) -> Iterator[str]:
    yield from (f"      # {summary}" for summary in summaries)
    yield f"      - nwbfile_name: {write_example(name)}"
    yield "        source_data:"
    for interface, facts, key in sources:
        yield f"          {interface}:"
        yield f"            file_path: {write_example(facts.path)}"
        if key != DEFAULT_METADATA_KEY:
            yield f"            metadata_key: {key}"
    yield "        metadata:"
    yield "          NWBFile:"
    for field in ("session_start_time", "session_description"):
        yield f"            {_blank('NWBFile', field)}"
    yield f"            {_optional('NWBFile', 'session_id')}"
    if not is_one:
        yield "          # Subject:  # of this session, if it is another one"
        for field in ("subject_id", "species", "sex", "age"):
            yield f"          #   {_wanted('Subject', field)}"


def _blank(*path: str) -> str:
    return f"{path[-1]}:  # {help_for(path)}"


def _optional(*path: str) -> str:
    return f"# {_wanted(*path)}"


def _wanted(*path: str) -> str:
    keys: KeyPath = path
    wanted = help_for(keys)
    if wanted is None:
        raise KeyError(path)
    return f"{path[-1]}: {write_example(wanted.example)}  # {wanted.meaning}"
