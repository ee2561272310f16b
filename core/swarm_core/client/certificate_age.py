"""For how long certificates are valid, for people's programs."""

from dataclasses import dataclass

from swarm_core.ca import certificates
from swarm_core.ca.errors import InvalidCertificate

_NS: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when, in nanoseconds since 1970."""

    start_ns: int
    end_ns: int

    def left(self, now_ns: int) -> float:
        """Which share of its time is left: 1 at the beginning, 0 or less at the end."""
        return (self.end_ns - now_ns) / max(self.end_ns - self.start_ns, 1)


def validity(data: bytes) -> Validity | None:
    """That of the first certificate of a PEM chain; None where there is none that can be read."""
    try:
        leaf = certificates.parse(data)[0]
    except InvalidCertificate:
        return None
    start, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    return Validity(int(start) * _NS, int(end) * _NS)
