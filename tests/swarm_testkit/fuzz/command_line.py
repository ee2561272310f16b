"""Lines of words for `swarm-tui`, drawn from its own commands and options, on a cluster in memory.

What must hold: a line ends with one of the exit codes that are told (docs/design/terminal.md), a failure says a sentence on standard error, and none is the
one that stands for what nobody thought of. A command that waits for what does not come, or follows, is interrupted after WAIT_S; one that turns in circles is
a hang.

Commands that reach beyond the cluster are left out: those that start and stop nodes and programs, ask registries, or open screens. Files are read and
written in a directory of the run, which is also home.
"""

import contextlib
import io
import os
import random
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest import mock

import typer
from swarm_core.client.cluster import Cluster
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import FAILED, INTERRUPTED, USAGE, Globals

from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.compose_files import cases
from swarm_testkit.fuzz.frame import Broken, Kind, Player, must
from swarm_testkit.fuzz.mutations import TEXTS

WAIT_S: Final = 1.0
_NEW_CLUSTER_AFTER: Final = 50
_COMMANDS: Final = (
    "node", "service", "task", "stack", "rebalance", "secret", "config", "network", "volume", "cluster", "find", "context", "preferences", "status", "version",
)  # fmt: skip
_LEFT_OUT: Final = frozenset({
    ("cluster", "init"), ("cluster", "join"), ("cluster", "leave"), ("cluster", "unlock"), ("cluster", "restore"), ("service", "edit"),
})  # fmt: skip
_ALWAYS: Final = ("--detach", "--no-resolve-image", "--dry-run")
"""Added to most lines that know them: what waits for nodes that do nothing is soon known."""
_WORDS: Final = (
    "web", "db", "n1", "1", "3", "0.5", "64m", "10s", "nginx", "a=b", "json", "yaml", "table", "{{.Name}}", "process", "replicated", "global", "80:80", "8080", "front",
    "type=volume,source=a,target=/b", "node.role==worker", "state:failed", "name=web", "id=", "label=a", "file", "compose.yml", "-", "stop-first", "active", "worker",
)  # fmt: skip


@contextmanager
def _opened() -> Iterator[Player]:
    with (
        tempfile.TemporaryDirectory(prefix="st-") as directory,
        contextlib.chdir(directory),
        mock.patch.dict(os.environ, _environment(directory)),
    ):
        Path("file").write_bytes(b"content\xff\x00")
        Path("compose.yml").write_bytes(cases()[0].files[0].read_bytes())
        lines = _Lines()
        with _interrupted() as until:
            yield lambda seed: _play(lines, until, random.Random(seed))


def _environment(directory: str) -> dict[str, str]:
    """Nothing of the person's who fuzzes is read or written."""
    homes = (
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
        "DOCKER_CONFIG",
    )
    return dict.fromkeys(homes, directory) | {
        "EDITOR": "true",
        "DOCKER_HOST": f"unix://{directory}/none",
        "NO_COLOR": "1",
    }


class _Lines:
    """The commands, and a cluster that is made anew now and then."""

    def __init__(self) -> None:
        root: Any = typer.main.get_command(main.app)
        context = root.make_context("swarm-tui", ["version"], resilient_parsing=True)
        self.commands: list[tuple[tuple[str, ...], list[Any]]] = []
        for name in _COMMANDS:
            command = root.get_command(context, name)
            if not hasattr(command, "list_commands"):
                self.commands.append(((name,), command.params))
                continue
            for inner in command.list_commands(context):
                if (name, inner) not in _LEFT_OUT:
                    self.commands.append(((name, inner), command.get_command(context, inner).params))
        self._played = 0
        self._cluster = lively_cluster()

    def cluster(self) -> FakeCluster:
        """The cluster for the next line."""
        if self._played % _NEW_CLUSTER_AFTER == 0:
            self._cluster = lively_cluster()
            self._cluster.orchestrate = True
        self._played += 1
        self._cluster.closed, self._cluster.unreachable = False, None
        return self._cluster


def drawn(lines: _Lines, rng: random.Random) -> list[str]:
    """The words of one line."""
    path, params = rng.choice(lines.commands)
    words = list(path)
    arguments = [one for one in params if not one.opts[0].startswith("-")]
    options = [one for one in params if one.opts[0].startswith("-")]
    for option in rng.sample(options, min(len(options), rng.choice((0, 0, 1, 1, 2, 3, 6)))):
        words.append(rng.choice(option.opts))
        if not getattr(option, "is_flag", False) or rng.random() < 0.02:
            words.append(_value(option, rng))
    for argument in arguments:
        count = (
            rng.choice((1, 1, 1, 2, 0))
            if argument.nargs == -1
            else int(argument.required or rng.random() < 0.7)
        )
        words += [_value(argument, rng) for _ in range(count)]
    known = {name for option in options for name in option.opts}
    words[len(path) : len(path)] = [name for name in _ALWAYS if name in known and rng.random() < 0.9]
    if rng.random() < 0.1:
        words.insert(
            rng.randrange(len(path), len(words) + 1),
            rng.choice((*TEXTS, "--", "--nothing", "-z", "--format")),
        )
    return [
        word.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape").replace("\0", "")
        for word in words
    ]


def _value(parameter: Any, rng: random.Random) -> str:
    choices = getattr(parameter.type, "choices", None)
    if choices and rng.random() < 0.7:
        return str(rng.choice(list(choices)))
    way = rng.random()
    if way < 0.5:
        return rng.choice(_WORDS)
    if way < 0.6:
        return (
            f"{rng.choice(_WORDS)}{rng.choice((',', '=', ':', '/', '@', ' '))}{rng.choice((*_WORDS, *TEXTS))}"
        )
    return rng.choice(TEXTS)


def _play(lines: _Lines, until: Callable[[float], None], rng: random.Random) -> str:
    cluster, words = lines.cluster(), drawn(lines, rng)
    out, err = _Text(), _Text()

    async def connect() -> Cluster:
        return Cluster(cluster, clock=cluster.clock, target="fake")

    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch("sys.stdin", _Text()),
        ):
            until(WAIT_S)
            code = main.run(words, given=Globals(connect=connect))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        error.add_note(f"the line: {words}")
        raise
    finally:
        until(0)
    said = err.text()
    if "for the whole story" in said or "Traceback" in said:
        raise Broken(f"{words} says {said}")
    must(code in (0, FAILED, USAGE, INTERRUPTED), f"{words} ends with {code}")
    must(
        code == 0 or code == INTERRUPTED or said.strip() or out.text().strip(),
        f"{words} ends with {code} and says nothing",
    )
    return f"exit code {code}" if code != INTERRUPTED else "waited"


class _Text(io.TextIOWrapper):
    """A stream as a program has one, in memory."""

    def __init__(self) -> None:
        self._kept = io.BytesIO()
        super().__init__(self._kept, encoding="utf-8", errors="strict", write_through=True)

    def text(self) -> str:
        """What was written."""
        return self._kept.getvalue().decode("utf-8", "replace")


@contextmanager
def _interrupted() -> Iterator[Callable[[float], None]]:
    """Gives what is called with the seconds after which an interrupt comes; 0 for none."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before, left = signal.signal(signal.SIGALRM, interrupt), signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *left)


KIND = Kind(
    "command-line",
    "the words behind swarm-tui",
    _opened,
    ("swarm_tui.cli.commands", "swarm_tui.cli.plumbing", "swarm_tui.operations", "swarm_core.specs"),
)
