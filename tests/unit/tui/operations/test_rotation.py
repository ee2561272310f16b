"""Rotations of single secrets and configs: names, who is pointed to the new one, what goes, and what is refused."""

import asyncio
from dataclasses import dataclass

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_node,
    make_secret,
    make_service,
    make_task_spec,
)
from swarm_tui.operations.model import Refused, Remove
from swarm_tui.operations.stacks.deploy import Manner
from swarm_tui.operations.stacks.rotating import RotationFailed, rotate
from swarm_tui.operations.stacks.rotation import Rotation, foretold, next_name, single, used_ids
from swarm_tui.operations.stacks.waiting import following

Secret, Service = objects_pb2.Secret, objects_pb2.Service


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("key", ["key"], "key-2"),
        ("key-2", ["key", "key-2"], "key-3"),
        ("key", ["key", "key-2", "key-3"], "key-4"),
        ("tls-2024", [], "tls-2025"),
        ("v-1", [], "v-1-2"),
        ("k" * 64, [], "k" * 62 + "-2"),
    ],
)
def test_the_next_name(name: str, taken: list[str], expected: str) -> None:
    """The next number behind the name that is free, and no longer than a name may be."""
    assert next_name(name, taken) == expected


def service(name: str, secret_id: str = "sec") -> Service:
    reference = types_pb2.SecretReference(secret_id=secret_id, secret_name="key")
    reference.file.name = "key"
    return make_service(f"s-{name}", name=name, task=make_task_spec(secrets=[reference]))


def made_of(*services: Service) -> Rotation:
    secret = make_secret("sec", name="key")
    secret.spec.annotations.labels["team"] = "web"
    return single(secret, "secret", b"new", ["key"], services)


def test_who_is_pointed_to_the_new_one() -> None:
    """The services that use the old one, by name; labels come along; what goes is what nobody uses by then."""
    made = made_of(service("web"), service("api"), service("other", "another"))
    assert [one.spec.annotations.name for one in made.users] == ["api", "web"]
    assert made.create.action.spec.annotations.labels["team"] == "web"  # type: ignore[union-attr]
    assert made.removals([service("late")]) == []
    assert [step.name for step in made.removals([service("other", "another")])] == ["key"]


@pytest.mark.parametrize("removes", [True, False])
def test_what_it_comes_to_is_said(removes: bool) -> None:
    """The new object, each service, and whether the old one goes; of no service a sentence says so."""
    plan = foretold(made_of(service("web"), service("api")), removes=removes)
    assert [step.name for step in plan.steps][:3] == ["key-2", "api", "web"]
    assert isinstance(plan.steps[-1].action, Remove) is removes
    assert bool(plan.warnings) is removes
    assert any("one after the other" in note for note in plan.notes)
    assert any("No service uses key." in note for note in foretold(made_of(), removes=removes).notes)


def test_what_is_refused() -> None:
    """A content that a driver gives, and one that is there already."""
    secret = make_secret("sec", name="key")
    secret.spec.driver.name = "vault"
    with pytest.raises(Refused, match="comes from the driver vault"):
        single(secret, "secret", b"new", [], [])
    config = make_config("conf", name="page")
    config.spec.data = b"same"
    with pytest.raises(Refused, match="this content already"):
        single(config, "config", b"same", [], [])


@dataclass(frozen=True)
class GivenUp:
    """How a service stands whose update came to nothing."""

    done: int = 0
    goal: int = 1
    cause: str = ""
    given_up: str = "its update paused"
    is_converged: bool = False


def test_a_service_that_does_not_get_well_ends_it() -> None:
    """The next one is not touched, the old secret stays, and it is said who still uses it."""
    api, web = service("api"), service("web")
    fake = FakeCluster([make_cluster(), make_node("n1"), make_secret("sec", name="key"), api, web])
    cluster = Cluster(fake, clock=fake.clock, target="fake")
    manner = Manner(lambda mirror, service, now_ns: GivenUp(), lambda: following(cluster))

    async def play() -> list[str]:
        done = []
        with pytest.raises(RotationFailed, match=r"api: its update paused\. web is still on key\."):
            async for outcome in rotate(cluster, made_of(api, web), manner, removes=True):
                done.append(outcome.name)
        return done

    assert asyncio.run(play()) == ["key-2", "api"]
    (old,) = [one.id for one in fake.all(Secret) if one.spec.annotations.name == "key"]
    assert used_ids(fake.get(Service, "s-web").spec, "secret") == {old}
