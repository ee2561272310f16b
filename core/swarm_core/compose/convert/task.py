"""What every task of a service has, whatever runs it: resources, restarts, placement, health, logs, updates."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.compose.forms.scalars import plain_texts
from swarm_core.compose.reading.errors import Unsound
from swarm_core.compose.reading.values import Map
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

_CONDITIONS: Final = {
    "none": types_pb2.RestartPolicy.NONE,
    "on-failure": types_pb2.RestartPolicy.ON_FAILURE,
    "any": types_pb2.RestartPolicy.ANY,
}
_ACTIONS: Final = notation.words_of(types_pb2.UpdateConfig.FailureAction)
_ORDERS: Final = notation.words_of(types_pb2.UpdateConfig.UpdateOrder)


def fill(task: specs_pb2.TaskSpec, service: Map) -> None:
    """Everything but what runs. Raises Unsound."""
    deploy = service.get("deploy") or Map(service.mark)
    _resources(task.resources, deploy.get("resources") or Map(service.mark))
    _restart(task, service, deploy)
    _placement(task.placement, service, deploy.get("placement") or Map(service.mark))
    if (logging := service.get("logging")) is not None:
        task.log_driver.name = logging.get("driver") or ""
        task.log_driver.options.update(plain_texts(logging.get("options") or {}))


def _resources(found: types_pb2.ResourceRequirements, given: Map) -> None:
    found.SetInParent()
    for key, part in (("limits", found.limits), ("reservations", found.reservations)):
        amounts = given.get(key)
        if amounts is None:
            continue
        part.SetInParent()
        if cpus := amounts.get("cpus"):
            try:
                part.nano_cpus = notation.nano_cpus(cpus)
            except InvalidValue as error:
                raise Unsound(str(error), amounts.at("cpus")) from None
        part.memory_bytes = int(amounts.get("memory") or 0)
        for entry in amounts.get("generic_resources") or ():
            wanted = entry.get("discrete_resource_spec") or {}
            part.generic.add().discrete_resource_spec.CopyFrom(
                types_pb2.DiscreteGenericResource(kind=wanted.get("kind", ""), value=wanted.get("value", 0))
            )


def _restart(task: specs_pb2.TaskSpec, service: Map, deploy: Map) -> None:
    policy = deploy.get("restart_policy")
    if policy is None:
        _restart_of_old(task, service)
        return
    condition = policy.get("condition") or "any"
    if condition not in _CONDITIONS:
        told = f"restart condition {condition!r} is none of {', '.join(_CONDITIONS)}"
        raise Unsound(told, policy.at("condition"))
    task.restart.condition = _CONDITIONS[condition]
    task.restart.max_attempts = policy.get("max_attempts") or 0
    for key in ("delay", "window"):
        if policy.get(key) is not None:
            getattr(task.restart, key).CopyFrom(notation.duration(policy[key]))


def _restart_of_old(task: specs_pb2.TaskSpec, service: Map) -> None:
    """`restart`, which docker warns of and uses."""
    given = service.get("restart") or ""
    word, _, attempts = given.partition(":")
    if word in ("", "no"):
        return
    if word not in ("always", "unless-stopped", "on-failure") or (attempts and not attempts.isdecimal()):
        raise Unsound(f"unknown restart policy: {given}", service.at("restart"))
    is_failure = word == "on-failure"
    task.restart.condition = types_pb2.RestartPolicy.ON_FAILURE if is_failure else types_pb2.RestartPolicy.ANY
    task.restart.max_attempts = int(attempts or 0)


def _placement(found: types_pb2.Placement, service: Map, given: Map) -> None:
    found.SetInParent()
    found.constraints.extend(given.get("constraints") or ())
    for preference in given.get("preferences") or ():
        found.preferences.add().spread.spread_descriptor = preference.get("spread", "")
    found.max_replicas = given.get("max_replicas_per_node") or 0
    if platform := service.get("platform"):
        os, _, architecture = platform.partition("/")
        found.platforms.add(os=os, architecture=architecture.partition("/")[0])


def health(given: Map) -> types_pb2.HealthConfig:
    """The health check. Raises Unsound."""
    test = given.get("test") or ()
    if given.get("disable"):
        if test:
            raise Unsound("test and disable can't be set at the same time", given.at("disable"))
        return types_pb2.HealthConfig(test=["NONE"])
    found = types_pb2.HealthConfig(test=test, retries=given.get("retries") or 0)
    for key in ("interval", "timeout", "start_period"):
        getattr(found, key).CopyFrom(notation.duration(given.get(key) or "0s"))
    if given.get("start_interval"):
        found.start_interval.CopyFrom(notation.duration(given["start_interval"]))
    return found


def update(found: types_pb2.UpdateConfig, given: Map) -> None:
    """How an update or a rollback proceeds. Raises Unsound."""
    parallelism = given.get("parallelism")
    found.parallelism = 1 if parallelism is None else parallelism
    found.delay.CopyFrom(notation.duration(given["delay"]) if given.get("delay") else Duration())
    if given.get("monitor") not in (None, "0s"):
        found.monitor.CopyFrom(notation.duration(given["monitor"]))
    found.max_failure_ratio = given.get("max_failure_ratio") or 0
    found.failure_action = _word(given, "failure_action", _ACTIONS)  # type: ignore[assignment]
    found.order = _word(given, "order", _ORDERS)  # type: ignore[assignment]


def _word(given: Map, key: str, known: Mapping[str, int]) -> int:
    word: Any = given.get(key)
    if not word:
        return 0
    if word not in known:
        raise Unsound(f"{key} {word!r} is none of {', '.join(known)}", given.at(key))
    return known[word]
