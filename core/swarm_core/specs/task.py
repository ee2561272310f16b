"""Setters of what every task has, in a container or as a process: command, environment, user, secrets, how it is stopped."""

from collections.abc import Mapping, Sequence

from swarm_core.api.proto import types_pb2
from swarm_core.specs import lists, notation, parts
from swarm_core.specs.draft import Draft


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
    """Add or replace variables; of `inherited` see `notation.variables`. A name without any value stays where a container takes
    it as the order to have no such variable, whatever its image says."""
    _put(draft, notation.variables(given, inherited, keeps_unset=draft.process is None))


def put_env_lines(draft: Draft, lines: Sequence[str], inherited: Mapping[str, str]) -> None:
    """The lines of an environment file: blank ones and those that begin with # say nothing, and a name that we have no value for
    says nothing either."""
    entries = [line.lstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    _put(draft, notation.variables(entries, inherited))


def _put(draft: Draft, entries: Sequence[str]) -> None:
    """Of entries of one name the last one counts."""
    new: dict[str, str] = {}
    for entry in entries:
        new.pop(_variable(entry), None)
        new[_variable(entry)] = entry
    drop_env(draft, list(new))
    draft.body.env.extend(new.values())


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
    lists.keep(draft.body.secrets, lambda reference: reference.secret_name not in names)


def drop_configs(draft: Draft, names: Sequence[str]) -> None:
    """The config of a credential spec, which is no file, goes with that spec alone."""
    lists.keep(
        draft.body.configs,
        lambda reference: reference.config_name not in names or reference.WhichOneof("target") == "runtime",
    )


def set_log_driver(draft: Draft, name: str) -> None:
    """Another log driver, without the options of the one before."""
    draft.spec.task.log_driver.CopyFrom(types_pb2.Driver(name=name))


def put_log_options(draft: Draft, given: Sequence[str], inherited: Mapping[str, str] | None = None) -> None:
    """Options of the log driver; a name alone takes its value from `inherited`."""
    entries = notation.variables(given, inherited, keeps_unset=True)
    lists.put_pairs(draft.spec.task.log_driver.options, entries)
