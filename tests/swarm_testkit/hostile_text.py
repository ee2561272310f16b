"""Text that does harm where it is printed as it is, in every field of an object that holds text."""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, process_pb2
from swarm_core.api.proto.manager_figures_pb2 import ListFiguresResponse, ManagerAnswer
from swarm_tui.resources import registry

from swarm_testkit.cluster_fake import ClusterClock, FakeCluster
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task, make_task_spec

HARM: Final = (
    "\x1b[31mred\x1b[2J\x1b]0;title\x07\x9b1m\r\x08\x7f"
    "\u202eright to left\u202c\u200b\u2066x\u2069\ufeff"
    "節點中文 e\u0301\u0301 ⚠\ufe0f 👩\u200d🔧 \u0300 ²٣ "
    "tab\tline\nend\u2028\x85"
)
LONG: Final = HARM + "x" * 10_000
_DEPTH_MAX: Final = 5
_PAUSE_S: Final = 0.01
_REFERENCES: Final = (
    "id",
    "service_id",
    "node_id",
    "task_id",
    "cluster_id",
    "network_id",
    "secret_id",
    "config_id",
)


def fill(message: Message, text: str, *, depth: int = 0) -> None:
    """Put `text` into each field of `message` and of the messages inside it; what names another object is left alone."""
    for field in message.DESCRIPTOR.fields:
        if (
            field.containing_oneof is not None
            and message.WhichOneof(field.containing_oneof.name) != field.name
        ):
            continue
        if field.name in _REFERENCES:
            continue
        if field.type == FieldDescriptor.TYPE_STRING:
            _fill_text(message, field, text)
        elif field.message_type is not None and not field.message_type.full_name.startswith("google."):
            _fill_message(message, field, text, depth)


def _fill_text(message: Message, field: Any, text: str) -> None:
    if field.is_repeated:
        getattr(message, field.name).append(text)
    else:
        setattr(message, field.name, text)


def _fill_message(message: Message, field: Any, text: str, depth: int) -> None:
    if field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_STRING:
            getattr(message, field.name)[text] = text
    elif depth < _DEPTH_MAX:
        inner = getattr(message, field.name)
        if field.is_repeated:
            inner = inner[0] if len(inner) else inner.add()
        fill(inner, text, depth=depth + 1)


def harmless(shown: str) -> bool:
    """Whether nothing in `shown` steers a terminal."""
    return shown.replace("\n", "").isprintable()


def broken_lines(shown: str) -> list[str]:
    """The lines that begin in the middle of a text of these, so that what is behind them stands where no column of theirs is."""
    return [line for line in shown.split("\n") if line.lstrip().startswith("end ")]


def hostile_objects(text: str) -> Iterator[Message]:
    """Every kind of object that a cluster stores, `text` in each of its fields: nodes n1, n2 and the manager m1, a service s1 of
    containers and s2 of processes, both of the stack "shop", with the tasks t1 to t3; of every other kind one, by its noun and "-1"."""
    stack = {"com.docker.stack.namespace": "shop"}
    process = make_task_spec(command=["sh"])
    web = make_service("s1", name="web", replicas=2, labels=stack)
    web.previous_spec.CopyFrom(web.spec)
    job = make_service("s2", name="job", task=_filled_process(process, text), labels=stack)
    made: list[Message] = [
        make_cluster("cluster-1"),
        make_node("n1", hostname="w1"),
        make_node("n2", hostname="w2", state="DOWN"),
        make_node("m1", hostname="m1", role="MANAGER"),
        web,
        job,
        make_task("t1", service=web, slot=1, node_id="n1", state="FAILED"),
        make_task("t2", service=web, slot=2, node_id="n2", state="PENDING"),
        make_task("t3", service=job, slot=1, node_id="n1", state="RUNNING"),
    ]
    there = {type(item) for item in made}
    made += [kind.message(id=f"{kind.noun}-1") for kind in registry.stored() if kind.message not in there]
    for item in made:
        fill(item, text)
        if isinstance(item, objects_pb2.Service):
            item.spec.annotations.name = item.id + text  # no two are called alike
        elif isinstance(item, objects_pb2.Node):
            item.description.hostname = "²" + text
        elif isinstance(item, objects_pb2.Cluster):
            item.spec.annotations.name = "default"  # by which it is found
        yield item


def _filled_process(spec: Any, text: str) -> Any:
    process = process_pb2.ProcessSpec()
    spec.generic.payload.Unpack(process)
    fill(process, text)
    spec.generic.payload.Pack(process)
    return spec


class _Hasty(ClusterClock):
    """Nobody waits long: what looks twice within seconds is not held up."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, _PAUSE_S))


def hostile_cluster(text: str) -> FakeCluster:
    """A cluster of `hostile_objects`, whose nodes tell what is used and whose managers tell of themselves."""
    cluster = FakeCluster()
    cluster.clock = _Hasty(cluster)
    cluster.put(*hostile_objects(text))
    cluster.used = {"n1": {"n1": (0.5, 1 << 20), "t3": (0.1, 1 << 20)}, "m1": {"m1": (0.5, 1 << 20)}}
    answer = ManagerAnswer(node_id="m1", addr=text, trouble=text)
    cluster.figures.append(ListFiguresResponse(managers=[answer]))
    return cluster
