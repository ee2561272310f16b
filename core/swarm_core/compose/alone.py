"""One service as a text of its own, and the way back: the twin of the form, and what an editor is given (docs/design/terminal.md 11.21).

The text is a compose file of one service. Networks, volumes, secrets and configs are the swarm's, called as they are there, and need no
definition; one that the text defines is taken for the swarm's of that name. What a compose file has no word for is left out here: who
reads a changed text lays the difference over the spec that the text was written from (`specs.merge`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.compose.changes.binding import bound
from swarm_core.compose.changes.held import Held
from swarm_core.compose.convert import networks
from swarm_core.compose.convert.names import IMAGE, NoNamespace
from swarm_core.compose.convert.payloads import Payloads
from swarm_core.compose.convert.services import Stack, service
from swarm_core.compose.dump import dump_as_it_is
from swarm_core.compose.export import export_alone
from swarm_core.compose.project import Options, Project, Source, load
from swarm_core.compose.reading.errors import ComposeError, Unsound
from swarm_core.compose.reading.notes import Note
from swarm_core.compose.reading.values import Map
from swarm_core.specs import texts

_FILE: Final = "text"
_PLACED: Final = re.compile(rf"{_FILE}:(\d+):\d+: (.*)", re.DOTALL)
_FIRST: Final[tuple[str, ...]] = (
    "image", "x-process", "entrypoint", "command", "environment", "ports", "networks", "volumes", "secrets", "configs",
)  # fmt: skip
_LAST: Final[str] = "deploy"
_PLAIN_FILE: Final = {"uid": "0", "gid": "0", "mode": 0o444}


@dataclass(frozen=True, slots=True)
class Alone:
    """What a text says. `others` are services of the text that were passed over."""

    spec: specs_pb2.ServiceSpec
    notes: tuple[Note, ...] = ()
    others: tuple[str, ...] = ()
    made_here: tuple[str, ...] = ()
    """Networks, secrets and the like that the text would make; here they have to be there."""


class WrongText(ValueError):
    """The text is no service. `line` is where, 0 where that is not known."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {text}" if line else text)
        self.text = text
        self.line = line


def write(spec: specs_pb2.ServiceSpec, held: Held) -> str:
    """The service as a compose file."""
    found, _ = export_alone(spec, held)
    _shorten(found)
    kept = {key: found[key] for key in _FIRST if key in found}
    kept |= {key: value for key, value in sorted(found.items()) if key not in (*_FIRST, _LAST)}
    kept |= {_LAST: found[_LAST]} if found.get(_LAST) else {}
    return dump_as_it_is({"services": {spec.annotations.name or "unnamed": kept}})


def lost(spec: specs_pb2.ServiceSpec, held: Held) -> list[str]:
    """What of the service the text does not say."""
    return export_alone(spec, held)[1]


def read(
    text: str,
    held: Held,
    *,
    variables: Mapping[str, str] | None = None,
    folder: str = "/",
    read_file: Callable[[str], bytes] | None = None,
    is_bound: bool = True,
) -> Alone:
    """The service that the text describes, the first of several; with `variables` they are put in. What it refers to has its id, or
    its name still where it is not to be bound. Raises WrongText."""

    def nothing(path: str) -> bytes:
        raise OSError(f"{path} is not looked at here")

    options = Options(
        folder, variables or {}, read_file or nothing, ("*",), is_interpolated=variables is not None
    )
    try:
        project = load([Source(_FILE, text.encode())], options)
        return _read(project, held, is_bound=is_bound)
    except ComposeError as error:
        raise _wrong(error) from None


def _wrong(error: ComposeError) -> WrongText:
    placed = _PLACED.match(str(error).split("\n")[0])
    return WrongText(placed[2], int(placed[1])) if placed else WrongText(str(error))


def _read(project: Project, held: Held, *, is_bound: bool) -> Alone:
    services = project.section("services")
    if not services:
        raise Unsound("there is no service in it", services.mark)
    name, *others = services
    given: Map = services[name]
    space = NoNamespace()
    stack = Stack(
        space, _networks(project, given), _volumes(project, given), _payloads(project, given, "secrets"),
        _payloads(project, given, "configs"),
    )  # fmt: skip
    attached = given.get("networks")
    spec = service(name, given, stack)
    spec.annotations.labels.pop(IMAGE, None)
    del spec.task.networks[:]
    if attached:
        spec.task.networks.extend(_attachments(name, attached, stack.networks))
    if is_bound:
        _check_found(spec, given, stack, held)
        spec = bound(spec, held)
    return Alone(spec, tuple(project.notes), tuple(others), tuple(_made_here(project)))


