"""Setters of what only a container has, and of mounts. Each raises InvalidValue for a service of another runtime; a process takes
cluster volumes alone."""

import re
from collections.abc import Callable, MutableMapping, MutableSequence, Sequence
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import images, lists, notation, parts
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue

_OOM_SCORE_MAX: Final = 1000
Texts = Callable[[specs_pb2.ContainerSpec], MutableSequence[str]]
Pairs = Callable[[specs_pb2.ContainerSpec], MutableMapping[str, str]]


def set_image(draft: Draft, reference: str) -> None:
    draft.container.image = images.familiar(reference)


def pin_image(spec: specs_pb2.TaskSpec, pinned: images.Pinned) -> None:
    """The image with its digest, and the platforms it is made for, as far as they are known."""
    spec.container.image = pinned.image
    if pinned.platforms:
        del spec.placement.platforms[:]
        spec.placement.platforms.extend(pinned.platforms)


def set_registry_auth(draft: Draft, credentials: str) -> None:
    """What nodes show the registry when they pull the image."""
    draft.container.pull_options.registry_auth = credentials


def set_entrypoint(draft: Draft, line: str) -> None:
    draft.container.command[:] = notation.words(line)


def set_hostname(draft: Draft, name: str) -> None:
    draft.container.hostname = name


def set_read_only(draft: Draft, wanted: bool) -> None:
    draft.container.read_only = wanted


def set_init(draft: Draft, wanted: bool) -> None:
    draft.container.init.value = wanted


def set_tty(draft: Draft, wanted: bool) -> None:
    draft.container.tty = wanted


def add_mounts(draft: Draft, given: Sequence[str]) -> None:
    draft.body.mounts.extend(_parsed_mounts(draft, given))


def _parsed_mounts(draft: Draft, given: Sequence[str]) -> list[types_pb2.Mount]:
    found = [parts.mount(text) for text in given]
    if draft.process is not None and any(mount.type != types_pb2.Mount.CLUSTER for mount in found):
        raise InvalidValue("a process sees the files of its machine, and takes mounts of type=cluster alone")
    return found


def replace_mounts(draft: Draft, given: Sequence[str]) -> None:
    """Add, or replace by target; sorted by what is mounted."""
    new = _parsed_mounts(draft, given)
    targets = [mount.target for mount in new]
    if len(set(targets)) < len(targets):
        twice = next(target for target in targets if targets.count(target) > 1)
        raise InvalidValue(f"two mounts have the target {twice!r}")
    drop_mounts(draft, targets)
    draft.body.mounts.extend(new)
    lists.sort(draft.body.mounts, lambda mount: (mount.source, mount.target))


def drop_mounts(draft: Draft, targets: Sequence[str]) -> None:
    lists.keep(draft.body.mounts, lambda mount: mount.target not in targets)
    lists.sort(draft.body.mounts, lambda mount: (mount.source, mount.target))


def add_ulimits(draft: Draft, given: Sequence[str]) -> None:
    """Add or replace by name; sorted by name."""
    new = {limit.name: limit for limit in map(parts.ulimit, given)}
    drop_ulimits(draft, list(new))
    draft.container.ulimits.extend(new.values())
    lists.sort(draft.container.ulimits, lambda limit: limit.name)


def drop_ulimits(draft: Draft, names: Sequence[str]) -> None:
    """Take limits away by name; what stands behind a = is not looked at."""
    gone = {name.partition("=")[0] for name in names}
    lists.keep(draft.container.ulimits, lambda limit: limit.name not in gone)
    lists.sort(draft.container.ulimits, lambda limit: limit.name)


def set_oom_score_adjustment(draft: Draft, text: str) -> None:
    """From -1000, never killed when memory runs out, to 1000, killed first."""
    is_number = re.fullmatch(r"[+-]?[0-9]{1,5}", text) is not None
    if not is_number or abs(int(text)) > _OOM_SCORE_MAX:
        raise InvalidValue(f"{text!r} is no whole number from -{_OOM_SCORE_MAX} to {_OOM_SCORE_MAX}")
    draft.container.oom_score_adj = int(text)


def limit_pids(draft: Draft, text: str) -> None:
    """Most processes in one container, 0 for any number."""
    draft.container.pidsLimit = notation.whole(text, notation.INT64_MAX)


def groups(container: specs_pb2.ContainerSpec) -> MutableSequence[str]:
    return container.groups


def put(
    read: Texts, form: Callable[[str], str] = str, *, is_sorted: bool = False
) -> Callable[[Draft, Sequence[str]], None]:
    """The setter that adds to one of the container's lists, each text in its one form: `put(name_servers, hosts.name_server)`."""

    def setter(draft: Draft, given: Sequence[str]) -> None:
        lists.put(read(draft.container), map(form, given))
        if is_sorted:
            lists.sort(read(draft.container))

    return setter


def drop(read: Texts, *, is_sorted: bool = False) -> Callable[[Draft, Sequence[str]], None]:
    """The setter that takes from one of the container's lists."""

    def setter(draft: Draft, given: Sequence[str]) -> None:
        lists.drop(read(draft.container), given)
        if is_sorted:
            lists.sort(read(draft.container))

    return setter


def put_pairs(read: Pairs) -> Callable[[Draft, Sequence[str]], None]:
    """The setter that adds to one of the container's maps."""
    return lambda draft, given: lists.put_pairs(read(draft.container), given)


def drop_keys(read: Pairs) -> Callable[[Draft, Sequence[str]], None]:
    """The setter that takes from one of the container's maps."""
    return lambda draft, given: lists.drop_keys(read(draft.container), given)


def labels(container: specs_pb2.ContainerSpec) -> MutableMapping[str, str]:
    return container.labels


def sysctls(container: specs_pb2.ContainerSpec) -> MutableMapping[str, str]:
    return container.sysctls


def name_servers(container: specs_pb2.ContainerSpec) -> MutableSequence[str]:
    return container.dns_config.nameservers


def search_domains(container: specs_pb2.ContainerSpec) -> MutableSequence[str]:
    return container.dns_config.search


def dns_options(container: specs_pb2.ContainerSpec) -> MutableSequence[str]:
    return container.dns_config.options


def fill_in(draft: Draft) -> None:
    """What docker's own command sends with every new service, also where nothing is asked for: a tag, empty parts, and that no
    init process runs, whatever the engine's own setting is."""
    spec, container = draft.spec, draft.container
    set_image(draft, container.image)
    spec.endpoint.SetInParent()
    spec.task.placement.SetInParent()
    spec.task.resources.limits.SetInParent()
    spec.task.resources.reservations.SetInParent()
    container.dns_config.SetInParent()
    if not container.HasField("init"):
        container.init.value = False
