"""The forms of networks, secrets and configs: their fields, verdicts on them, and the spec that is made. Pure but for the files that hold payloads.

Rules
1. The specs are made by `swarm_core.specs`, as those of the commands.
2. The value of a secret is typed twice and shown to nobody; it stands nowhere but in the spec that is sent.
"""

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.typed_paths import path_of
from swarm_core.specs import checks, lists, network, notation, payload
from swarm_core.specs.errors import InvalidSpec, InvalidValue, SpecError

from swarm_tui.operations import create
from swarm_tui.operations.forms.builders import OFF, ON
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
from swarm_tui.operations.model import Plan
from swarm_tui.resources.format import plural

EMPTY: Final[Texts] = ("",)
TYPED: Final = "typed"
FILE: Final = "file"


@dataclass(frozen=True, slots=True)
class ObjectForm:
    """What is filled in to make an object of one kind."""

    noun: str
    message: type[Message]
    sections: tuple[Section, ...]
    build: Callable[[Typed], Any]
    """The spec. Raises SpecError, or OSError for a file that cannot be read."""
    check: Callable[[Any], None]
    across: Callable[[Typed, Around], Mapping[str, Verdict]] = lambda typed, around: {}
    """Verdicts that need more than one field."""
    doing: str = "new"
    """What is done with what is filled in."""

    @property
    def view(self) -> str:
        """The name of the view in which it is filled in."""
        return f"{self.doing}-{self.noun}"

    @property
    def empty(self) -> dict[str, Texts]:
        """What stands in it at first."""
        return {one.key: one.options[:1] or EMPTY for section in self.sections for one in section.fields}

    def judge(self, typed: Typed, around: Around) -> dict[str, Verdict]:
        """A verdict on every field that means something now."""
        found = {}
        for section in self.sections:
            for one in section.fields:
                if one.applies(typed):
                    found[one.key] = _judged(one, typed.get(one.key, EMPTY), around)
        return found | {key: one for key, one in self.across(typed, around).items() if key in found}

    def plan(self, typed: Typed) -> Plan:
        """What making it comes to; refused with a sentence where it breaks a rule that no field knows."""
        name = line(typed["name"])
        try:
            spec = self.build(typed)
            self.check(spec)
        except SpecError as error:
            return Plan(f"Create {self.noun} {name}", refusals=(f"Could not create {name}: {error}.",))
        except OSError as error:
            told = f"Could not create {name}: the file cannot be read ({error.strerror})."
            return Plan(f"Create {self.noun} {name}", refusals=(told,))
        return create.plan(self.message, spec)


def _judged(one: Field, texts: Texts, around: Around) -> Verdict:
    if one.judge is None:
        return NOTHING_SAID
    try:
        return one.judge(texts, around)
    except InvalidValue as error:
        return bad("cannot be read", f"{error}.")


def _field(key: str, label: str, judge: Judge | None = None, **more: Any) -> Field:
    return Field(key, label, lambda draft: EMPTY, lambda draft, texts: None, judge=judge, **more)


def _switch(key: str, label: str, text: str) -> Field:
    return _field(key, label, options=(OFF, ON), help=text)


def _name(message: Any, noun: str, check: Callable[[types_pb2.Annotations], None]) -> Judge:
    def judge(texts: Texts, around: Around) -> Verdict:
        text = line(texts)
        if not text:
            return bad("needed")
        try:
            check(types_pb2.Annotations(name=text))
        except InvalidSpec as error:
            return bad("letters, digits, - and _", f"{error}.")
        if any(one.spec.annotations.name == text for one in around.view.objects(message)):
            return bad("taken", f"There is a {noun} {text} already.")
        return Verdict("✓ free", "ok")

    return judge


def _pairs(texts: Texts, around: Around) -> Verdict:
    notation.pairs(rows(texts))
    return NOTHING_SAID


_LABELS: Final = _field(
    "labels", "Label", _pairs, is_list=True, hint="team=web", help="KEY=VALUE, a row each."
)

# -- networks ------------------------------------------------------------------------------------------


