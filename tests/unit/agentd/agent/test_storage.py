"""The task store: durable, grouped, and clear about files it cannot use."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from swarm_agentd.agent.storage import (
    FileStorage,
    Forget,
    MemoryStorage,
    PutStatus,
    PutTask,
    StorageUnusable,
    TaskStorage,
)
from swarm_core.api.proto.types_pb2 import RUNNING, TaskStatus
from swarm_testkit.factories import make_task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker" / "tasks.db"


@pytest.mark.parametrize("in_file", [False, True])
async def test_tasks_and_statuses_are_kept(path: Path, in_file: bool) -> None:
    """A task is kept with its newest own status, whatever later versions of it say, until it is forgotten."""
    storage: TaskStorage = FileStorage(path) if in_file else MemoryStorage()
    first, second = make_task("t1", state="ASSIGNED"), make_task("t2", state="ASSIGNED")
    await storage.write([PutTask(first), PutTask(second)])
    await storage.write([PutStatus("t1", TaskStatus(state=RUNNING)), PutStatus("t9", TaskStatus())])
    newer = make_task("t1", state="ASSIGNED", desired="SHUTDOWN")
    await storage.write([PutTask(newer), Forget("t2"), Forget("t9")])
    if in_file:
        storage.close()
        storage = FileStorage(path)
    (task,) = storage.load()
    newer.status.state = RUNNING
    assert task == newer
    storage.close()


async def test_concurrent_writes_share_commits(path: Path) -> None:
    """Writes that come while a commit is under way are in the next one together, and all are durable."""
    storage = FileStorage(path)
    commits = 0
    commit = storage._commit

    def counting(changes: object) -> None:
        nonlocal commits
        commits += 1
        commit(changes)  # type: ignore[arg-type]

    storage._commit = counting  # type: ignore[method-assign]
    await asyncio.gather(*(storage.write([PutTask(make_task(f"t{n}"))]) for n in range(100)))
    assert commits <= 3
    assert len(storage.load()) == 100
    storage.close()


async def test_cancelled_write_leaves_the_store_usable(path: Path) -> None:
    """A writer that is cancelled takes no other along."""
    storage = FileStorage(path)
    first = asyncio.create_task(storage.write([PutTask(make_task("t1"))]))
    second = asyncio.create_task(storage.write([PutTask(make_task("t2"))]))
    await asyncio.sleep(0)
    first.cancel()
    await second
    await storage.write([PutTask(make_task("t3"))])
    assert {"t2", "t3"} <= {task.id for task in storage.load()}
    storage.close()


def write_and_be_killed(path: Path) -> None:
    """A process that writes twenty tasks, one after the other, and is killed."""
    script = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from swarm_agentd.agent.storage import FileStorage, PutTask\n"
        "from swarm_core.api.proto.objects_pb2 import Task\n"
        "async def main():\n"
        "    storage = FileStorage(Path(sys.argv[1]))\n"
        "    for n in range(20):\n"
        "        await storage.write([PutTask(Task(id=f't{n:02}'))])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)


def test_killed_process_loses_nothing_written(path: Path) -> None:
    """What a write returned for is there after the process was killed."""
    write_and_be_killed(path)
    storage = FileStorage(path)
    assert [task.id for task in storage.load()] == [f"t{n:02}" for n in range(20)]
    storage.close()


def test_killed_process_s_store_opens_where_nothing_can_be_written(path: Path) -> None:
    """An agent that is started on a full disk knows its tasks."""
    write_and_be_killed(path)
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from swarm_agentd.agent.storage import FileStorage\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "sys.exit(len(FileStorage(Path(sys.argv[1])).load()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 20, done.stderr


def test_second_process_is_refused(path: Path) -> None:
    """A store in use is refused in one sentence."""
    storage = FileStorage(path)
    with pytest.raises(StorageUnusable, match="in use"):
        FileStorage(path)
    storage.close()


@pytest.mark.parametrize("content", [b"garbage " * 500, b"\xed\xda\x0c\xed" * 1024], ids=["text", "binary"])
def test_garbage_is_refused(path: Path, content: bytes) -> None:
    """A file that is no database, such as another program's, is refused and left as it is."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StorageUnusable, match=r"tasks\.db"):
        FileStorage(path)
    assert path.read_bytes() == content


def test_foreign_database_is_refused(path: Path) -> None:
    """A database of another program is refused."""
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE others (x)")
    database.commit()
    database.close()
    with pytest.raises(StorageUnusable, match="another program"):
        FileStorage(path)


async def test_damage_is_refused(path: Path) -> None:
    """A store whose pages were overwritten is refused."""
    storage = FileStorage(path)
    await storage.write([PutTask(make_task(f"t{n}")) for n in range(300)])
    storage.close()
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\x55" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StorageUnusable, match=r"tasks\.db is damaged .*; move it away"):
        FileStorage(path)
    assert path.read_bytes() == content


def test_unwritable_directory_is_refused(tmp_path: Path) -> None:
    """A path that cannot be made is refused in one sentence."""
    (tmp_path / "worker").write_text("a file, not a directory")
    with pytest.raises(StorageUnusable):
        FileStorage(tmp_path / "worker" / "tasks.db")
