"""Services: validation, error codes, effects (docs/design/control-api.md 4.3)."""

import random

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.manager.control_api.secrets import SecretsApi
from swarm_core.manager.control_api.services.api import ServicesApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    RpcFailure,
    Unimplemented,
    Unknown,
)
from swarm_core.specs import surge
from swarm_core.store import by
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_job, make_service, make_task, make_task_spec
from swarm_testkit.manual_clock import ManualClock

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


@pytest.fixture
def api(store: MemoryStore) -> ServicesApi:
    return ServicesApi(store, ManualClock(), random.Random(1))


@pytest.fixture
def secrets(store: MemoryStore) -> SecretsApi:
    return SecretsApi(store, random.Random(2))


async def create(api: ServicesApi, spec: specs_pb2.ServiceSpec) -> objects_pb2.Service:
    answer = await api.create_service(control_pb2.CreateServiceRequest(spec=spec), CALLER)
    return answer.service


def spec(**changes: object) -> specs_pb2.ServiceSpec:
    made = make_service(name="web", task=make_task_spec(image="nginx:1")).spec
    for field, value in changes.items():
        getattr(made, field).CopyFrom(value)
    return made


def broken(path: str, value: object) -> specs_pb2.ServiceSpec:
    """A good spec with one field set to `value` (appended for lists)."""
    made = spec()
    *steps, last = path.split(".")
    place: object = made
    for step in steps:
        place = getattr(place, step)
    current = getattr(place, last)
    if hasattr(current, "append"):
        current.append(value)
    elif hasattr(current, "CopyFrom"):
        current.CopyFrom(value)
    else:
        setattr(place, last, value)
    return made


DURATION = types_pb2.RestartPolicy().delay.__class__
PORT = types_pb2.PortConfig(target_port=80, published_port=80)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("annotations.name", "", InvalidArgument),
        ("annotations.name", "-web", InvalidArgument),
        ("annotations.name", "we b", InvalidArgument),
        ("annotations.name", "w" * 64, InvalidArgument),
        ("task.container.image", "", InvalidArgument),
        ("task.container.image", "case/UPPER", InvalidArgument),
        ("task.container.image", "nginx:bad tag", InvalidArgument),
        ("task.resources.limits.nano_cpus", 999, InvalidArgument),
        ("task.resources.reservations.memory_bytes", 1024, InvalidArgument),
        ("task.restart.delay", DURATION(seconds=-1), InvalidArgument),
        ("task.restart.window", DURATION(seconds=-1), InvalidArgument),
        ("task.placement.constraints", "node.role=manager", Unknown),
        ("task.container.hostname", "{{.Node.Nope}}", InvalidArgument),
        ("task.container.env", "A={{if .Task.ID}}", InvalidArgument),
        ("task.container.healthcheck.retries", -1, InvalidArgument),
        ("task.container.healthcheck.interval", DURATION(nanos=10), InvalidArgument),
        ("task.container.secrets", types_pb2.SecretReference(secret_id="s"), InvalidArgument),
        ("replicated.replicas", 1 << 63, InvalidArgument),
        ("update.max_failure_ratio", 1.5, InvalidArgument),
        ("endpoint.ports", PORT, FailedPrecondition),
        ("task.networks", types_pb2.NetworkAttachmentConfig(target="n"), InvalidArgument),
        ("task.attachment", specs_pb2.NetworkAttachmentSpec(container_id="c"), Unimplemented),
        ("task.generic.kind", "process", InvalidArgument),
    ],
)
async def test_bad_service_specs(
    api: ServicesApi, store: MemoryStore, path: str, value: object, code: type[RpcFailure]
) -> None:
    """4.0.4: each broken or unsupported field, a name among them, is refused with its code and a sentence; nothing is stored."""
    with pytest.raises(code) as refused:
        await create(api, broken(path, value))
    assert len(str(refused.value)) > 10
    assert store.count(objects_pb2.Service) == 0


