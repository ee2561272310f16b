"""Record what is done here as a script of commands, and end it (docs/design/terminal.md 11.26)."""

from pathlib import Path
from typing import Final

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.operations.save_text import objection, proposed
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_NAME: Final = "runbook.sh"


def _judge(path: str) -> Judged:
    problem = objection(path)
    return Judged(f"✖ {problem}" if problem else "a new file that only you can read", not problem)


async def _ask(ports: Ports) -> None:
    here = Path.cwd()
    question = (
        "What you change from now on goes into this file as commands, with what you wait for."
        f" A name alone is a file in {here}:"
    )
    answer = await ports.desk.ask(AskLine("Runbook", question, _judge, text=proposed(_NAME, here)))
    if answer is not None:
        ports.desk.begin_runbook(answer)


def _run(ports: Ports) -> Work | None:
    if not ports.desk.is_recording:
        return _ask(ports)
    ports.desk.end_runbook()
    return None


def _told(ports: Ports, path: str) -> Work | None:
    if not path:
        return _run(ports)
    if ports.desk.is_recording:
        ports.desk.say("A runbook is being recorded already: :runbook without a name ends it.")
    elif problem := objection(path):
        ports.desk.tell_failure(f"{path}: {problem}.")
    else:
        ports.desk.begin_runbook(path)
    return None


VERB = Verb(
    "global.runbook",
    (),
    "runbook",
    "record what you change as a script of commands, with the waits that you watched for; again: end it",
    Context.GLOBAL,
    _run,
    lambda ports: ports.desk.past is None,
    told=_told,
    realm=Realm.CLUSTER,
    is_of_one=True,
)
