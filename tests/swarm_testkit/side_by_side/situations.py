"""What is played on both sides: each a few commands, and what is compared at its end.

A step is the words of a command, or `Lose`/`FindAgain` of a node, or `Wait` where time itself is the matter. After each step both
sides come to rest. `known` gives the reason for a difference that is meant to be; it must then be there, unless it is the peer's by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from swarm_testkit.engines import IMAGE


@dataclass(frozen=True, slots=True)
class Lose:
    node: str


@dataclass(frozen=True, slots=True)
class FindAgain:
    node: str


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Put:
    """A secret or config from standard input."""

    words: tuple[str, ...]
    data: bytes


Step = tuple[str, ...] | Lose | FindAgain | Wait | Put


@dataclass(frozen=True, slots=True)
class Situation:
    name: str
    steps: Sequence[Step]
    is_placed: bool = False
    """Compare which node has what; otherwise only how many each has."""
    is_spread: bool = True
    """Compare how many tasks each node has. Not where equal nodes may end up uneven: a successor is placed while its
    predecessor still counts."""
    needs_overlay: bool = False
    needs_manager: bool = False
    """n1 must be a manager and n2 a worker: it is about their roles."""
    known: str = ""
    known_of_agents: str = ""
    """The same, where our agents run the tasks."""
    is_by_chance: bool = False
    """Whether the known difference is there depends on the peer's timing."""


def words(text: str) -> tuple[str, ...]:
    """The words of a line; what stands in single quotes is one."""
    out: list[str] = []
    for number, part in enumerate(text.split("'")):
        out += [part] if number % 2 else part.split()
    return tuple(out)


_RUNS: Final = "sleep 1000"
_QUICK: Final = "--stop-grace-period 1s --update-monitor 2s --rollback-monitor 2s"
_UPDATE: Final = "service update --detach --no-resolve-image"


def create(name: str, flags: str = "", runs: str = _RUNS, image: str = IMAGE) -> Step:
    """A service; what it runs may hold quotes."""
    return words(f"service create --detach --no-resolve-image --name {name} {_QUICK} {flags} {image} {runs}")


def update(name: str, flags: str) -> Step:
    return words(f"{_UPDATE} {flags} {name}")


_FAIL_ARGS: Final = "--restart-condition none --update-delay 1s"
"""What fails does so before the next place is begun: otherwise it is chance."""
_ONCE: Final = "--restart-condition none"

_WHY_NO_IMAGE: Final = "ours says why the image could not be pulled, docker only that it is not there"

_NO_STEP: Final = "docker puts the step that failed before the engine's words"

