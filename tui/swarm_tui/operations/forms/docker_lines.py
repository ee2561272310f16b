"""`docker run …` and `docker service create …` as drafts: what people paste into the form.

Rules
1. A line is split as a shell splits it; a backslash at the end of a line goes on with the next. Variables and commands within are not filled in.
2. `service create` is read by the table of our own command's flags (`service_flags`), and `run` is turned into those flags.
3. An option that has no counterpart in a service is named, never dropped in silence; one that docker does not have is refused.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm_core.api.typed_paths import path_of
from swarm_core.specs import service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.notation import words as split_words

from swarm_tui.operations import service_flags
from swarm_tui.operations.forms import volumes

_ENGINES: Final = ("docker", "podman", "nerdctl")
_RUN: Final = (("run",), ("container", "run"), ("create",), ("container", "create"))
_SERVICE: Final = (("service", "create"),)
_TRUE: Final = ("", "true", "1")


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says. `lost` are the options without a counterpart."""

    draft: Draft
    what: str
    lost: tuple[str, ...]


@dataclass(slots=True)
class _Given:
    """Options on their way to the table of flags."""

    flags: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    name: str = ""

    def put(self, flag: str, value: Any) -> None:
        """Give a flag a value, or one more."""
        known = _FLAGS[flag]
        if known.type == list[str]:
            self.flags.setdefault(flag, []).append(value)
        else:
            self.flags[flag] = value


_FLAGS: Final = {flag.name: flag for flag in service_flags.CREATE}


def is_line(text: str) -> bool:
    """Whether it begins like such a line."""
    return bool(re.match(rf"\s*(?:[$#] *)?(?:sudo +)?(?:{'|'.join(_ENGINES)}) +\w", text))


def read(text: str) -> Line:
    """The draft of a service. Raises InvalidValue, whose message is a whole sentence without its full stop."""
    words = split_words(re.sub(r"\\\s*\n", " ", text).replace("\n", " "))
    while words and (words[0] in ("$", "#", "sudo") or words[0] in _ENGINES):
        words.pop(0)
    for commands, what, options in (
        (_RUN, "docker run", _run_options),
        (_SERVICE, "docker service create", _service_options),
    ):
        for command in commands:
            if tuple(words[: len(command)]) == command:
                return _read(words[len(command) :], what, options())
    raise InvalidValue("this is neither docker run nor docker service create")


Put = Callable[[_Given, str], None]


@dataclass(frozen=True, slots=True)
class _Option:
    """`put` takes the value: "true" or "false" of one that is a switch."""

    put: Put
    is_switch: bool = False


def _read(words: Sequence[str], what: str, options: Mapping[str, _Option]) -> Line:
    given = _Given()
    rest = list(words)
    for name, value, option in _scanned(rest, what, options):
        try:
            option.put(given, value)
        except InvalidValue as error:
            raise InvalidValue(f"{name}: {error}") from None
    if not rest:
        raise InvalidValue(f"{what} names no image")
    draft = Draft.new("container")
    task.set_program(draft, rest)
    service.set_name(draft, given.name)
    _alias(given)
    service_flags.apply(draft, service_flags.CREATE, given.flags)
    return Line(draft, what, tuple(dict.fromkeys(given.lost)))


def _scanned(
    words: list[str], what: str, options: Mapping[str, _Option]
) -> Iterator[tuple[str, str, _Option]]:
    """Name, value and option of each that stands before the image. It takes them out of `words`."""
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            return
        if word.startswith("--"):
            name, is_given, value = word.partition("=")
            option = _known(name, what, options)
            if not is_given:
                value = "true" if option.is_switch else _next(words, name)
            yield name, value, option
        else:
            yield from _short(word, words, what, options)


def _short(
    word: str, words: list[str], what: str, options: Mapping[str, _Option]
) -> Iterator[tuple[str, str, _Option]]:
    """Short options: several switches in one word, or one with its value behind it."""
    letters = word[1:]
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        option = _known(name, what, options)
        if option.is_switch:
            yield name, "true", option
        else:
            yield name, letters.removeprefix("=") or _next(words, name), option
            return


