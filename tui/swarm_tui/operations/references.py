"""Secrets, configs and networks that a draft asks for by name, looked up in the cluster."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_core.specs.draft import Draft, References


async def look_up(draft: Draft, control: Control) -> References:
    """What `draft.finish` needs. Raises UnresolvedReference."""
    secrets, configs = [], []
    for wanted in draft.secrets:
        secret = await control.resolve(objects_pb2.Secret, wanted.source)
        secrets.append(
            types_pb2.SecretReference(
                secret_id=secret.id, secret_name=secret.spec.annotations.name, file=wanted.file()
            )
        )
    for wanted in draft.configs:
        config = await control.resolve(objects_pb2.Config, wanted.source)
        configs.append(
            types_pb2.ConfigReference(
                config_id=config.id, config_name=config.spec.annotations.name, file=wanted.file()
            )
        )
    names = {*(wanted.target for wanted in draft.networks), *draft.networks_left}
    networks = {name: (await control.resolve(objects_pb2.Network, name)).id for name in sorted(names)}
    return References(tuple(secrets), tuple(configs), networks)
