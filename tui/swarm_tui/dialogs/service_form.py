"""The page on which a service is made: fields with a verdict beside each, and where it would land.

The page keeps what was typed until a service was made of it. It knows the cluster only through the two
calls it is given, and sends nothing itself: `submit` gives the spec.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.specs.checks import check_service
from swarm_core.specs.errors import InvalidSpec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from swarm_tui.dialogs.fit import Fit, fit_now
from swarm_tui.dialogs.service_draft import (
    ServiceDraft,
    Surroundings,
    Verdict,
    is_ready,
    judge,
    to_spec,
)
from swarm_tui.widgets.choice import Choice
from swarm_tui.widgets.lines import WrappedLines
from swarm_tui.widgets.paint import Span, Spans
from swarm_tui.widgets.verdict import VerdictLabel

_FIT_INDENT: Final = 13
_FIELDS: Final = (
    ("name", "Name", "letters, digits, - and _"),
    ("runtime", "Runtime", ""),
    ("image", "Image", "redis:7"),
    ("command", "Command", ""),
    ("replicas", "Replicas", "a number, or global"),
    ("env", "Env", "NAME=value OTHER='two words'"),
    ("constraints", "Constraints", "node.role==worker, node.labels.disk==ssd"),
    ("reserve", "Reserve", "0.5 cpu 1 GiB"),
)


class ServiceForm(Widget):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority they act before the next key is given to anybody: what is typed ahead goes to the right field.
        Binding("tab", "move(1)", "next field", show=False, priority=True),
        Binding("shift+tab", "move(-1)", "previous field", show=False, priority=True),
    ]

    def __init__(
        self,
        names: Callable[[], Sequence[str]],
        nodes: Callable[[], Sequence[objects_pb2.Node]],
        tasks: Callable[[], Sequence[objects_pb2.Task]],
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._read_names = names
        self._read_nodes = nodes
        self._read_tasks = tasks
        self._draft = ServiceDraft()
        self._is_asked = False
        """Whether creation was tried: only then are empty fields called wrong."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="form-panes"):
            with VerticalScroll(classes="pane", can_focus=False) as fields:
                fields.border_title = "New service"
                for key, label, hint in _FIELDS:
                    with Horizontal(classes="field", id=f"field-{key}"):
                        yield Static(label, classes="label", markup=False)
                        if key == "runtime":
                            yield Choice((CONTAINER, PROCESS), id="runtime")
                        else:
                            yield Input(getattr(self._draft, key), placeholder=hint, compact=True, id=key)
                        yield VerdictLabel(id=f"verdict-{key}")
            with Vertical(classes="pane", id="fit-pane") as pane:
                pane.border_title = "Fit now"
                pane.border_subtitle = "live"
                yield WrappedLines(indent=_FIT_INDENT, id="fit")

    @property
    def draft(self) -> ServiceDraft:
        """What is typed now."""
        return self._draft

    def on_mount(self) -> None:
        self.query_one("#fit", WrappedLines).can_focus = False
        # Watched, not told by a message: keys that follow at once must find the fields as they now are.
        self.watch(self.query_one("#runtime", Choice), "value", self._change_runtime, init=False)
        self.judge_again()

    def action_move(self, step: int) -> None:
        """Go to the next or the previous field."""
        if step > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def start(self) -> None:
        """Put the cursor where typing begins."""
        self.query_one("#name", Input).focus()

    def clear(self) -> None:
        """Forget the draft: its service exists."""
        self._draft = ServiceDraft()
        self._is_asked = False
        for key, _, _ in _FIELDS:
            if key != "runtime":
                self.query_one(f"#{key}", Input).value = getattr(self._draft, key)
        self.query_one("#runtime", Choice).value = self._draft.runtime
        self.judge_again()

    def submit(self) -> specs_pb2.ServiceSpec | None:
        """The spec that was drafted, if it is sound; otherwise None, and the first field that is wrong has the cursor."""
        self._is_asked = True
        # A field tells of its change after this key may have come: what it holds now counts.
        self._draft = replace(
            self._draft, **{one.id: one.value for one in self.query(Input) if one.id is not None}
        )
        verdicts = self.judge_again()
        wrong = next((key for key, _, _ in _FIELDS if key in verdicts and verdicts[key].is_bad), None)
        if wrong is not None:
            self.query_one(f"#{wrong}").focus()
            return None
        spec = to_spec(self._draft)
        try:
            check_service(spec)
        except InvalidSpec as error:
            self.notify(str(error), severity="error", markup=False)
            return None
        return spec

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        assert event.input.id is not None
        self._draft = replace(self._draft, **{event.input.id: event.value})
        self.judge_again()

    def _change_runtime(self, runtime: str) -> None:
        self._draft = replace(self._draft, runtime=runtime)
        self.query_one("#field-image").display = runtime == CONTAINER
        self.query_one("#command", Input).placeholder = (
            "" if runtime == CONTAINER else "python3 -m http.server"
        )
        self.judge_again()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def judge_again(self) -> "dict[str, Verdict]":
        """Verdicts of every field against the cluster as it is now."""
        nodes = self._read_nodes()
        verdicts = dict(judge(self._draft, Surroundings(names=self._read_names(), nodes=nodes)))
        for key, _, _ in _FIELDS:
            label = self.query_one(f"#verdict-{key}", VerdictLabel)
            verdict = verdicts.get(key, Verdict(""))
            if verdict.is_bad and not self._is_asked and not getattr(self._draft, key).strip():
                verdict = Verdict("needed")
            label.show(verdict.text, verdict.role)
        self._show_fit(is_ready(_without_names(verdicts)), nodes)
        return verdicts

    def _show_fit(self, is_sound: bool, nodes: Sequence[objects_pb2.Node]) -> None:
        text = self.query_one("#fit", WrappedLines)
        if not is_sound:
            text.say([[(" ", "text"), ("fill in the fields to see where it would run", "muted")]])
            return
        # The command may still be half typed; it does not decide the place.
        text.say(_fit_lines(fit_now(to_spec(replace(self._draft, command="")), nodes, self._read_tasks())))


def _without_names(verdicts: "dict[str, Verdict]") -> "dict[str, Verdict]":
    """What decides the place: neither the service's name nor that of its image or program."""
    return {key: verdict for key, verdict in verdicts.items() if key not in ("name", "image", "command")}


def _fit_lines(fit: Fit) -> list[Spans]:
    room: list[Span] = (
        [("no limit set", "text")]
        if fit.room is None
        else [(str(fit.room), "text+bold"), (" replicas", "text")]
    )
    count_role = "text+bold" if fit.fitting else "error+bold"
    lines: list[Spans] = [
        [
            (" ", "text"),
            (str(fit.fitting), count_role),
            (f" of {fit.nodes} nodes fit · room for ", "text"),
            *room,
        ]
        if fit.room is not None
        else [(" ", "text"), (str(fit.fitting), count_role), (f" of {fit.nodes} nodes fit", "text")],
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
