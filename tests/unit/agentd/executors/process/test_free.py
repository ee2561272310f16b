"""What a stopped task leaves is deleted, also while something of it has not ended yet (docs/design/agent.md 6.8)."""

import errno
from pathlib import Path

import pytest
from swarm_agentd.exec.private_files import PrivateFiles
from swarm_agentd.executors.process.cgroups import NoCgroups
from swarm_agentd.executors.process.controller import Host, free
from swarm_agentd.executors.process.directory import TaskDirectory
from swarm_agentd.ports.tasks import LocalTasks
from swarm_core.runtime.clock import SystemClock


class Busy(TaskDirectory):
    """A directory in which a shim writes until it has been tried to delete it `times` times."""

    def __init__(self, root: Path, times: int, number: int) -> None:
        super().__init__(root, "t")
        self._times, self._number = times, number

    def delete(self) -> None:
        if self._times:
            self._times -= 1
            raise OSError(self._number, "still in use")
        super().delete()


def host(tmp_path: Path) -> Host:
    clock = SystemClock()
    return Host(clock, tmp_path, NoCgroups(), PrivateFiles(tmp_path / "memory"), LocalTasks(clock))


async def test_a_shim_that_still_writes_is_waited_for(tmp_path: Path) -> None:
    """A directory that fills again while it is emptied is emptied again."""
    directory = Busy(tmp_path, 3, errno.ENOTEMPTY)
    directory.create()
    await free("t", directory, host(tmp_path))
    assert not directory.path.exists()


async def test_other_failures_are_told_at_once(tmp_path: Path) -> None:
    """What does not pass is not tried again."""
    directory = Busy(tmp_path, 1, errno.EROFS)
    directory.create()
    with pytest.raises(OSError, match="still in use"):
        await free("t", directory, host(tmp_path))
    assert directory.path.exists()
