"""Running a container on the engine that placement chooses: the form's fields, and the plan with a sentence for each engine.

Rules
1. What is typed means what it means after docker's flag of the same name (docs/design/engine-commands.md 16.3).
2. The plan is placed when it is asked for, and again when it is carried out: what came meanwhile counts.
"""

import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from swarm_core.engines.changing import CHANGE_S, changed
from swarm_core.engines.errors import EngineError, EngineUnanswered
from swarm_core.engines.placement.decide import STRATEGIES, NotPlaced, Policy
from swarm_core.engines.placement.request import Request
from swarm_core.engines.records import EngineRecord

from swarm_tui.clusters.engine_hands import EngineHands, RunAsked
from swarm_tui.operations.describe import REVERSIBLE
from swarm_tui.operations.docker.engine import docker_words
from swarm_tui.operations.engines import levels
from swarm_tui.operations.forms.fields import (
    NOTHING_SAID,
    Around,
    Field,
    Judge,
    Section,
    Texts,
    Typed,
    Verdict,
    bad,
    line,
    rows,
)
from swarm_tui.operations.model import Act, Done, Plan, Refused, Step, Unanswered
from swarm_tui.resources.engines.items import ContainerItem
from swarm_tui.resources.engines.shared import is_away

EMPTY: Final[Texts] = ("",)
_RESTARTS: Final = ("no", "always", "unless-stopped", "on-failure")


def _field(key: str, label: str, judge: Judge | None = None, **more: Any) -> Field:
    return Field(key, label, lambda draft: EMPTY, lambda draft, texts: None, judge=judge, **more)


def _needed(texts: Texts, around: Around) -> Verdict:
    return NOTHING_SAID if line(texts) else bad("needed")


def _free(texts: Texts, around: Around) -> Verdict:
    """A name is free where no engine that answers has it."""
    name, view = line(texts), around.view
    if not name:
        return Verdict("its engine names it")
    held = (item.record for item in view.objects(ContainerItem) if item.record.name == name)
    taken = next((one for one in held if not is_away(one.engine, view)), None)
    return (
        Verdict("✓ free", "ok")
        if taken is None
        else bad("taken", f"{taken.engine} has a container {name} already.")
    )


SECTIONS: Final = (
    Section(
        "",
        (
            _field("name", "Name", _free, hint="web"),
            _field("image", "Image", _needed, hint="nginx:1.27", help="Pulled where it is missing."),
            _field(
                "command", "Command", hint="sleep 1000", help="As in a shell; without it the image's own."
            ),
        ),
    ),
    Section(
        "Inside",
        (
            _field("env", "Variable", is_list=True, hint="LEVEL=info", help="KEY=VALUE, a row each."),
            _field("publish", "Port", is_list=True, hint="8080:80", help="[IP:]PORT:PORT[/udp], a row each."),
            _field(
                "volumes",
                "Volume",
                is_list=True,
                hint="data:/var/lib/data",
                help="NAME:PATH or /PATH:/PATH[:ro].",
            ),
            _field("network", "Network", hint="bridge"),
            _field("labels", "Label", is_list=True, hint="team=web", help="KEY=VALUE, a row each."),
        ),
    ),
    Section(
        "Where",
        (
            _field(
                "strategy",
                "Strategy",
                options=STRATEGIES,
                help="Spread: the emptiest engine. Binpack: the fullest that has room.",
            ),
            _field(
                "constraints",
                "Constraint",
                is_list=True,
                hint="rack==a",
                help="node==NAME or LABEL==VALUE; ~ after the operator: only if it can be.",
            ),
            _field(
                "affinities",
                "Affinity",
                is_list=True,
                hint="container==db",
                help="Near a container, an image or a label; != for away from it.",
            ),
            _field("cpus", "CPUs", hint="0.5"),
            _field("memory", "Memory", hint="256m"),
            _field("restart", "Restart", options=_RESTARTS),
        ),
    ),
)


class RunForm:
    """What is filled in to run a container. Is what `views.form.object_view` shows."""

    noun: Final = "container"
    view: Final = "run-container"
    sections: Final = SECTIONS

    @property
    def empty(self) -> dict[str, Texts]:
        """What stands in it at first."""
        return {one.key: one.options[:1] or EMPTY for section in SECTIONS for one in section.fields}

    def judge(self, typed: Typed, around: Around) -> dict[str, Verdict]:
        """A verdict on every field."""
        fields = (one for section in SECTIONS for one in section.fields)
        return {
            one.key: NOTHING_SAID if one.judge is None else one.judge(typed.get(one.key, EMPTY), around)
            for one in fields
        }


