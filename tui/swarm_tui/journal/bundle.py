"""An incident as one file for other people: a stretch of a journal, without what is nobody else's business.

Rules (docs/design/journal.md 6)
1. The file is a journal: another copy of the program opens it and rewinds through it. It is written by the same writer, from
   what was recorded, told again; so marks and texts in it are made of the objects as they are in it.
2. Every object goes through `redaction` again: no secrets, and no values of variables. What is in configs, and lines of logs, are
   there only where they were asked for.
3. Only its owner may read it, and no file is written over. One that could not be written whole is not left behind.
"""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

from swarm_core.api.typed_paths import path_of
from swarm_core.client.logs import LogLine
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Changed, Listed, Update

from swarm_tui.journal.errors import Damaged, NothingKnown, NotWritable
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.past_logs import put
from swarm_tui.journal.records import Verb
from swarm_tui.journal.redaction import without_contents, without_environment, without_secrets
from swarm_tui.journal.retold import Retold
from swarm_tui.journal.tape import Reel, Tape
from swarm_tui.journal.writer import Writer
from swarm_tui.resources.format import moment, size
from swarm_tui.resources.time_ranges import TimeRange

SUFFIX: Final = ".incident"
_SUM: Final = b"SWTRSUM1"
"""Stands behind the journal, before a digest of all of it; SQLite reads no further than the journal."""
_DIGEST: Final = "sha256"
_UNBOUNDED: Final = 1 << 62
_TOGETHER: Final = 2_000
"""Updates that become one block."""

_Updated: TypeAlias = tuple[int, Update | Managers, bool]
"""When something came in, and whether nobody recorded just before it."""


@dataclass(frozen=True, slots=True)
class Besides:
    """What a file holds only where it was asked for, as nobody can tell what is in it."""

    lines: Iterable[LogLine] | None = None
    configs: bool = False
    """What is in configs."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a file holds."""

    path: Path
    from_ns: int
    to_ns: int
    updates: int
    bytes: int


_NOTHING_ELSE: Final = Besides()


def sentence(made: Bundled) -> str:
    """What is said of a file that was written."""
    stretch = f"{moment(made.from_ns)} to {moment(made.to_ns)}"
    return f"{stretch} is in {made.path} ({size(made.bytes)}): 'swarm-tui open' shows it."


def write(tape: Tape, to: Path, asked: TimeRange, *, title: str, besides: Besides = _NOTHING_ELSE) -> Bundled:
    """Write what is known of this time. For a thread. Raises NothingKnown, NotWritable, FileExistsError."""
    until_ns = tape.end_ns if asked.until_ns is None else asked.until_ns
    if until_ns < tape.start_ns:
        raise NothingKnown(
            f"Nothing is recorded of this time: the journal begins at {moment(tape.start_ns)}."
        )
    # Where nothing came in lately, the cluster is what it was.
    from_ns = min(max(asked.since_ns or 0, tape.start_ns), tape.end_ns)
    to_ns = max(min(until_ns, tape.end_ns), from_ns)
    to = path_of(str(to)).absolute()
    if to.exists():
        raise FileExistsError(f"There is a file {to} already; it is not written over.")
    try:
        with tempfile.TemporaryDirectory(prefix="swarm-tui-") as place:
            gathered, whole = Path(place) / "gathered", Path(place) / "whole"
            fit = _with_contents if besides.configs else _without_contents
            count = _gather(_updates(tape, from_ns, to_ns, fit), gathered, title)
            if besides.lines is not None:
                put(gathered, besides.lines)
            _joined(gathered, whole)
            _copy(whole, to)
    except FileExistsError:
        raise FileExistsError(f"There is a file {to} already; it is not written over.") from None
    except OSError as error:
        raise NotWritable(f"Could not write {to}: {error.strerror}.") from None
    return Bundled(to, from_ns, to_ns, count, to.stat().st_size)


