"""`write_scaffold`: a specification for CaImAn files, with blanks for what only the experimenter knows.

The template is ``scaffold.yml.jinja``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.caiman_file.summary import DEFAULT_PIXEL_SIZE, DEFAULT_RATE
from caiman_interface.metadata import DEFAULT_METADATA_KEY, metadata_of
from caiman_interface.text import write_duration

from .discovery import FoundSession
from .fields import help_for, write_example

_TEMPLATE = "scaffold.yml.jinja"
_DEVICE = "Microscope"
_CHANNEL = "OpticalChannel"  # NeuroConv's default name; an entry with another name would be a second channel
_PLANE = ("Ophys", "ImagingPlane")


@dataclass(frozen=True, kw_only=True)
class PlannedSession:
    """The CaImAn files of one session and what is known about it.

    Attributes
    ----------
    name : str
        Name of the NWB file.
    files : tuple of Path
        The CaImAn files; several are planes.
    subject_id, session_id : str or None
        Its identifiers.
    session_start_time : datetime or None
        Its start.
    images : dict of str to Path
        Files of images of the movie, by kind, for the first of its files.
    """

    name: str
    files: tuple[Path, ...]
    images: Mapping[str, Path] = field(default_factory=dict)
    subject_id: str | None = None
    session_id: str | None = None
    session_start_time: datetime | None = None


@dataclass(frozen=True)
class _FileFacts:
    """Facts of one CaImAn file for the template."""

    path: str
    interface: str
    key: str
    summary: str
    keyword: str
    plane: dict[str, Any]
    is_volumetric: bool
    has_rate: bool
    images: dict[str, str]
    is_default_rate: bool
    is_default_spacing: bool


@dataclass(frozen=True)
class _SessionFacts:
    """A session as the template sees it."""

    name: str
    files: list[_FileFacts]
    subject_id: str | None
    session_id: str | None
    session_start_time: str | None


def plan_sessions(files: Sequence[str | Path], *, as_planes: bool = False) -> list[PlannedSession]:
    """Return the sessions of CaImAn files: one per file, or one of which each file is a plane.

    Raises
    ------
    ValueError
        If a file is given twice.
    """
    paths = [Path(file) for file in files]
    _refuse_repeats(paths)
    if as_planes:
        return [PlannedSession(name=_session_name(paths), files=tuple(paths))]
    names = _output_names(paths)
    return [PlannedSession(name=name, files=(path,)) for path, name in zip(paths, names, strict=True)]


def plan_found_sessions(found: Sequence[FoundSession]) -> list[PlannedSession]:
    """Return the sessions found by a pattern, named after subject and session, or after their file without these."""
    sessions: list[PlannedSession] = []
    for one in found:
        parts = [f"sub-{one.subject_id}" if one.subject_id else "", f"ses-{one.session_id}" if one.session_id else ""]
        start = one.session_start_time
        if start is not None and not one.session_id:
            parts.append(f"{start:%Y%m%dT%H%M%S}")
        name = safe_name("_".join(part for part in parts if part) or one.files[0].stem)
        taken = {session.name for session in sessions}
        free = next(text for text in chain([name], (f"{name}_{number}" for number in count(2))) if text not in taken)
        sessions.append(
            PlannedSession(
                name=free,
                files=one.files,
                subject_id=one.subject_id,
                session_id=one.session_id,
                session_start_time=start,
            )
        )
    return sessions


def safe_name(name: str) -> str:
    """Return a name that every file system accepts."""
    return re.sub(r"[^\w.+=-]+", "-", name).strip("-.") or "session"


def write_scaffold(
    sessions: Sequence[PlannedSession], *, folder: str | Path, file_name: str, schema: str | None = None
) -> str:
    """Return the text of a specification for CaImAn files.

    Known values are filled in. What only the experimenter knows is a key without a value, with a comment that explains
    it; `check_specification` reports each as a blank.

    Parameters
    ----------
    sessions : sequence of PlannedSession
        The sessions.
    folder : str or Path
        The folder of the specification; the paths in it are relative to that.
    file_name : str
        The file name of the specification, for the commands in its comments.
    schema : str, optional
        Path of the JSON schema relative to the specification, for editors.

    Raises
    ------
    CaimanFileError
        If CaImAn did not write a file.
    """
    facts = [_read_session(session, Path(folder)) for session in sessions]
    files = [file for session in facts for file in session.files]
    kinds = {file.keyword for file in files}
    environment = Environment(
        loader=PackageLoader("caiman_interface.specification", ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (the output is YAML; values are written by write_example)
    )
    text = environment.get_template(_TEMPLATE).render(
        schema=schema,
        file_name=file_name,
        interfaces=list(dict.fromkeys(file.interface for file in files)),
        sessions=facts,
        own_subjects=len({session.subject_id for session in sessions}) > 1,
        keywords=write_example([kinds.pop() if len(kinds) == 1 else "calcium imaging", "CaImAn"]),
        planes=_planes(files),
        default_key=DEFAULT_METADATA_KEY,
        blank=_blank,
        known=_known,
        optional=_optional,
        wanted=_wanted,
        yaml=write_example,
    )
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _read_session(session: PlannedSession, folder: Path) -> _SessionFacts:
    several = len(session.files) > 1
    start = session.session_start_time
    return _SessionFacts(
        name=session.name,
        files=[
            _read(path, folder, plane=index if several else None, images={} if index else session.images)
            for index, path in enumerate(session.files)
        ],
        subject_id=session.subject_id,
        session_id=session.session_id,
        session_start_time=None if start is None else start.isoformat(),
    )


def _read(path: Path, folder: Path, *, plane: int | None, images: Mapping[str, Path]) -> _FileFacts:
    key = DEFAULT_METADATA_KEY if plane is None else f"plane{plane}"
    with CaimanResults.open(path) as results:
        return _FileFacts(
            path=_relative(path, folder),
            interface="Segmentation" if plane is None else f"Plane{plane}",
            key=key,
            summary=_summary(results),
            keyword=f"{'one' if results.is_one_photon else 'two'}-photon calcium imaging",
            plane=metadata_of(results, key)["ImagingPlanes"][key],
            is_volumetric=results.is_volumetric,
            has_rate=results.sampling_frequency is not None,
            images={kind: _relative(image, folder) for kind, image in images.items() if kind not in results.images},
            is_default_rate=results.sampling_frequency == DEFAULT_RATE,
            is_default_spacing=results.parameters.data.dxy == DEFAULT_PIXEL_SIZE,
        )


def _refuse_repeats(paths: Sequence[Path]) -> None:
    """Raise an error if a file is given twice, even by another path."""
    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            again = "twice" if first == path else f"twice, the second time as {path}"
            raise ValueError(f"{first} is given {again}. Give each file once.")


def _output_names(paths: Sequence[Path]) -> list[str]:
    """Return a unique name per NWB file: that of the CaImAn file, after that of its folder if files share it."""
    stems = [path.stem for path in paths]
    names: list[str] = []
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else f"{path.resolve().parent.name}_{stem}"
        numbered = (f"{name}_{number}" for number in count(2))
        names.append(next(free for free in chain([name], numbered) if free not in names))
    return names


def _session_name(paths: Sequence[Path]) -> str:
    """Return a name for a session of several files: the words with which all names begin, or else the folder."""
    pieces = [re.findall(r"[^\W_]+|[\W_]+", path.stem) for path in paths]  # words and separators
    alike = takewhile(lambda at: len(set(at)) == 1, zip(*pieces, strict=False))
    shared = re.sub(r"[\W_]+$", "", "".join(piece for piece, *_ in alike))
    folders = {path.resolve().parent.name for path in paths}
    return shared or (folders.pop() if len(folders) == 1 else "") or "session"


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
            "" if rate is None or frames is None else write_duration(frames / rate),
        )
        if part
    )
    acceptance = components.acceptance
    verdict = f"{len(acceptance.accepted)} accepted" if acceptance.is_evaluated else "not evaluated"
    number = f"{components.count} component{'s' * (components.count != 1)}"
    version = f"CaImAn {results.caiman_version}" if results.caiman_version else "CaImAn of unknown version"
    return f"{version}, {results.method}; {shape} pixels; {recording}; {number}, {verdict}"


def _spacing_line(spacing: Sequence[float], facts: _FileFacts) -> str:
    doubt = "; CaImAn assumes 1 micrometre if it is not set" if facts.is_default_spacing else ""
    lacks_depth = facts.is_volumetric and len(spacing) == 2  # noqa: PLR2004 (x, y)
    lengths = write_example([*spacing, *([None] if lacks_depth else [])])
    depth = "; replace null by the distance between planes, such as 5.0e-06" if lacks_depth else ""
    axes = "x, y and z" if facts.is_volumetric else "x and y"
    return f"# grid_spacing: {lengths}  # metres in {axes}, from the file (dxy){depth}{doubt}"


def _planes(files: Sequence[_FileFacts]) -> list[list[str]]:
    """Return the lines of each imaging plane; from the second on, only what differs from the first."""
    by_key: dict[str, list[_FileFacts]] = {}
    for file in files:
        by_key.setdefault(file.key, []).append(file)
    first, *others = (_own_lines(of_key) for of_key in by_key.values())
    if not others:
        return [[*first, *_shared_lines()]]
    reference = "<<: *first  # everything else is as in the first plane"
    anchored = ["&first  # the other planes refer to this name", *first, *_shared_lines()]
    return [anchored, *([reference, *own] for own in others)]


def _own_lines(files: Sequence[_FileFacts]) -> list[str]:
    """Return the lines of an imaging plane that differ between planes, with the values that all its files share."""
    first = files[0]
    alike = {name: value for name, value in first.plane.items() if all(one.plane.get(name) == value for one in files)}
    lines = _plane_lines(replace(first, plane=alike))
    if len(alike) < len(first.plane):
        lines.append("# Values that differ between the files, such as imaging_rate, are read from each file.")
    return lines


def _plane_lines(facts: _FileFacts) -> list[str]:
    plane = facts.plane
    lines = [f"name: {plane['name']}  # name of the imaging plane of the CaImAn data"]
    if "description" in plane:
        lines.append(f"description: {write_example(plane['description'])}  # add more, such as the depth")
    if "imaging_rate" in plane:
        doubt = "; CaImAn assumes 30 if it is not set: check it" if facts.is_default_rate else ""
        comment = f"frames per second, from the file (fr){doubt}"
        hint = "; to correct it, set sampling_frequency in source_data" if facts.is_default_rate else ""
        lines.append(f"imaging_rate: {write_example(plane['imaging_rate'])}  # {comment}{hint}")
    if "grid_spacing" in plane:
        lines.append(_spacing_line(plane["grid_spacing"], facts))
    return [*lines, _blank(*_PLANE, "location"), _optional(*_PLANE, "origin_coords")]


def _shared_lines() -> list[str]:
    """Return the lines of an imaging plane that are the same for all planes."""
    return [
        *(_optional(*_PLANE, name) for name in ("origin_coords_unit", "reference_frame")),
        f"device: {_DEVICE}",
        *(_blank(*_PLANE, name) for name in ("indicator", "excitation_lambda")),
        "optical_channel:",
        f"  - name: {_CHANNEL}",
        *(f"    {_blank(*_PLANE, 'optical_channel', name)}" for name in ("description", "emission_lambda")),
    ]


def _known(block: str, name: str, value: str | None) -> str:
    """Return a line with a value, or a blank if there is none."""
    return _blank(block, name) if value is None else f"{name}: {write_example(value)}"


def _blank(*path: str) -> str:
    return f"{path[-1]}:  # {help_for(path)}"


def _optional(*path: str) -> str:
    return f"# {_wanted(*path)}"


def _wanted(*path: str) -> str:
    wanted = help_for(path)
    if wanted is None:
        raise KeyError(path)
    return f"{path[-1]}: {write_example(wanted.example)}  # {wanted.meaning}"
