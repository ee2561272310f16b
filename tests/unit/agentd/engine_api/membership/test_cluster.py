"""A machine's way into clusters and out of them, with nodes that live and fail as they are told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from swarm_agentd.engine_api.membership import record, refusals
from swarm_agentd.engine_api.membership.asked import Beginning, Joining
from swarm_agentd.engine_api.membership.cluster import READY_S, Cluster
from swarm_agentd.engine_api.membership.record import Record
from swarm_agentd.engine_api.membership.runner import DELAY_MAX_S
from swarm_agentd.node.config import NodeConfig
from swarm_agentd.node.errors import (
    CannotJoin,
    CertificateOver,
    ManagerGaveUp,
    NodeError,
    NodeLocked,
    NoJoinToken,
)
from swarm_agentd.node.lifetime import Lifetime
from swarm_agentd.node.standing import NodeState, Standing
from swarm_agentd.node.state_dir import open_state
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.client.errors import CallFailed, CertificateRefused, Unreachable, WrongRoot
from swarm_core.http.errors import HttpError
from swarm_core.runtime.tasks import Group
from swarm_core.specs.addresses import Endpoints
from swarm_core.specs.network_defaults import NetworkDefaults
from swarm_testkit.manual_clock import ManualClock, settle

HERE = Endpoints("0.0.0.0:2377", "10.0.0.5:2377")
BEGINNING = Beginning(HERE)
JOINING = Joining(Endpoints("0.0.0.0:2377", ""), ("192.0.2.1:2377", "192.0.2.2:2377"), "a-token")
KEY = bytes(range(32))


class Fate:
    """Of one node: `failure` ends it, before it is ready or after; without one it lives until it is ended."""

    def __init__(
        self, *, is_ready: bool = True, failure: Exception | None = None, key: bytes | None = None
    ) -> None:
        self.is_ready, self.failure, self.key = is_ready, failure, key
        self.breaks, self.arrives = asyncio.Event(), asyncio.Event()
        if is_ready:
            self.arrives.set()


class FakeNode:
    """See runner.RunsNode."""

    def __init__(self, machine: "Machine", fate: Fate) -> None:
        self.life = Lifetime()
        self._machine, self._fate = machine, fate

    def standing(self) -> Standing:
        state = NodeState.ACTIVE if self.life.is_ready else NodeState.PENDING
        return Standing(state, "node-1", self._machine.is_manager, self.life.is_ready)

    async def run(self) -> None:
        with self.life.lived():
            self._machine.certificate.parent.mkdir(exist_ok=True)
            self._machine.certificate.write_text("a certificate")
            if self._fate.failure is None or self._fate.is_ready:
                await self._fate.arrives.wait()
                self.life.ready()
                await self._fate.breaks.wait()
            if self._fate.failure is None:
                await asyncio.Event().wait()
            raise self._fate.failure or AssertionError

    async def leave(self) -> None:
        self._machine.said.append("tasks ended")

    async def remove_tasks(self) -> None:
        self._machine.said.append("tasks ended without a node")

    def opening_key(self) -> bytes | None:
        return self._fate.key


class Machine:
    """Makes one node for each of `fates`, and more like the last."""

    def __init__(self, path: Path, *fates: Fate) -> None:
        self.path, self.fates = path, list(fates) or [Fate()]
        self.certificate = path / "certificates" / "swarm-node.crt"
        self.configs: list[NodeConfig] = []
        self.said: list[str] = []
        self.is_manager = True
        self.clock = ManualClock()
        self.config = NodeConfig(path, path / "control.sock", "0.0.0.0:4242")

    @contextmanager
    def make(self, config: NodeConfig) -> Iterator[FakeNode]:
        self.configs.append(config)
        yield FakeNode(self, self.fates.pop(0) if len(self.fates) > 1 else self.fates[0])

    @asynccontextmanager
    async def cluster(self, *, begins: bool = False) -> AsyncIterator[Cluster]:
        """Of this machine, running within the block."""
        cluster = Cluster(self.config, open_state(self.path), self.make, self.clock, begins=begins)
        async with asyncio.timeout(40), Group() as group:
            group.spawn(cluster.run(), name="membership")
            await cluster.resumed.wait()
            await settle()
            yield cluster
            group.cancel_all()

    def was_here(self) -> None:
        """A node of this machine is in a cluster."""
        self.certificate.parent.mkdir(parents=True)
        self.certificate.write_text("a certificate")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "s")


async def refusal(cluster: Cluster, asked: Beginning | Joining) -> HttpError:
    """Why it cannot be."""
    with pytest.raises(HttpError) as caught:
        await (cluster.begin(asked) if isinstance(asked, Beginning) else cluster.join(asked))
    return caught.value


async def test_inactive_active_and_inactive_again(machine: Machine) -> None:
    """A machine without a cluster waits; it begins one, leaves it and begins another (docs/design/engine-api.md E12.3)."""
    async with machine.cluster() as cluster:
        assert cluster.standing().state is NodeState.INACTIVE
        for _ in range(2):
            assert await cluster.begin(BEGINNING) == "node-1"
            assert cluster.standing().state is NodeState.ACTIVE
            assert machine.certificate.exists()
            await cluster.leave(force=True)
            assert cluster.standing() == Standing(NodeState.INACTIVE)
            assert [path.name for path in machine.path.iterdir()] == []
        with pytest.raises(HttpError, match=refusals.NOT_IN_A_SWARM):
            await cluster.leave(force=True)
    assert machine.said == ["tasks ended"] * 2
    config = machine.configs[0]
    assert (config.listen_remote_api, config.advertise_remote_api, config.join) == (*_texts(HERE), None)


def _texts(endpoints: Endpoints) -> tuple[str, str]:
    return endpoints.listen, endpoints.advertise


async def test_what_is_asked_goes_before_what_the_flags_say(machine: Machine) -> None:
    """The flags stand where the client says nothing (docs/design/engine-api.md E12.3)."""
    machine.config = replace(machine.config, networks=("--of-the-flags",), availability="pause")
    async with machine.cluster() as cluster:
        await cluster.begin(BEGINNING)
        await cluster.leave(force=True)
        await cluster.begin(
            replace(BEGINNING, networks=NetworkDefaults(port=5000), availability="drain", autolock=True)
        )
    first, second = machine.configs
    assert (first.networks, first.availability, first.autolock) == (("--of-the-flags",), "pause", False)
    assert (second.networks, second.availability, second.autolock) == (
        ("--data-path-port=5000",),
        "drain",
        True,
    )


@pytest.mark.parametrize(
    ("failure", "status", "text"),
    [
        (ManagerGaveUp("exit code 1", "cannot listen on 0.0.0.0:2377"), 500, "manager stopped: cannot listen on 0.0.0.0:2377"),
        (ManagerGaveUp("exit code 1"), 500, "manager stopped: exit code 1"),
        (NodeLocked("it is locked"), 503, refusals.LOCKED),
        (CertificateOver("it is over"), 503, refusals.EXPIRED),
        (NodeError("the disk is full"), 500, "the disk is full"),
        (ExceptionGroup("both", [ExceptionGroup("inner", [NodeError("the first")]), NodeError("the second")]), 500, "the first"),
    ],
)  # fmt: skip
async def test_a_failed_beginning_leaves_nothing(
    machine: Machine, failure: Exception, status: int, text: str
) -> None:
    """And the answer says why (docs/design/engine-api.md E12.6)."""
    machine.fates = [Fate(is_ready=False, failure=failure)]
    async with machine.cluster() as cluster:
        error = await refusal(cluster, BEGINNING)
        assert (error.status, error.message) == (status, text)
        assert cluster.standing().state is NodeState.INACTIVE
        assert list(machine.path.iterdir()) == []


def cannot_join(cause: Exception) -> CannotJoin:
    error = CannotJoin("cannot join")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("failure", "status", "text"),
    [
        (NoJoinToken("it is none"), 500, "invalid join token"),
        (cannot_join(CallFailed("INVALID_ARGUMENT", "A valid join token is necessary to join this cluster")), 400,
         "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"),
        (cannot_join(CertificateRefused("refused")), 500, "cannot join"),
        (cannot_join(Unreachable("nobody")), 503, "rpc error: code = Unavailable desc = cannot join"),
    ],
)  # fmt: skip
async def test_a_failed_joining_leaves_nothing(
    machine: Machine, failure: Exception, status: int, text: str
) -> None:
    """And the answer says why (docs/design/engine-api.md E12.6, E12.10)."""
    machine.fates = [Fate(is_ready=False, failure=failure)]
    async with machine.cluster() as cluster:
        error = await refusal(cluster, JOINING)
        assert (error.status, error.message) == (status, text)
        assert cluster.standing().state is NodeState.INACTIVE
        assert list(machine.path.iterdir()) == []


async def test_a_wrong_root_is_told_with_the_expected_one(machine: Machine) -> None:
    """In docker's words (docs/design/engine-api.md E12.10)."""
    machine.fates = [Fate(is_ready=False, failure=cannot_join(WrongRoot("another")))]
    token = f"SWMTKN-1-{'0' * 49}1-{'0' * 25}"
    async with machine.cluster() as cluster:
        error = await refusal(cluster, replace(JOINING, token=token))
    assert error.message == f"remote CA does not match fingerprint. Expected: {'0' * 63}1"
    assert len(machine.configs) == 1


