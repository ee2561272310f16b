"""What many objects begin with: version and times, name and labels; drivers, platforms and trust (docs/design/engine-api-json.md 14.2)."""

from collections.abc import Callable
from typing import Any, Final

from swarm_core.engine_json.given import UINT64, Given
from swarm_core.engine_json.shape import (
    BASE64,
    MAP,
    PEM,
    TEXT,
    Inline,
    Moment,
    Own,
    Part,
    Row,
    Shape,
    Value,
    integer,
)
from swarm_core.http.version import Version


def _show_nothing(message: Any, out: dict[str, Any], version: Version) -> None:
    pass


def shown_by(shown: Callable[[Any, dict[str, Any], Version], None], *like: Row) -> Own:
    """What clients only read, by a function of its own; `like`: see `Own`."""
    return Own(shown, _read_nothing, like)


def _read_nothing(given: Given, message: Any) -> None:
    """What a client says of it is passed over."""


def shown_only(row: Any) -> Own:
    """A row that clients only read."""
    return shown_by(row.show, row)


def read_only_in(row: Any) -> Own:
    """A row that clients only write."""
    return Own(_show_nothing, row.read)


VERSION: Final = Shape(Value("Index", "index", integer(UINT64)))
META: Final = Shape(
    Part("Version", "version", VERSION, always=True),
    Moment("CreatedAt", "created_at"),
    Moment("UpdatedAt", "updated_at"),
)
ANNOTATIONS: Final = Shape(
    Value("Name", "name", TEXT),
    Value("Labels", "labels", MAP, keep=True),
)
DRIVER: Final = Shape(Value("Name", "name", TEXT), Value("Options", "options", MAP))
PLATFORM: Final = Shape(Value("Architecture", "architecture", TEXT), Value("OS", "os", TEXT))
TLS_INFO: Final = Shape(
    Value("TrustRoot", "trust_root", PEM),
    Value("CertIssuerSubject", "cert_issuer_subject", BASE64),
    Value("CertIssuerPublicKey", "cert_issuer_public_key", BASE64),
)
ID: Final = Value("ID", "id", TEXT, keep=True)
META_ROW: Final = Inline("meta", META)
ANNOTATIONS_ROW: Final = Inline("annotations", ANNOTATIONS)
