"""Every command of the command line, as the program itself lists them, and words with which each prints what a cluster holds.

A command that is not in `WORDS` has its reason in `ELSEWHERE`: a new one fails the tests of all commands until it stands in either. The
objects are those of `hostile_text.hostile_cluster`.
"""

from collections.abc import Iterator
from typing import Any, Final

import typer
from swarm_tui.cli.main import app

WORDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "status": ((),),
    "node ls": ((), ("--quiet",)),
    "node inspect": (("n1",), ("--pretty", "n2")),
    "node ps": (("n1",), ("--no-trunc", "n1"), ("--quiet", "n1")),
    "node update": (("--label-add", "a=b", "n1"),),
    "node activate": (("n1", "n2"),),
    "node pause": (("n1", "n2"),),
    "node drain": (("n1", "n2"),),
    "node promote": (("n1",),),
    "node demote": (("m1",),),
    "node rm": (("--force", "n2"),),
    "service create": (("--detach", "--no-resolve-image", "--name", "new", "img"),),
    "service ls": ((), ("--no-trunc",), ("--quiet",)),
    "service ps": (("s1", "s2"), ("--no-trunc", "s1"), ("--quiet", "s1"), ("--no-resolve", "s1")),
    "service inspect": (("s1",), ("--pretty", "s1", "s2")),
    "service why": (("s1",), ("--nodes", "s2")),
    "service scale": (("--detach", "s1=5"),),
    "service update": (("--detach", "--no-resolve-image", "--image", "img:2", "--env-add", "A=1", "s1"),),
    "service rollback": (("--detach", "s1"),),
    "service history": (("s1",),),
    "service autoscale": (("--cpu", "60", "--min", "1", "--max", "5", "s1"),),
    "service suggest": ((), ("s1",)),
    "service hold": (("s1",),),
    "service resume": (("--detach", "s1"),),
    "service stop": (("--detach", "s1"),),
    "service start": (("--detach", "s1"),),
    "service rm": (("s1",),),
    "task ls": ((), ("--all", "--no-trunc"), ("--quiet",)),
    "task inspect": (("t1",),),
    "task why": (("t2",),),
    "task kill": (("t1",),),
    "stack ls": ((),),
    "stack services": (("shop",),),
    "stack ps": (("shop",), ("--no-trunc", "shop")),
    "stack status": (("shop",),),
    "stack history": (("shop",),),
    "stack rm": (("--yes", "--detach", "shop"),),
    "stack export": (("shop",),),
    "autoscale": (("--dry-run",),),
    "rebalance": ((),),
    "secret create": (("new", "FILE"),),
    "secret ls": ((), ("--quiet",)),
    "secret inspect": (("secret-1",), ("--pretty", "secret-1")),
    "secret rm": (("secret-1",),),
    "secret rotate": (("--detach", "--quiet", "secret-1", "FILE"),),
    "config create": (("new", "FILE"),),
    "config ls": ((), ("--quiet",)),
    "config inspect": (("config-1",), ("--pretty", "config-1")),
    "config rm": (("config-1",),),
    "config rotate": (("--detach", "--quiet", "config-1", "FILE"),),
    "network create": (("new",),),
    "network ls": ((), ("--quiet",)),
    "network inspect": (("network-1",), ("--pretty", "network-1")),
    "network rm": (("network-1",),),
    "volume create": (("--driver", "csi", "new"),),
    "volume ls": ((), ("--quiet",)),
    "volume inspect": (("volume-1",), ("--pretty", "volume-1")),
    "volume update": (("--availability", "drain", "volume-1"),),
    "volume rm": (("volume-1",),),
    "cluster inspect": ((),),
    "cluster join-token": (("worker",),),
    "cluster unlock-key": ((),),
    "cluster update": (("--task-history-limit", "3"),),
    "cluster ca": ((),),
    "find": (("tasks",), ("services",), ("nodes", "--quiet"), ("tasks", "state:failed")),
    "top": (("tasks", "--no-stream"), ("nodes", "--no-stream"), ("managers", "--no-stream")),
    "drill": (("--dry-run", "n1"),),
    "doctor": ((),),
    "context ls": ((),),
    "version": ((),),
}
"""Command → what stands behind it, once or more often. FILE is a file that holds a few bytes."""
ENGINES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "engine ls": ((),),
    "engine inspect": (("h0",),),
    "engine add": (("new", "tcp://192.0.2.1:2375"),),
    "engine rm": (("h0",),),
    "engine maintain": (("h0",),),
    "container ls": (("--all",), ("--no-trunc",), ("--quiet",)),
    "container inspect": (("h0/web-0",),),
    "container start": (("h0/web-0",),),
    "container stop": (("--time", "0", "h0/web-0"),),
    "container restart": (("--time", "0", "h0/web-0"),),
    "container kill": (("h0/web-0",),),
    "container pause": (("h0/web-0",),),
    "container unpause": (("h0/web-0",),),
    "container rm": (("--force", "h0/db-1"),),
    "container top": (("h0/web-0",),),
    "image ls": ((), ("--no-trunc",), ("--quiet",)),
    "image pull": (("busybox:other",),),
    "image rm": (("nginx:1.25",),),
    "image prune": (("--all", "--force"),),
}
"""The same of many engines, of which one is called h0 and has the containers web-0 and db-1."""
_PRIVATE: Final = "makes or ends this machine's node: tests/integration/test_node_life.py and test_streams.py"
_SCREEN: Final = "opens a screen: tests/tui"
_COMPOSE: Final = (
    "tells of compose files that the caller wrote: tests/unit/tui/cli/test_stack.py and test_stack_faults.py"
)
_LOGS: Final = "a program's own bytes, on a terminal its colours alone: tests/unit/tui/cli/test_log_output.py"
_INSIDE: Final = "joins the terminal with a program that runs: tests/integration/test_exec.py"
_CONTEXTS: Final = "tells of a file of the caller's own: tests/unit/tui/cli/test_context.py"
ELSEWHERE: Final[dict[str, str]] = {
    **dict.fromkeys(("up", "down", "cluster init", "cluster join", "cluster leave", "cluster unlock"), _PRIVATE),
    **dict.fromkeys(("cluster restore", "log-level"), _PRIVATE),
    **dict.fromkeys(("demo", "open", "serve", "engine ui"), _SCREEN),
    **dict.fromkeys(("stack deploy", "stack up", "stack plan", "stack diff", "stack config", "stack lint"), _COMPOSE),
    **dict.fromkeys(("stack rollback", "stack rotate"), _COMPOSE),
    **dict.fromkeys(("stack remove", "stack down"), "stack rm under another name"),
    **dict.fromkeys(("service logs", "task logs", "container logs"), _LOGS),
    **dict.fromkeys(("exec", "container run", "container exec", "port-forward"), _INSIDE),
    **dict.fromkeys(("context use", "context add", "context rm", "preferences check", "preferences keys"), _CONTEXTS),
    "service edit": "asks an editor: tests/unit/tui/cli/test_service_edit.py",
    "cluster backup": "writes a file: tests/unit/tui/cli/test_backup_commands.py",
    "bundle": "writes a file: tests/unit/tui/cli/test_incident.py",
    "support": "writes a file: tests/unit/tui/support/test_support.py",
    "runbook play": "runs the other commands: tests/unit/tui/cli/test_runbook.py",
    "watch": "goes on until its reader goes: tests/integration/test_streams.py::test_a_follower_ends_with_its_reader",
    "engine serve": "answers docker: tests/unit/engines/test_face.py",
    "engine events": "goes on until its reader goes: tests/unit/tui/cli/test_engine_commands.py",
}  # fmt: skip


def leaves() -> Iterator[tuple[str, Any]]:
    """Every command by its words, in the order in which help lists them."""
    root: Any = typer.main.get_command(app)
    yield from _below(root, typer.Context(root), ())


def _below(command: Any, ctx: typer.Context, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    for word in command.list_commands(ctx):
        yield from _below(command.get_command(ctx, word), ctx, (*path, word))


def has(command: Any, option: str) -> bool:
    """Whether a command knows an option."""
    return any(option in parameter.opts for parameter in command.params)