async def test_managers_are_tried_in_turn(machine: Machine) -> None:
    """One that cannot be reached is no reason to give up (docs/design/engine-api.md E12.10)."""
    machine.fates = [Fate(is_ready=False, failure=cannot_join(Unreachable("nobody"))), Fate()]
    async with machine.cluster() as cluster:
        await cluster.join(JOINING)
        assert cluster.standing().state is NodeState.ACTIVE
        kept = record.read(machine.path)
        assert kept is not None
        assert (kept.remote, kept.is_joining) == ("192.0.2.2:2377", False)
    assert [config.join.address for config in machine.configs if config.join] == list(JOINING.managers)


async def test_a_late_joining_goes_on(machine: Machine) -> None:
    """The answer after 20 s is 503; later the node is there (docs/design/engine-api.md E12.6)."""
    machine.fates = [Fate(is_ready=False)]
    async with machine.cluster() as cluster, Group() as group:
        waiting = group.spawn(refusal(cluster, JOINING), name="join")
        await machine.clock.advance(READY_S - 1)
        assert not waiting.done()
        await machine.clock.advance(1)
        assert (waiting.result().status, waiting.result().message) == (503, refusals.TOO_LATE)
        assert cluster.standing().state is NodeState.PENDING
        await cluster.leave(force=False)
        assert cluster.standing().state is NodeState.INACTIVE


