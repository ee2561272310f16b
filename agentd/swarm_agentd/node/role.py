"""What session messages ask of the node itself (docs/design/certificates.md 3.8, 3.11, 3.13).

Rules: a desired role that changed since the last message, and an observed role that was not the certificate's when it was
first heard of, make the node get a certificate of that role; so does a request to rotate, whatever the role. Nothing is asked
for twice: each try changes the node object, and would bring the next message. A new root bundle is offered to
whoever keeps the trust.
"""

from typing import Protocol

from swarm_core.api.proto.dispatcher_pb2 import SessionMessage
from swarm_core.api.proto.types_pb2 import MANAGER, IssuanceStatus

from swarm_agentd.node.live import LiveIdentity


class Renewals(Protocol):
    """Port: renewal.Renewer."""

    def force(self, *, is_manager: bool | None = None) -> None: ...

    def trust(self, roots: bytes) -> None: ...


class RoleWatch:
    """Fed with every session message."""

    def __init__(self, live: LiveIdentity, renewals: Renewals) -> None:
        self._live, self._renewals = live, renewals
        self._desired: bool | None = None
        self._observed: bool | None = None

    def observe(self, message: SessionMessage) -> None:
        """Act on one message."""
        if message.RootCA:
            self._renewals.trust(message.RootCA)
        node = message.node
        if not node.id:
            return
        desired, observed = node.spec.desired_role == MANAGER, node.role == MANAGER
        if desired and observed:
            self._live.hear_manager_wanted()
        before, self._desired = self._desired, desired
        is_new_wish = desired != (self._live.now.is_manager if before is None else before)
        is_news, self._observed = observed != self._observed, observed
        if is_new_wish or (is_news and observed == desired and observed != self._live.now.is_manager):
            self._renewals.force(is_manager=desired)
        if node.certificate.status.state == IssuanceStatus.ROTATE:
            self._renewals.force()
