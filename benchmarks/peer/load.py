"""One process of writers: creates configs over one connection, as many at once as it is told; requests are encoded before.

    python -m peer.load SOCKET ROOT NAME IN_FLIGHT SECONDS      (prints one JSON line)

It says `READY` when everything is prepared, and begins with a line on standard input.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from swarm_core.api.proto import control_pb2

from peer.caller import Caller

METHOD = "Control.CreateConfig"
_PREPARED_MAX = 40_000


def requests(name: str, count: int) -> Iterator[bytes]:
    """So many requests to create a config of 64 bytes."""
    data = os.urandom(64)
    for number in range(count):
        request = control_pb2.CreateConfigRequest()
        request.spec.annotations.name = f"{name}-{number}"
        request.spec.data = data
        yield request.SerializeToString()


def main() -> None:
    socket, root, name, in_flight, seconds = sys.argv[1:]
    prepared = list(requests(name, _PREPARED_MAX))
    with Caller(Path(socket), Path(root)) as caller:
        caller.load(METHOD, requests(f"{name}-first", 1), 1, 0)
        print("READY", flush=True)
        sys.stdin.readline()
        cpu, start = time.process_time(), time.perf_counter()
        taken = caller.load(METHOD, iter(prepared), int(in_flight), float(seconds))
        spent = time.perf_counter() - start
    print(json.dumps({"taken": taken, "seconds": spent, "cpu_s": time.process_time() - cpu}), flush=True)


if __name__ == "__main__":
    main()
