"""Where the tasks of a form's service would run, in sentences."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from swarm_tui.operations.forms.fit import Fit
from swarm_tui.widgets.paint import Span, Spans
from swarm_tui.widgets.paragraphs import Paragraphs

_INDENT = 13
_UNKNOWN: Sequence[Spans] = (((" ", "text"), ("fill in the fields to see where it would run", "muted")),)


class FitPane(Vertical):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__(classes="pane", id="fit-pane")
        self.border_title = "Fit now"
        self._sentences = Paragraphs(indent=_INDENT, id="fit")
        self.word = ""
        """The same in a few words; empty where it is not known."""

    def compose(self) -> ComposeResult:
        yield self._sentences

    def show(self, fit: Fit | None) -> None:
        """Tell the forecast; without one, that it is not known."""
        self.word = "" if fit is None else _word(fit)
        self._sentences.say(_UNKNOWN if fit is None else _lines(fit))


def _lines(fit: Fit) -> list[Spans]:
    """The forecast, the count first."""
    room: list[Span] = (
        []
        if fit.room is None
        else [(" · room for ", "text"), (str(fit.room), "text+bold"), (" replicas", "text")]
    )
    count_role = "text+bold" if fit.fitting else "error+bold"
    lines: list[Spans] = [
        [(" ", "text"), (str(fit.fitting), count_role), (f" of {fit.nodes} nodes fit", "text"), *room]
    ]
    if fit.landing:
        places = "  ".join(name if count == 1 else f"{name} ×{count}" for name, count in fit.landing)
        lines.append([(" would land  ", "muted"), (places, "text")])
    if fit.placed < fit.wanted:
        lines.append(
            [
                (" pending     ", "muted"),
                (f"✖ {fit.wanted - fit.placed} of {fit.wanted} find no place", "error"),
            ]
        )
    if fit.refusals:
        lines.append([(" not here    ", "muted"), (fit.refusals, "text")])
    lines += [[(" would help  ", "muted"), (remedy, "text")] for remedy in fit.remedies]
    return lines


def _word(fit: Fit) -> str:
    """The same in a few words."""
    return f"{fit.fitting} of {fit.nodes} nodes fit"
