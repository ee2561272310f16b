"""Looks at a real cluster: what a command of ours prints, run within this process.

A program for each look keeps a processor busy for a fifth of a second, so a test that waits by asking would slow down what it waits for.
What a test claims of a command it shows with the program (swarm_testkit.programs); looks are for what it waits for.
"""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from swarm_tui.cli import main

from swarm_testkit.programs import Outcome


def look(socket: Path, *words: str) -> Outcome:
    """How the command ends that asks the manager at this control socket."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main.run(("--socket", str(socket), *words))
    return Outcome(words, code, out.getvalue(), err.getvalue())


def rows(socket: Path, *words: str) -> list[dict[str, str]]:
    """The lines of a list as JSON; the command must succeed."""
    outcome = look(socket, *words, "--format", "json")
    assert outcome.code == 0, (words, outcome.err)
    return [json.loads(line) for line in outcome.out.splitlines()]
