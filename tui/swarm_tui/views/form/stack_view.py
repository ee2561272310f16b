"""The view in which a stack is deployed: a compose file that is named, pasted or written, and beside it what a deploy of it would come to.

What was typed is kept while one is elsewhere, until it was sent.
"""

from typing import Final

from swarm_core.compose.changes.held import KINDS
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.operations.forms.fields import Texts, Verdict
from swarm_tui.operations.stacks.draft import SECTIONS, StackDraft
from swarm_tui.operations.stacks.foretold import lines
from swarm_tui.views.form.base import TextForm
from swarm_tui.views.form.fields_pane import FieldsPane
from swarm_tui.views.form.twin_pane import TwinPane
from swarm_tui.views.place import Place
from swarm_tui.views.savable import Savable, Saved
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.widgets.paint import Spans
from swarm_tui.widgets.paragraphs import Paragraphs

NAME: Final = "new-stack"
_NOTHING: Final[Spans] = [(" name a file, or press f2 and write or paste its text", "muted")]


class PlanPane(Vertical):
    """What a deploy would do, object by object."""

    def __init__(self) -> None:
        super().__init__(classes="pane", id="stack-plan")
        self.border_title = "Deploy comes to"
        self._lines = Paragraphs(indent=3, id="stack-lines")

    def compose(self) -> ComposeResult:
        yield self._lines

    def say(self, told: list[Spans]) -> None:
        """Say something else."""
        self._lines.say(told)


class StackFormView(TextForm, Savable):
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        self.draft = StackDraft(session.mirror)
        self._is_asked = False
        self._fields = FieldsPane(SECTIONS, self.draft.typed, self.draft.empty, self._put)
        self._twin = TwinPane()
        self._twin.border_title = "Compose file"
        self._plan = PlanPane()

    def compose(self) -> ComposeResult:
        self._fields.border_title = "Deploy a stack"
        self.judge_all()
        with Horizontal(id="form-panes"):
            with Vertical(id="stack-side"):
                yield self._fields
                yield self._plan
            yield self._twin

    # -- told by the shell ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.judge_all()

    def arrive(self, place: Place) -> None:
        self._is_asked = False
        self.draft.judge_again()
        self.show_all()
        self._fields.take_focus()

    def apply(self, changes: Changes) -> None:
        if self.display and (changes.is_reset or any(changes.of(kind) for kind in KINDS)):
            self.draft.judge_again()
            self.judge_all()

    def clear(self) -> None:
        self.draft = StackDraft(self.draft.view)
        self._is_asked = False
        self._fields.fold_all()
        self.show_all()

    def forget(self, text: str) -> None:
        """This text was deployed: nobody needs it here any more, unless somebody looks at it or has changed it."""
        if self.draft.text == text and not self.display:
            self.clear()

    # -- what verbs ask ------------------------------------------------------------------------------

    @property
    def saved(self) -> Saved:
        return Saved(f"{self.draft.name or 'stack'}.yaml", self.draft.text.splitlines())

    @property
    def text(self) -> str:
        return self.draft.text

    @property
    def is_text_wrong(self) -> bool:
        return bool(self.draft.judged.wrong)

    def take_text(self, text: str) -> None:
        self.draft.take(text)
        self.show_all()

    async def is_ready(self) -> bool:
        """Whether it can be deployed; what is wrong has the cursor then."""
        self._is_asked = True
        # A text tells of its change after this key may have come: what it holds now counts.
        if self.is_in_twin and self._twin.text != self.draft.text:
            self.draft.take(self._twin.text)
        judged = self.draft.judge_again()
        self.judge_all()
        if judged.first_bad:
            self.remove_class("-twin")
            await self._fields.go_to(judged.first_bad)
            return False
        if judged.wrong or judged.prepared is None:
            self.add_class("-twin")
            self._twin.show(self.draft.text)
            await self._twin.write()
            return False
        return True

    @property
    def is_in_twin(self) -> bool:
        return self._twin.is_written_in

    async def toggle_twin(self) -> None:
        was_in_twin = self.is_in_twin
        self.set_class(not was_in_twin, "-twin")
        self._twin.show(self.draft.text)
        if was_in_twin:
            self._fields.take_focus()
        else:
            await self._twin.write()

    # -- what is shown -------------------------------------------------------------------------------

    def show_all(self) -> None:
        """Fields, text and plan as they are now, after something else than a field or the text was changed."""
        self._fields.show(self.draft.typed)
        self.judge_all()
        self._twin.show(self.draft.text)

    def judge_all(self) -> None:
        """The same without a touch to the fields, nor to a text in which somebody writes."""
        judged = self.draft.judged
        shown = {
            key: Verdict("needed") if one.text == "✖ needed" and not self._is_asked else one
            for key, one in judged.verdicts.items()
        }
        self._fields.judge(self.draft.typed, shown)
        if not self.is_in_twin:
            self._twin.show(self.draft.text)
        self._twin.tell(f"✖ {judged.wrong}" if judged.wrong else "")
        self._plan.say(self._told())

    def _told(self) -> list[Spans]:
        judged = self.draft.judged
        if not self.draft.text.strip():
            return [_NOTHING]
        if judged.wrong:
            told = "the text has to be mended first" if self._twin.display else judged.wrong
            return [[(" ✖ ", "error"), (told, "text")]]
        if judged.prepared is None:
            return [[(" the stack needs a name", "muted")]]
        warned: list[Spans] = [[(" ▲ ", "warning"), (text, "text")] for text in judged.warnings]
        return warned + [
            [(f" {one.sign} ", one.role), (one.text, "text")] for one in lines(judged.prepared.plan)
        ]

    def on_fields_pane_resized(self, event: FieldsPane.Resized) -> None:
        event.stop()
        self._plan.say(self._told())

    # -- what is typed -------------------------------------------------------------------------------

    def _put(self, key: str, texts: Texts) -> None:
        if self.draft.typed.get(key) != texts:
            self.draft.put(key, texts)
            self.judge_all()

    def on_fields_pane_pasted(self, event: FieldsPane.Pasted) -> None:
        event.stop()
        lines_ = [one for one in event.text.splitlines() if one.strip()]
        if len(lines_) > 1 and not event.box.field.is_list:
            self.take_text(event.text if event.text.endswith("\n") else f"{event.text}\n")
        elif len(lines_) > 1:
            event.box.take_lines(lines_)
        else:
            event.field.take(" ".join(lines_))

    def on_twin_pane_written(self, event: TwinPane.Written) -> None:
        event.stop()
        self.draft.take(event.text)
        self.judge_all()

    def on_twin_pane_left(self, event: TwinPane.Left) -> None:
        event.stop()
        self._twin.show(self.draft.text)


VIEW: Final = ViewKind(NAME, Context.FORM, StackFormView, lambda view, ports: view(ports.session))