def _subnets(texts: Texts, around: Around) -> Verdict:
    """Whether they are subnets, and whose addresses they would take."""
    wanted = rows(texts)
    if not wanted:
        return Verdict("a free one is chosen")
    network.set_addressing(specs_pb2.NetworkSpec(), network.Addressing(wanted))
    for text in wanted:
        for other in around.view.objects(objects_pb2.Network):
            for config in other.ipam.configs or other.spec.ipam.configs:
                if _overlap(text, config.subnet):
                    name = other.spec.annotations.name
                    told = f"{text} has addresses in common with {config.subnet} of the network {name}."
                    return bad(f"overlaps {name}", told)
    return Verdict("✓ free", "ok")


def _overlap(text: str, subnet: str) -> bool:
    try:
        return network.overlap(ip_network(text, strict=False), ip_network(subnet, strict=False))
    except ValueError:
        return False


def _network(typed: Typed) -> specs_pb2.NetworkSpec:
    spec = specs_pb2.NetworkSpec(
        attachable=_is_on(typed, "attachable"),
        internal=_is_on(typed, "internal"),
        ipv6_enabled=_is_on(typed, "ipv6"),
    )
    network.set_name(spec, line(typed["name"]))
    lists.put_pairs(spec.annotations.labels, rows(typed["labels"]))
    options = notation.pairs(rows(typed["options"]))
    if _is_on(typed, "encrypted"):
        options.setdefault("encrypted", "")
    network.set_driver(spec, line(typed["driver"]), options)
    network.set_ipam_driver(spec, network.DEFAULT_IPAM, {})
    network.set_addressing(
        spec, network.Addressing(rows(typed["subnets"]), rows(typed["ranges"]), rows(typed["gateways"]))
    )
    return spec


def _is_on(typed: Typed, key: str) -> bool:
    return line(typed.get(key, EMPTY)) == ON


def _addresses(typed: Typed, around: Around) -> Mapping[str, Verdict]:
    """Ranges and gateways have to lie in the subnets."""
    found = {}
    subnets = rows(typed["subnets"])
    for key, given in (
        ("ranges", network.Addressing(subnets, ranges=rows(typed["ranges"]))),
        ("gateways", network.Addressing(subnets, gateways=rows(typed["gateways"]))),
    ):
        try:
            network.set_addressing(specs_pb2.NetworkSpec(), given)
        except InvalidValue as error:
            found[key] = bad("not in a subnet", f"{error}.")
    return found


NETWORK: Final = ObjectForm(
    "network",
    objects_pb2.Network,
    (
        Section(
            "",
            (
                _field("name", "Name", _name(objects_pb2.Network, "network", checks.check_name), hint="letters, digits, - and _",
                       help="What the network is called in this cluster."),
                _field("driver", "Driver", options=(network.OVERLAY, *network.NODE_LOCAL),
                       help="overlay spans all nodes; the others are each node's own."),
                _field("subnets", "Subnet", _subnets, is_list=True, hint="10.5.0.0/16", help="One or several; empty for a free one of the cluster's pool."),
                _switch("attachable", "Attachable", "On lets containers of docker run join."),
                _switch("internal", "Internal", "On has no way out."),
                _switch("encrypted", "Encrypted", "On encrypts what goes from node to node."),
            ),
        ),
        Section(
            "Addresses",
            (
                _field("ranges", "Range", is_list=True, hint="10.5.1.0/24", help="Part of a subnet that addresses are given from."),
                _field("gateways", "Gateway", is_list=True, hint="10.5.0.1", help="Of a subnet; empty for its first address."),
                _switch("ipv6", "IPv6", "On gives IPv6 addresses as well; it needs a subnet of them."),
            ),
        ),
        Section("Options", (_field("options", "Of driver", _pairs, is_list=True, hint="KEY=VALUE", help="KEY=VALUE for the driver."),)),
        Section("Labels", (_LABELS,)),
    ),
    _network,
    network.check,
    _addresses,
)  # fmt: skip


# -- secrets and configs -------------------------------------------------------------------------------


def _is_typed(typed: Typed) -> bool:
    return line(typed.get("source", EMPTY)) == TYPED


def _is_file(typed: Typed) -> bool:
    return line(typed.get("source", EMPTY)) == FILE


def _path(texts: Texts, around: Around) -> Verdict:
    text = line(texts)
    if not text:
        return bad("needed")
    try:
        found = path_of(text).stat()
    except OSError as error:
        return bad("cannot be read", f"The file {text} cannot be read: {error.strerror}.")
    if not stat.S_ISREG(found.st_mode):
        return bad("no file", f"The path {text} is no file.")
    return Verdict(f"✓ {plural(found.st_size, 'byte')}", "ok")


