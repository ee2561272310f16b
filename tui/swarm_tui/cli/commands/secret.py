"""`swarm-tui secret …`."""

from swarm_core.api.proto import specs_pb2

from swarm_tui.cli.plumbing import payload
from swarm_tui.resources import secrets

noun = payload.commands(secrets.KIND, specs_pb2.SecretSpec, is_secret=True)
