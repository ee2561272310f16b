"""Whether a program can do its work: named checks, as `/readyz` tells them (docs/design/metrics.md M.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_TEXT_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so. `trouble` is a clause that says what is not; empty where all is well."""

    name: str
    trouble: str = ""

    @property
    def is_fine(self) -> bool:
        return not self.trouble


def told(checks: Iterable[Check]) -> tuple[bool, str]:
    """Whether all is well, and a line for each check and one for all."""
    found = list(checks)
    is_fine = all(one.is_fine for one in found)
    lines = [
        f"[+]{one.name} ok" if one.is_fine else f"[-]{one.name} failed: {one.trouble[:_TEXT_MAX]}"
        for one in found
    ]
    return is_fine, "\n".join([*lines, "ready" if is_fine else "not ready"]) + "\n"


def heard(text: str) -> list[Check]:
    """The checks that another program's `told` tells."""
    found = []
    for line in text.splitlines():
        name, _, rest = line[3:].partition(" ")
        if line.startswith("[+]"):
            found.append(Check(name))
        elif line.startswith("[-]"):
            found.append(Check(name, rest.removeprefix("failed: ") or "it does not say why"))
    return found