def _value(texts: Texts, around: Around) -> Verdict:
    size = len("\n".join(texts).encode(errors="surrogateescape"))
    return Verdict(plural(size, "byte")) if size else bad("needed")


def _twice(typed: Typed, around: Around) -> Mapping[str, Verdict]:
    """Nobody sees what is typed, so it is typed twice."""
    if not typed["value"][0]:
        return {"again": NOTHING_SAID}
    if not typed["again"][0]:
        return {"again": bad("needed", "Type it a second time.")}
    if typed["again"] != typed["value"]:
        return {"again": bad("differs", "What is typed here is not what is typed above.")}
    return {"again": Verdict("✓ the same", "ok")}


def _data(typed: Typed, *, is_text: bool) -> bytes:
    if _is_file(typed):
        return path_of(line(typed["path"])).read_bytes()
    text = "\n".join(typed["value"]) + ("\n" if is_text else "")
    return text.encode(errors="surrogateescape")


def _payload(typed: Typed, spec_type: Any, *, is_text: bool) -> Any:
    template = line(typed["template"])
    spec = payload.new(
        spec_type, line(typed["name"]), rows(typed["labels"]), template if template != "none" else ""
    )
    spec.data = _data(typed, is_text=is_text)
    return spec


def _payload_fields(message: Any, noun: str, *values: Field) -> tuple[Section, ...]:
    return (
        Section(
            "",
            (
                _field("name", "Name", _name(message, noun, checks.check_item_name), hint="letters, digits, - _ and .",
                       help=f"What the {noun} is called in this cluster. It cannot be changed later."),
                _field("source", "From", options=(TYPED, FILE), help="What is typed here, or a file of this machine."),
                *values,
                _field("path", "File", _path, hint="/etc/app.conf", help="A file of this machine; its bytes are taken as they are.", applies=_is_file),
            ),
        ),
        Section("Labels", (_LABELS,)),
        Section("More", (_field("template", "Template", options=("none", "golang"), help="golang fills {{ }} in for each task."),)),
    )  # fmt: skip


SECRET: Final = ObjectForm(
    "secret",
    objects_pb2.Secret,
    _payload_fields(
        objects_pb2.Secret,
        "secret",
        _field(
            "value",
            "Value",
            _value,
            is_hidden=True,
            applies=_is_typed,
            help="One line; it is shown to nobody.",
        ),
        _field("again", "Once more", is_hidden=True, applies=_is_typed, help="The same again."),
    ),
    lambda typed: _payload(typed, specs_pb2.SecretSpec, is_text=False),
    payload.check,
    lambda typed, around: _twice(typed, around) if _is_typed(typed) else {},
)
CONFIG: Final = ObjectForm(
    "config",
    objects_pb2.Config,
    _payload_fields(
        objects_pb2.Config,
        "config",
        _field(
            "value",
            "Line",
            _value,
            is_list=True,
            applies=_is_typed,
            help="The text, a row a line. Several lines can be pasted.",
        ),
    ),
    lambda typed: _payload(typed, specs_pb2.ConfigSpec, is_text=True),
    payload.check,
)
FORMS: Final = (NETWORK, SECRET, CONFIG)

# -- another content for one that is there ---------------------------------------------------------------

KEPT, REMOVED = "stays", "goes when unused"


def is_pruned(typed: Typed) -> bool:
    """Whether the old one is to go."""
    return line(typed.get("old", EMPTY)) == REMOVED


def file_of(typed: Typed) -> str:
    """The file that the content is in, as it was typed; empty where the content itself was typed."""
    return line(typed["path"]) if _is_file(typed) else ""


def _rotation(form: ObjectForm, *, is_text: bool) -> ObjectForm:
    """Where the content comes from, as in the form of a new one, and what becomes of the old one."""
    taken = tuple(one for one in form.sections[0].fields if one.key != "name")
    old = _field(
        "old",
        "Old one",
        options=(KEPT, REMOVED),
        help="While it stays the rotation can be taken back, by z and by the services.",
    )
    return replace(
        form,
        sections=(Section("", (*taken, old)),),
        build=lambda typed: _data(typed, is_text=is_text),
        check=lambda data: None,
        doing="rotate",
    )


ROTATIONS: Final = (_rotation(SECRET, is_text=False), _rotation(CONFIG, is_text=True))