async def test_a_late_joining_is_over_once_the_node_is_there(machine: Machine) -> None:
    """What is kept says so, and the next start begins as that of any node (docs/design/engine-api.md E12.6, E12.8)."""
    late = Fate(is_ready=False)
    machine.fates = [late]
    async with machine.cluster() as cluster, Group() as group:
        waiting = group.spawn(refusal(cluster, JOINING), name="join")
        await machine.clock.advance(READY_S)
        assert waiting.result().message == refusals.TOO_LATE
        kept = record.read(machine.path)
        assert kept is not None
        assert kept.is_joining
        late.arrives.set()
        await settle()
        assert cluster.standing().state is NodeState.ACTIVE
        assert record.read(machine.path) == replace(kept, is_joining=False)


async def test_a_ready_node_is_started_again_and_again(machine: Machine) -> None:
    """After 0.2 s, then twice as long each time up to 30 s; ready again, it is as new (docs/design/engine-api.md E12.7)."""
    first, broken = (
        Fate(failure=NodeError("it broke")),
        Fate(is_ready=False, failure=NodeError("still broken")),
    )
    machine.fates = [first, broken]
    async with machine.cluster() as cluster:
        await cluster.begin(replace(BEGINNING, autolock=True))
        first.breaks.set()
        await settle()
        assert (cluster.standing().state, cluster.standing().error) == (NodeState.ERROR, "it broke")
        due = machine.clock.monotonic()
        for count, delay in enumerate((0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, DELAY_MAX_S), start=2):
            due += delay
            await machine.clock.advance(due - 0.001 - machine.clock.monotonic())
            assert len(machine.configs) == count - 1
            await machine.clock.advance(0.002)
            assert len(machine.configs) == count
            assert cluster.standing().error == "still broken"
        machine.fates = [again := Fate(failure=NodeError("once more")), Fate()]
        await machine.clock.advance(DELAY_MAX_S)
        assert (cluster.standing().state, cluster.standing().error) == (NodeState.ACTIVE, "")
        again.breaks.set()
        await machine.clock.advance(0.21)
        assert cluster.standing().state is NodeState.ACTIVE


