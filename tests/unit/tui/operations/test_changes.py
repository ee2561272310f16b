"""Updates of services and of the cluster: tried on a copy first, then written; and names looked up."""

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2
from swarm_core.client.control import Control, NoSuchObject
from swarm_core.client.errors import CallFailed
from swarm_core.specs import cluster as settings
from swarm_core.specs import container, service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_cluster, make_config, make_secret, make_service
from swarm_testkit.trust import make_authority
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import cluster, create, references, scale, update
from swarm_tui.operations.model import Change, Plan, apply, joined

Service, Cluster = objects_pb2.Service, objects_pb2.Cluster


async def told(plan: Plan, fake: FakeCluster) -> list[tuple[bool, str]]:
    return [(outcome.is_error, outcome.text) async for outcome in apply(plan, Control(fake))]


def set_image(spec: specs_pb2.ServiceSpec) -> None:
    draft = Draft.of(spec)
    container.set_image(draft, "nginx:2")
    service.put_labels(draft, ["k=v"])
    draft.finish()


async def test_a_plan_says_what_becomes_different() -> None:
    """The edit is tried on a copy: the plan names the changes, and the object stays as it is until it is applied."""
    found = make_service("s", name="web")
    found.spec.task.container.image = "nginx:1"
    plan = update.plan(Snapshot([found]), ["s", "gone"], set_image)
    assert plan.title == "Update web"
    (step,) = plan.steps
    assert step.changes == ("image 1 → 2, labels",)
    assert found.spec.task.container.image == "nginx:1"
    fake = FakeCluster([found])
    assert await told(plan, fake) == [(False, "service web updated")]
    assert fake.get(Service, "s").spec.task.container.image == "nginx:2"


async def test_an_edit_that_a_service_refuses() -> None:
    """What cannot be done to one of them is a refusal of the whole plan, in a sentence; nothing is written."""
    process = make_service("p", name="job")
    process.spec.task.generic.kind = "process"
    view = Snapshot([make_service("s", name="web"), process])
    plan = update.plan(view, ["s", "p"], set_image)
    said = "Could not update job: is for containers, and this service runs another runtime."
    assert (plan.steps, plan.refusals) == ((), (said,))


async def test_an_edit_is_made_again_after_a_race() -> None:
    """The edit runs on the newer spec when somebody else wrote meanwhile; what it refuses then is an outcome."""
    found = make_service("s", name="web")
    runs: list[int] = []

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        runs.append(spec.replicated.replicas)
        if len(runs) > 2:
            raise InvalidValue("it has changed too much")

    plan = update.plan(Snapshot([found]), ["s"], edit)
    fake = FakeCluster([make_service("s", name="web", replicas=7)])
    fake.fail_next("Control.UpdateService", CallFailed("UNKNOWN", "update out of sequence"))
    assert await told(plan, fake) == [(True, "Could not update web: it has changed too much.")]
    assert runs == [1, 7, 7]


def test_a_rollback_asks_the_manager() -> None:
    """Going back leaves the spec to the manager, which knows the one before."""
    plan = update.rollback(Snapshot([make_service("s", name="web")]), ["s"])
    (step,) = plan.steps
    assert isinstance(step.action, Change)
    assert step.action.more == {"rollback": control_pb2.UpdateServiceRequest.PREVIOUS}
    assert (plan.title, step.done.text, step.changes) == ("Roll back web", "service web rolled back", ())


def founded() -> objects_pb2.Cluster:
    """A cluster object with a root CA, which every change of its settings looks at."""
    found, root = make_cluster("c"), make_authority().root
    found.root_ca.ca_cert, found.root_ca.ca_key = root.certificate, root.key or b""
    return found


async def test_settings_of_the_cluster() -> None:
    """An edit of the cluster's settings is a change like any other."""
    fake = FakeCluster([founded()])
    view = Snapshot([fake.get(Cluster, "c")])
    plan = cluster.plan(view, "c", lambda spec: settings.set_cert_expiry(spec, "2160h"))
    assert await told(plan, fake) == [(False, "Swarm updated.")]
    assert fake.get(Cluster, "c").spec.ca_config.node_cert_expiry.seconds == 2160 * 3600
    wrong = cluster.plan(view, "c", lambda spec: settings.set_cert_expiry(spec, "soon"))
    assert wrong.refusals and not wrong.steps


async def test_rotation_names_what_becomes_worthless() -> None:
    """A rotation asks for exactly one new key, and says which old one is void."""
    fake = FakeCluster([founded()])
    plan = cluster.rotate(Snapshot([fake.get(Cluster, "c")]), "c", "worker_join_token")
    assert plan.title == "Rotate the worker join token"
    assert plan.warnings == ("The old worker join token will be worthless.",)
    assert await told(plan, fake) == [(False, "Successfully rotated worker join token.")]
    (request,) = [request for name, request in fake.calls if name == "Control.UpdateCluster"]
    assert request.rotation == control_pb2.KeyRotation(worker_join_token=True)


async def test_names_become_references() -> None:
    """Secrets and configs that a draft names are looked up, with their ids and files; an unknown name is told."""
    fake = FakeCluster([make_secret("s1", name="key"), make_config("c1", name="conf")])
    draft = Draft.new("container")
    service.set_name(draft, "web")
    task.set_program(draft, ["nginx"])
    task.add_secrets(draft, ["key"])
    task.add_configs(draft, ["source=conf,target=/etc/conf"])
    spec = draft.finish(await references.look_up(draft, Control(fake)))
    (secret,), (config,) = spec.task.container.secrets, spec.task.container.configs
    assert (secret.secret_id, secret.secret_name, secret.file.name) == ("s1", "key", "key")
    assert (config.config_id, config.config_name, config.file.name) == ("c1", "conf", "/etc/conf")
    assert await told(create.plan(Service, spec), fake) == [(False, "service web created")]
    task.add_secrets(draft, ["nope"])
    with pytest.raises(NoSuchObject):
        await references.look_up(draft, Control(fake))


def test_plans_are_joined_or_refused_together() -> None:
    """Several plans as one keep their order; a refusal in one of them leaves no step in any."""
    view = Snapshot([make_service("a", name="api"), make_service("g", name="agent", is_global=True)])
    fine = scale.plan(view, ["a"], scale.Amount("=", 2))
    refused = scale.plan(view, ["g"], scale.Amount("=", 2))
    assert [step.name for step in joined("Scale", [fine, fine]).steps] == ["api", "api"]
    together = joined("Scale", [fine, refused])
    assert together.steps == () and together.refusals == refused.refusals
