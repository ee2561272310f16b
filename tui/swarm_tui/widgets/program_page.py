"""What a program wrote, as a page: its lines without what a terminal would obey, and how it ended. Pure."""

import shlex
from collections.abc import Sequence

from swarm_tui.clusters.own_process import Ended, ended
from swarm_tui.resources.printable import printable, without_escapes
from swarm_tui.widgets.paint import Spans


def page_of(words: Sequence[str], done: Ended, *, is_titled: bool) -> list[Spans]:
    """The lines; with `is_titled` below the command that wrote them."""
    lines: list[Spans] = []
    if is_titled:
        lines.append([(printable(shlex.join(words)), "text+bold")])
    if done.is_cut:
        lines.append([("Only the end of it was kept.", "warning")])
    lines += [[(printable(without_escapes(line)), "text")] for line in done.text.splitlines()]
    if not done.text:
        lines.append([("It wrote nothing.", "muted")])
    if done.code:
        lines.append([(f"✖ It {ended(done.code)}.", "error")])
    return lines
