"""The view in which a service is made or changed: fields, the same as YAML, and where it would run.

What was typed is kept while one is elsewhere, for a new service and for each that is changed, until it was sent.
"""

from typing import Final

from swarm_core.api.proto import objects_pb2
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.operations.forms import pasted, service_fields
from swarm_tui.operations.forms.fields import Texts
from swarm_tui.operations.forms.filled import Filled
from swarm_tui.operations.forms.fit import Fit, fit_now
from swarm_tui.operations.forms.sheet import new_sheet
from swarm_tui.operations.model import Plan
from swarm_tui.views.form.base import TextForm
from swarm_tui.views.form.fields_pane import FieldsPane
from swarm_tui.views.form.fit_pane import FitPane
from swarm_tui.views.form.twin_pane import TwinPane
from swarm_tui.views.place import Place
from swarm_tui.views.savable import Savable, Saved
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.widgets.paint import title

NAME: Final = "form"
_NEW: Final = ""
_TOLD_S: Final = 10
_SHORT: Final = 22
"""In a terminal of fewer lines there is no room for the forecast below the fields: they tell its first words."""


class FormView(TextForm, Savable):
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        self._mirror = session.mirror
        self._drafts: dict[str, Filled] = {_NEW: Filled(session.mirror)}
        self._about = _NEW
        self._was_behind = False
        self._is_asked = False
        """Whether sending was tried: only then are empty fields called wrong."""
        self._fields = FieldsPane(
            service_fields.SECTIONS, self.filled.sheet.typed, new_sheet().typed, self._put
        )
        self._twin = TwinPane()
        self._fit = FitPane()
        self._fit_of: tuple[int, bytes | None] | None = None
        """What the forecast that is shown was made of."""
        self._heading = ""

    def compose(self) -> ComposeResult:
        self.judge_all()
        with Horizontal(id="form-panes"):
            yield self._fields
            with Vertical(id="form-side"):
                yield self._twin
                yield self._fit

    # -- told by the shell ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.judge_all()

    def arrive(self, place: Place) -> None:
        before = self._about
        self._about, self._is_asked = place.id, False
        if self._about not in self._drafts:
            service = self._mirror.get(objects_pb2.Service, self._about)
            self._drafts[self._about] = Filled(self._mirror, service)
            if service is None:
                self._about = _NEW
        if self._about == _NEW and not self.filled.is_changed:
            # The nodes that there are now say what an empty one is of.
            self._drafts[_NEW] = Filled(self._mirror)
            self._fields.show(self.filled.sheet.typed)
        if self._about != before:
            self._fields.fold_all()
            self._fields.show(self.filled.sheet.typed)
        # The cluster may be another since one left.
        self._follow()
        self._fields.take_focus()

    def apply(self, changes: Changes) -> None:
        if self.display:
            self._follow()

    def _follow(self) -> None:
        """The cluster is another: judge what was typed by it. Where nothing was, the service is shown as it is now."""
        if self.is_behind and not self.filled.is_changed and not self._is_twin_ahead:
            self.take_newest()
            return
        self.filled.judge_again()
        self.judge_all()

    def on_fields_pane_resized(self, event: FieldsPane.Resized) -> None:
        event.stop()
        self.set_class(self.app.size.height < _SHORT, "-short")
        self._show_twin()
        self._show_fit()

    @property
    def filled(self) -> Filled:
        """What is typed, and what it means."""
        return self._drafts[self._about]

    @property
    def saved(self) -> Saved:
        return Saved(
            f"{self.filled.judged.spec.annotations.name or 'service'}.yaml", self.filled.text.splitlines()
        )

    # -- what verbs ask ------------------------------------------------------------------------------

    async def submit(self) -> Plan | None:
        """What sending it comes to; None when something is wrong with it, which the form then shows."""
        self._is_asked = True
        if self._is_twin_ahead:
            self.filled.take(self._twin.text)
            self._fields.show(self.filled.sheet.typed)
        self.judge_all()
        if self.filled.wrong_text is not None:
            self.show_twin(is_shown=True)
            await self._twin.write()
            return None
        if wrong := self.filled.judged.first_bad:
            self.show_twin(is_shown=False)
            await self._fields.go_to(wrong)
            return None
        return self.filled.plan()

    def clear(self) -> None:
        """Forget the draft: it was sent."""
        del self._drafts[self._about]
        if self._about == _NEW:
            self._drafts[_NEW] = Filled(self._mirror)
        self._about, self._is_asked = _NEW, False
        self._fields.fold_all()
        self.show_all()

    @property
    def text(self) -> str:
        return self.filled.text

    @property
    def is_text_wrong(self) -> bool:
        return self.filled.wrong_text is not None

    @property
    def is_in_twin(self) -> bool:
        return self._twin.is_written_in

    @property
    def _is_twin_ahead(self) -> bool:
        """Whether the text holds what it has not told of yet: it tells after the key that comes next."""
        return self.is_in_twin and self._twin.text != self.filled.text

    async def toggle_twin(self) -> None:
        was_in_twin = self.is_in_twin
        self.show_twin(is_shown=not was_in_twin)
        if was_in_twin:
            self._fields.take_focus()
        else:
            await self._twin.write()

    def show_twin(self, *, is_shown: bool) -> None:
        """In a narrow terminal text and fields take turns."""
        self.set_class(is_shown, "-twin")
        self._twin.show(self.filled.text)

    @property
    def is_behind(self) -> bool:
        """Whether the text is wrong, or the service is another by now."""
        filled = self.filled
        now = filled.now
        return filled.wrong_text is not None or (now is not None and now.spec != filled.began_with)

    def take_newest(self) -> None:
        """Write a wrong text anew; or lay what was typed over the service as it is now."""
        if self.filled.wrong_text is not None:
            self.filled.drop_text()
        else:
            self.filled.take_newest()
        self.show_all()

    @property
    def is_new(self) -> bool:
        """Whether a new service is made."""
        return self._about == _NEW

    def fill(self, text: str) -> str:
        """Say what a docker line or a compose file says; what came of it, as a sentence."""
        try:
            found = pasted.read(text, self._mirror)
        except pasted.CannotPaste as error:
            return f"The form stays as it is: {error}"
        self.filled.fill(found.spec)
        self.show_all()
        return found.told

    def take_text(self, text: str) -> None:
        self.filled.take(text)
        self.show_all()

    # -- what is shown -------------------------------------------------------------------------------

    def show_all(self) -> None:
        """Fields, text and forecast as they are now, after something else than a field or the text was changed."""
        self._fields.show(self.filled.sheet.typed)
        self.judge_all()
        self._twin.show(self.filled.text)

    def judge_all(self) -> None:
        """The same without a touch to the fields, nor to a text in which somebody writes."""
        filled = self.filled
        verdicts = dict(filled.judged.verdicts)
        for key, verdict in verdicts.items():
            if verdict.text == "✖ needed" and not self._is_asked:
                verdicts[key] = type(verdict)("needed")
        self._fields.judge(filled.sheet.typed, verdicts)
        self._show_twin()
        self._show_fit()
        self._show_borders()

    def _show_twin(self) -> None:
        if self._twin.display and not self.is_in_twin:
            self._twin.show(self.filled.text)

    def _show_fit(self) -> None:
        view = self._mirror
        about = view.version, self.filled.what_decides_its_place()
        if about != self._fit_of:
            self._fit_of = about
            self._fit.show(None if about[1] is None else self._forecast())
        # Said there only where there is no room to say it in full.
        self._fields.border_subtitle = self._fit.word if self.has_class("-short") else ""

    def _forecast(self) -> Fit:
        view = self._mirror
        tasks = (
            one for one in view.objects(objects_pb2.Task) if one.service_id != self._about or not self._about
        )
        nodes, volumes = list(view.objects(objects_pb2.Node)), view.objects(objects_pb2.Volume)
        return fit_now(self.filled.judged.spec, nodes, tasks, volumes)

    def _show_borders(self) -> None:
        filled = self.filled
        name = filled.judged.spec.annotations.name
        heading = f"Edit {name}" if self._about else "New service"
        if self._about and filled.now is None:
            heading = f"{heading} · ✖ removed"
        elif conflicts := filled.conflicts:
            heading = f"{heading} · ▲ changed meanwhile: {', '.join(conflicts)}"
        if heading != self._heading:
            self._heading = heading
            self._fields.border_title = title(heading)
        self._twin.tell("" if filled.wrong_text is None else f"✖ {filled.wrong_text}")
        if self.is_behind != self._was_behind:
            self._was_behind = self.is_behind
            self.post_message(self.KeysChanged())

    # -- what is typed -------------------------------------------------------------------------------

    def _put(self, key: str, texts: Texts) -> None:
        """Something was typed into a field."""
        if self.filled.sheet.typed.get(key) != texts:
            self.filled.put(key, texts)
            self.judge_all()

    def on_fields_pane_pasted(self, event: FieldsPane.Pasted) -> None:
        event.stop()
        if self.is_new and pasted.is_service(event.text):
            told = self.fill(event.text)
            self.notify(told, timeout=_TOLD_S, markup=False)
            return
        lines = [one for one in event.text.splitlines() if one.strip()]
        if event.box.field.is_list and len(lines) > 1:
            event.box.take_lines(lines)
        else:
            event.field.take(" ".join(lines))

    def on_twin_pane_written(self, event: TwinPane.Written) -> None:
        event.stop()
        self.filled.take(event.text)
        self._fields.show(self.filled.sheet.typed)
        self.judge_all()

    def on_twin_pane_left(self, event: TwinPane.Left) -> None:
        event.stop()
        self._twin.show(self.filled.text)


VIEW: Final = ViewKind(NAME, Context.FORM, FormView, lambda view, ports: view(ports.session))
