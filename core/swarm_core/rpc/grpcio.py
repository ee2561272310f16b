"""The one way to grpcio: `from swarm_core.rpc.grpcio import grpc`, which has `grpc.aio` too.

grpcio's core writes lines of its own to standard error, across whatever a terminal interface has drawn there, unless
it is told not to before it is first loaded. What it would say reaches us as failures anyway. A user who sets
GRPC_VERBOSITY gets the lines.
"""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc as grpc
