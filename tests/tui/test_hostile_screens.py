"""Whatever stands in the fields of objects, every screen is drawn safely and stays in its lines."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import lively_cluster, log_line
from swarm_testkit.dashboard import running, settle
from swarm_testkit.hostile_text import HARM, LONG, fill, harmless
from swarm_testkit.monkey import check

# Many screens in each: a loaded machine takes its time.
pytestmark = pytest.mark.timeout(240)

SCREENS = (
    (),
    ("2",),
    ("3",),
    ("4",),
    ("2", "enter"),
    ("2", "d"),
    ("3", "d"),
    ("4", "d"),
    ("2", "y"),
    ("3", "y"),
    ("4", "y"),
    ("3", "l"),
    ("3", "ctrl+d"),
    ("2", "a"),
    ("3", "s"),
    ("n",),
    ("ctrl+p", "s", "e", "r"),
)


@pytest.mark.parametrize("text", [HARM, LONG], ids=["harm", "long"])
@pytest.mark.parametrize("size", [(80, 24), (160, 40)], ids=["small", "large"])
async def test_every_screen(text, size):
    """No line is longer than the terminal is wide, and nothing on it is a command to the terminal."""
    cluster = lively_cluster()
    for kind in (objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Service, objects_pb2.Task):
        for item in cluster.all(kind):
            cluster.update(kind, item.id, lambda held: _spoil(held, text))
    task = next(one for one in cluster.all(objects_pb2.Task) if one.service_id == "s-api")
    cluster.log_lines(log_line(task, text))
    async with running(cluster, size=size) as run:
        for keys in SCREENS:
            await run.burst("1", *keys)
            await settle(run.app, run.pilot)
            strips = run.app.screen._compositor.render_strips()
            assert harmless("".join(strip.text for strip in strips)), keys
            assert {strip.cell_length for strip in strips} == {size[0]}, keys
            check(run)
            await run.burst("escape", "escape", "escape")


def _spoil(held, text):
    fill(held, text)
    if isinstance(held, objects_pb2.Service):
        held.spec.annotations.name = held.id + text  # no two are called alike