def asked_of(typed: Typed) -> RunAsked:
    """What the form says. Raises ValueError where the command has no end."""

    def many(key: str) -> tuple[str, ...]:
        return tuple(rows(typed.get(key, EMPTY)))

    def one(key: str) -> str:
        return line(typed.get(key, EMPTY))

    return RunAsked(
        name=one("name"),
        image=one("image"),
        command=tuple(shlex.split(one("command"))),
        env=many("env"),
        labels=many("labels"),
        publish=many("publish"),
        volumes=many("volumes"),
        network=one("network"),
        constraints=many("constraints"),
        affinities=many("affinities"),
        memory=one("memory"),
        cpus=one("cpus"),
        restart=one("restart"),
    )


async def plan(typed: Typed, hands: EngineHands) -> Plan:
    """Which engine it would be, and what leaves each other out; refused where none may have it."""
    policy = Policy(strategy=line(typed.get("strategy", EMPTY)) or STRATEGIES[0])
    name = line(typed.get("name", EMPTY)) or line(typed.get("image", EMPTY))
    title = f"Run container {name}"
    placer = hands.opened.placer
    try:
        asked = asked_of(typed)
        request = placer.request(asked.name, hands.runs.body(asked))
        decision = await placer.explain(request, policy)
    except (EngineError, ValueError) as error:
        return Plan(title, refusals=(f"Could not run {name}: {str(error).rstrip('.')}.",))
    if not decision.ranked:
        reasons = "; ".join(decision.lines())
        return Plan(
            title, refusals=(f"Could not run {name}: {decision.failure}. {reasons}.".replace("..", "."),)
        )
    record = hands.opened.cluster.engine(decision.chosen)
    docker = docker_words(record, "run", "--detach", *_words(asked))
    ignored = (
        [f"No engine meets {', '.join(decision.ignored)}; it is placed without."] if decision.ignored else []
    )
    whole = run_plan(asked.name, asked.image, record, docker, _Run(hands, request, policy))
    return replace(whole, warnings=tuple(ignored), notes=tuple(f"{one}." for one in decision.lines()))


async def _by_hand() -> str:
    raise AssertionError("a command that runs a container attends to it, and carries no plan out")


def run_plan(
    name: str,
    image: str,
    record: EngineRecord,
    docker: str,
    run: Callable[[], Awaitable[str]] = _by_hand,
) -> Plan:
    """A container that was placed on this engine, made and started. Without `run` the plan is there to be read."""
    called = name or image
    back = f"container rm --force {record.name}/{name}" if name else ""
    step = Step(
        called,
        f"run {called}",
        Act("", run, levels.MAKE, REVERSIBLE, docker, back=back),
        Done(f"{called} runs"),
        (f"made and started on {record.name}",),
    )
    return Plan(f"Run container {called}", (step,))


def _words(asked: RunAsked) -> list[str]:
    """After docker's run: what placement was told besides is in labels there, and of no use to one engine."""
    single = {
        "--name": asked.name,
        "--network": asked.network,
        "--memory": asked.memory,
        "--cpus": asked.cpus,
        "--restart": asked.restart if asked.restart != _RESTARTS[0] else "",
    }
    many = {
        "--env": asked.env,
        "--publish": asked.publish,
        "--volume": asked.volumes,
        "--label": asked.labels,
    }
    words = [word for flag, value in single.items() if value for word in (flag, value)]
    words += [word for flag, values in many.items() for value in values for word in (flag, value)]
    return [*words, asked.image, *asked.command]


class _Run:
    """Makes it and starts it; says where."""

    def __init__(self, hands: EngineHands, request: Request, policy: Policy) -> None:
        self._hands, self._request, self._policy = hands, request, policy

    async def __call__(self) -> str:
        opened = self._hands.opened
        headers: Mapping[str, str] = self._hands.runs.headers(self._request.image)
        try:
            placed = await opened.placer.create(self._request, self._policy, headers=headers)
            one = placed.container
            start = f"/containers/{one.id}/start"
            await changed(opened.cluster, one.engine, lambda api: api.post(start, timeout=CHANGE_S))
        except NotPlaced as error:
            raise Refused(f"{error}. {'; '.join(error.decision.lines())}") from None
        except EngineUnanswered as error:
            raise Unanswered(str(error)) from None
        except EngineError as error:
            raise Refused(str(error)) from None
        told = f"on {opened.cluster.engine(one.engine).name}"
        return ". ".join([told, *placed.warnings])
