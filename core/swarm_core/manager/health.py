"""The Health service: which of a manager's services can be used. The empty name stands for the process itself."""

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import NotFound

RAFT = "Raft"
CONTROL_API = "ControlAPI"


class Health:
    """One server's table; remote API and control socket have one each."""

    def __init__(self) -> None:
        self._statuses = {"": HealthCheckResponse.SERVING}

    def set(self, service: str, serving: bool) -> None:
        """Say that `service` can be used, or not."""
        self._statuses[service] = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING

    async def check(self, request: HealthCheckRequest, caller: Caller) -> HealthCheckResponse:
        """The status of a service. Raises NotFound for a name nobody set."""
        if request.service not in self._statuses:
            raise NotFound("unknown service")
        return HealthCheckResponse(status=self._statuses[request.service])