CREATING: Final = (
    Situation("one task", (create("web"),)),
    Situation("three tasks", (create("web", "--replicas 3"),)),
    Situation("no tasks", (create("web", "--replicas 0"),)),
    Situation("a global service", (create("web", "--mode global"),), is_placed=True),
    Situation("a command that ends well, once", (create("web", _ONCE, "true"),)),
    Situation("a command that fails, once", (create("web", _ONCE, "sh -c 'exit 3'"),)),
    Situation(
        "a command that fails twice and is left",
        (
            create(
                "web",
                "--restart-condition on-failure --restart-max-attempts 2 --restart-delay 300ms",
                "false",
            ),
        ),
    ),
    Situation(
        "a command that ends well under on-failure",
        (create("web", "--restart-condition on-failure --restart-delay 300ms", "true"),),
    ),
    Situation(
        "any, with three attempts",
        (create("web", "--restart-condition any --restart-max-attempts 3 --restart-delay 300ms", "true"),),
    ),
    Situation(
        "an image that is not there", (create("web", _ONCE, image="nosuch:1"),), known_of_agents=_WHY_NO_IMAGE
    ),
    Situation(
        "a program that is not there",
        (create("web", _ONCE, "/no/such/program"),),
        known_of_agents=_NO_STEP,
    ),
    Situation("a constraint that nobody meets", (create("web", "--constraint node.labels.disk==ssd"),)),
    Situation(
        "a constraint that one meets later",
        (
            create("web", "--replicas 2 --constraint node.labels.disk==ssd"),
            words("node update --label-add disk=ssd {n2}"),
        ),
        is_placed=True,
    ),
    Situation(
        "a constraint on the node's id", (create("web", "--constraint node.id=={n2}"),), is_placed=True
    ),
    Situation(
        "a constraint against a role",
        (create("web", "--constraint node.role!=manager"),),
        is_placed=True,
        needs_manager=True,
    ),
    Situation("a constraint that cannot be read", (create("web", "--constraint node.labels.disk"),)),
    Situation("more memory than there is", (create("web", "--reserve-memory 500gb"),)),
    Situation("more processors than there are", (create("web", "--reserve-cpu 1000"),)),
    Situation("a limit below the reservation", (create("web", "--reserve-memory 64mb --limit-memory 32mb"),)),
    Situation(
        "one for each node and one too many", (create("web", "--replicas 3 --replicas-max-per-node 1"),)
    ),
    Situation(
        "spread over a label",
        (
            words("node update --label-add rack=a {n1}"),
            words("node update --label-add rack=b {n2}"),
            create("web", "--replicas 4 --placement-pref spread=node.labels.rack"),
        ),
    ),
    Situation("a generic resource that nobody has", (create("web", "--generic-resource gpu=1"),)),
    Situation("the same name twice", (create("web"), create("web"))),
    Situation("a name that is none", (create("-web-"),)),
    Situation("a name that is too long", (create("w" * 80),)),
    Situation("a template that is wrong", (create("web", "--hostname '{{.Nonsense'"),)),
    Situation("a template that is right", (create("web", "--hostname 'h-{{.Task.Slot}}'"),)),
    Situation(
        "a bind mount of what is not there",
        (create("web", f"{_ONCE} --mount type=bind,src=/no/such,dst=/x"),),
    ),
    Situation("a tmpfs", (create("web", "--mount type=tmpfs,dst=/x,tmpfs-size=1048576"),)),
    Situation("a volume", (create("web", "--mount type=volume,src=side,dst=/x --constraint node.id=={n1}"),)),
    Situation(
        "two mounts at one place", (create("web", "--mount type=tmpfs,dst=/x --mount type=tmpfs,dst=/x"),)
    ),
    Situation(
        "a health check that fails",
        (
            create(
                "web",
                f"{_ONCE} --health-cmd false --health-interval 300ms --health-retries 1 --health-timeout 1s",
            ),
        ),
        known_of_agents="ours says what the check answered",
    ),
    Situation(
        "a health check that holds",
        (create("web", "--health-cmd true --health-interval 300ms --health-timeout 1s"),),
    ),
    Situation("a label", (create("web", "--label a=b --container-label c=d --env E=f"),)),
    Situation(
        "a user that is not there", (create("web", f"{_ONCE} --user nobody-here"),), known_of_agents=_NO_STEP
    ),
    Situation("a stop signal that is none", (create("web", "--stop-signal NONSENSE"),)),
)

SCALING: Final = (
    Situation("up", (create("web"), words("service scale --detach web=4"))),
    Situation("down", (create("web", "--replicas 4"), words("service scale --detach web=1"))),
    Situation("to nothing and back", (
        create("web", "--replicas 2"),
        words("service scale --detach web=0"),
        words("service scale --detach web=2"),
    )),
    Situation("a global service", (create("web", "--mode global"), words("service scale --detach web=3"))),
    Situation("a service that is not there", (words("service scale --detach nobody=3"),)),
    Situation("by an update", (create("web"), update("web", "--replicas 3"))),
)  # fmt: skip

