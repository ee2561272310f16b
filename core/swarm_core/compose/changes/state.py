"""What was applied, kept in the cluster as a config: source of drift, of history and of undo (docs/design/stacks.md 12.9).

The document is the normal form. Of secrets it holds hashes alone, with the salt that they were made with.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.compose.convert.names import Namespace
from swarm_core.compose.reading.errors import Unreadable
from swarm_core.specs.payload import CONFIG_BYTES_END

STATE: Final = "swarmtui.stack.state"
"""The label of such configs; its value is their number."""
KEPT: Final = 5
_FORMAT: Final = 1
_PLAIN_MAX: Final = CONFIG_BYTES_END // 2
_PACKED: Final = b"zlib:"
_UNPACKED_MAX: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class State:
    """One application of a stack."""

    number: int
    salt: bytes
    document: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Hashes of contents by the secret's name in the swarm."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names that were made up, by "secret NAME" or "config NAME"."""
    services: Mapping[str, str] = field(default_factory=dict)
    """The specs of the services, without ids, as text: what drift is measured against."""

    def is_like(self, other: "State | None") -> bool:
        """Whether both say the same."""
        if other is None:
            return False
        mine = (self.salt, self.document, self.secrets, self.names, self.services)
        return mine == (other.salt, other.document, other.secrets, other.names, other.services)

    def service_specs(self) -> dict[str, specs_pb2.ServiceSpec]:
        """The specs by the services' names in the swarm."""
        return {
            name: specs_pb2.ServiceSpec.FromString(base64.b64decode(text))
            for name, text in self.services.items()
        }

    def spec(self, space: Namespace) -> specs_pb2.ConfigSpec:
        """The config that keeps it."""
        found = specs_pb2.ConfigSpec()
        found.annotations.name = name_of(space, self.number)
        found.annotations.labels.update(space.labels({STATE: str(self.number)}))
        said = {
            "format": _FORMAT,
            "number": self.number,
            "salt": self.salt.hex(),
            "secrets": dict(self.secrets),
            "names": dict(self.names),
            "services": dict(self.services),
            "document": self.document,
        }
        data = json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
        found.data = data if len(data) <= _PLAIN_MAX else _PACKED + base64.b64encode(zlib.compress(data))
        return found


def spec_text(spec: specs_pb2.ServiceSpec) -> str:
    """A spec as text."""
    return base64.b64encode(spec.SerializeToString(deterministic=True)).decode()


def name_of(space: Namespace, number: int) -> str:
    """The name of the config of that number."""
    return f"{space.stack}.swarmtui.{number}"


def read(config: objects_pb2.Config) -> State:
    """What a config keeps. Raises Unreadable."""
    name = config.spec.annotations.name
    try:
        said = json_of(_unpacked(config.spec.data))
        if said["format"] != _FORMAT:
            raise Unreadable(f"config {name} was written by a newer version of this program")
        return State(
            int(said["number"]),
            bytes.fromhex(said["salt"]),
            said["document"],
            said["secrets"],
            said["names"],
            said["services"],
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"config {name} keeps no state of a stack that can be read") from None


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_PACKED):
        return data
    unpacker = zlib.decompressobj()
    return unpacker.decompress(base64.b64decode(data.removeprefix(_PACKED)), _UNPACKED_MAX)


def is_state(config: objects_pb2.Config) -> bool:
    """Whether a config is one of these."""
    return re.fullmatch(r"[0-9]{1,9}", config.spec.annotations.labels.get(STATE, "")) is not None


def newest_first(configs: Iterable[objects_pb2.Config]) -> list[objects_pb2.Config]:
    """Those that keep a state, the last one first."""
    found = [config for config in configs if is_state(config)]
    return sorted(found, key=lambda config: -int(config.spec.annotations.labels[STATE]))


def last(configs: Iterable[objects_pb2.Config]) -> State | None:
    """The last one; None for a stack that this program never applied. Raises Unreadable."""
    found = newest_first(configs)
    return read(found[0]) if found else None