def _attachments(name: str, given: Any, defined: Map) -> list[types_pb2.NetworkAttachmentConfig]:
    """Without the alias that services of stacks have by themselves."""
    found = networks.attachments(name, given, defined, NoNamespace())
    for one in found:
        if one.aliases and one.aliases[-1] == name:
            one.aliases.pop()
    return found


def _external(name: str) -> Map:
    definition = Map()
    definition.put("external", True)
    definition.put("name", name)
    return definition


def _networks(project: Project, given: Map) -> Map:
    """All that are named anywhere, as networks of the swarm."""
    found = Map()
    for name in given.get("networks") or ():
        found.put(name, _external(name))
    for short, definition in project.section("networks").items():
        found.put(short, _external((definition or {}).get("name") or short))
    return found


def _volumes(project: Project, given: Map) -> Map:
    """Those that the text defines, as it does; of the others only the name is known."""
    found = Map()
    for mount in given.get("volumes") or ():
        source = mount.get("source", "")
        if source:
            found.put(source, _external(source))
    for short, definition in project.section("volumes").items():
        found.put(short, definition if definition is not None else Map())
    return found


def _payloads(project: Project, given: Map, section: str) -> Payloads[Any]:
    named = {one["source"]: one["source"] for one in given.get(section) or ()}
    for short, definition in project.section(section).items():
        named[short] = definition.get("name") or short
    credentials = given.get("credential_spec") or {}
    if section == "configs" and credentials.get("config"):
        named.setdefault(credentials["config"], credentials["config"])
    return Payloads(external=named)


def _made_here(project: Project) -> list[str]:
    return [
        f"{section[:-1]} {name}"
        for section in ("networks", "secrets", "configs")
        for name, definition in project.section(section).items()
        if not (definition or {}).get("external")
    ]


def _check_found(spec: specs_pb2.ServiceSpec, given: Map, stack: Stack, held: Held) -> None:
    """What the swarm does not have is told where it stands."""
    attached = given.get("networks") or {}
    for name in attached:
        full = networks.full_name(name, stack.networks, stack.space)
        if full not in held.networks:
            at = attached.at(name) if isinstance(attached, Map) else given.at("networks")
            raise Unsound(f"there is no network {full}", at)
    for section, payloads, there in (
        ("secrets", stack.secrets, held.secrets),
        ("configs", stack.configs, held.configs),
    ):
        for entry in given.get(section) or ():
            named = payloads.full_name(entry["source"])
            if named not in there:
                raise Unsound(f"there is no {section[:-1]} {named}", entry.mark)


def _shorten(found: dict[str, Any]) -> None:
    """The short forms, where they say the same."""
    if "ports" in found:
        found["ports"] = [_port(one) for one in found["ports"]]
    if "volumes" in found:
        found["volumes"] = [_mount(one) for one in found["volumes"]]
    for section in ("secrets", "configs"):
        if section in found:
            found[section] = [_payload(one) for one in found[section]]
    attached = found.get("networks")
    if attached and not any(attached.values()):
        found["networks"] = list(attached)
    deploy = found.get("deploy") or {}
    if deploy.get("mode") == "replicated":
        del deploy["mode"]
    for amounts in (deploy.get("resources") or {}).values():
        if "memory" in amounts:
            amounts["memory"] = texts.byte_count(int(amounts["memory"]))


def _port(given: Mapping[str, Any]) -> Any:
    if given["mode"] != "ingress":
        return given
    published = f"{given['published']}:" if "published" in given else ""
    return f"{published}{given['target']}{'' if given['protocol'] == 'tcp' else '/' + given['protocol']}"


def _mount(given: Mapping[str, Any]) -> Any:
    source, target = given.get("source", ""), given.get("target", "")
    is_short = (
        set(given) <= {"type", "source", "target", "read_only"} and source and ":" not in source + target
    )
    is_file = given["type"] == "bind" and source.startswith("/")
    is_volume = given["type"] == "volume" and not set("/.~\\") & set(source)
    if not (is_short and (is_file or is_volume)):
        return given
    return f"{source}:{target}{':ro' if given.get('read_only') else ''}"


def _payload(given: Mapping[str, Any]) -> Any:
    plain = {"source": given["source"], "target": given["source"], "mode": _PLAIN_FILE["mode"]}
    return given["source"] if given == plain else given
