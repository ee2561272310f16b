"""What descriptions of services and nodes say beside the spec."""

from typing import Any

from swarm_core.api.proto import types_pb2
from swarm_core.rules.autoscale import POLICY
from swarm_core.specs import surge as marks
from swarm_testkit.cluster_fake import START_NS
from swarm_testkit.factories import (
    make_cluster_mount,
    make_network,
    make_node,
    make_resources,
    make_secret,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources import node_shares, nodes, service_page, services
from swarm_tui.resources.model import Section


def lines(sections: tuple[Section, ...]) -> list[tuple[str, str]]:
    return [(label, " ".join(value.text.split())) for one in sections for label, value in one.lines]


def attempt(number: int, slot: int, state: str, err: str = "", node: str = "n1") -> Any:
    task = make_task(f"t{number}", service_id="s1", slot=slot, node_id=node, state=state, err=err)
    task.desired_state = types_pb2.RUNNING if state != "SHUTDOWN" else types_pb2.SHUTDOWN
    task.meta.created_at.seconds = 1_000_000 + number
    return task


def test_places_tell_their_attempts() -> None:
    """A line for each slot, the worst first, with how its attempts ended, the newest first, and the newest one's cause."""
    service = make_service("s1", name="web", replicas=2)
    tasks = [
        attempt(1, 1, "SHUTDOWN"),
        attempt(2, 1, "RUNNING"),
        attempt(3, 2, "FAILED", "task: non-zero exit (3)"),
        attempt(4, 2, "FAILED", "task: non-zero exit (7)"),
    ]
    view = Snapshot([service, make_node("n1", hostname="w1"), *tasks])
    first, second = lines(service_page.places_section(service, view, START_NS))
    assert first[0] == "2" and first[1].startswith("✖✖ failed") and first[1].endswith("w1 exit 7")
    assert second[0] == "1" and second[1].startswith("●✓ running")


def test_places_of_a_global_service_are_nodes() -> None:
    """Where there are no slots a place is called by its node; beyond the limit places are counted."""
    service = make_service("s1", name="agent", is_global=True)
    count = service_page.PLACES_MAX + 2
    hosts = [make_node(f"n{n}", hostname=f"w{n}") for n in range(count)]
    tasks = [attempt(n, 0, "RUNNING", node=f"n{n}") for n in range(count)]
    found = lines(service_page.places_section(service, Snapshot([service, *hosts, *tasks]), START_NS))
    assert found[0][0] == "w0" and found[-1] == ("", "and 2 more, none worse off")
    assert lines(service_page.places_section(service, Snapshot([service]), START_NS)) == []


def test_the_last_change_and_what_is_used() -> None:
    """What differs from the spec before, and the names of what the tasks are given."""
    spec = make_task_spec(
        image="web:2",
        secrets=[types_pb2.SecretReference(secret_id="x", secret_name="key")],
        networks=["net"],
        mounts=[make_cluster_mount("data")],
    )
    service = make_service("s1", name="web", task=spec, replicas=3)
    assert service_page.change_section(service) == ()
    service.previous_spec.CopyFrom(service.spec)
    service.previous_spec.replicated.replicas = 2
    assert lines(service_page.change_section(service)) == [("", "scaled 2 → 3")]
    view = Snapshot([service, make_secret("x", name="key"), make_network("net", name="front")])
    assert lines(service_page.uses_section(service, view)) == [
        ("Secrets", "key"),
        ("Networks", "front"),
        ("Volumes", "data"),
    ]


def test_who_holds_a_node() -> None:
    """Services by what they reserve, those that ended not among them, and what is left in numbers."""
    gib = 1 << 30
    node = make_node("n1", resources=make_resources(cpus=4, memory=8 * gib))

    def task(number: int, name: str, cpus: float, state: str = "RUNNING") -> Any:
        spec = make_task_spec()
        spec.resources.reservations.CopyFrom(make_resources(cpus=cpus, memory=gib))
        made = make_task(f"t{number}", service_id=name, node_id="n1", state=state, spec=spec)
        made.service_annotations.name = name
        return made

    found = [task(1, "api", 1), task(2, "api", 1), task(3, "db", 1.5), task(4, "old", 2, "FAILED")]
    view = Snapshot([node, *found])
    assert lines(node_shares.section(node, view)) == [
        ("api", "2 tasks 2 cpu 2G"),
        ("db", "1 task 1.5 cpu 1G"),
        ("Free", "0.5 cpu 5G"),
    ]
    crowded = Snapshot([node, *(task(n, f"s{n}", 1) for n in range(node_shares.SERVICES_MAX + 2))])
    found_lines = lines(node_shares.section(node, crowded))
    assert found_lines[-2] == ("2 others", "2 tasks 2 cpu 2G")
    assert found_lines[-1][1].endswith("more is reserved than is there")
    assert node_shares.section(node, Snapshot([node])) == ()


def test_what_is_done_without_a_person() -> None:
    """How it scales by itself, or that this cannot be read, and the node that a drain moves it off; the row says the first."""
    service = make_service("s1", name="web", replicas=2)
    labels = service.spec.annotations.labels
    labels[POLICY] = "min=2 max=10 cpu=70%"
    marks.mark(service.spec, ["n1"])
    node = make_node("n1", hostname="w1")
    view = Snapshot([service, node])
    assert [(title, value.text) for title, value in service_page.by_itself(service, view)] == [
        ("Autoscale", "min=2 max=10 cpu=70%"),
        ("Drain", "⟳ moving off w1, replacements first"),
    ]
    assert services.row(service, view, START_NS)[3].text == "0/2 auto"
    (told,) = (
        value.text for title, value in nodes.describe(node, view, START_NS)[0].lines if title == "Drain"
    )
    assert told == "⟳ replacements first: web moving off"
    labels[POLICY] = "min=2 max=many"
    ((_, value), _) = service_page.by_itself(service, view)
    assert value.text == "▲ min=2 max=many cannot be read, so nothing scales it"
    assert services.row(service, view, START_NS)[3].text == "0/2"


def test_labels_stand_below_one_another() -> None:
    """None is cut by those before it."""
    service = make_service("s1", name="web", labels={"a": "1", "b": "2"})
    found = dict(services.describe(service, Snapshot([service]), START_NS)[0].lines)
    assert found["Labels"].text == "a=1\nb=2"
