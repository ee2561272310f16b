"""Our real programs as people start them, and what a refusal must look like.

A refusal is an exit code that is not zero and one sentence on standard error; nothing on standard output, no traceback.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from swarm_tui.cli import main

from swarm_testkit.host import lacking

TUI = (sys.executable, "-m", "swarm_tui.cli.main")
AGENTD = (sys.executable, "-m", "swarm_agentd.main")
MANAGERD = (sys.executable, "-m", "swarm_core.managerd.main")
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
LIMIT_S = 120.0
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended; `code` None: it did not within the limit."""

    command: tuple[str | bytes, ...]
    code: int | None
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """Standard error without what a daemon logs (lines that begin with a time)."""
        return [line for line in self.err.splitlines() if not line[:4].isdecimal()]

    def fault(self, code: int, text: str, name: str) -> str:
        """What is wrong with this as a refusal with `code` whose sentence begins with `name` and holds `text`; empty: nothing."""
        if self.code != code:
            return f"exit code {self.code}, not {code}"
        if self.out:
            return "it printed something"
        if "Traceback" in self.err or "errno" in self.err.lower():
            return "its message is for programmers"
        if len(self.said) != 1 or not self.said[0].startswith(f"{name}: "):
            return "its message is not one sentence"
        if text not in self.said[0]:
            return f"its message lacks {text!r}"
        return ""


@dataclass(frozen=True, slots=True)
class Case:
    """Words for a program that it must refuse with `code` and a sentence that holds `text`."""

    words: Sequence[str | bytes]
    code: int
    text: str
    stdin: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()


def as_nobody() -> tuple[str, ...]:
    """What to put before a program to run it as another user; the test ends where that user cannot read the program."""
    readable = subprocess.run((*_NOBODY, *TUI, "--help"), capture_output=True, timeout=LIMIT_S, check=False)
    if readable.returncode:
        lacking("other users cannot read this checkout: keep it outside private directories")
    return _NOBODY


def run(
    command: Sequence[str | bytes],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    limit_s: float = LIMIT_S,
    cwd: Path | None = None,
) -> Outcome:
    """Run a program to its end, without a terminal."""
    words = tuple(command)
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, timeout=limit_s, check=False, cwd=cwd,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return Outcome(words, None, _text(late.stdout), _text(late.stderr))
    return Outcome(words, done.returncode, _text(done.stdout), _text(done.stderr))


def faults(program: Sequence[str], name: str, cases: Iterable[Case]) -> list[str]:
    """Run the cases, a few at once; those that are not refused as they should be, each with its reason."""

    def one(case: Case) -> str:
        words = (*case.before, *program, *case.words)
        return _fault(case, run(words, stdin=case.stdin, environment=case.environment), name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [found for found in pool.map(one, cases) if found]


def faults_here(
    options: Sequence[str], cases: Iterable[Case], capture: pytest.CaptureFixture[str]
) -> list[str]:
    """The same of the command line with `options` before each case, in this process: what it says is the claim, not how a program begins.

    For cases of text alone, without an input, variables or another user.
    """
    found: list[str] = []
    for case in cases:
        assert not (case.stdin or case.environment or case.before), "this case needs a process of its own"
        words = (*options, *(str(word) for word in case.words))
        capture.readouterr()
        code = main.run(words)
        captured = capture.readouterr()
        found.append(_fault(case, Outcome(words, code, captured.out, captured.err), "Error"))
    return [fault for fault in found if fault]


def _fault(case: Case, outcome: Outcome, name: str) -> str:
    reason = outcome.fault(case.code, case.text, name)
    return (
        f"{_shown(case.words)}: {reason}\n  out: {outcome.out[:300]!r}\n  err: {outcome.err[-1500:]!r}"
        if reason
        else ""
    )


def _shown(words: Sequence[str | bytes]) -> str:
    return " ".join(repr(word)[:80] for word in words)


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="backslashreplace")
