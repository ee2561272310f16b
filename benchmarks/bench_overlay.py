"""Containers on an overlay network that call `tasks.NAME` while its tasks are replaced, moved and fail: calls that failed, with our manager
leading Docker Engines as workers, and with a Docker Engine leading another, in the same run.

    bench_overlay.py [ROUNDS [SITUATION…]]

A service of four web servers on two engines, and on each of them a caller in the network of a container. A call looks the name up, connects to one
of its addresses and reads a page; it may take a second, and the next one begins 20 ms after it. Both sides play the same at the same time:

rest      nothing is done: what fails without a change
update    a rolling update, one task at a time, the old one stopped first
start     the same, the new one started first, with health checks
failing   an update to a command that ends at once, whose failures lead to a rollback
drain     one of the two nodes is drained; the caller is on the other

One JSON line per situation: calls and failed ones of both sides over all rounds, and the failures by kind. Needs root and `docker.io`.
"""

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit import name_caller
from swarm_testkit.daemons import wait_until
from swarm_testkit.engines import IMAGE, Engine, missing_parts
from swarm_testkit.side_by_side.play import clean, rest
from swarm_testkit.side_by_side.sides import Side, docker_side, our_side_with_engines_as_workers

REPLICAS, PORT, ROUNDS = 4, 8080, 3
RESOLVER = "127.0.0.11"
_SERVE = "trap 'exit 0' TERM; mkdir /www; echo page >/www/index.html; httpd -p 8080 -h /www; while :; do sleep 0.1; done"
_CHECK = ("--health-cmd", "wget -q -O /dev/null http://127.0.0.1:8080/", "--health-interval", "500ms")
_SITUATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rest": ((), ()),
    "update": ((), ("service", "update", "--detach", "--env-add", "A=1", "web")),
    "start": (
        (*_CHECK, "--update-order", "start-first"),
        ("service", "update", "--detach", "--env-add", "A=1", "web"),
    ),
    "failing": (
        ("--update-failure-action", "rollback", "--restart-condition", "none"),
        ("service", "update", "--detach", "--args", "false", "web"),
    ),
    "drain": ((), ("node", "update", "--availability", "drain", "{n2}")),
}


@dataclass(slots=True)
class Count:
    calls: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, line: str) -> None:
        found = json.loads(line)
        self.calls += found["calls"]
        self.failed.update(found["failed"])


def container(engine: Engine, service: str) -> str:
    """The id of the one container of a service on an engine."""
    label = f"label=com.docker.swarm.service.name={service}"
    return str(
        wait_until(lambda: engine.docker("ps", "-q", "--filter", label), what=f"a container of {service}")
    )


@contextlib.contextmanager
def calling(engine: Engine, count: Count) -> Iterator[None]:
    """A caller in the network of the engine's caller container, until the block ends."""
    process = engine.docker("inspect", "--format", "{{.State.Pid}}", container(engine, "caller"))
    command = (
        "nsenter", f"--target={process}", "--net", "--",
        sys.executable, name_caller.__file__, RESOLVER, "tasks.web", str(PORT),
    )  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as caller:
        assert caller.stdout is not None
        try:
            assert caller.stdout.readline() == "READY\n", "the caller ended"
            yield
            count.add(caller.communicate("end\n", timeout=60)[0])
        finally:
            caller.kill()


def said(side: Side, words: tuple[str, ...]) -> None:
    done = side.run(words)
    assert not done.code, f"{side.name}: {' '.join(words)}: {done.text}"


def play(side: Side, name: str) -> Count:
    """One situation from a new service to its end."""
    flags, step = _SITUATIONS[name]
    said(
        side,
        (
            "service", "create", "--detach", "--name", "web", "--replicas", str(REPLICAS), "--network", "net",
            "--stop-grace-period", "5s", "--update-monitor", "1s", "--rollback-monitor", "1s", *flags, IMAGE, "sh", "-c", _SERVE,
        ),
    )  # fmt: skip
    rest(side)
    count = Count()
    with contextlib.ExitStack() as stack:
        for node, engine in side.engines.items():
            if name != "drain" or node == "n1":
                stack.enter_context(calling(engine, count))
        if step:
            said(side, step)
        rest(side)
    if name == "drain":
        said(side, ("node", "update", "--availability", "active", "{n2}"))
    said(side, ("service", "rm", "web"))
    rest(side)
    return count


def prepare(side: Side) -> None:
    """The network, and a container to call from on each engine."""
    said(side, ("network", "create", "--driver", "overlay", "net"))
    create = ("service", "create", "--detach", "--name", "caller", "--mode", "global", "--network", "net")
    said(side, (*create, "--constraint", "node.platform.os==linux", IMAGE, "sleep", "100000"))
    rest(side)


def main() -> int:
    rounds, wanted = int((sys.argv[1:] or [ROUNDS])[0]), sys.argv[2:] or list(_SITUATIONS)
    if unknown := [name for name in wanted if name not in _SITUATIONS]:
        sys.stderr.write(f"no situation is called {', '.join(unknown)}; there are {', '.join(_SITUATIONS)}\n")
        return 2
    if missing := missing_parts():
        sys.stderr.write(f"no Docker Engine can be started here: {missing}\n")
        return 2
    with docker_side() as theirs, our_side_with_engines_as_workers() as ours, ThreadPoolExecutor(2) as pool:
        both = {"ours": ours, "docker": theirs}
        list(pool.map(prepare, both.values()))
        for name in wanted:
            counts = {side: Count() for side in both}
            for _ in range(rounds):
                played = pool.map(partial(play, name=name), both.values())
                for count, more in zip(counts.values(), played, strict=True):
                    count.calls += more.calls
                    count.failed.update(more.failed)
            shown = {
                side: {"calls": count.calls, "failed": count.failed.total(), "kinds": count.failed}
                for side, count in counts.items()
            }
            print(json.dumps({"what": name, "rounds": rounds, **shown}), flush=True)
        list(pool.map(clean, both.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
