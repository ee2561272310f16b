"""Which networks and ports a service may have: those that it has, and fewer (docs/design/control-api.md 4.3)."""

from swarm_core.api.proto.specs_pb2 import ServiceSpec


def refusal(spec: ServiceSpec, before: ServiceSpec) -> str:
    """Why a service cannot go from `before` to `spec`, in one sentence; "" when it can."""
    had = list(before.task.networks or before.networks)
    if any(network not in had for network in (spec.task.networks or spec.networks)):
        return "networks are not supported yet; remove them from the service's spec"
    if any(port not in before.endpoint.ports for port in spec.endpoint.ports):
        return "published ports are not supported yet; remove them from the service's spec"
    if had and spec.endpoint.mode != before.endpoint.mode:
        return "changing the endpoint mode of a service with networks is not supported yet"
    return ""