async def test_defaults_are_shown_and_not_stored(api: ServicesApi, store: MemoryStore) -> None:
    """4.3.7: who asks for them gets a spec with what holds where nothing was said; the stored one stays as it was."""
    service = await create(api, spec())
    plain = (await api.get_service(control_pb2.GetServiceRequest(service_id=service.id), CALLER)).service
    request = control_pb2.GetServiceRequest(service_id=service.id, insert_defaults=True)
    shown = (await api.get_service(request, CALLER)).service
    assert shown.spec.HasField("update") and not plain.spec.HasField("update")
    assert store.get(objects_pb2.Service, service.id) == plain == service


async def test_create_service(api: ServicesApi, store: MemoryStore) -> None:
    """A created service has an id, version 0 of its spec, and is found by name."""
    service = await create(api, spec())
    assert len(service.id) == 25
    assert service.HasField("spec_version") and service.spec_version.index == 0
    assert [s.id for s in store.find(objects_pb2.Service, by.Name("web"))] == [service.id]


async def test_name_conflict(api: ServicesApi) -> None:
    """A second service of that name is ALREADY_EXISTS and carries the store's text."""
    await create(api, spec())
    with pytest.raises(
        AlreadyExists, match=r"^name conflicts with an existing object: service web already exists$"
    ):
        await create(api, spec())


async def test_process_service_needs_its_payload(api: ServicesApi) -> None:
    """A process needs a ProcessSpec with a command; a good one is accepted."""
    good = spec(task=make_task_spec(command=["sleep", "1"]))
    assert (await create(api, good)).spec.task.generic.kind == "process"
    garbage = spec(task=make_task_spec(command=["sleep", "1"]))
    garbage.task.generic.payload.value = b"\xff"
    with pytest.raises(InvalidArgument, match=r"must be a swarmtui\.v1\.ProcessSpec"):
        await create(api, garbage)
    empty = make_service(name="two", task=make_task_spec(command=[])).spec
    with pytest.raises(InvalidArgument):
        await create(api, empty)


@pytest.mark.parametrize("command", [None, ["sleep", "1"]])
async def test_references_must_exist(
    api: ServicesApi, secrets: SecretsApi, command: list[str] | None
) -> None:
    """A container or process that refers to an unknown secret names what is missing; a used secret stays."""
    request = control_pb2.CreateSecretRequest()
    request.spec.annotations.name, request.spec.data = "key", b"x"
    secret = (await secrets.create_secret(request, CALLER)).secret
    assert secret.spec.data == b""

    def using(name: str, id_: str) -> specs_pb2.ServiceSpec:
        reference = types_pb2.SecretReference(secret_id=id_, secret_name=name)
        reference.file.name = "key"
        return spec(task=make_task_spec(command=command, secrets=[reference]))

    with pytest.raises(InvalidArgument, match="other"):
        await create(api, using("other", secret.id))
    service = await create(api, using("key", secret.id))
    with pytest.raises(InvalidArgument, match="web"):
        await secrets.remove_secret(control_pb2.RemoveSecretRequest(secret_id=secret.id), CALLER)
    await api.remove_service(control_pb2.RemoveServiceRequest(service_id=service.id), CALLER)
    await secrets.remove_secret(control_pb2.RemoveSecretRequest(secret_id=secret.id), CALLER)


def update_of(service: objects_pb2.Service) -> control_pb2.UpdateServiceRequest:
    return control_pb2.UpdateServiceRequest(
        service_id=service.id, service_version=service.meta.version, spec=service.spec
    )


async def test_scale(api: ServicesApi, store: MemoryStore) -> None:
    """4.0.2: an update of another version is refused. Changing replicas keeps the old spec as previous and takes the client's version as spec version."""
    service = await create(api, spec())
    request = update_of(service)
    request.spec.replicated.replicas = 7
    updated = (await api.update_service(request, CALLER)).service
    assert updated.spec.replicated.replicas == 7
    assert updated.previous_spec.replicated.replicas == 1
    assert updated.spec_version.index == service.meta.version.index
    with pytest.raises(OutOfSequence, match=r"^update out of sequence$"):
        await api.update_service(request, CALLER)


