"""The rest of a service, for tests whose handler has only the methods that they are about.

services.add(service, handler, Refusing(service, handler))
"""

from typing import NoReturn

from google.protobuf.descriptor import ServiceDescriptor
from swarm_core.rpc.adapter import snake_case
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Unimplemented


class Refusing:
    """Answers every method of `service` that none of `others` has with UNIMPLEMENTED."""

    def __init__(self, service: ServiceDescriptor, *others: object) -> None:
        for method in service.methods:
            name = snake_case(method.name)
            if not any(hasattr(other, name) for other in others):
                setattr(self, name, _refuse)


def _refuse(request: object, caller: Caller) -> NoReturn:
    raise Unimplemented("this test does not answer that")
