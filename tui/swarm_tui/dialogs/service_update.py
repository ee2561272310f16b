"""Changing what a service runs: image, command and environment as they are now, to be edited, and what that would come to.

Only what was edited is changed. The plan is made anew with each key: what changes, what restarts, how many at a time.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS, process_spec, runtime_of
from swarm_core.specs import notation, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue, SpecError
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.operations.forms import judging
from swarm_tui.operations.forms.fields import Verdict, bad
from swarm_tui.operations.model import Plan
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.paint import title
from swarm_tui.widgets.verdict import VerdictLabel

Edit = Callable[[specs_pb2.ServiceSpec], None]
_LABELS: Final = {"image": "Image", "command": "Command", "env": "Env"}
_HINTS: Final = {"env": "NAME=value …"}


def refusal_of(spec: specs_pb2.ServiceSpec) -> str:
    """Why this dialog is of no use for a service; "" where it is."""
    if runtime_of(spec.task) in (CONTAINER, PROCESS):
        return ""
    return f"Could not update {spec.annotations.name}: it runs neither a container nor a process."


def present(spec: specs_pb2.ServiceSpec) -> dict[str, str]:
    """The fields that a service of this runtime has, as they would be typed."""
    process = process_spec(spec.task)
    body = spec.task.container if process is None else process
    words = [*process.command, *process.args] if process is not None else list(spec.task.container.args)
    fields = {"image": spec.task.container.image} if process is None else {}
    return {**fields, "command": shlex.join(words), "env": shlex.join(body.env)}


def edit_of(before: Mapping[str, str], typed: Mapping[str, str]) -> Edit:
    """What the person changed. It may raise SpecError."""
    changed = {key: text for key, text in typed.items() if text != before[key]}

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        draft = Draft.of(spec)
        if "image" in changed:
            draft.container.image = changed["image"].strip()
        if "command" in changed:
            words = notation.words(changed["command"])
            task.set_program(draft, words if draft.process is not None else [draft.container.image, *words])
        if "env" in changed:
            del draft.body.env[:]
            task.put_env(draft, notation.words(changed["env"]))
        draft.finish()

    return edit


def verdicts(spec: specs_pb2.ServiceSpec, typed: Mapping[str, str]) -> Mapping[str, Verdict]:
    """A verdict on each field."""
    is_process = runtime_of(spec.task) == PROCESS
    judges = {
        "image": judging.image,
        "command": judging.program if is_process else judging.arguments,
        "env": _judge_env,
    }
    return {key: judges[key]((text,)) for key, text in typed.items()}


def _judge_env(texts: tuple[str, ...]) -> Verdict:
    """All variables on one line, as a shell reads them."""
    try:
        words = notation.words(texts[0])
    except InvalidValue as error:
        return bad("a quote is open", f"{error}.")
    try:
        notation.variables(words, None)
    except InvalidValue as error:
        return bad(str(error))
    return judging.variables(tuple(words)) if words else Verdict("none")


class ServiceUpdate(Dialog[Edit]):
    """Asks what `service` is to run; `plan` says what an edit comes to."""

    def __init__(self, service: objects_pb2.Service, plan: Callable[[Edit], Plan]) -> None:
        super().__init__()
        self._spec = service.spec
        self._plan = plan
        self._before = {key: printable(text) for key, text in present(service.spec).items()}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as box:
            box.border_title = title(f"Update {self._spec.annotations.name}")
            box.border_subtitle = "enter plan · tab next field · esc cancel"
            for key, text in self._before.items():
                with Horizontal(classes="field"):
                    yield Static(_LABELS[key], classes="label", markup=False)
                    yield Input(
                        text, compact=True, select_on_focus=False, id=key, placeholder=_HINTS.get(key, "")
                    )
                    yield VerdictLabel(id=f"verdict-{key}")
            yield Static("", classes="ask", id="notes", markup=False)

    def on_mount(self) -> None:
        self._judge()

    def _typed(self) -> dict[str, str]:
        return {key: self.query_one(f"#{key}", Input).value for key in self._before}

    def on_input_changed(self, event: Input.Changed) -> None:
        self._judge()

    def _judge(self) -> Edit | None:
        """Say what is typed, and what it comes to; the edit if there is one."""
        typed = self._typed()
        found = verdicts(self._spec, typed)
        for key, verdict in found.items():
            self.query_one(f"#verdict-{key}", VerdictLabel).show(verdict.text, verdict.role)
        edit = None
        if any(verdict.is_bad for verdict in found.values()):
            self._tell(("What is marked ✖ has to be mended first.",))
        elif typed == self._before:
            self._tell(("Nothing is changed yet.",))
        else:
            edit = edit_of(self._before, typed)
            try:
                plan = self._plan(edit)
            except SpecError as error:
                self._tell((str(error),))
                return None
            self._tell(plan.refusals or plan.notes)
            edit = None if plan.refusals else edit
        return edit

    def _tell(self, sentences: Sequence[str]) -> None:
        self.query_one("#notes", Static).update("\n".join(map(printable, sentences)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if (edit := self._judge()) is not None:
            self.dismiss(edit)
