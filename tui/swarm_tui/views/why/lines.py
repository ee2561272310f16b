"""An explanation as lines: what is not as it is wanted, why, each node beside each filter, and the nearest fixes. Pure."""

from collections.abc import Sequence
from typing import Final

from swarm_core.rules.placement.matrix import Matrix, NodeAnswer

from swarm_tui.operations.fixes import Fix
from swarm_tui.resources.format import plural
from swarm_tui.resources.printable import cut, padded, printable, width_of
from swarm_tui.resources.why.explanation import Explanation, Finding
from swarm_tui.widgets.paint import Span, Spans, wrap

_ROWS_MAX: Final = 60
_CELL_MAX: Final = 24
_NAMED_MAX: Final = 5
_GAP: Final = "  "


def why_lines(explanation: Explanation, fixes: Sequence[Fix], width: int) -> list[Spans]:
    """The whole page: sentences are broken to the width, so that no cause is cut."""
    lines: list[Spans] = [
        *wrap([(" ", "text"), (printable(explanation.summary), "text+bold")], width, indent=1),
        [],
    ]
    if explanation.is_fine:
        lines.append([(" Nothing stands in its way.", "ok")])
    if fixes:
        lines.append([(" Nearest fixes", "text+bold"), ("   enter shows the plan of one", "muted")])
        for number, fix in enumerate(fixes, 1):
            spans = [("   ", "text"), (f"[{number}] ", "accent+bold"), (printable(fix.text), "text")]
            lines += wrap(spans, width, indent=7)
        lines.append([])
    for finding in explanation.findings:
        lines += _finding(finding, width)
    return lines


def _finding(finding: Finding, width: int) -> list[Spans]:
    lines: list[Spans] = [
        *wrap([(" ", "text"), (printable(finding.heading), "warning+bold")], width, indent=1)
    ]
    lines += wrap([("   ", "text"), (printable(finding.cause), "text")], width, indent=3)
    if finding.tasks:
        more = len(finding.tasks) - _NAMED_MAX
        names = ", ".join(finding.tasks[:_NAMED_MAX])
        text = f"{names}{f' and {more} more' if more > 0 else ''}"
        lines += wrap([("   ", "text"), (printable(text), "muted")], width, indent=3)
    for one in finding.remedies:
        lines += wrap([("   → ", "accent"), (printable(one), "text")], width, indent=5)
    if finding.matrix is not None and finding.matrix.answers:
        lines += [[], *_matrix(finding.matrix, width)]
    return [*lines, []]


def _matrix(matrix: Matrix, room: int) -> list[Spans]:
    """Nodes below each other, filters side by side; every filter is asked, also behind one that refuses."""
    shown = matrix.answers[:_ROWS_MAX]
    names = [cut(printable(answer.name), _CELL_MAX) for answer in shown]
    verdicts = [_verdict(answer) for answer in shown]
    first = max(len("NODE"), *map(width_of, names))
    last = max(len("VERDICT"), *map(len, verdicts))
    cells = [[_cell(answer, index) for index in range(len(matrix.filters))] for answer in shown]
    widths = [
        max(len(name), *(width_of(row[index][0]) for row in cells))
        for index, name in enumerate(matrix.filters)
    ]
    most = _most(widths, room - len("   ") - first - len(_GAP) - last)
    widths = [min(width, most) for width in widths]
    heads = [padded(name.upper(), width) for name, width in zip(matrix.filters, widths, strict=True)]
    lines: list[Spans] = [
        [("   " + _GAP.join([padded("NODE", first), padded("VERDICT", last), *heads]), "muted")]
    ]
    for name, verdict, answer, row in zip(names, verdicts, shown, cells, strict=True):
        spans: list[Span] = [("   ", "text"), (padded(name, first), "text"), (_GAP, "text")]
        spans.append((padded(verdict, last), "ok" if answer.fits else "error"))
        for (text, role), width in zip(row, widths, strict=True):
            spans += [(_GAP, "text"), (padded(cut(text, width), width), role)]
        lines.append(spans)
    if left := len(matrix.answers) - len(shown):
        lines.append([(f"   … and {plural(left, 'more node')}", "muted")])
    return lines


def _most(widths: Sequence[int], room: int) -> int:
    """How wide a filter's column may be at most, so that all of them fit; what is cut stands whole in the sentence above."""
    most = max(widths, default=0)
    while most > _CELL_MAX and sum(len(_GAP) + min(width, most) for width in widths) > room:
        most -= 1
    return most


def _cell(answer: NodeAnswer, index: int) -> tuple[str, str]:
    verdict = answer.verdicts[index]
    return ("✓", "ok") if verdict.passed else (f"✖ {printable(verdict.shortfall)}", "error")


def _verdict(answer: NodeAnswer) -> str:
    return "fits" if answer.fits else f"{len(answer.refusing)} short"
