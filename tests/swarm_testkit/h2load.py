"""nghttp2's load generator against our servers: a client that shares no line with grpcio, Go or us."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from swarm_core.rpc.framing import framed

HEADERS = ("content-type: application/grpc", "te: trailers")


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one run."""

    succeeded: int
    failed: int
    ok: int  # answers of status 200
    per_s: float


def is_missing() -> bool:
    return shutil.which("h2load") is None


def load(
    address: str, path: str, directory: Path, *, calls: int, clients: int, at_once: int, request: bytes = b""
) -> Load:
    """Make `calls` unary calls over `clients` connections, `at_once` on each. Blocks."""
    body = directory / "request"
    body.write_bytes(framed(request))
    command = [
        "h2load", "-n", str(calls), "-c", str(clients), "-m", str(at_once), "-d", str(body),
        *(part for header in HEADERS for part in ("-H", header)),
        f"https://{address}{path}",
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    try:
        return _read(ran.stdout)
    except (AttributeError, ValueError):
        sys.stderr.write(ran.stdout + ran.stderr)
        raise


def _read(text: str) -> Load:
    done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    status = re.search(r"status codes: (\d+) 2xx", text)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", text)
    if done is None or status is None or rate is None:
        raise ValueError("h2load said something else than usual")
    succeeded, *failed = map(int, done.groups())
    return Load(succeeded, sum(failed), int(status[1]), float(rate[1]))