async def test_a_first_failure_is_only_kept(machine: Machine) -> None:
    """A node that does not come back with its daemon is in error and keeps its files (docs/design/engine-api.md E12.7)."""
    machine.was_here()
    machine.fates = [Fate(is_ready=False, failure=NodeError("its files are damaged"))]
    async with machine.cluster() as cluster:
        await machine.clock.advance(100)
        assert (cluster.standing().state, cluster.standing().error) == (
            NodeState.ERROR,
            "its files are damaged",
        )
        assert machine.certificate.exists()
        await cluster.leave(force=False)
    assert len(machine.configs) == 2
    assert machine.said == ["tasks ended without a node"]


async def test_a_locked_node_waits_for_its_key(machine: Machine) -> None:
    """Leaving needs force, a wrong key changes nothing, and the right one starts the node (docs/design/engine-api.md E12.3, E12.11)."""
    machine.was_here()
    machine.fates = [Fate(is_ready=False, failure=NodeLocked("locked"))]
    async with machine.cluster() as cluster:
        assert (cluster.standing().state, cluster.standing().error) == (NodeState.LOCKED, refusals.LOCKED)
        await machine.clock.advance(100)
        assert len(machine.configs) == 1
        with pytest.raises(HttpError, match="Swarm is encrypted and locked"):
            await cluster.leave(force=False)
        for text, status, message in (
            ("nonsense", 400, "invalid key string"),
            (format_unlock_key(KEY[::-1]), 401, "swarm could not be unlocked: invalid key provided"),
        ):
            with pytest.raises(HttpError) as caught:
                await cluster.unlock(text)
            assert (caught.value.status, caught.value.message) == (status, message)
            assert cluster.standing().state is NodeState.LOCKED
        machine.fates = [Fate()]
        await cluster.unlock(format_unlock_key(KEY))
        assert (cluster.standing().state, machine.configs[-1].unlock_key) == (NodeState.ACTIVE, KEY)
        with pytest.raises(HttpError, match="swarm is not locked"):
            await cluster.unlock(format_unlock_key(KEY))


async def test_an_unlocked_node_may_fail_otherwise(machine: Machine) -> None:
    """That is told, and tried again (docs/design/engine-api.md E12.7)."""
    machine.was_here()
    machine.fates = [
        Fate(is_ready=False, failure=NodeLocked("locked")),
        Fate(is_ready=False, failure=NodeError("x")),
        Fate(),
    ]
    async with machine.cluster() as cluster:
        with pytest.raises(HttpError, match="swarm component could not be started: x"):
            await cluster.unlock(format_unlock_key(KEY))
        await machine.clock.advance(0.21)
        assert cluster.standing().state is NodeState.ACTIVE


async def test_a_key_that_was_known_opens_the_next_start(machine: Machine) -> None:
    """A node that breaks needs nobody to unlock it again (docs/design/engine-api.md E12.7)."""
    first = Fate(failure=NodeError("it broke"), key=KEY)
    machine.fates = [first, Fate()]
    async with machine.cluster() as cluster:
        await cluster.begin(BEGINNING)
        first.breaks.set()
        await machine.clock.advance(0.21)
        assert cluster.standing().state is NodeState.ACTIVE
    assert [config.unlock_key for config in machine.configs] == [None, KEY]