UPDATING: Final = (
    Situation("another environment", (create("web", "--replicas 2"), update("web", "--env-add A=b"))),
    Situation("start first", (
        create("web", "--replicas 2 --update-order start-first"), update("web", "--env-add A=b"),
    ), is_spread=False),
    Situation("all at once", (create("web", "--replicas 3 --update-parallelism 0"), update("web", "--env-add A=b"))),
    Situation("a global service", (create("web", "--mode global"), update("web", "--env-add A=b"))),
    Situation("by force", (create("web", "--replicas 2"), update("web", "--force"))),
    Situation("a label alone", (create("web", "--replicas 2"), update("web", "--label-add a=b"))),
    Situation("nothing", (create("web"), update("web", ""))),
    Situation("without tasks", (create("web", "--replicas 0"), update("web", "--env-add A=b"))),
    Situation("a service that is not there", (update("nobody", "--env-add A=b"),)),
    Situation("that fails and pauses", (
        create("web", f"--replicas 2 {_FAIL_ARGS}"),
        update("web", "--update-failure-action pause --args 'false'"),
    )),
    Situation("that fails and goes on", (
        create("web", f"--replicas 2 {_FAIL_ARGS}"),
        update("web", "--update-failure-action continue --args 'false'"),
    )),
    Situation("that fails and rolls back", (
        create("web", f"--replicas 2 {_FAIL_ARGS}"),
        update("web", "--update-failure-action rollback --args 'false'"),
    )),
    Situation("that fails within what is allowed", (
        create("web", f"--replicas 4 {_FAIL_ARGS}"),
        update("web", "--update-failure-action pause --update-max-failure-ratio 1 --args 'false'"),
    )),
    Situation("to an image that is not there", (
        create("web", f"--replicas 2 {_FAIL_ARGS}"),
        update("web", "--update-failure-action pause --image nosuch:2"),
    ), known_of_agents=_WHY_NO_IMAGE),
    Situation("to an image that is not there, start first", (
        create("web", f"--replicas 2 --update-order start-first {_FAIL_ARGS}"),
        update("web", "--update-failure-action rollback --image nosuch:2"),
    ), is_spread=False),
    Situation("whose rollback fails", (
        create("web", f"--replicas 2 {_FAIL_ARGS}", "false"),
        update("web", "--update-failure-action rollback --args 'false x'"),
    ), known="docker writes the completion over the pause of a rollback that failed", is_by_chance=True),
    Situation("that paused, and another one", (
        create("web", f"--replicas 2 {_FAIL_ARGS}"),
        update("web", "--update-failure-action pause --args 'false'"),
        update("web", "--args 'sleep 999'"),
    )),
    Situation("that paused, and a rollback by hand", (
        create("web", f"--replicas 2 {_FAIL_ARGS}"),
        update("web", "--update-failure-action pause --args 'false'"),
        words("service rollback --detach web"),
    )),
    Situation("a rollback by hand", (
        create("web", "--replicas 2"),
        update("web", "--env-add A=b"),
        words("service rollback --detach web"),
    )),
    Situation("a rollback of a rollback", (
        create("web", "--replicas 2"),
        update("web", "--env-add A=b"),
        words("service rollback --detach web"),
        words("service rollback --detach web"),
    )),
    Situation("a rollback with nothing before", (create("web"), words("service rollback --detach web"))),
    Situation("to a constraint that one meets", (
        create("web", "--replicas 2"),
        update("web", "--constraint-add node.id=={n2}"),
    ), is_placed=True),
    Situation("to a constraint that nobody meets", (
        create("web", "--replicas 2"),
        update("web", "--update-failure-action pause --constraint-add node.labels.disk==ssd"),
    )),
    Situation("to more memory than there is", (create("web"), update("web", "--reserve-memory 500gb"))),
    Situation("the number and the command", (
        create("web", "--replicas 2"),
        update("web", "--replicas 4 --args 'sleep 999'"),
    )),
    Situation("rollback beside other flags", (create("web"), update("web", "--rollback --env-add A=b"))),
)  # fmt: skip

NODES: Final = (
    Situation("drained", (
        create("web", "--replicas 4"),
        words("node update --availability drain {n2}"),
    ), is_placed=True),
    Situation("drained and active again", (
        create("web", "--replicas 2"),
        words("node update --availability drain {n2}"),
        words("node update --availability active {n2}"),
    ), is_placed=True),
    Situation("drained, a global service", (
        create("web", "--mode global"),
        words("node update --availability drain {n2}"),
    ), is_placed=True),
    Situation("paused", (
        create("web", "--constraint node.id=={n2}"),
        words("node update --availability pause {n2}"),
        words("service scale --detach web=2"),
    ), is_placed=True),
    Situation("loses the label of a constraint", (
        words("node update --label-add disk=ssd {n2}"),
        create("web", "--constraint node.labels.disk==ssd"),
        words("node update --label-rm disk {n2}"),
    )),
    Situation("lost and found again", (
        create("web", "--replicas 2"),
        Lose("n2"),
        Wait(45),
        FindAgain("n2"),
        Wait(20),
    ), is_placed=True),
    Situation("the last manager demoted", (words("node demote {n1}"),), needs_manager=True),
    Situation("ready and removed", (words("node rm {n2}"),)),
    Situation("an availability that is none", (words("node update --availability asleep {n2}"),)),
    Situation("that is not there", (words("node update --availability drain nobody"),)),
)  # fmt: skip

