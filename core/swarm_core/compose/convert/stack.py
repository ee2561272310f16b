"""A whole project as the specs of a swarm."""

from collections.abc import Mapping
from dataclasses import dataclass

from swarm_core.api.proto import specs_pb2
from swarm_core.compose.convert import services
from swarm_core.compose.convert.names import Namespace, PayloadNames, check_stack_name
from swarm_core.compose.convert.networks import Networks, used
from swarm_core.compose.convert.payloads import Content, Payloads, payloads
from swarm_core.compose.project import Project
from swarm_core.compose.reading.errors import Unsound
from swarm_core.compose.reading.values import Map, Mark
from swarm_core.specs.checks import check_service
from swarm_core.specs.errors import InvalidSpec


@dataclass(frozen=True, slots=True)
class Dependency:
    """That one service waits for another one."""

    on: str
    condition: str
    restart: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Desired:
    """What a stack should be: specs by their names in the swarm, services by what the files call them."""

    space: Namespace
    networks: Networks
    secrets: Payloads[specs_pb2.SecretSpec]
    configs: Payloads[specs_pb2.ConfigSpec]
    services: Mapping[str, specs_pb2.ServiceSpec]
    dependencies: Mapping[str, tuple[Dependency, ...]]


def convert(project: Project, name: str, names: PayloadNames, content: Content) -> Desired:
    """The project as the stack of that name. Raises ComposeError."""
    check_stack_name(name)
    space = Namespace(name)
    defined = project.section("services")
    stack = services.Stack(
        space,
        project.section("networks"),
        project.section("volumes"),
        payloads("secret", project.section("secrets"), specs_pb2.SecretSpec, space, names, content),
        payloads("config", project.section("configs"), specs_pb2.ConfigSpec, space, names, content),
    )
    specs = {short: services.service(short, given, stack) for short, given in defined.items()}
    for short, spec in specs.items():
        _check(short, spec, defined[short])
    return Desired(
        space,
        used(defined, stack.networks, space),
        stack.secrets,
        stack.configs,
        specs,
        dependencies(defined),
    )


def _check(short: str, spec: specs_pb2.ServiceSpec, given: Map) -> None:
    """What every manager would refuse is told with its service. References have no ids yet, so they get some for this."""
    trial = specs_pb2.ServiceSpec()
    trial.CopyFrom(spec)
    for reference in trial.task.container.secrets if trial.task.HasField("container") else ():
        reference.secret_id = reference.secret_name
    for config in trial.task.container.configs if trial.task.HasField("container") else ():
        config.config_id = config.config_name
    if not trial.task.HasField("container"):
        return
    try:
        check_service(trial)
    except InvalidSpec as error:
        raise Unsound(f"service {short}: {error}", given.mark) from None


def dependencies(defined: Map) -> dict[str, tuple[Dependency, ...]]:
    """What each of these services waits for. Raises Unsound for one that is not defined."""
    return {short: _dependencies(short, given, defined) for short, given in defined.items()}


def _dependencies(short: str, given: Map, defined: Map) -> tuple[Dependency, ...]:
    found = []
    wanted = given.get("depends_on") or Map(given.mark)
    for name, options in wanted.items():
        if name not in defined:
            if options.get("required", True):
                raise Unsound(f'service {short} depends on undefined service "{name}"', wanted.at(name))
            continue
        found.append(Dependency(name, options["condition"], bool(options.get("restart")), wanted.at(name)))
    return tuple(found)