@pytest.mark.parametrize(
    ("name", "is_good"),
    [("a", True), ("Web-1_b", True), ("w" * 63, True), ("web.1", False), ("web_", False), ("wéb", False)],
)
async def test_names_of_services(api: ServicesApi, name: str, is_good: bool) -> None:
    """4.0.4: letters, digits, `-` and `_`, 63 at most, with a letter or digit at both ends."""
    named = spec()
    named.annotations.name = name
    if is_good:
        assert (await create(api, named)).spec.annotations.name == name
    else:
        with pytest.raises(InvalidArgument):
            await create(api, named)


async def test_update_of_what_runs(api: ServicesApi, store: MemoryStore) -> None:
    """A changed task spec is taken while tasks exist: the status of the update before is cleared, for the updater to begin."""
    service = await create(api, spec())
    await store.update(lambda tx: tx.create(make_task(service_id=service.id)))
    request = update_of(service)
    request.spec.task.container.image = "nginx:2"
    updated = (await api.update_service(request, CALLER)).service
    assert updated.spec.task.container.image == "nginx:2"
    assert updated.previous_spec.task.container.image == "nginx:1"
    assert not updated.HasField("update_status")


def back(service: objects_pb2.Service) -> control_pb2.UpdateServiceRequest:
    request = update_of(service)
    request.rollback = control_pb2.UpdateServiceRequest.PREVIOUS
    return request


async def test_rollback_swaps_the_specs(api: ServicesApi) -> None:
    """4.3.5: spec and spec version change places with those before, whatever the request's spec says; twice is back again."""
    first = await create(api, spec())
    request = update_of(first)
    request.spec.task.container.image = "nginx:2"
    second = (await api.update_service(request, CALLER)).service
    third = (await api.update_service(back(second), CALLER)).service
    assert (third.spec, third.spec_version) == (first.spec, first.spec_version)
    assert (third.previous_spec, third.previous_spec_version) == (second.spec, second.spec_version)
    status = third.update_status
    assert (status.state, status.message) == (
        types_pb2.UpdateStatus.ROLLBACK_STARTED,
        "manually requested rollback",
    )
    assert status.HasField("started_at") and not status.HasField("completed_at")
    assert (await api.update_service(back(third), CALLER)).service.spec == second.spec


async def test_a_move_off_nodes_leaves_the_spec_before(api: ServicesApi) -> None:
    """4.3.13: after a drain with the replacements first a rollback goes to the image before; a change that does more than move replaces it."""
    first = await create(api, spec())
    request = update_of(first)
    request.spec.task.container.image = "nginx:2"
    second = moved = (await api.update_service(request, CALLER)).service
    steps = (lambda one: surge.mark(one, ["n1"]), surge.unmark, surge.forget)
    for step in steps:
        request = update_of(moved)
        step(request.spec)
        moved = (await api.update_service(request, CALLER)).service
        assert (moved.previous_spec, moved.previous_spec_version) == (first.spec, first.spec_version)
    assert moved.spec == second.spec
    assert (await api.update_service(back(moved), CALLER)).service.spec.task.container.image == "nginx:1"

    request = update_of(second)
    request.service_version.CopyFrom(
        (
            await api.get_service(control_pb2.GetServiceRequest(service_id=second.id), CALLER)
        ).service.meta.version
    )
    surge.mark(request.spec, ["n1"])
    request.spec.task.container.image = "nginx:3"
    changed = (await api.update_service(request, CALLER)).service
    assert changed.previous_spec.task.container.image == "nginx:1"


async def test_rollback_needs_a_spec_before(api: ServicesApi) -> None:
    """A service that was never updated is FAILED_PRECONDITION."""
    service = await create(api, spec())
    with pytest.raises(FailedPrecondition, match=f"service {service.id} does not have a previous spec"):
        await api.update_service(back(service), CALLER)


