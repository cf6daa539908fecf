"""`write_scaffold`: a specification for CaImAn files, with blanks for what only the experimenter knows.

The template is ``scaffold.yml.jinja``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from caiman_interface.caiman_file import CaimanFileError, CaimanResults
from caiman_interface.caiman_file.summary import DEFAULT_PIXEL_SIZE, DEFAULT_RATE
from caiman_interface.metadata import DEFAULT_METADATA_KEY, metadata_of
from caiman_interface.text import write_duration

from .fields import help_for, write_example
from .planning import PlannedSession

_TEMPLATE = "scaffold.yml.jinja"
_DEVICE = "Microscope"
_CHANNEL = "OpticalChannel"  # NeuroConv's default name; an entry with another name would be a second channel
_PLANE = ("Ophys", "ImagingPlane")


@dataclass(frozen=True)
class _FileFacts:
    """Facts of one CaImAn file for the template."""

    path: str
    interface: str
    key: str
    summary: str
    keyword: str = ""
    plane: dict[str, Any] = field(default_factory=dict)
    is_volumetric: bool = False
    has_rate: bool = True
    images: dict[str, str] = field(default_factory=dict)
    is_default_rate: bool = False
    is_default_spacing: bool = False
    is_readable: bool = True


@dataclass(frozen=True)
class _SessionFacts:
    """A session as the template sees it."""

    name: str
    files: list[_FileFacts]
    subject_id: str | None
    session_id: str | None
    session_start_time: str | None


def find_unreadable(sessions: Sequence[PlannedSession]) -> dict[Path, str]:
    """Return the files of sessions that cannot be read, each with the reason."""
    reasons = {path: _why_unreadable(path) for session in sessions for path in session.files}
    return {path: why for path, why in reasons.items() if why is not None}


def _why_unreadable(path: Path) -> str | None:
    try:
        _read(path, path.parent, plane=None, images={})
    except CaimanFileError as error:
        return error.problem
    except OSError as error:
        return str(error)
    return None


def write_scaffold(
    sessions: Sequence[PlannedSession],
    *,
    folder: str | Path,
    file_name: str,
    schema: str | None = None,
    unreadable: Mapping[Path, str] | None = None,
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
    unreadable : mapping, optional
        Files that cannot be read, with the reason. They are part of the specification all the same: another copy of
        such a file can replace it, and until then `convert_specification` refuses only its session.

    Raises
    ------
    CaimanFileError
        If CaImAn did not write a file.
    """
    facts = [_read_session(session, Path(folder), unreadable or {}) for session in sessions]
    files = [file for session in facts for file in session.files]
    readable = [file for file in files if file.is_readable]
    kinds = {file.keyword for file in readable}
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
        planes=_planes(readable),
        default_key=DEFAULT_METADATA_KEY,
        blank=_blank,
        known=_known,
        optional=_optional,
        wanted=_wanted,
        yaml=write_example,
    )
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _read_session(session: PlannedSession, folder: Path, unreadable: Mapping[Path, str]) -> _SessionFacts:
    several = len(session.files) > 1
    start = session.session_start_time
    return _SessionFacts(
        name=session.name,
        files=[
            _unread(path, folder, plane=index if several else None, why=unreadable[path])
            if path in unreadable
            else _read(path, folder, plane=index if several else None, images={} if index else session.images)
            for index, path in enumerate(session.files)
        ],
        subject_id=session.subject_id,
        session_id=session.session_id,
        session_start_time=None if start is None else start.isoformat(),
    )


def _names_of(plane: int | None) -> tuple[str, str]:
    """Return the interface and the metadata key of a plane."""
    return ("Segmentation", DEFAULT_METADATA_KEY) if plane is None else (f"Plane{plane}", f"plane{plane}")


def _unread(path: Path, folder: Path, *, plane: int | None, why: str) -> _FileFacts:
    interface, key = _names_of(plane)
    text = " ".join(f"{path.name} cannot be read: {why}".split())
    return _FileFacts(path=_relative(path, folder), interface=interface, key=key, summary=text, is_readable=False)


def _read(path: Path, folder: Path, *, plane: int | None, images: Mapping[str, Path]) -> _FileFacts:
    interface, key = _names_of(plane)
    with CaimanResults.open(path) as results:
        return _FileFacts(
            path=_relative(path, folder),
            interface=interface,
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
