"""Parts of a form: rows of lists, sections, the text beside the fields."""

from collections.abc import Callable
from typing import TypeVar

from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.base import FormBase, TextForm
from swarm_tui.views.form.view import FormView
from swarm_tui.views.view import Context

F = TypeVar("F", bound=FormBase)


def _on(kind: type[F], do: Callable[[F], Work | None]) -> Callable[[Ports], Work | None]:
    def run(ports: Ports) -> Work | None:
        form = ports.part(kind)
        return do(form) if form is not None else None

    return run


def _is(kind: type[F], test: Callable[[F], bool]) -> Callable[[Ports], bool]:
    def applies(ports: Ports) -> bool:
        form = ports.part(kind)
        return form is not None and test(form)

    return applies


ADD_ROW = Verb(
    "form.add_row",
    ("ctrl+n",),
    "add row",
    "a further row in the list",
    Context.FORM,
    _on(FormBase, lambda form: form.add_row()),
    _is(FormBase, lambda form: form.is_in_list),
    rank=3,
)
DROP_ROW = Verb(
    "form.drop_row",
    ("f8",),
    "drop row",
    "take the row of the list away",
    Context.FORM,
    _on(FormBase, lambda form: form.drop_row()),
    _is(FormBase, lambda form: form.is_in_list),
    rank=4,
)
TWIN = Verb(
    "form.twin",
    ("f2",),
    "as YAML",
    "the same as YAML, and back to the fields",
    Context.FORM,
    _on(TextForm, lambda form: form.toggle_twin()),
    _is(TextForm, lambda form: True),
    rank=8,
    label_now=lambda ports: "fields" if _is(TextForm, lambda form: form.is_in_twin)(ports) else "as YAML",
)
FOLD = Verb(
    "form.fold",
    ("f3",),
    "fold",
    "fold the section with the cursor",
    Context.FORM,
    _on(FormBase, lambda form: form.fold()),
    rank=28,
)
NEWEST = Verb(
    "form.newest",
    ("f9",),
    "take newest",
    "a wrong text anew from the fields; of a service that somebody else changed, its newest spec under what is typed",
    Context.FORM,
    _on(FormView, lambda form: form.take_newest()),
    _is(FormView, lambda form: form.is_behind),
    rank=5,
)
