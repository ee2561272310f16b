"""The figures of a manager for Prometheus: what its parts tell while they work, and how they stand when somebody asks.

Names and labels stand in docs/design/metrics.md, which a test compares with what is registered here. Labels are of fixed sets: states,
kinds, and the methods and codes that this program has. No label holds what a user wrote.
"""

from collections import Counter as Counts
from collections.abc import Callable, Iterable
from typing import Final

from google.protobuf.descriptor import MethodDescriptor
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.manager_figures_pb2 import Measured
from swarm_core.managerd.meters import Watched
from swarm_core.rpc.errors import Code
from swarm_core.store.by import TaskState
from swarm_core.store.measured import StoreTimes

# Seconds. A sync of a good disk takes well below a millisecond, one of a bad disk seconds.
SYNC_S: Final = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
)
_WORK_S: Final = (0.00001, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
_CALL_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAIT_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_COUNTED: Final = (
    ("services", objects_pb2.Service),
    ("networks", objects_pb2.Network),
    ("secrets", objects_pb2.Secret),
    ("configs", objects_pb2.Config),
    ("volumes", objects_pb2.Volume),
)
_METHOD: Final = ("grpc_type", "grpc_service", "grpc_method")


class Figures:
    """What is told while the manager works. `times` is for its store."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float]) -> None:
        self._now = now

        def histogram(
            name: str, text: str, buckets: Iterable[float], labels: Iterable[str] = ()
        ) -> Histogram:
            return Histogram(name, text, labels, buckets=tuple(buckets), registry=registry)

        self.syncs = histogram("swarm_raft_fsync_seconds", "Time of one sync of raft's log to disk.", SYNC_S)
        self.times = StoreTimes(
            written=histogram("swarm_store_write_tx_latency_seconds", "Raft store write tx latency.", _CALL_S).observe,
            batched=histogram("swarm_store_batch_latency_seconds", "Raft store batch latency.", _CALL_S).observe,
            read=histogram("swarm_store_read_tx_latency_seconds", "Raft store read tx latency.", _WORK_S).observe,
            proposed=histogram("swarm_raft_transaction_latency_seconds", "Raft transaction latency.", _CALL_S).observe,
            applied=histogram("swarm_raft_apply_seconds", "Time to apply one entry to the store.", _WORK_S).observe,
            encoded=histogram("swarm_raft_snapshot_latency_seconds", "Raft snapshot create latency.", _CALL_S).observe,
        )  # fmt: skip
        self._passes = histogram(
            "swarm_scheduler_latency_seconds", "Time of one pass until it is written.", _CALL_S
        )
        self._decisions = Counter("swarm_scheduler_decisions_total", "Decisions written.", registry=registry)
        self.starts = histogram(
            "swarm_dispatcher_scheduling_delay_seconds",
            "Scheduling delay is the time a task takes to go from NEW to RUNNING state.",
            _WAIT_S,
        )
        self._begun = Counter("grpc_server_started_total", "Calls begun.", _METHOD, registry=registry)
        self._handled = Counter(
            "grpc_server_handled_total", "Calls ended.", (*_METHOD, "grpc_code"), registry=registry
        )
        self._handling = histogram("grpc_server_handling_seconds", "Time of a call.", _CALL_S, _METHOD)
        self._children: dict[str, tuple[Counter, Histogram]] = {}
        self._ends: dict[tuple[str, Code], Counter] = {}
        self.calls_begun = 0

    def decided(self, seconds: float, count: int) -> None:
        """The scheduler has written what it decided in a pass."""
        self._passes.observe(seconds)
        self._decisions.inc(count)

    def told(self) -> Measured:
        """What other managers are told."""
        samples = [
            one for family in self.syncs.collect() for one in family.samples if one.name.endswith("_bucket")
        ]
        sums = [int(one.value) for one in samples]
        counts = [later - earlier for earlier, later in zip([0, *sums], sums, strict=False)]
        return Measured(calls=self.calls_begun, sync_bounds=SYNC_S, sync_counts=counts)

    # implements rpc.observed.CallObserver

    def begun(self, method: MethodDescriptor) -> float:
        children = self._children.get(method.full_name)
        if children is None:
            labels = _labels(method)
            children = self._begun.labels(*labels), self._handling.labels(*labels)
            self._children[method.full_name] = children
        children[0].inc()
        self.calls_begun += 1
        return self._now()

    def ended(self, method: MethodDescriptor, begun: object, code: Code) -> None:
        assert isinstance(begun, float)
        self._children[method.full_name][1].observe(self._now() - begun)
        end = self._ends.get((method.full_name, code))
        if end is None:
            end = self._handled.labels(*_labels(method), _CODES[code])
            self._ends[method.full_name, code] = end
        end.inc()


class Standing(Collector):
    """How the manager stands, looked at when somebody asks."""

    def __init__(self) -> None:
        self.manager: Watched | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of a manager that is not there yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        if self.manager is None:
            return
        yield from _of_raft(self.manager)
        yield from _of_store(self.manager)
        yield from _of_dispatcher(self.manager)


def register(registry: CollectorRegistry) -> Standing:
    """What is looked at when somebody asks: the manager's standing, and its process."""
    standing = Standing()
    registry.register(standing)
    # The node's own daemon has the plain names, and both are told on one page.
    ProcessCollector(namespace="swarm_manager", registry=registry)
    return standing


def _of_raft(manager: Watched) -> Iterable[Metric]:
    raft = manager.raft
    yield _gauge(
        "swarm_manager_leader", "Indicates if this manager node is a leader", raft.leadership.is_leader
    )
    yield _gauge(
        "swarm_raft_has_leader", "Whether this manager knows a leader.", raft.leadership.leader_id != 0
    )
    expires = manager.identity().not_after_ns / 1e9
    yield _gauge(
        "swarm_manager_certificate_expiry_timestamp_seconds", "When its certificate expires.", expires
    )
    if not raft.members.is_member:
        return
    status = raft.status()
    yield _gauge("swarm_raft_term", "Raft's term.", status.hard_state.term)
    yield _gauge("swarm_raft_last_index", "Index of the newest entry of the log.", status.last_index)
    yield _gauge(
        "swarm_raft_commit_index",
        "Index of the newest entry known to be committed.",
        status.hard_state.commit,
    )
    yield _gauge("swarm_raft_applied_index", "Index of the newest entry in the store.", raft.applied_index)
    yield _gauge(
        "swarm_raft_members", "Members that this manager knows, itself among them.", len(raft.members.all())
    )
    yield _gauge(
        "swarm_raft_proposals_waiting",
        "Proposals of this manager that are not applied yet.",
        raft.proposals_waiting,
    )
    yield _gauge("swarm_raft_tick_seconds", "Length of a raft tick.", raft.ticks.said_s)


def _of_store(manager: Watched) -> Iterable[Metric]:
    store = manager.store
    nodes = GaugeMetricFamily("swarm_manager_nodes", "The number of nodes", labels=("state",))
    counts = Counts(node.status.state for node in store.find(objects_pb2.Node))
    for name, number in types_pb2.NodeStatus.State.items():
        nodes.add_metric([name.lower()], counts[number])
    yield nodes
    tasks = GaugeMetricFamily(
        "swarm_manager_tasks_total", "The number of tasks in the cluster object store", labels=("state",)
    )
    for name, state in types_pb2.TaskState.items():
        tasks.add_metric([name.lower()], store.count(objects_pb2.Task, TaskState(state)))
    yield tasks
    for name, kind in _COUNTED:
        text = f"The number of {name} in the cluster object store"
        yield _gauge(f"swarm_manager_{name}_total", text, store.count(kind))
    yield _gauge("swarm_store_queued_transactions", "Transactions that wait for their entry.", store.waiting)
    yield _gauge("swarm_store_watchers", "Subscriptions to changes of the store.", store.watchers)
    yield _gauge(
        "swarm_store_watch_unread_events", "Events that the slowest of them has not taken.", store.unread_max
    )


def _of_dispatcher(manager: Watched) -> Iterable[Metric]:
    dispatcher = manager.parts.dispatcher
    yield _gauge("swarm_dispatcher_sessions", "Nodes with a session at this manager.", dispatcher.sessions)
    yield _gauge(
        "swarm_dispatcher_queued_reports",
        "Reports of nodes that are not written yet.",
        dispatcher.reports_waiting,
    )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))


def _labels(method: MethodDescriptor) -> tuple[str, str, str]:
    kind = {
        (False, False): "unary",
        (True, False): "client_stream",
        (False, True): "server_stream",
        (True, True): "bidi_stream",
    }[method.client_streaming, method.server_streaming]
    return kind, method.containing_service.full_name, method.name


# As the other implementations' interceptors spell them.
_CODES: Final = {
    code: "OK"
    if code is Code.OK
    else "Canceled"
    if code is Code.CANCELLED
    else code.name.title().replace("_", "")
    for code in Code
}
