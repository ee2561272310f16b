"""Save what is shown into a file."""

from pathlib import Path

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.operations.save_text import objection, proposed, save
from swarm_tui.resources.format import plural
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.savable import Savable
from swarm_tui.views.view import Context


def _judge(path: str) -> Judged:
    problem = objection(path)
    return Judged(f"✖ {problem}" if problem else "a new file", not problem)


async def run(ports: Ports) -> None:
    part = ports.part(Savable)
    if part is None:
        return
    here = Path.cwd()
    question = f"What is shown goes into this file, a name alone in {here}:"
    answer = await ports.desk.ask(AskLine("Save", question, _judge, text=proposed(part.saved.name, here)))
    if answer is not None:
        path, count = save(answer, part.saved.lines)
        ports.desk.tell(f"{plural(count, 'line')} saved in {path}")


VERB = Verb(
    "global.save",
    ("ctrl+s",),
    "save",
    "save what is shown into a file",
    Context.GLOBAL,
    run,
    lambda ports: ports.part(Savable) is not None,
)
