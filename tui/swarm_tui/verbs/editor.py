"""The form's text in the person's own editor, and back."""

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.base import TextForm
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    form = ports.part(TextForm)
    if form is None:
        return
    before = form.text
    after = await ports.desk.edit(before)
    if after is not None and after != before:
        form.take_text(after)
        ports.desk.tell("The text has to be mended first" if form.is_text_wrong else "Taken from the editor")


VERB = Verb(
    "form.editor",
    ("ctrl+o",),
    "editor",
    "the same as YAML in your own editor ($VISUAL, $EDITOR)",
    Context.FORM,
    run,
    lambda ports: ports.part(TextForm) is not None,
    rank=27,
)