def _known(name: str, what: str, options: Mapping[str, _Option]) -> _Option:
    if name not in options:
        raise InvalidValue(f"{what} has no option {name}")
    return options[name]


def _next(words: list[str], name: str) -> str:
    if not words:
        raise InvalidValue(f"{name} needs a value")
    return words.pop(0)


def _to(flag: str, form: Callable[[str], str] = str) -> _Option:
    """Into a flag of ours; `form` turns the text into what the flag takes."""
    if _FLAGS[flag].type is bool:
        return _Option(lambda given, value: given.put(flag, value.lower() in _TRUE), is_switch=True)
    return _Option(lambda given, value: given.put(flag, form(value)))


def _lost(name: str, *, is_switch: bool = False) -> _Option:
    """Named as it was written."""

    def put(given: _Given, value: str) -> None:
        if not is_switch or value.lower() in _TRUE:
            given.lost.append(name if is_switch else f"{name} {value}")

    return _Option(put, is_switch)


def _nothing(*, is_switch: bool) -> _Option:
    """What says nothing about the service itself."""
    return _Option(lambda given, value: None, is_switch)


def _set_name(given: _Given, value: str) -> None:
    given.name = value


def _service_options() -> dict[str, _Option]:
    """Our own command's flags, under all the names that they have."""
    found = {"--name": _Option(_set_name)}
    for flag in service_flags.CREATE:
        names = [one.partition("/")[0] for one in flag.declarations]
        found |= dict.fromkeys(names, _to(flag.name))
    for name in ("--detach", "-d", "--quiet", "-q", "--with-registry-auth", "--no-resolve-image"):
        found[name] = _nothing(is_switch=True)
    found["--isolation"] = _lost("--isolation")
    found["--credential-spec"] = _lost("--credential-spec")
    return found


# -- docker run ----------------------------------------------------------------------------------------

_SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "env": ("-e", "--env"), "env_file": ("--env-file",), "mount": ("--mount",), "user": ("-u", "--user"),
    "workdir": ("-w", "--workdir"), "hostname": ("-h", "--hostname"), "entrypoint": ("--entrypoint",),
    "container_label": ("-l", "--label"), "health_cmd": ("--health-cmd",), "health_interval": ("--health-interval",),
    "health_timeout": ("--health-timeout",), "health_retries": ("--health-retries",), "health_start_period": ("--health-start-period",),
    "health_start_interval": ("--health-start-interval",), "no_healthcheck": ("--no-healthcheck",), "stop_signal": ("--stop-signal",),
    "log_driver": ("--log-driver",), "log_opt": ("--log-opt",), "read_only": ("--read-only",), "init": ("--init",), "tty": ("-t", "--tty"),
    "cap_add": ("--cap-add",), "cap_drop": ("--cap-drop",), "sysctl": ("--sysctl",), "ulimit": ("--ulimit",), "dns": ("--dns",),
    "dns_search": ("--dns-search",), "dns_option": ("--dns-opt", "--dns-option"), "host": ("--add-host",), "group": ("--group-add",),
    "limit_memory": ("-m", "--memory"), "reserve_memory": ("--memory-reservation",), "limit_cpu": ("--cpus",), "limit_pids": ("--pids-limit",),
    "oom_score_adj": ("--oom-score-adj",),
}  # fmt: skip
"""Our flag, and how docker run calls it."""
_OF_CONTAINERS: Final = ("z", "Z", "cached", "delegated", "consistent")
"""Options of -v that mounts of services do not have."""
_WITHOUT_VALUE: Final = (
    "--privileged",
    "--rm",
    "-i",
    "--interactive",
    "-P",
    "--publish-all",
    "--oom-kill-disable",
    "--no-healthcheck",
)
_WITH_VALUE: Final = (
    "--device", "--gpus", "--ipc", "--pid", "--shm-size", "--link", "--volumes-from", "--cpu-shares", "-c", "--cpuset-cpus", "--cpuset-mems",
    "--cpu-period", "--cpu-quota", "--security-opt", "--userns", "--uts", "--mac-address", "--ip", "--ip6", "--link-local-ip", "--expose", "--cidfile",
    "--platform", "--pull", "--memory-swap", "--memory-swappiness", "--kernel-memory", "--cgroup-parent", "--cgroupns", "--runtime", "--storage-opt",
    "--domainname", "--isolation", "--blkio-weight", "--blkio-weight-device", "--device-cgroup-rule", "--device-read-bps", "--device-write-bps",
    "--device-read-iops", "--device-write-iops", "--detach-keys", "-a", "--attach", "--annotation", "--volume-driver", "--label-file",
)  # fmt: skip