def open_bundle(path: Path) -> tuple[Tape, str]:
    """The past in a file, and the name of the cluster that it is of. Raises Damaged, NothingKnown."""
    if not path.is_file():
        raise NothingKnown(f"There is no file {path}.")
    _check(path)
    file = JournalFile.open_for_reading(path)
    try:
        return Tape(file), file.meta().get("title") or path.stem
    except NothingKnown:
        file.close()
        raise Damaged(f"There is nothing in {path}.") from None
    except BaseException:
        file.close()
        raise


def _check(path: Path) -> None:
    """Whatever is damaged is found now, and not on the way. Raises Damaged."""
    with path.open("rb") as file:
        whole = file.read()
    end = len(whole) - len(_SUM) - hashlib.new(_DIGEST).digest_size
    mark, told = whole[max(end, 0) :][: len(_SUM)], whole[max(end, 0) + len(_SUM) :]
    if mark != _SUM or hashlib.new(_DIGEST, whole[:end]).digest() != told:
        raise Damaged(f"{path} is no incident's file, or it is damaged.")


def _gather(updates: Iterable[_Updated], path: Path, title: str) -> int:
    writer = Writer(path, title=title, bytes_max=_UNBOUNDED, age_max_ns=_UNBOUNDED)
    count = 0
    batch: list[tuple[int, Update | Managers]] = []
    try:
        for at_ns, update, is_gap in updates:
            if is_gap:
                writer.take(batch)
                batch.clear()
                writer.is_gap = True
            batch.append((at_ns, update))
            count += 1
            if len(batch) >= _TOGETHER or is_gap:
                writer.take(batch)
                batch.clear()
        writer.take(batch)
    finally:
        writer.close()
    return count


def _updates(tape: Tape, from_ns: int, to_ns: int, fit: Callable[[Any], Any]) -> Iterator[_Updated]:
    """What was recorded, from everything there was at the beginning on, each object as `fit` leaves it."""
    retold = Retold()
    yield from_ns, _each(fit, retold.listing(_everything(tape.reel(from_ns)))), False
    for reel in tape.reels(from_ns, to_ns):
        if reel.listed is not None:
            yield reel.from_ns, _each(fit, retold.listing(reel.listed)), True
        for step in reel.steps:
            for update in retold.step(step):
                yield step.at_ns, _each(fit, update), False


def _everything(reel: Reel) -> list[Any]:
    held = {(type(item), item.id): item for item in reel.listed or ()}
    for verb, item in chain.from_iterable(step.changes for step in reel.steps):
        if item is None:
            continue
        if verb is Verb.REMOVED:
            held.pop((type(item), item.id), None)
        else:
            held[type(item), item.id] = item
    return list(held.values())


def _each(fit: Callable[[Any], Any], update: Any) -> Any:
    """The update with each of its objects for other people."""
    match update:
        case Listed():
            return replace(update, objects=tuple(map(fit, update.objects)))
        case Changed():
            changes = tuple(replace(one, object=fit(one.object)) for one in update.changes)
            return replace(update, changes=changes)
        case _:
            return update


def _with_contents(item: Any) -> Any:
    return without_environment(without_secrets(item))


def _without_contents(item: Any) -> Any:
    return without_contents(_with_contents(item))


def _copy(whole: Path, to: Path) -> None:
    handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file, whole.open("rb") as source:
            shutil.copyfileobj(source, file)
            source.seek(0)
            file.write(_SUM + hashlib.file_digest(source, _DIGEST).digest())
    except BaseException:
        to.unlink()
        raise


def _joined(journal: Path, to: Path) -> None:
    """The journal as one file, which needs nothing beside it."""
    try:
        with closing(sqlite3.connect(journal, isolation_level=None)) as db:
            db.execute("VACUUM INTO ?", (str(to),))
        with closing(sqlite3.connect(to, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise NotWritable(f"Could not write {to}: {error}.") from None
