"""What people do to a cluster, through the control socket of some manager: nodes, roles, root CA, tokens, unlock keys.

What they ask for may come to nothing; then it is noted, and nobody tries again.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.message import Message
from swarm_agentd.node.config import Join
from swarm_agentd.node.launcher import Launch
from swarm_core.api.names import CA_ROLE, MANAGER_ROLE
from swarm_core.api.proto import ca_pb2, control_pb2, resource_pb2
from swarm_core.api.proto.objects_pb2 import Cluster, Node
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import MANAGER, WORKER
from swarm_core.ca import certificates, csr, keys
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_core.client.trust import Trust

from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.founding import CLUSTER_ID
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.trust_checkers import TrustLedger
from swarm_testkit.simulation.ways import SimulatedDial

_CALL_S = 5.0
_MANAGERS_MIN = 2

MakeLife = Callable[[NodeMachine, Launch, Callable[[bytes, bool], None]], Life]


class People:
    """`machines` is filled while the world is made; see nodes.Operator."""

    def __init__(
        self,
        machines: Sequence[NodeMachine],
        dial: SimulatedDial,
        trust: TrustLedger,
        rng: random.Random,
        findings: Findings,
        make_life: MakeLife,
    ) -> None:
        self._machines, self._dial, self._trust = machines, dial, trust
        self._rng, self._findings = rng, findings
        self.make_life = make_life
        self._by_hand: list[
            tuple[NodeMachine, str]
        ] = []  # containers that were attached, by their attachment

    # what machines are given

    def join(self, machine: NodeMachine) -> Join | None:
        """See nodes.Operator. Machines join as workers."""
        others = [one for one in self._managers() if one is not machine]
        if self._trust.cluster is None or not others:
            return None
        tokens = self._trust.cluster.root_ca.join_tokens
        token = tokens.manager if self._rng.random() < 0.2 else tokens.worker
        return Join(self._rng.choice(others).address, token)

    def unlock_keys(self) -> Iterable[bytes]:
        """See nodes.Operator."""
        return reversed(self._trust.unlock_keys)

    # nodes

    async def nodes(self) -> list[Node]:
        """All nodes. Raises ClientError."""
        answer: control_pb2.ListNodesResponse = await self._call(
            "Control.ListNodes", control_pb2.ListNodesRequest()
        )
        return list(answer.nodes)

    async def change_node(self, node_id: str, change: Callable[[NodeSpec], None]) -> bool:
        """Change a node; whether it was done."""
        try:
            answer = await self._call("Control.GetNode", control_pb2.GetNodeRequest(node_id=node_id))
            request = control_pb2.UpdateNodeRequest(
                node_id=node_id, node_version=answer.node.meta.version, spec=answer.node.spec
            )
            change(request.spec)
            await self._call("Control.UpdateNode", request)
        except ClientError as error:
            self._note(f"node {node_id} is not changed: {error}")
            return False
        return True

    async def change_role(self) -> None:
        """Promote or demote some node."""
        try:
            nodes = await self.nodes()
        except ClientError as error:
            self._note(f"no role is changed: {error}")
            return
        node = self._rng.choice(nodes)
        managers = sum(one.spec.desired_role == MANAGER for one in nodes)
        role = WORKER if node.spec.desired_role == MANAGER else MANAGER
        if role == WORKER and managers <= _MANAGERS_MIN:
            return

        def change(spec: NodeSpec) -> None:
            spec.desired_role = role

        if await self.change_node(node.id, change):
            self._note(f"{node.id} is to be a {'manager' if role == MANAGER else 'worker'}")

    async def remove_a_worker(self) -> None:
        """Remove a worker from the cluster by force, and wipe its machine."""
        for machine in self._rng.sample(list(self._machines), len(self._machines)):
            found = machine.identity
            if found is None or found.is_manager or machine.life is not None:
                continue
            if await self._remove(found.node_id):
                machine.forget()
            return

    async def remove(self, node: Node) -> None:
        """Remove a node whose machine is no more, by force."""
        await self._remove(node.id)

    async def _remove(self, node_id: str) -> bool:
        request = control_pb2.RemoveNodeRequest(node_id=node_id, force=True)
        try:
            await self._call("Control.RemoveNode", request)
        except ClientError as error:
            self._note(f"{node_id} is not removed: {error}")
            return False
        self._note(f"{node_id} is removed")
        return True

    async def attach_or_detach(self) -> None:
        """Somebody starts a container on a manager's machine and attaches it to a network, or takes one away."""
        try:
            if self._by_hand and self._rng.random() < 0.5:
                machine, attachment = self._by_hand.pop(self._rng.randrange(len(self._by_hand)))
                detach = resource_pb2.DetachNetworkRequest(attachment_id=attachment)
                await self._call_as(machine, "ResourceAllocator.DetachNetwork", detach)
                return
            answer = await self._call("Control.ListNetworks", control_pb2.ListNetworksRequest())
            open_ones = [network.id for network in answer.networks if network.spec.attachable]
            if not open_ones or not (machines := [one for one in self._managers() if one.credentials]):
                return
            machine = self._rng.choice(machines)
            attach = resource_pb2.AttachNetworkRequest(container_id="by-hand")
            attach.config.target = self._rng.choice(open_ones)
            answer = await self._call_as(machine, "ResourceAllocator.AttachNetwork", attach)
        except ClientError as error:
            self._note(f"nothing is attached or detached by hand: {error}")
        else:
            self._by_hand.append((machine, answer.attachment_id))

    async def update_service(self, request: control_pb2.UpdateServiceRequest) -> None:
        """Update a service, or find that somebody was faster."""
        try:
            await self._call("Control.UpdateService", request)
        except ClientError as error:
            self._note(f"service {request.service_id} is not updated: {error}")

    # the cluster

    async def change_cluster(self, change: Callable[[control_pb2.UpdateClusterRequest], None]) -> bool:
        """Change the cluster object; whether it was done."""
        try:
            answer = await self._call(
                "Control.GetCluster", control_pb2.GetClusterRequest(cluster_id=CLUSTER_ID)
            )
            cluster: Cluster = answer.cluster
            request = control_pb2.UpdateClusterRequest(
                cluster_id=CLUSTER_ID, cluster_version=cluster.meta.version, spec=cluster.spec
            )
            change(request)
            await self._call("Control.UpdateCluster", request)
        except ClientError as error:
            self._note(f"the cluster is not changed: {error}")
            return False
        return True

    async def rotate_root(self) -> bool:
        """Have a new root CA."""

        def change(request: control_pb2.UpdateClusterRequest) -> None:
            request.spec.ca_config.force_rotate += 1

        return await self.change_cluster(change)

    def has_root_of_the_future(self) -> bool:
        """Whether the root CA that comes was made by a clock that was ahead: nobody believes it."""
        if self._trust.cluster is None or not self._trust.cluster.root_ca.HasField("root_rotation"):
            return False
        (root,) = certificates.parse(self._trust.cluster.root_ca.root_rotation.ca_cert)
        return root.not_valid_before_utc.timestamp() * 1e9 > self._dial.host.clock.wall_ns()

    async def rotate_tokens(self) -> None:
        """Have new join tokens, or one of them."""
        which = self._rng.choice(((True, True), (True, False), (False, True)))

        def change(request: control_pb2.UpdateClusterRequest) -> None:
            request.rotation.worker_join_token, request.rotation.manager_join_token = which

        await self.change_cluster(change)

    async def change_autolock(self) -> None:
        """Lock the managers' key files, unlock them, or have another unlock key."""
        is_new_key = self._rng.random() < 0.4

        def change(request: control_pb2.UpdateClusterRequest) -> None:
            encryption = request.spec.encryption_config
            if encryption.auto_lock_managers and is_new_key:
                request.rotation.manager_unlock_key = True
            else:
                encryption.auto_lock_managers = not encryption.auto_lock_managers

        await self.change_cluster(change)

    async def try_an_old_token(self) -> None:
        """Ask for a certificate with a token that was replaced."""
        managers = self._managers()
        if not self._trust.old_tokens or not managers or self._trust.cluster is None:
            return
        token = self._rng.choice(self._trust.old_tokens)
        request = ca_pb2.IssueNodeCertificateRequest(
            csr=csr.create(keys.generate(self._rng.randbytes)), token=token
        )
        target = self._rng.choice(managers)
        trust = Trust(self._trust.cluster.root_ca.ca_cert, None, CA_ROLE)
        try:
            async with await self._dial.open(target.address, trust, timeout=_CALL_S) as connection:
                await connection.call("NodeCA.IssueNodeCertificate", request, timeout=_CALL_S)
        except CallFailed as error:
            self._note(f"an old token: {error.code}")
        except Unreachable as error:
            self._note(f"an old token is not tried: {error}")
        else:
            self._findings.add(f"{target.host.name} admitted a node by a token that was replaced")

    def skip(self, seconds: float) -> None:
        """Let the calendar of everybody go ahead."""
        self._dial.host.loop.skipped_s += seconds

    # parts

    def _managers(self) -> list[NodeMachine]:
        return [one for one in self._machines if one.identity is not None and one.identity.is_manager]

    async def _call(self, method: str, request: Message) -> Any:
        managers = self._managers()
        if not managers:
            raise Unreachable("there is no manager")
        target = self._rng.choice(managers)
        connection = await self._dial.open(target.socket, Trust(b""))
        return await connection.call(method, request, timeout=_CALL_S)

    async def _call_as(self, machine: NodeMachine, method: str, request: Message) -> Any:
        """Call as the node that this machine is."""
        own = machine.credentials
        if own is None:
            raise Unreachable(f"{machine.host.name} is down")
        target = self._rng.choice(self._managers())
        trust = Trust(own.anchors, own, MANAGER_ROLE)
        async with await machine.dial.open(target.address, trust, timeout=_CALL_S) as connection:
            return await connection.call(method, request, timeout=_CALL_S)

    def _note(self, text: str) -> None:
        self._dial.host.trace.note(text)
