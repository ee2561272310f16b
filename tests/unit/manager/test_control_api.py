"""The Control service: validation, error codes, effects (control-plane spec 4)."""

import random

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.ca import tokens
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.control_api.server import ControlApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    RpcFailure,
    Unimplemented,
    Unknown,
)
from swarm_core.runtime.clock import SystemClock
from swarm_core.store import by
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task, make_task_spec
from swarm_testkit.trust import make_authority, now_ns

STUCK = 13  # raft id of the member without which there is no quorum
CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=SystemClock())


@pytest.fixture
def members() -> dict[str, types_pb2.ManagerStatus]:
    return {}


@pytest.fixture
def api(store: MemoryStore, members: dict[str, types_pb2.ManagerStatus]) -> ControlApi:
    return ControlApi(
        store,
        SystemClock(),
        random.Random(1),
        members=lambda: members,
        can_remove=lambda raft_id: raft_id != STUCK,
        external=ExternalCas(make_authority().manager),
    )


async def create(api: ControlApi, spec: specs_pb2.ServiceSpec) -> objects_pb2.Service:
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
        ("task.container.healthcheck.retries", -1, InvalidArgument),
        ("task.container.healthcheck.interval", DURATION(nanos=10), InvalidArgument),
        ("task.container.secrets", types_pb2.SecretReference(secret_id="s"), InvalidArgument),
        ("replicated.replicas", 1 << 63, InvalidArgument),
        ("update.max_failure_ratio", 1.5, InvalidArgument),
        ("endpoint.ports", PORT, Unimplemented),
        ("task.networks", types_pb2.NetworkAttachmentConfig(target="n"), Unimplemented),
        ("global_job", specs_pb2.GlobalJob(), Unimplemented),
        ("task.attachment", specs_pb2.NetworkAttachmentSpec(container_id="c"), Unimplemented),
        ("task.generic.kind", "process", InvalidArgument),
    ],
)
async def test_bad_service_specs(
    api: ControlApi, store: MemoryStore, path: str, value: object, code: type[RpcFailure]
) -> None:
    """Each broken or unsupported field is refused with its code and a sentence; nothing is stored."""
    with pytest.raises(code) as refused:
        await create(api, broken(path, value))
    assert len(str(refused.value)) > 10
    assert store.count(objects_pb2.Service) == 0


async def test_create_service(api: ControlApi, store: MemoryStore) -> None:
    """A created service has an id, version 0 of its spec, and is found by name."""
    service = await create(api, spec())
    assert len(service.id) == 25
    assert service.HasField("spec_version") and service.spec_version.index == 0
    assert [s.id for s in store.find(objects_pb2.Service, by.Name("web"))] == [service.id]


async def test_name_conflict(api: ControlApi) -> None:
    """A second service of that name is ALREADY_EXISTS and carries the store's text."""
    await create(api, spec())
    with pytest.raises(AlreadyExists, match="name conflicts with an existing object"):
        await create(api, spec())


async def test_process_service_needs_its_payload(api: ControlApi) -> None:
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
async def test_references_must_exist(api: ControlApi, command: list[str] | None) -> None:
    """A container or process that refers to an unknown secret names what is missing; a used secret stays."""
    request = control_pb2.CreateSecretRequest()
    request.spec.annotations.name, request.spec.data = "key", b"x"
    secret = (await api.create_secret(request, CALLER)).secret
    assert secret.spec.data == b""

    def using(name: str, id_: str) -> specs_pb2.ServiceSpec:
        reference = types_pb2.SecretReference(secret_id=id_, secret_name=name)
        reference.file.name = "key"
        return spec(task=make_task_spec(command=command, secrets=[reference]))

    with pytest.raises(InvalidArgument, match="other"):
        await create(api, using("other", secret.id))
    service = await create(api, using("key", secret.id))
    with pytest.raises(InvalidArgument, match="web"):
        await api.remove_secret(control_pb2.RemoveSecretRequest(secret_id=secret.id), CALLER)
    await api.remove_service(control_pb2.RemoveServiceRequest(service_id=service.id), CALLER)
    await api.remove_secret(control_pb2.RemoveSecretRequest(secret_id=secret.id), CALLER)


