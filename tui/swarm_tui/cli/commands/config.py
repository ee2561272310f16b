"""`swarm-tui config …`."""

from swarm_core.api.proto import specs_pb2

from swarm_tui.cli.plumbing import payload
from swarm_tui.resources import configs

noun = payload.commands(configs.KIND, specs_pb2.ConfigSpec, is_secret=False)
