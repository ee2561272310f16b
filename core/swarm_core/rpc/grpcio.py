"""The one way to grpcio: `from swarm_core.rpc.grpcio import grpc`, which has `grpc.aio` too.

grpcio's core writes lines of its own to standard error, across whatever a terminal interface has drawn there, unless
it is told not to before it is first loaded. What it would say reaches us as failures anyway. A user who sets
GRPC_VERBOSITY gets the lines.

It is loaded by the first who uses something of it: whoever calls somebody. A manager that is alone calls nobody, and saves
a quarter of its memory.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc as grpc
else:

    class _Late:
        """Stands for the module until something of it is used, and then has what was used."""

        def __getattr__(self, name: str) -> Any:
            os.environ.setdefault("GRPC_VERBOSITY", "NONE")
            import grpc as module

            found = getattr(module, name)
            setattr(self, name, found)
            return found

    grpc = _Late()
