"""What a command that runs by hand inside a task is given (docs/design/exec.md 15.2)."""

from collections.abc import AsyncIterator, Awaitable, Callable

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOutput

Typed = AsyncIterator[ExecInput]
"""What is typed, as it comes. When it ends nobody is there any more, and the command is ended."""
Write = Callable[[ExecOutput], Awaitable[None]]
"""Takes what the command writes; who reads slowly holds it back."""


def output(stream: str, data: bytes) -> ExecOutput:
    """What a command wrote to its `stdout` or `stderr`."""
    return ExecOutput(stderr=data) if stream == "stderr" else ExecOutput(stdout=data)