async def test_rollback_to_a_secret_that_is_gone(api: ServicesApi, store: MemoryStore) -> None:
    """The spec to go back to is checked for what it refers to."""
    reference = types_pb2.SecretReference(secret_id="gone", secret_name="key")
    reference.file.name = "key"
    service = make_service("old", name="web", task=make_task_spec())
    service.previous_spec.CopyFrom(service.spec)
    service.previous_spec.task.container.secrets.append(reference)
    await store.update(lambda tx: tx.create(service))
    (stored,) = store.find(objects_pb2.Service)
    with pytest.raises(InvalidArgument, match="key"):
        await api.update_service(back(stored), CALLER)


@pytest.mark.parametrize("change", ["rename", "mode", "older networks"])
async def test_unsupported_updates(api: ServicesApi, change: str) -> None:
    """Renaming, changing the mode, and networks in the place where older clients had them are UNIMPLEMENTED."""
    request = update_of(await create(api, spec()))
    if change == "rename":
        request.spec.annotations.name = "other"
    elif change == "older networks":
        request.spec.networks.add(target="net")
    else:
        getattr(request.spec, "global").SetInParent()
    with pytest.raises(Unimplemented):
        await api.update_service(request, CALLER)


async def test_statuses(api: ServicesApi, store: MemoryStore) -> None:
    """Counts come in the order asked for; an unknown service has none desired."""
    service = await create(api, spec())
    for state in (types_pb2.RUNNING, types_pb2.RUNNING, types_pb2.FAILED):
        task = make_task(service_id=service.id)
        task.status.state = state
        await store.update(lambda tx, task=task: tx.create(task))  # type: ignore[misc]
    request = control_pb2.ListServiceStatusesRequest(services=["unknown", service.id])
    unknown, known = (await api.list_service_statuses(request, CALLER)).statuses
    assert (unknown.service_id, unknown.desired_tasks) == ("unknown", 0)
    assert (known.desired_tasks, known.running_tasks) == (1, 2)


async def test_statuses_follow_the_tasks(api: ServicesApi, store: MemoryStore) -> None:
    """A task that ends, is no longer wanted, or goes is counted no more; a global service wants what its tasks are to do."""
    made = spec()
    getattr(made, "global").SetInParent()
    service = await create(api, made)

    async def status() -> tuple[int, int]:
        request = control_pb2.ListServiceStatusesRequest(services=[service.id])
        (found,) = (await api.list_service_statuses(request, CALLER)).statuses
        return found.desired_tasks, found.running_tasks

    async def change(task: objects_pb2.Task, desired: int, state: int) -> None:
        changed = objects_pb2.Task()
        changed.CopyFrom(store.get(objects_pb2.Task, task.id))
        changed.desired_state, changed.status.state = desired, state
        await store.update(lambda tx: tx.update(changed))

    assert await status() == (0, 0)
    tasks = [make_task(service_id=service.id) for _ in range(3)]
    for task in tasks:
        task.desired_state, task.status.state = types_pb2.RUNNING, types_pb2.PENDING
        await store.update(lambda tx, task=task: tx.create(task))  # type: ignore[misc]
    assert await status() == (3, 0)
    for task in tasks:
        await change(task, types_pb2.RUNNING, types_pb2.RUNNING)
    assert await status() == (3, 3)
    await change(tasks[0], types_pb2.SHUTDOWN, types_pb2.RUNNING)
    assert await status() == (2, 3)
    await change(tasks[0], types_pb2.SHUTDOWN, types_pb2.SHUTDOWN)
    assert await status() == (2, 2)
    await store.update(lambda tx: tx.delete(objects_pb2.Task, tasks[1].id))
    assert await status() == (1, 1)


