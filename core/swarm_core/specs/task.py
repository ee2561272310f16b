"""Setters of what every task has, in a container or as a process: command, environment, user, secrets, how it is stopped."""

from collections.abc import Mapping, Sequence

from swarm_core.specs import lists, notation, parts
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue


def set_program(draft: Draft, words: Sequence[str]) -> None:
    """What a new service runs: the image with the arguments of its command, or a process's program with its arguments."""
    if draft.process is None:
        draft.container.image = words[0]
    else:
        draft.process.command[:] = words[:1]
    draft.body.args[:] = words[1:]


def set_args(draft: Draft, line: str) -> None:
    draft.body.args[:] = notation.words(line)


def put_env(draft: Draft, given: Sequence[str], inherited: Mapping[str, str] | None = None) -> None:
    """Add or replace variables; of `inherited` see `notation.variables`."""
    new = notation.variables(given, inherited)
    drop_env(draft, [_variable(entry) for entry in new])
    draft.body.env.extend(new)


def put_env_lines(draft: Draft, lines: Sequence[str], inherited: Mapping[str, str]) -> None:
    """The lines of an environment file: blank ones and those that begin with # say nothing."""
    entries = [line.lstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    put_env(draft, entries, inherited)


def drop_env(draft: Draft, names: Sequence[str]) -> None:
    lists.keep(draft.body.env, lambda entry: _variable(entry) not in names)


def _variable(entry: str) -> str:
    return entry.partition("=")[0]


def set_user(draft: Draft, text: str) -> None:
    draft.body.user = text


def set_directory(draft: Draft, text: str) -> None:
    draft.body.dir = text


def set_stop_signal(draft: Draft, text: str) -> None:
    draft.body.stop_signal = text


def set_stop_grace_period(draft: Draft, text: str) -> None:
    draft.body.stop_grace_period.CopyFrom(notation.duration(text))


def add_secrets(draft: Draft, given: Sequence[str]) -> None:
    draft.secrets.extend(parts.reference(text) for text in given)


def add_configs(draft: Draft, given: Sequence[str]) -> None:
    draft.configs.extend(parts.reference(text) for text in given)


def drop_secrets(draft: Draft, names: Sequence[str]) -> None:
    if not lists.keep(draft.body.secrets, lambda reference: reference.secret_name not in names):
        raise InvalidValue(f"the service has no secret {', '.join(names)}")


def drop_configs(draft: Draft, names: Sequence[str]) -> None:
    if not lists.keep(draft.body.configs, lambda reference: reference.config_name not in names):
        raise InvalidValue(f"the service has no config {', '.join(names)}")


def set_log_driver(draft: Draft, name: str) -> None:
    draft.spec.task.log_driver.name = name


def put_log_options(draft: Draft, given: Sequence[str]) -> None:
    lists.put_pairs(draft.spec.task.log_driver.options, given)
