"""Ask for labels, and put or take them away on all that is selected, after the plan was read."""

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.operations import changes, labels
from swarm_tui.resources import registry
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


def _judge(text: str) -> Judged:
    edit = labels.parse(text)
    if edit is None:
        return Judged(f"✖ {labels.HINT}" if text.strip() else "", is_fine=False)
    words = [
        f"put {', '.join(edit.put)}" if edit.put else "",
        f"take away {', '.join(edit.removed)}" if edit.removed else "",
    ]
    return Judged(" · ".join(filter(None, words)))


async def run(ports: Ports, typed: str = "") -> None:
    cluster, noun = ports.cluster, ports.selection.kind
    subject = changes.subject(cluster, registry.by_noun(noun), ports.ids)
    question = "Labels, several with blanks between:"
    answer = await ports.desk.ask(
        AskLine(f"Labels of {subject}", question, _judge, text=typed, hint="zone=a  -old")
    )
    edit = labels.parse(answer) if answer is not None else None
    if edit is not None:
        await carry_out(ports, ports.planned(lambda view, own: labels.plan(view, noun, own, edit)))


VERB = Verb(
    "list.labels",
    ("L",),
    "labels",
    "put labels, or take them away: key=value, -key",
    Context.LIST,
    run,
    is_on_objects=True,
    told=run,
    changes=True,
)
