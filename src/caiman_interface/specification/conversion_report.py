"""What became of each session of a conversion, kept in the output folder as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from .findings import Finding

SessionState = Literal["started", "converted", "skipped", "failed", "not valid"]

_STEM = "conversion-report"


@dataclass(frozen=True)
class SessionContents:
    """What was written to an NWB file.

    Attributes
    ----------
    rois : int or None
        Components of the CaImAn files; None if there are none.
    accepted, evaluated : int or None
        How many of them CaImAn accepted, and how many it evaluated: of several files, it may have evaluated the
        components of some. None where it evaluated none.
    traces, frames : int
        Number of series of traces, and of frames of the longest.
    """

    rois: int | None
    accepted: int | None
    evaluated: int | None
    traces: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """What became of one session.

    Attributes
    ----------
    session : str
        Name of the session.
    sources : tuple of str
        Source files and folders.
    output : str or None
        The NWB file, relative to the output folder; None if there is none. If a session that was converted before is
        now failed or not valid, its output and what is known of it stay in the record: only `state`, `error`,
        `warnings` and `seconds` are of the last run.
    state : {"started", "converted", "skipped", "failed", "not valid"}
        "started": the conversion has not ended, or was killed. "skipped": the output existed already. "not valid": the
        check before the conversion refused the session.
    error : str or None
        Why it failed or is not valid, or why it was skipped.
    warnings : tuple of str
        Warnings of the conversion.
    seconds : float
        Duration of the conversion.
    bytes : int
        Size of the output.
    fingerprint : str or None
        See `fingerprint`.
    verified : bool or None
        Result of comparing the output with the CaImAn files; None where that was not requested.
    contents : SessionContents or None
        What was written.
    """

    session: str
    sources: tuple[str, ...] = ()
    output: str | None = None
    state: SessionState
    error: str | None = None
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    bytes: int = 0
    fingerprint: str | None = None
    verified: bool | None = None
    contents: SessionContents | None = None

    @property
    def is_good(self) -> bool:
        """Whether the output of this session can be used."""
        return self.state in {"converted", "skipped"} and self.verified is not False


_COLUMNS = tuple(one.name for one in fields(SessionRecord) if one.name != "contents")


@dataclass(frozen=True)
class ConversionReport:
    """What became of the sessions of a conversion.

    Attributes
    ----------
    records : tuple of SessionRecord
        One per session, in the order of the specification.
    findings : tuple of Finding
        What the check before the conversion found; it is not stored.
    """

    records: tuple[SessionRecord, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every session was converted, or skipped because its output existed, and none differs."""
        return all(record.is_good for record in self.records)

    @property
    def counts(self) -> dict[SessionState, int]:
        """Number of sessions per state."""
        return dict(Counter(record.state for record in self.records))

    def __iter__(self) -> Iterator[SessionRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def write(self, folder: str | Path, *, shard: tuple[int, int] | None = None) -> Path:
        """Write ``conversion-report.json`` and ``.csv``, each replaced as a whole.

        Parameters
        ----------
        folder : str or Path
            The output folder.
        shard : tuple of int, optional
            (number, of how many), counted from 1. Each shard has separate files, such as
            ``conversion-report.2-of-8.json``, so that shards that run at once need no lock.

        Returns
        -------
        Path
            The JSON file.
        """
        files = ReportFiles(folder, shard=shard)
        for record in self.records:
            files.keep(record)
        return files.write()


class ReportFiles:
    """The report of a conversion in progress, of which each record is turned into text once.

    Parameters
    ----------
    folder : str or Path
        The output folder.
    shard : tuple of int, optional
        See `ConversionReport.write`.
    order : sequence of str
        Sessions that come first, in this order; the others follow as they were added.

    Attributes
    ----------
    records : dict of str to SessionRecord
        The records by session; `keep` changes them.
    """

    def __init__(self, folder: str | Path, *, shard: tuple[int, int] | None = None, order: Sequence[str] = ()) -> None:
        ending = "" if shard is None else f".{shard[0]}-of-{shard[1]}"
        self.path = Path(folder) / f"{_STEM}{ending}.json"
        self.records: dict[str, SessionRecord] = {}
        self._texts: dict[str, tuple[str, str]] = {}
        self._places = {session: place for place, session in enumerate(order)}

    def keep(self, record: SessionRecord) -> None:
        """Add the record of a session, or replace it."""
        self.records[record.session] = record
        values = asdict(record)
        self._texts[record.session] = (
            "    " + json.dumps(values, indent=2, ensure_ascii=False).replace("\n", "\n    "),
            _as_csv(values),
        )

    def write(self) -> Path:
        """Write both files, each replaced as a whole."""
        texts = [self._texts[session] for session in sorted(self._texts, key=self._place)]
        sessions = ",\n".join(as_json for as_json, _ in texts)
        _replace(self.path, f'{{\n  "sessions": [\n{sessions}\n  ]\n}}\n')
        rows = "".join(as_csv for _, as_csv in texts)
        _replace(self.path.with_suffix(".csv"), _as_csv({name: name for name in _COLUMNS}) + rows)
        return self.path

    def stored_sessions(self) -> list[str]:
        """Return the names of the sessions that the report on disk contains."""
        return [record.session for record in _read(self.path)] if self.path.exists() else []

    def _place(self, session: str) -> int:
        return self._places.get(session, len(self._places))


def read_reports(folder: str | Path) -> ConversionReport:
    """Read the reports of a folder, of all shards; if two describe the same session, the newer one is used.

    Raises
    ------
    ValueError
        If a file is not such a report.
    """
    files = sorted(Path(folder).glob(f"{_STEM}*.json"), key=lambda path: path.stat().st_mtime_ns)
    merged = {record.session: record for file in files for record in _read(file)}
    return ConversionReport(tuple(merged.values()))


def _read(path: Path) -> Iterator[SessionRecord]:
    names = {one.name for one in fields(SessionRecord)}
    try:
        for entry in json.loads(path.read_text(encoding="utf-8"))["sessions"]:
            known = {name: _tuple(value) for name, value in entry.items() if name in names}
            contents = known.pop("contents", None)
            yield SessionRecord(**known, contents=contents and SessionContents(**contents))
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path} is not a report of a conversion: {error!r}. Delete it to start over."
        raise ValueError(message) from error


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _as_csv(record: Mapping[str, Any]) -> str:
    """Return one row."""
    text = io.StringIO()
    values = (record[name] for name in _COLUMNS)
    csv.writer(text, lineterminator="\n").writerow("; ".join(one) if isinstance(one, tuple) else one for one in values)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Replace a text file as a whole, so that a reader or a crash never sees a part of it."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