async def test_filters(api: ServicesApi, store: MemoryStore) -> None:
    """4.0.3: criteria are AND-ed, values of one OR-ed; an empty label value matches any."""
    for name, tier in (("web", "front"), ("api", "front"), ("db", "back")):
        made = make_service(name=name, labels={"tier": tier}).spec
        await create(api, made)
    filters = control_pb2.ListServicesRequest.Filters(names=["web", "db"], labels={"tier": "front"})
    found = (await api.list_services(control_pb2.ListServicesRequest(filters=filters), CALLER)).services
    assert [s.spec.annotations.name for s in found] == ["web"]
    every = control_pb2.ListServicesRequest.Filters(labels={"tier": ""})
    assert (
        len((await api.list_services(control_pb2.ListServicesRequest(filters=every), CALLER)).services) == 3
    )


# jobs (4.3.9)


async def change(
    api: ServicesApi, service: objects_pb2.Service, spec: specs_pb2.ServiceSpec
) -> objects_pb2.Service:
    request = control_pb2.UpdateServiceRequest(
        service_id=service.id, service_version=service.meta.version, spec=spec
    )
    return (await api.update_service(request, CALLER)).service


@pytest.mark.parametrize("completions", [3, None])
async def test_each_change_of_a_job_begins_an_iteration(
    api: ServicesApi, store: MemoryStore, completions: int | None
) -> None:
    """A job begins at iteration 0; whatever is changed begins the next one, with its time, also while tasks run."""
    made = make_job(completions=completions, name="sum").spec
    service = await create(api, made)
    assert service.job_status.HasField("job_iteration") and service.job_status.HasField("last_execution")
    task = make_task(service=service, state="RUNNING", desired="COMPLETE")
    await store.update(lambda tx: tx.create(task))
    made.annotations.labels["some"] = "label"
    service = await change(api, service, made)
    assert service.job_status.job_iteration.index == 1
    made.task.container.image = "other:2"
    service = await change(api, service, made)
    assert service.job_status.job_iteration.index == 2
    assert store.get(objects_pb2.Service, service.id).job_status == service.job_status


async def test_other_services_have_no_iteration(api: ServicesApi) -> None:
    """A replicated service has no status of a job, neither made nor changed."""
    service = await create(api, spec())
    changed = spec()
    changed.replicated.replicas = 2
    assert not service.HasField("job_status") and not (await change(api, service, changed)).HasField(
        "job_status"
    )


async def test_a_job_has_no_update_settings(api: ServicesApi) -> None:
    """Nothing of a job is rolled out, so settings for that are refused; a job stays a job of its kind."""
    made = make_job(completions=3, name="sum").spec
    made.update.parallelism = 1
    with pytest.raises(InvalidArgument, match="a job cannot have an update configuration"):
        await create(api, made)
    made.ClearField("update")
    service = await create(api, made)
    with pytest.raises(Unimplemented, match="changing a service's mode"):
        await change(api, service, make_job(name="sum").spec)


@pytest.mark.parametrize(("completions", "desired"), [(5, 2), (None, 3)])
async def test_status_of_a_job(
    api: ServicesApi, store: MemoryStore, completions: int | None, desired: int
) -> None:
    """4.3.10: only the present iteration counts; a replicated job wants what may run at once, a global one what is still to complete."""
    service = await create(api, make_job(completions=completions, max_concurrent=2, name="sum").spec)
    states = ("RUNNING", "PENDING", "COMPLETE", "COMPLETE", "FAILED")
    for state in states:
        task = make_task(service=service, state=state, desired="COMPLETE")
        older = make_task(service=service, state=state, desired="COMPLETE")
        older.job_iteration.index = 9
        await store.update(lambda tx, both=(task, older): [tx.create(one) for one in both])  # type: ignore[misc]
    request = control_pb2.ListServiceStatusesRequest(services=[service.id])
    (status,) = (await api.list_service_statuses(request, CALLER)).statuses
    assert (status.desired_tasks, status.running_tasks, status.completed_tasks) == (desired, 1, 2)
