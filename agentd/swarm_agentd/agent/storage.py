"""What the agent knows of its tasks across restarts: each assigned task with the newest status it reached.

Rules
1. A write is durable when its call returns. Writes that come while a commit is under way share the next one.
2. A task stands here from its assignment until it is taken away; presence is the mark of being assigned.
3. The file is `<state>/worker/tasks.db`. A file that is damaged or of another program is refused with one sentence.
4. A store that is there opens on a full disk too: an agent that starts there knows what it runs.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from google.protobuf.message import DecodeError
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import TaskStatus

_APPLICATION_ID = 0x5357544B  # "SWTK", in the file's header
_SCHEMA = 1


class StorageUnusable(Exception):
    """The task store cannot be read or written; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class PutTask:
    """The task is assigned; `task.status` is not stored, a stored status stays."""

    task: Task


@dataclass(frozen=True, slots=True)
class PutStatus:
    """Ignored when the task is not there."""

    task_id: str
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class Forget:
    task_id: str


Change: TypeAlias = PutTask | PutStatus | Forget


class TaskStorage(Protocol):
    """Port: the task store of one agent."""

    def load(self) -> list[Task]:
        """Every assigned task with its newest status. Raises StorageUnusable."""

    async def write(self, changes: Sequence[Change]) -> None:
        """Make `changes` durable, all or none. Raises StorageUnusable."""

    def close(self) -> None:
        """Release the file; nothing may be under way."""


class MemoryStorage:
    """A store that forgets everything with the process: for simulated nodes and tests."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}

    def load(self) -> list[Task]:
        return [_copy(task, task.status) for task in self.tasks.values()]

    async def write(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, PutTask):
                known = self.tasks.get(change.task.id)
                status = change.task.status if known is None else known.status
                self.tasks[change.task.id] = _copy(change.task, status)
            elif isinstance(change, Forget):
                self.tasks.pop(change.task_id, None)
            elif (task := self.tasks.get(change.task_id)) is not None:
                task.status.CopyFrom(change.status)

    def close(self) -> None:
        """Nothing to release."""


class FileStorage:
    """The store in an SQLite file, written by a thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises StorageUnusable."""
        self._path = path
        self._waiting: list[tuple[Sequence[Change], asyncio.Future[None]]] = []
        self._turn = asyncio.Lock()
        with self._errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            # Used by one thread at a time: the lock sees to it.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            with self._errors():
                self._prepare()
        except StorageUnusable:
            self._db.close()
            raise

    def load(self) -> list[Task]:
        with self._errors():
            rows = self._db.execute("SELECT id, data, status FROM tasks ORDER BY id").fetchall()
        tasks = []
        for task_id, data, status in rows:
            task = Task()
            try:
                task.ParseFromString(data)
                task.status.ParseFromString(status)
            except DecodeError:
                raise StorageUnusable(f"task store {self._path}: task {task_id} is unreadable") from None
            tasks.append(task)
        return tasks

    async def write(self, changes: Sequence[Change]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((changes, done))
        async with self._turn:
            if not done.done():
                await self._commit_waiting()
        await done

    def close(self) -> None:
        self._db.close()

    async def _commit_waiting(self) -> None:
        group, self._waiting = self._waiting, []
        rows = [change for changes, _ in group for change in changes]
        work = asyncio.get_running_loop().run_in_executor(None, self._commit, rows)
        try:
            # Shielded: the file must not be used again before the thread is done with it.
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            _settle(group, work.exception())
            raise
        except StorageUnusable as error:
            _settle(group, error)
        else:
            _settle(group, None)

    def _commit(self, changes: Sequence[Change]) -> None:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    self._apply(change)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _apply(self, change: Change) -> None:
        if isinstance(change, PutStatus):
            row = (change.status.SerializeToString(), change.task_id)
            self._db.execute("UPDATE tasks SET status = ? WHERE id = ?", row)
        elif isinstance(change, Forget):
            self._db.execute("DELETE FROM tasks WHERE id = ?", (change.task_id,))
        else:
            status = change.task.status.SerializeToString()
            bare = _copy(change.task, TaskStatus())
            self._db.execute(
                "INSERT INTO tasks (id, data, status) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET data = excluded.data",
                (change.task.id, bare.SerializeToString(), status),
            )

    def _prepare(self) -> None:
        """Check that the file is ours and make the table where it is not there. What is there opens on a full disk too."""
        # Another process that holds the file would run the same tasks a second time. And who has it alone needs no shared memory, which is a
        # file of its own, and room for it.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (application_id,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        if tables and application_id != _APPLICATION_ID:
            raise StorageUnusable(f"{self._path} is the file of another program, not a task store")
        if schema > _SCHEMA:
            raise StorageUnusable(f"task store {self._path} was written by a newer version of this program")
        # A damaged file is left as it is.
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            reason = " ".join(verdict.split())
            raise StorageUnusable(
                f"task store {self._path} is damaged ({reason}); move it away, and the node gets its tasks anew"
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if tables:
            return
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version = {_SCHEMA}")
        self._db.execute(
            "CREATE TABLE tasks (id TEXT PRIMARY KEY, data BLOB NOT NULL, status BLOB NOT NULL) WITHOUT ROWID"
        )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise StorageUnusable(f"task store {self._path} is in use by another process") from error
            raise StorageUnusable(f"task store {self._path} cannot be used: {error}") from error
        except OSError as error:
            raise StorageUnusable(f"task store {self._path} cannot be used: {error.strerror}") from error


def _settle(
    group: Sequence[tuple[Sequence[Change], "asyncio.Future[None]"]], error: BaseException | None
) -> None:
    for _, done in group:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
            done.exception()  # whoever waited may be gone


def _copy(task: Task, status: TaskStatus) -> Task:
    copy = Task()
    copy.CopyFrom(task)
    copy.status.CopyFrom(status)
    return copy
