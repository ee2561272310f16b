"""How far a task's image is, in the lists, on a task's page and on the line of a command (docs/design/progress.md)."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.client.errors import CallFailed
from swarm_core.client.watch import Listed
from swarm_testkit.dashboard import running
from swarm_tui.clusters import progress
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import tasks

TASK = "t-api-07"  # is PREPARING in the lively cluster


def pulling(percent, task_id=TASK):
    return TaskProgress(task_id=task_id, activity=TaskProgress.PULLING, percent=percent)


def set_state(cluster, task_id, state):
    def change(task):
        task.status.state = state

    cluster.update(objects_pb2.Task, task_id, change)


async def test_a_pull_is_shown_and_follows(cluster):
    """The row of a task that is prepared says how far it is, and says nothing more when it is over."""
    async with running(cluster) as run:
        await run.press("4")
        await run.until(lambda: cluster.progress_open)
        await cluster.tell_progress(pulling(34))
        await run.shows("pulling 34 %")
        await cluster.tell_progress(TaskProgress(task_id=TASK, activity=TaskProgress.EXTRACTING, percent=80))
        await run.shows("extracting 80 %")
        await cluster.tell_progress()
        await run.until(lambda: "extracting" not in run.text)


def test_the_page_of_a_task_tells_it(cluster):
    """Beside the state stands what the task waits for; once it is no longer prepared an old share is not shown."""
    task = cluster.get(objects_pb2.Task, TASK)
    mirror = Mirror(cluster)
    mirror.apply(Listed([task], version=1))
    mirror.set_progress({TASK: pulling(57)})

    def state_line(shown):
        lines = dict(tasks.describe(shown, mirror, 0)[0].lines)
        return "".join(span.text for span in lines["State"].spans)

    assert "preparing  pulling 57 %" in state_line(task)
    task.status.state = types_pb2.RUNNING
    assert "57" not in state_line(task)


async def test_nothing_is_asked_while_nothing_is_prepared(cluster):
    """The stream is there while a task is PREPARING, and not before or after."""
    preparing = [
        task.id for task in cluster.all(objects_pb2.Task) if task.status.state == types_pb2.PREPARING
    ]
    for task_id in preparing:
        set_state(cluster, task_id, types_pb2.RUNNING)
    async with running(cluster) as run:
        await run.press("4")
        assert cluster.progress_open == 0
        set_state(cluster, TASK, types_pb2.PREPARING)
        await run.until(lambda: cluster.progress_open)
        set_state(cluster, TASK, types_pb2.RUNNING)
        await run.until(lambda: not cluster.progress_open)


async def test_a_lost_stream_comes_again_and_old_shares_go(cluster, monkeypatch):
    """While nothing is heard nothing is shown; the next stream tells everything anew."""
    monkeypatch.setattr(progress, "AGAIN_S", 0.05)
    async with running(cluster) as run:
        await run.press("4")
        await run.until(lambda: cluster.progress_open)
        await cluster.tell_progress(pulling(34))
        await run.shows("pulling 34 %")
        cluster.fail_next("Progress.WatchProgress", CallFailed("ABORTED", "no leader"), times=5)
        cluster.cut()
        await run.until(lambda: "pulling" not in run.text)
        await cluster.tell_progress(pulling(35))
        await run.shows("pulling 35 %")


async def test_a_docker_engine_tells_nothing(cluster):
    """A leader that does not know the call leaves the row as it was, and nothing fails."""
    cluster.fail_next("Progress.WatchProgress", CallFailed("UNIMPLEMENTED", "unknown service"), times=99)
    async with running(cluster) as run:
        await run.press("4")
        await run.shows("preparing")
        assert "%" not in "".join(line for line in run.text.splitlines() if "preparing" in line)
