"""The view in which a network, a secret or a config is made: its fields alone."""

from typing import Protocol

from textual.app import ComposeResult

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.operations.forms.fields import Around, Section, Texts, Typed, Verdict
from swarm_tui.operations.forms.objects import FORMS, ObjectForm
from swarm_tui.operations.model import Plan
from swarm_tui.views.form.base import FormBase
from swarm_tui.views.form.fields_pane import FieldsPane
from swarm_tui.views.place import Place
from swarm_tui.views.view import ClusterPorts, Context, ViewKind
from swarm_tui.widgets.paint import title


class FormOf(Protocol):
    """What is filled in."""

    @property
    def noun(self) -> str: ...
    @property
    def view(self) -> str: ...
    @property
    def sections(self) -> tuple[Section, ...]: ...
    @property
    def empty(self) -> dict[str, Texts]: ...
    def judge(self, typed: Typed, around: Around) -> dict[str, Verdict]: ...


class ObjectFormView(FormBase):
    """What was typed is kept while one is elsewhere, but for what is shown to nobody."""

    def __init__(self, session: Session, form: FormOf) -> None:
        super().__init__(id=form.view)
        self._session = session
        self._around = Around(session.mirror)
        self._form = form
        self._typed = form.empty
        self._is_asked = False
        self._fields = FieldsPane(form.sections, self._typed, form.empty, self._put)

    def compose(self) -> ComposeResult:
        self._fields.border_title = title(f"New {self._form.noun}")
        self.judge_all()
        yield self._fields

    def on_mount(self) -> None:
        self.judge_all()

    def arrive(self, place: Place) -> None:
        self._is_asked = False
        self.show_all()
        self._fields.take_focus()

    def leave(self) -> None:
        for section in self._form.sections:
            for one in section.fields:
                if one.is_hidden:
                    self._typed[one.key] = ("",)
        self.show_all()

    def apply(self, changes: Changes) -> None:
        if self.display:
            self.judge_all()

    def clear(self) -> None:
        self._typed, self._is_asked = self._form.empty, False
        self.show_all()

    async def submit(self) -> Plan | None:
        self._is_asked = True
        verdicts = self.judge_all()
        wrong = next((key for key, one in verdicts.items() if one.is_bad), None)
        if wrong is not None:
            await self._fields.go_to(wrong)
            return None
        return await self.planned()

    async def planned(self) -> Plan:
        """What it comes to."""
        assert isinstance(self._form, ObjectForm)
        return self._form.plan(self._typed)

    def show_all(self) -> None:
        """The fields as they are now, after something else than a field was changed."""
        self._fields.show(self._typed)
        self.judge_all()

    def judge_all(self) -> dict[str, Verdict]:
        """Verdicts on the fields, which are left as they are."""
        verdicts = self._form.judge(self._typed, self._around)
        shown = {
            key: Verdict("needed") if one.text == "✖ needed" and not self._is_asked else one
            for key, one in verdicts.items()
        }
        self._fields.judge(self._typed, shown)
        return verdicts

    def _put(self, key: str, texts: Texts) -> None:
        if self._typed.get(key) != texts:
            self._typed[key] = texts
            self.judge_all()

    def on_fields_pane_pasted(self, event: FieldsPane.Pasted) -> None:
        event.stop()
        lines = event.text.strip("\n").split("\n")
        if event.box.field.is_list and len(lines) > 1:
            event.box.take_lines(lines)
        else:
            event.field.take(" ".join(lines))


def _kind(form: ObjectForm) -> ViewKind[ObjectFormView]:
    def make(view: type[ObjectFormView], ports: ClusterPorts) -> ObjectFormView:
        return view(ports.session, form)

    return ViewKind(form.view, Context.FORM, ObjectFormView, make)


VIEWS = tuple(_kind(form) for form in FORMS)
