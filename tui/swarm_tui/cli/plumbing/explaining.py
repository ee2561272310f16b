"""Explanations as commands print them: findings with their causes and remedies, and what each node says as a table."""

from collections.abc import Iterable

from swarm_core.api.proto import objects_pb2
from swarm_core.rules.placement.matrix import Matrix

from swarm_tui.cli.plumbing.output import Format, print_records, print_table
from swarm_tui.cli.plumbing.say import say
from swarm_tui.resources.printable import cut, printable
from swarm_tui.resources.why.explanation import Explanation, Finding, as_record

KINDS = (
    objects_pb2.Node,
    objects_pb2.Service,
    objects_pb2.Task,
    objects_pb2.Network,
    objects_pb2.Volume,
)
"""What an explanation asks for."""
_ROWS_MAX, _CELL_MAX, _NAMED_MAX = 20, 48, 5


def print_explanations(explanations: Iterable[Explanation], style: Format, *, no_trunc: bool) -> None:
    """Each as text with a table, or whole for programs."""
    if style is not Format.TABLE:
        print_records([as_record(one) for one in explanations], style)
        return
    for index, one in enumerate(explanations):
        if index:
            say("")
        say(printable(f"{one.subject}: {one.summary}"))
        for finding in one.findings:
            _print_finding(finding, no_trunc=no_trunc)


def _print_finding(finding: Finding, *, no_trunc: bool) -> None:
    say("")
    say(printable(f"{finding.heading}: {finding.cause}"))
    if finding.tasks:
        more = len(finding.tasks) - _NAMED_MAX if not no_trunc else 0
        names = ", ".join(finding.tasks[: None if no_trunc else _NAMED_MAX])
        say(printable(f"  {names}{f' and {more} more' if more > 0 else ''}"))
    for remedy in finding.remedies:
        say(printable(f"  → {remedy}"))
    if finding.matrix is not None and finding.matrix.answers:
        say("")
        _print_matrix(finding.matrix, no_trunc=no_trunc)


def _print_matrix(matrix: Matrix, *, no_trunc: bool) -> None:
    shown = matrix.answers if no_trunc else matrix.answers[:_ROWS_MAX]
    rows = [
        [answer.name, *(_word(one.shortfall, no_trunc) or "ok" for one in answer.verdicts)]
        for answer in shown
    ]
    print_table(["NODE", *(name.upper() for name in matrix.filters)], rows)
    if len(shown) < len(matrix.answers):
        say(f"… and {len(matrix.answers) - len(shown)} more nodes; --no-trunc shows them all.")


def _word(text: str, no_trunc: bool) -> str:
    return text if no_trunc else cut(text, _CELL_MAX)