JOBS: Final = (
    Situation("three completions", (create("job", "--mode replicated-job --replicas 3", "true"),)),
    Situation("one at a time", (
        create("job", "--mode replicated-job --replicas 3 --max-concurrent 1", "true"),
    )),
    Situation("that fails once", (
        create("job", "--mode replicated-job --replicas 1 --restart-max-attempts 1 --restart-delay 300ms", "false"),
    )),
    Situation("global", (create("job", "--mode global-job", "true"),), is_placed=True),
    Situation("again", (
        create("job", "--mode replicated-job --replicas 2", "true"),
        update("job", "--force"),
    )),
    Situation("while it runs", (
        create("job", "--mode replicated-job --replicas 1"),
        update("job", "--env-add A=b"),
    )),
    Situation("scaled", (
        create("job", "--mode replicated-job --replicas 1", "true"),
        words("service scale --detach job=3"),
    )),
    Situation("with an update's flags", (create("job", "--mode replicated-job --update-order start-first", "true"),)),
)  # fmt: skip


def _secret(name: str, data: bytes = b"x") -> Step:
    return Put(("secret", "create", name, "-"), data)


def _config(name: str, data: bytes = b"x") -> Step:
    return Put(("config", "create", name, "-"), data)


MATERIAL: Final = (
    Situation("a secret in use removed", (_secret("key"), create("web", "--secret key"), words("secret rm key"))),
    Situation("a secret exchanged", (
        _secret("key"), _secret("key2"), create("web", "--secret key"),
        update("web", "--secret-rm key --secret-add source=key2,target=key"), words("secret rm key"),
    )),
    Situation("a secret that is not there", (create("web", "--secret nobody"),)),
    Situation("the same secret twice", (_secret("key"), _secret("key"))),
    Situation("a secret without data", (_secret("key", b""),)),
    Situation("a config in use removed", (_config("conf"), create("web", "--config conf"), words("config rm conf"))),
    Situation("a config that is not there", (create("web", "--config nobody"),)),
    Situation("two secrets for one file", (
        _secret("key"), _secret("key2"),
        create("web", "--secret source=key,target=t --secret source=key2,target=t"),
    )),
)  # fmt: skip

NETWORKS: Final = (
    Situation("made twice", (
        words("network create --driver overlay net"), words("network create --driver overlay net"),
    )),
    Situation("in use and removed", (
        words("network create --driver overlay net"), create("web", "--network net"), words("network rm net"),
    ), needs_overlay=True),
    Situation("with virtual addresses", (
        words("network create --driver overlay net"), create("web", "--replicas 2 --network net"),
    ), needs_overlay=True),
    Situation("with round robin", (
        words("network create --driver overlay net"),
        create("web", "--replicas 2 --network net --endpoint-mode dnsrr"),
    ), needs_overlay=True),
    Situation("that is not there", (create("web", "--network nobody"),)),
    Situation("whose subnets overlap", (
        words("network create --driver overlay --subnet 10.90.0.0/16 one"),
        words("network create --driver overlay --subnet 10.90.1.0/24 two"),
        create("a", "--network one"), create("b", "--network two"),
    ), needs_overlay=True, known="ours refuses the network at once; docker takes it, and what wants it waits for ever"),
    Situation("added by an update", (
        words("network create --driver overlay net"), create("web"), update("web", "--network-add net"),
    ), needs_overlay=True),
    Situation("a port", (create("web", "--publish 8090:80"),), needs_overlay=True),
    Situation("a port that is taken", (
        create("web", "--publish 8090:80"), create("other", "--publish 8090:81"),
    ), needs_overlay=True),
    Situation("a port given up and taken", (
        create("web", "--publish 8090:80"), update("web", "--publish-rm 80"),
        create("other", "--publish 8090:81"),
    ), needs_overlay=True),
    Situation("ports of the nodes", (
        create("web", "--replicas 3 --publish mode=host,published=8091,target=80"),
    ), needs_overlay=True),
    Situation("round robin with a port of the mesh", (
        create("web", "--endpoint-mode dnsrr --publish 8090:80"),
    ), needs_overlay=True),
)  # fmt: skip

GROUPS: Final = {
    "create": CREATING,
    "scale": SCALING,
    "update": UPDATING,
    "node": NODES,
    "job": JOBS,
    "material": MATERIAL,
    "network": NETWORKS,
}


def named() -> dict[str, Situation]:
    """Every situation by "group: name"."""
    return {f"{group}: {one.name}": one for group, all_ in GROUPS.items() for one in all_}
