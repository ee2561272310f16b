"""The view in which a secret or config gets another content; of a config it begins with the present one."""

from typing import Any

from swarm_tui.clusters.session import Session
from swarm_tui.operations.forms.objects import ROTATIONS, TYPED, ObjectForm, file_of, is_pruned
from swarm_tui.resources import registry, services
from swarm_tui.views.form.base import EditedForm
from swarm_tui.views.form.object_view import ObjectFormView
from swarm_tui.views.place import Place
from swarm_tui.views.view import ClusterPorts, Context, ViewKind
from swarm_tui.widgets.paint import title


class RotateView(ObjectFormView, EditedForm):
    """See the module's text. What was typed is forgotten when one goes elsewhere."""

    def __init__(self, session: Session, form: ObjectForm) -> None:
        super().__init__(session, form)
        self._rotation = form
        self.is_edited_secret = form.noun == "secret"
        self._object_id = ""

    def arrive(self, place: Place) -> None:
        self._object_id, self._typed = place.id, self._form.empty
        item = self.item
        if item is not None and self._form.noun == "config":
            self._typed["value"] = _lines(item.spec.data)
        self._fields.border_title = title(f"Rotate {self._form.noun} {self.name}{self._users()}")
        super().arrive(place)

    def leave(self) -> None:
        self._typed = self._form.empty
        super().leave()

    edited_name = "content"

    @property
    def text(self) -> str:
        return "" if self.noun == "secret" else "\n".join(self._typed["value"]) + "\n"

    @property
    def is_text_wrong(self) -> bool:
        return False

    def take_text(self, text: str) -> None:
        """An editor ends the last line as well: that end is none of a secret."""
        lines = tuple(text.removesuffix("\n").split("\n"))
        if self.noun == "secret":
            if len(lines) > 1:
                raise ValueError(
                    f"The secret has {len(lines)} lines, and the form takes one: name a file here, or use secret rotate --edit."
                )
            self._typed["again"] = lines
        self._typed["source"], self._typed["value"] = (TYPED,), lines
        self.show_all()

    @property
    def noun(self) -> str:
        return self._form.noun

    @property
    def item(self) -> Any:
        """The secret or config as it is now; None when it is gone."""
        return self._session.mirror.get(registry.by_noun(self._form.noun).message, self._object_id)

    @property
    def name(self) -> str:
        """What it is called."""
        item = self.item
        return item.spec.annotations.name if item is not None else self._object_id

    def _users(self) -> str:
        names = services.users_of(self._form.noun, (self._object_id,), self._session.mirror)
        return f" · used by {', '.join(names)}" if names else " · used by no service"

    @property
    def removes(self) -> bool:
        """Whether the old one is to go."""
        return is_pruned(self._typed)

    @property
    def file(self) -> str:
        """The file that the content is in; empty where it was typed."""
        return file_of(self._typed)

    async def content(self) -> bytes | None:
        """What was typed, or is in the file; None when something is wrong, which the form then shows. Raises OSError and
        SpecError."""
        self._is_asked = True
        verdicts = self.judge_all()
        wrong = next((key for key, one in verdicts.items() if one.is_bad), None)
        if wrong is not None:
            await self._fields.go_to(wrong)
            return None
        data: bytes = self._rotation.build(self._typed)
        return data


def _lines(data: bytes) -> tuple[str, ...]:
    """A text as rows; nothing of what is no text."""
    try:
        return tuple(data.decode().removesuffix("\n").split("\n"))
    except UnicodeDecodeError:
        return ("",)


def _kind(form: ObjectForm) -> ViewKind[RotateView]:
    def make(view: type[RotateView], ports: ClusterPorts) -> RotateView:
        return view(ports.session, form)

    return ViewKind(form.view, Context.FORM, RotateView, make)


VIEWS = tuple(_kind(form) for form in ROTATIONS)