def _run_options() -> dict[str, _Option]:
    found = {name: _lost(name, is_switch=True) for name in _WITHOUT_VALUE}
    found |= {name: _lost(name) for name in _WITH_VALUE}
    for flag, names in _SAME.items():
        found |= dict.fromkeys(names, _to(flag))
    found |= dict.fromkeys(("-d", "--detach", "-q", "--quiet", "--sig-proxy"), _nothing(is_switch=True))
    found |= dict.fromkeys(("-p", "--publish"), _Option(_publish))
    found |= dict.fromkeys(("-v", "--volume"), _Option(_volume))
    found |= dict.fromkeys(("--network", "--net"), _Option(_network))
    found |= dict.fromkeys(
        ("--network-alias", "--net-alias"), _Option(lambda given, value: given.aliases.append(value))
    )
    found["--name"] = _Option(_set_name)
    found["--restart"] = _Option(_restart)
    found["--stop-timeout"] = _to("stop_grace_period", lambda text: f"{text}s")
    found["--tmpfs"] = _Option(_tmpfs)
    return found


def _publish(given: _Given, text: str) -> None:
    """[ADDRESS:][PUBLISHED:]TARGET: services publish on every address."""
    head, _, target = text.rpartition(":")
    address, has_address, published = head.rpartition(":")
    if has_address:
        given.lost.append(f"the address {address} of -p {text}")
        text = f"{published}:{target}".removeprefix(":")
    given.put("publish", text)


def _volume(given: _Given, text: str) -> None:
    """In the options of a mount; a path that begins with a dot or a tilde is one of this machine."""
    source, colon, rest = text.partition(":")
    if colon and source.startswith("~"):
        source = str(path_of(source))
    elif colon and source.startswith("."):
        source = os.path.normpath(Path.cwd() / source)
    target, _, options = rest.partition(":")
    words = options.split(",") if options else []
    given.lost += [f"{word} of -v {text}" for word in words if word in _OF_CONTAINERS]
    kept = ",".join(word for word in words if word not in _OF_CONTAINERS)
    given.put("mount", volumes.long_form(":".join(filter(None, (f"{source}{colon}{target}", kept)))))


def _tmpfs(given: _Given, text: str) -> None:
    target, _, options = text.partition(":")
    found = f"type=tmpfs,target={target}"
    for word in options.split(",") if options else ():
        name, _, value = word.partition("=")
        if name in ("size", "mode"):
            found += f",tmpfs-{name}={value}"
        elif word != "rw":
            given.lost.append(f"{word} of --tmpfs {text}")
    given.put("mount", found)


def _network(given: _Given, text: str) -> None:
    if text in ("bridge", "default"):
        return
    if text.startswith("container:"):
        given.lost.append(f"--network {text}")
        return
    given.put("network", text)


def _alias(given: _Given) -> None:
    """Further names are those in the one network."""
    networks = given.flags.get("network", [])
    if given.aliases and not networks:
        given.lost += [f"--network-alias {one}" for one in given.aliases]
    elif given.aliases:
        first = networks[0] if "=" in networks[0] else f"name={networks[0]}"
        networks[0] = ",".join([first, *(f"alias={one}" for one in given.aliases)])


def _restart(given: _Given, text: str) -> None:
    word, _, attempts = text.partition(":")
    known = {"no": "none", "always": "any", "unless-stopped": "any", "on-failure": "on-failure"}
    if word not in known:
        raise InvalidValue(f"{text!r} is none of no, always, unless-stopped, on-failure[:N]")
    given.put("restart_condition", known[word])
    if attempts:
        given.put("restart_max_attempts", attempts)