def update_of(service: objects_pb2.Service) -> control_pb2.UpdateServiceRequest:
    return control_pb2.UpdateServiceRequest(
        service_id=service.id, service_version=service.meta.version, spec=service.spec
    )


async def test_scale(api: ControlApi, store: MemoryStore) -> None:
    """Changing replicas keeps the old spec as previous and takes the client's version as spec version."""
    service = await create(api, spec())
    request = update_of(service)
    request.spec.replicated.replicas = 7
    updated = (await api.update_service(request, CALLER)).service
    assert updated.spec.replicated.replicas == 7
    assert updated.previous_spec.replicated.replicas == 1
    assert updated.spec_version.index == service.meta.version.index
    with pytest.raises(OutOfSequence):
        await api.update_service(request, CALLER)


async def test_update_that_would_replace_tasks(api: ControlApi, store: MemoryStore) -> None:
    """A changed task spec is refused while tasks exist, and taken when there are none."""
    service = await create(api, spec())
    await store.update(lambda tx: tx.create(make_task(service_id=service.id)))
    request = update_of(service)
    request.spec.task.container.image = "nginx:2"
    with pytest.raises(Unimplemented, match="rolling updates"):
        await api.update_service(request, CALLER)
    for task in store.find(objects_pb2.Task):
        await store.update(lambda tx, id_=task.id: tx.delete(objects_pb2.Task, id_))  # type: ignore[misc]
    assert (await api.update_service(request, CALLER)).service.spec.task.container.image == "nginx:2"


@pytest.mark.parametrize("change", ["rename", "mode", "rollback"])
async def test_unsupported_updates(api: ControlApi, change: str) -> None:
    """Renaming, changing the mode and rolling back are UNIMPLEMENTED."""
    request = update_of(await create(api, spec()))
    if change == "rename":
        request.spec.annotations.name = "other"
    elif change == "mode":
        getattr(request.spec, "global").SetInParent()
    else:
        request.rollback = control_pb2.UpdateServiceRequest.PREVIOUS
    with pytest.raises(Unimplemented):
        await api.update_service(request, CALLER)


async def test_statuses(api: ControlApi, store: MemoryStore) -> None:
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


async def test_filters(api: ControlApi, store: MemoryStore) -> None:
    """Criteria are AND-ed, values of one OR-ed; an empty label value matches any."""
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


async def test_task_filters(api: ControlApi, store: MemoryStore) -> None:
    """Tasks are selected by service, node, desired state and id prefix."""
    first, second = (
        make_task("aa", service_id="s1", node_id="n1"),
        make_task("ab", service_id="s1", node_id="n2"),
    )
    for task in (first, second):
        await store.update(lambda tx, task=task: tx.create(task))  # type: ignore[misc]
    for field, value, want in (
        ("service_ids", "s1", ["aa", "ab"]),
        ("node_ids", "n2", ["ab"]),
        ("id_prefixes", "aa", ["aa"]),
        ("desired_states", first.desired_state, ["aa", "ab"]),
        ("runtimes", "Container", ["aa", "ab"]),
        ("service_ids", "none", []),
    ):
        request = control_pb2.ListTasksRequest()
        getattr(request.filters, field).append(value)
        found = (await api.list_tasks(request, CALLER)).tasks
        assert [task.id for task in found] == want, field


async def test_nodes(
    api: ControlApi, store: MemoryStore, members: dict[str, types_pb2.ManagerStatus]
) -> None:
    """A node's spec is replaced at its version; raft's view of a manager is shown and never stored."""
    await store.update(lambda tx: tx.create(make_node("n1")))
    members["n1"] = types_pb2.ManagerStatus(raft_id=5, leader=True)
    shown = (await api.get_node(control_pb2.GetNodeRequest(node_id="n1"), CALLER)).node
    assert shown.manager_status.leader
    request = control_pb2.UpdateNodeRequest(node_id="n1", node_version=shown.meta.version, spec=shown.spec)
    request.spec.availability = specs_pb2.NodeSpec.DRAIN
    await api.update_node(request, CALLER)
    stored = store.find(objects_pb2.Node)[0]
    assert stored.spec.availability == specs_pb2.NodeSpec.DRAIN
    assert not stored.HasField("manager_status")
    with pytest.raises(OutOfSequence):
        await api.update_node(request, CALLER)


