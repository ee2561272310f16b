"""Fill the form of a new service from a docker line or a compose file."""

from swarm_tui.dialogs.ask_line import Judged
from swarm_tui.dialogs.ask_text import AskText
from swarm_tui.operations.forms import pasted
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.view import FormView
from swarm_tui.views.view import Context

_QUESTION = "A docker run or docker service create line, or a service of a compose file. It takes the place of what the form says:"


async def run(ports: Ports) -> None:
    form = ports.part(FormView)
    if form is None:
        return

    def judge(text: str) -> Judged:
        try:
            return Judged(pasted.read(text, ports.operations.cluster).told)
        except pasted.CannotPaste as error:
            return Judged(f"✖ {error}", is_fine=False)

    text = await ports.desk.ask(AskText("Fill the form", _QUESTION, judge))
    if text is not None:
        ports.desk.tell(form.fill(text))


def _is_new(ports: Ports) -> bool:
    form = ports.part(FormView)
    return form is not None and form.is_new


VERB = Verb(
    "form.paste",
    ("f4",),
    "fill from",
    "fill the form from a docker run line or a compose file",
    Context.FORM,
    run,
    _is_new,
    rank=9,
)
