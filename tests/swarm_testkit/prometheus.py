"""A private Prometheus: Debian's program in a directory of its own on a free port of the loopback address.

It reads the scrape configurations that a test gives, and is gone with the test. Nothing of the machine's own Prometheus is used.
"""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking

START_S = 60.0
_ASK_S = 20.0
_LOG_END = 4000


@dataclass(frozen=True, slots=True)
class Target:
    """What it scrapes: in which job, what discovery told of it, `up`, `down` or `unknown`, and why the last scrape failed."""

    job: str
    discovered: Mapping[str, str]
    health: str
    error: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer: its labels, with the metric's name as `__name__`, and its newest value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one, asked through its HTTP API."""

    port: int

    def targets(self) -> list[Target]:
        """What it scrapes now, over all jobs."""
        return [
            Target(one["scrapePool"], one["discoveredLabels"], one["health"], one["lastError"])
            for one in self._ask("targets", state="active")["activeTargets"]
        ]

    def samples(self, query: str) -> list[Sample]:
        """The present answer to an instant query whose answer is a vector."""
        found = self._ask("query", query=query)
        assert found["resultType"] == "vector", found
        return [Sample(one["metric"], float(one["value"][1])) for one in found["result"]]

    def _ask(self, what: str, **words: str) -> Any:
        address = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urlencode(words)}"
        with urllib.request.urlopen(address, timeout=_ASK_S) as answer:
            return json.load(answer)["data"]


@contextmanager
def prometheus(jobs: Sequence[Mapping[str, object]]) -> Iterator[Prometheus]:
    """One that scrapes `jobs`, in the form of `scrape_configs`, and answers. Skips the test where the program is not installed."""
    if shutil.which("prometheus") is None:
        lacking("prometheus is not installed")
    with private_directory() as directory:
        (directory / "prometheus.yml").write_text(json.dumps({"scrape_configs": list(jobs)}))
        port = free_port()
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(directory, port), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(lambda: _is_ready(process, port), seconds=START_S, what="Prometheus is ready")
            yield Prometheus(port)
        except BaseException as error:
            error.add_note((directory / "log").read_text(errors="replace")[-_LOG_END:])
            raise
        finally:
            process.kill()
            process.wait()


def _command(directory: Path, port: int) -> list[str]:
    return [
        "prometheus",
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def _is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, f"Prometheus ended with {process.returncode}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=_ASK_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