async def set_role(api: ControlApi, node_id: str, role: types_pb2.NodeRole.ValueType) -> None:
    node = (await api.get_node(control_pb2.GetNodeRequest(node_id=node_id), CALLER)).node
    request = control_pb2.UpdateNodeRequest(node_id=node_id, node_version=node.meta.version, spec=node.spec)
    request.spec.desired_role = role
    await api.update_node(request, CALLER)


async def test_promotion_is_a_wish(api: ControlApi, store: MemoryStore) -> None:
    """Promoting a worker changes its desired role; it cannot be demoted before it is a manager."""
    await store.update(lambda tx: tx.create(make_node("n1")))
    await set_role(api, "n1", types_pb2.MANAGER)
    stored = store.find(objects_pb2.Node)[0]
    assert (stored.role, stored.spec.desired_role) == (types_pb2.WORKER, types_pb2.MANAGER)
    with pytest.raises(FailedPrecondition, match="wait until its promotion is done"):
        await set_role(api, "n1", types_pb2.WORKER)


async def test_demotion_is_guarded(
    api: ControlApi, store: MemoryStore, members: dict[str, types_pb2.ManagerStatus]
) -> None:
    """Demoting is refused outside raft, for the last manager, and without quorum; else it is a wish."""
    await store.update(lambda tx: tx.create(make_node("n1", role="MANAGER")))
    with pytest.raises(NotFound, match="not a member"):
        await set_role(api, "n1", types_pb2.WORKER)
    members["n1"] = types_pb2.ManagerStatus(raft_id=STUCK)
    with pytest.raises(FailedPrecondition, match="last manager of the swarm"):
        await set_role(api, "n1", types_pb2.WORKER)
    members["n2"] = types_pb2.ManagerStatus(raft_id=2)
    with pytest.raises(FailedPrecondition, match="loss of quorum"):
        await set_role(api, "n1", types_pb2.WORKER)
    members["n1"].raft_id = 1
    await set_role(api, "n1", types_pb2.WORKER)
    assert store.find(objects_pb2.Node)[0].spec.desired_role == types_pb2.WORKER


async def test_remove_node(api: ControlApi, store: MemoryStore) -> None:
    """A ready node stays unless forced; removal blacklists its certificate and orphans its tasks."""
    await store.update(lambda tx: tx.create(make_cluster()))
    node = make_node("n1")
    node.status.state = types_pb2.NodeStatus.READY
    running = make_task("t1", node_id="n1")
    running.status.state = types_pb2.RUNNING
    await store.update(lambda tx: (tx.create(node), tx.create(running)))
    request = control_pb2.RemoveNodeRequest(node_id="n1")
    with pytest.raises(FailedPrecondition):
        await api.remove_node(request, CALLER)
    request.force = True
    await api.remove_node(request, CALLER)
    assert store.count(objects_pb2.Node) == 0
    assert store.find(objects_pb2.Task)[0].status.state == types_pb2.ORPHANED
    assert "n1" in store.find(objects_pb2.Cluster)[0].blacklisted_certificates


async def test_cluster_is_redacted(api: ControlApi, store: MemoryStore) -> None:
    """Keys never leave; join tokens do; rotating one changes only it."""
    cluster, root = make_cluster(), RootCa.create(now_ns())
    assert root.key is not None
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = root.certificate, root.key
    cluster.unlock_keys.add(key=b"unlock")
    cluster.root_ca.join_tokens.worker, cluster.root_ca.join_tokens.manager = "w", "m"
    await store.update(lambda tx: tx.create(cluster))
    (shown,) = (await api.list_clusters(control_pb2.ListClustersRequest(), CALLER)).clusters
    assert root.key not in shown.SerializeToString() and b"unlock" not in shown.SerializeToString()
    assert shown.root_ca.join_tokens.worker == "w"
    request = control_pb2.UpdateClusterRequest(
        cluster_id=shown.id, cluster_version=shown.meta.version, spec=shown.spec
    )
    request.rotation.worker_join_token = True
    after = (await api.update_cluster(request, CALLER)).cluster.root_ca.join_tokens
    assert after.worker.startswith("SWMTKN-1-") and after.manager == "m"
    assert store.find(objects_pb2.Cluster)[0].root_ca.ca_key == root.key