async def test_a_manager_goes_on_alone(machine: Machine) -> None:
    """Forced anew it keeps its files, also when that fails; a worker is refused (docs/design/engine-api.md E12.6)."""
    async with machine.cluster() as cluster:
        await cluster.begin(BEGINNING)
        machine.fates = [Fate(is_ready=False, failure=NodeError("not so"))]
        error = await refusal(cluster, replace(BEGINNING, force_new=True))
        assert (error.status, error.message) == (500, "not so")
        assert cluster.standing().state is NodeState.ERROR
        assert machine.certificate.exists()
        await cluster.leave(force=True)
        machine.fates, machine.is_manager = [Fate()], False
        await cluster.begin(BEGINNING)
        error = await refusal(cluster, replace(BEGINNING, force_new=True))
        assert (error.status, error.message) == (503, refusals.WORKER)
    # The third was made to end the tasks of the one that failed.
    assert [config.force_new_cluster for config in machine.configs] == [False, True, True, False]


async def test_it_comes_back_where_it_was(machine: Machine) -> None:
    """The record goes before the flags, and holds neither token nor key (docs/design/engine-api.md E12.8)."""
    async with machine.cluster() as cluster:
        await cluster.join(replace(JOINING, endpoints=HERE))
    assert "a-token" not in (machine.path / "docker-state.json").read_text()
    assert (machine.path / "docker-state.json").stat().st_mode & 0o777 == 0o600
    async with machine.cluster() as cluster:
        assert cluster.standing().state is NodeState.ACTIVE
        assert cluster.standing().address == "10.0.0.5"
    again = machine.configs[-1]
    assert (again.listen_remote_api, again.advertise_remote_api, again.join) == (*_texts(HERE), None)


async def test_a_node_that_was_killed_before_it_had_a_certificate_is_forgotten(machine: Machine) -> None:
    """It comes back inactive (docs/design/engine-api.md E12.8)."""
    machine.path.mkdir()
    record.write(machine.path, Record("0.0.0.0:2377", is_joining=True))
    async with machine.cluster() as cluster:
        assert cluster.standing().state is NodeState.INACTIVE
    assert not (machine.path / "docker-state.json").exists()


async def test_what_the_flags_ask_for_ends_the_daemon_when_it_cannot_be(machine: Machine) -> None:
    """As without docker's clients (docs/design/engine-api.md E9.7)."""
    caught: list[BaseException] = []
    machine.fates = [Fate(is_ready=False, failure=NodeError("it cannot be"))]
    try:
        async with machine.cluster(begins=True):
            await asyncio.Event().wait()
    except ExceptionGroup as group:
        caught.extend(group.exceptions)
    assert "it cannot be" in repr(caught)


async def test_one_change_after_the_other_and_to_the_end(machine: Machine) -> None:
    """A client that goes away ends nothing; the next change waits (docs/design/engine-api.md E12.5)."""
    machine.fates = [Fate(is_ready=False), Fate()]
    async with machine.cluster() as cluster, Group() as group:
        first = group.spawn(cluster.to_the_end(lambda: cluster.join(JOINING)), name="first client")
        await settle()
        first.cancel()
        second = group.spawn(cluster.to_the_end(lambda: cluster.leave(force=True)), name="second client")
        await settle()
        assert not second.done()
        assert cluster.standing().state is NodeState.PENDING
        await machine.clock.advance(READY_S)
        await second
        assert cluster.standing().state is NodeState.INACTIVE


async def test_a_fault_of_the_program_is_the_askers(machine: Machine) -> None:
    """And the next change is carried out (docs/design/engine-api.md E12.5)."""

    async def broken() -> None:
        raise ZeroDivisionError

    async with machine.cluster() as cluster:
        with pytest.raises(ZeroDivisionError):
            await cluster.to_the_end(broken)
        assert await cluster.to_the_end(lambda: cluster.begin(BEGINNING)) == "node-1"
