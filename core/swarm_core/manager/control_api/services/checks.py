"""Which specs of services this manager takes, and which changes of them (docs/design/control-api.md 4.3).

What it cannot do is refused with UNIMPLEMENTED and one sentence, never accepted and ignored.
"""

from collections.abc import Sequence

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.references import config_references, secret_references
from swarm_core.rpc.errors import InvalidArgument, Unimplemented, Unknown
from swarm_core.rules.placement.constraint import InvalidConstraint, parse
from swarm_core.specs.checks import check_service, missing_references
from swarm_core.specs.errors import InvalidSpec
from swarm_core.store.transactions import Transaction


def check_spec(spec: specs_pb2.ServiceSpec) -> None:
    """What can be said of a spec alone. Raises InvalidArgument, Unknown, Unimplemented."""
    try:
        check_service(spec)
    except InvalidSpec as error:
        raise InvalidArgument(str(error)) from None
    try:
        parse(spec.task.placement.constraints)
    except InvalidConstraint as error:
        raise Unknown(str(error)) from None
    _check_supported(spec)


def _check_supported(spec: specs_pb2.ServiceSpec) -> None:
    runtime = spec.task.WhichOneof("runtime")
    if runtime == "attachment":
        raise Unimplemented("a service cannot be made of network attachments")


def check_change(stored: objects_pb2.Service, spec: specs_pb2.ServiceSpec) -> None:
    """What an update may not do: rename, change the mode's type, use the older place for networks. Raises Unimplemented."""
    if stored.spec.annotations.name != spec.annotations.name:
        raise Unimplemented("renaming a service is not supported")
    if stored.spec.WhichOneof("mode") != spec.WhichOneof("mode"):
        raise Unimplemented("changing a service's mode is not supported")
    if stored.spec.networks != spec.networks and stored.spec.task.networks == spec.task.networks:
        raise Unimplemented("a service's networks are changed in its task's spec")


def check_payloads_exist(tx: Transaction, task: specs_pb2.TaskSpec) -> None:
    """Raises InvalidArgument when the task refers to a secret or config that is not there."""
    secrets = [(reference.secret_id, reference.secret_name) for reference in secret_references(task)]
    configs = [(reference.config_id, reference.config_name) for reference in config_references(task)]
    _check_known(tx, objects_pb2.Secret, "secret", secrets)
    _check_known(tx, objects_pb2.Config, "config", configs)


def _check_known(
    tx: Transaction,
    kind: type[objects_pb2.Secret] | type[objects_pb2.Config],
    noun: str,
    wanted: Sequence[tuple[str, str]],
) -> None:
    known = [item for id_, _ in wanted if (item := tx.get(kind, id_)) is not None]
    if missing := missing_references(wanted, known):
        raise InvalidArgument(f"no such {noun}{'s' if len(missing) > 1 else ''}: {', '.join(missing)}")
