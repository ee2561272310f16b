"""A private Traefik that reads a swarm from a socket, on free ports of the loopback address.

What it made of the swarm is asked through its own API. It is gone with the test, and nothing of the machine's own is used.
"""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking

START_S = 60.0
_ASK_S = 20.0
_LOG_END = 4000


@dataclass(frozen=True, slots=True)
class Traefik:
    """A running one. `port` is that of its API."""

    port: int

    def services(self) -> dict[str, list[str]]:
        """The addresses behind each service that the swarm has, by its name."""
        return {
            one["name"].removesuffix("@swarm"): sorted(
                server["url"] for server in one["loadBalancer"]["servers"]
            )
            for one in self._ask("http/services")
            if one["provider"] == "swarm" and "loadBalancer" in one
        }

    def rules(self) -> dict[str, str]:
        """The rule of each of the swarm's routers, by its name."""
        return {
            one["name"].removesuffix("@swarm"): one["rule"]
            for one in self._ask("http/routers")
            if one["provider"] == "swarm"
        }

    def _ask(self, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/{what}", timeout=_ASK_S) as answer:
            return json.load(answer)


@contextmanager
def traefik(endpoint: str, network: str) -> Iterator[Traefik]:
    """One that reads the swarm at `endpoint` once a second and reaches services in `network`. Ends the test where the program is not installed."""
    if shutil.which("traefik") is None:
        lacking("traefik is not installed")
    with private_directory() as directory:
        port, doors = free_port(), free_port()
        settings = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "api": {"insecure": True},
            "entryPoints": {
                "traefik": {"address": f"127.0.0.1:{port}"},
                "web": {"address": f"127.0.0.1:{doors}"},
            },
            "providers": {
                "swarm": {
                    "endpoint": endpoint, "network": network, "refreshSeconds": 1,
                    "constraints": "LabelRegex(`shown`, `.+`)",
                },
            },
        }  # fmt: skip
        (directory / "traefik.yml").write_text(json.dumps(settings))
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                ["traefik", f"--configFile={directory}/traefik.yml"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
            )
        try:
            wait_until(lambda: _is_ready(process, port), seconds=START_S, what="Traefik is ready")
            yield Traefik(port)
        except BaseException as error:
            error.add_note((directory / "log").read_text(errors="replace")[-_LOG_END:])
            raise
        finally:
            process.kill()
            process.wait()


def _is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, f"Traefik ended with {process.returncode}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/version", timeout=_ASK_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
