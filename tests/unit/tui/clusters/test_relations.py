"""Stacks and uses as they are kept while objects come and go."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_cluster_mount, make_secret, make_service, make_task, make_task_spec
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.relations import RELATED, Relations, relations_of
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources.stacks import Stack

STACKS = st.sampled_from(["", "shop", "ops"])
IDS = st.sampled_from(["a", "b", "c"])


def service(id_: str, stack: str, secrets: frozenset[str] = frozenset(), volume: str = "") -> Any:
    spec = make_task_spec(
        secrets=[types_pb2.SecretReference(secret_id=one) for one in sorted(secrets)],
        mounts=[make_cluster_mount(volume)] if volume else [],
    )
    made = make_service(id_, name=id_, task=spec)
    if stack:
        made.spec.annotations.labels[STACK_LABEL] = stack
    return made


def other(kind: Any, id_: str, stack: str) -> Any:
    made = kind(id=id_)
    if stack:
        made.spec.annotations.labels[STACK_LABEL] = stack
    return made


def related() -> st.SearchStrategy[Any]:
    services = st.builds(
        service, IDS, STACKS, st.frozensets(st.sampled_from(["x", "y"])), st.sampled_from(["", "data"])
    )
    kinds = st.sampled_from(sorted(RELATED - {objects_pb2.Service}, key=lambda kind: kind.__name__))
    return st.one_of(services, st.builds(other, kinds, IDS, STACKS))


@given(st.lists(st.tuples(related(), st.booleans())))
def test_bit_by_bit_is_as_all_at_once(steps: list[tuple[Any, bool]]) -> None:
    """Whatever comes, changes and goes: what is kept is what the objects that are left say, and nothing of the others."""
    kept: dict[tuple[Any, str], Any] = {}
    relations = Relations()
    for item, is_removed in steps:
        key = (type(item), item.id)
        if is_removed:
            kept.pop(key, None)
            relations.remove(*key)
        else:
            kept[key] = item
            relations.put(item)
    fresh = relations_of(kept.values())
    assert relations.stacks == fresh.stacks
    assert relations._users == fresh._users and relations._uses == fresh._uses
    assert relations._stack_of == fresh._stack_of
    for name, stack in relations.stacks.items():
        assert stack.id == name and stack.members


def test_a_stack_is_what_carries_its_label() -> None:
    """It comes with its first object and goes with its last, and its members are counted by kind."""
    relations = Relations()
    relations.put(service("a", "shop"))
    relations.put(other(objects_pb2.Secret, "s", "shop"))
    assert relations.stacks["shop"] == Stack("shop", services=frozenset({"a"}), secrets=frozenset({"s"}))
    relations.put(service("a", "ops"))
    relations.remove(objects_pb2.Secret, "s")
    assert set(relations.stacks) == {"ops"}


def test_the_mirror_tells_of_stacks_and_users() -> None:
    """A stack's row may look different when one of its tasks does; a secret's when a service begins to use it."""
    mirror = Mirror(FakeCluster())
    told: list[Changes] = []
    mirror.listen(told.append)
    mirror.apply(Listed((service("a", "shop"), make_secret("x")), 1))
    mirror.flush()
    mirror.apply(Changed((Change(Action.CREATED, make_task("t", service_id="a", state="RUNNING")),), 2))
    mirror.flush()
    assert told[-1].of(Stack) == {"shop"}
    assert not told[-1].of(objects_pb2.Secret)
    mirror.apply(Changed((Change(Action.UPDATED, service("a", "shop", frozenset({"x"}))),), 3))
    mirror.flush()
    assert told[-1].of(objects_pb2.Secret) == {"x"}
    assert mirror.users("secret", ("x",)) == {"a"}
    mirror.apply(Changed((Change(Action.REMOVED, service("a", "shop")),), 4))
    mirror.flush()
    assert told[-1].of(Stack) == {"shop"} and mirror.get(Stack, "shop") is None
    assert not mirror.users("secret", ("x",))


def test_a_snapshot_answers_the_same() -> None:
    """One-shot commands see the same stacks and users."""
    snapshot = Snapshot([service("a", "shop", volume="data"), make_secret("x")])
    assert [stack.id for stack in snapshot.objects(Stack)] == ["shop"]
    assert snapshot.users("volume", ("other", "data")) == {"a"}
