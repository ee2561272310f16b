"""The form's text, or the content that is typed in it, in the person's own editor, and back."""

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.base import EditedForm
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    form = ports.part(EditedForm)
    if form is None:
        return
    before = form.text
    after = await ports.desk.edit(before, form.edited_name, is_secret=form.is_edited_secret)
    if after is not None and after != before:
        try:
            form.take_text(after)
        except ValueError as error:
            ports.desk.tell_failure(str(error))
            return
        ports.desk.tell("The text has to be mended first" if form.is_text_wrong else "Taken from the editor")


VERB = Verb(
    "form.editor",
    ("ctrl+o",),
    "editor",
    "the same as YAML, or a secret's or config's content, in your own editor ($VISUAL, $EDITOR)",
    Context.FORM,
    run,
    lambda ports: ports.part(EditedForm) is not None,
    rank=27,
)