@pytest.fixture
async def cluster(api: ControlApi, store: MemoryStore) -> objects_pb2.Cluster:
    """A stored cluster with a root CA."""
    cluster, root = make_cluster(), RootCa.create(now_ns())
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = root.certificate, root.key or b""
    await store.update(lambda tx: tx.create(cluster))
    return cluster


async def update_cluster(api: ControlApi, store: MemoryStore, **rotation: bool) -> list[bytes]:
    """Store autolock as `autolock` says (kept if it says nothing), with these rotations; the unlock keys afterwards."""
    (stored,) = store.find(objects_pb2.Cluster)
    request = control_pb2.UpdateClusterRequest(
        cluster_id=stored.id, cluster_version=stored.meta.version, spec=stored.spec
    )
    encryption = request.spec.encryption_config
    encryption.auto_lock_managers = rotation.pop("autolock", encryption.auto_lock_managers)
    request.rotation.CopyFrom(control_pb2.KeyRotation(**rotation))
    await api.update_cluster(request, CALLER)
    return [entry.key for entry in store.find(objects_pb2.Cluster)[0].unlock_keys]


@pytest.mark.usefixtures("cluster")
async def test_autolock_keys(api: ControlApi, store: MemoryStore) -> None:
    """Autolock makes one key, keeps it, changes it when asked, and drops it when it is turned off."""
    assert await update_cluster(api, store, manager_unlock_key=True) == []
    (first,) = await update_cluster(api, store, autolock=True)
    assert len(first) == 32
    assert await update_cluster(api, store) == [first]
    (second,) = await update_cluster(api, store, manager_unlock_key=True)
    assert second != first
    assert await update_cluster(api, store, autolock=False) == []


@pytest.mark.usefixtures("cluster")
async def test_a_rotated_token_is_of_the_same_root(api: ControlApi, store: MemoryStore) -> None:
    """Both tokens can be rotated; they go on naming the root CA."""
    await update_cluster(api, store, worker_join_token=True, manager_join_token=True)
    (stored,) = store.find(objects_pb2.Cluster)
    worker, manager = stored.root_ca.join_tokens.worker, stored.root_ca.join_tokens.manager
    assert worker != manager
    assert all(tokens.parse(token).trusts(stored.root_ca.ca_cert) for token in (worker, manager))


@pytest.mark.usefixtures("cluster")
async def test_a_forced_rotation_begins(api: ControlApi, store: MemoryStore) -> None:
    """Another force_rotate starts a rotation to a root of the cluster's own making; an old version is refused."""
    (stored,) = store.find(objects_pb2.Cluster)
    request = control_pb2.UpdateClusterRequest(
        cluster_id=stored.id, cluster_version=stored.meta.version, spec=stored.spec
    )
    request.spec.ca_config.force_rotate = 1
    shown = (await api.update_cluster(request, CALLER)).cluster
    assert shown.root_ca.root_rotation.ca_cert and not shown.root_ca.root_rotation.ca_key
    after = store.find(objects_pb2.Cluster)[0].root_ca
    assert (after.ca_cert, after.last_forced_rotation) == (stored.root_ca.ca_cert, 1)
    assert after.root_rotation.ca_key
    with pytest.raises(OutOfSequence):
        await api.update_cluster(request, CALLER)


@pytest.mark.parametrize(
    ("size", "name", "good"),
    [
        (0, "a", False),
        (1, "a", True),
        (1023_999, "a", True),
        (1024_000, "a", False),
        (1, "", False),
        (1, "a b", False),
    ],
)
async def test_config_limits(api: ControlApi, size: int, name: str, good: bool) -> None:
    """A config holds 1 byte to just below 1000 KiB under a proper name."""
    request = control_pb2.CreateConfigRequest()
    request.spec.annotations.name, request.spec.data = name, b"x" * size
    if good:
        config = (await api.create_config(request, CALLER)).config
        read = await api.get_config(control_pb2.GetConfigRequest(config_id=config.id), CALLER)
        assert read.config.spec.data == request.spec.data
    else:
        with pytest.raises(InvalidArgument):
            await api.create_config(request, CALLER)


async def test_only_labels_of_a_config_change(api: ControlApi) -> None:
    """New data or a new name is refused; labels are replaced."""
    create_request = control_pb2.CreateConfigRequest()
    create_request.spec.annotations.name, create_request.spec.data = "a", b"x"
    config = (await api.create_config(create_request, CALLER)).config
    request = control_pb2.UpdateConfigRequest(
        config_id=config.id, config_version=config.meta.version, spec=config.spec
    )
    request.spec.data = b"y"
    with pytest.raises(InvalidArgument):
        await api.update_config(request, CALLER)
    request.spec.data = b"x"
    request.spec.annotations.labels["k"] = "v"
    updated = (await api.update_config(request, CALLER)).config
    assert dict(updated.spec.annotations.labels) == {"k": "v"}
    assert updated.spec.data == b"x"


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("get_node", control_pb2.GetNodeRequest),
        ("update_node", control_pb2.UpdateNodeRequest),
        ("remove_node", control_pb2.RemoveNodeRequest),
        ("get_task", control_pb2.GetTaskRequest),
        ("remove_task", control_pb2.RemoveTaskRequest),
        ("get_service", control_pb2.GetServiceRequest),
        ("update_service", control_pb2.UpdateServiceRequest),
        ("remove_service", control_pb2.RemoveServiceRequest),
        ("get_cluster", control_pb2.GetClusterRequest),
        ("update_cluster", control_pb2.UpdateClusterRequest),
        ("get_secret", control_pb2.GetSecretRequest),
        ("update_secret", control_pb2.UpdateSecretRequest),
        ("remove_secret", control_pb2.RemoveSecretRequest),
        ("get_config", control_pb2.GetConfigRequest),
        ("update_config", control_pb2.UpdateConfigRequest),
        ("remove_config", control_pb2.RemoveConfigRequest),
        ("get_network", control_pb2.GetNetworkRequest),
        ("create_service", control_pb2.CreateServiceRequest),
    ],
)
async def test_empty_requests(api: ControlApi, method: str, request_: type) -> None:
    """A request without its id or spec is INVALID_ARGUMENT."""
    with pytest.raises(InvalidArgument):
        await getattr(api, method)(request_(), CALLER)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("get_node", control_pb2.GetNodeRequest(node_id="x")),
        ("remove_node", control_pb2.RemoveNodeRequest(node_id="x")),
        ("get_task", control_pb2.GetTaskRequest(task_id="x")),
        ("get_service", control_pb2.GetServiceRequest(service_id="x")),
        ("remove_service", control_pb2.RemoveServiceRequest(service_id="x")),
        ("get_secret", control_pb2.GetSecretRequest(secret_id="x")),
        ("remove_config", control_pb2.RemoveConfigRequest(config_id="x")),
        ("get_volume", control_pb2.GetVolumeRequest(volume_id="x")),
    ],
)
async def test_unknown_objects(api: ControlApi, method: str, request_: object) -> None:
    """An unknown id is NOT_FOUND."""
    with pytest.raises(NotFound):
        await getattr(api, method)(request_, CALLER)


def test_every_rpc_has_a_handler(api: ControlApi) -> None:
    """Each method of the Control service is implemented, under its name in snake case."""
    for method in control_pb2.DESCRIPTOR.services_by_name["Control"].methods:
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in method.name).lstrip("_")
        assert callable(getattr(api, name, None)), name
