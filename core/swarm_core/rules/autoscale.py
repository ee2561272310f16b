"""How many tasks a service is to have, by what its tasks use (docs/design/plans.md 13.10). Pure: from a policy and figures to a number and why.

Rules
1. Never fewer than `least` or more than `most`.
2. More tasks when what is used now is more than a tenth over the target: so many that it would be at the target. Fewer only when the most that was used over
   a while would still be a tenth below the target with fewer. Between the two nothing changes, so that no load within a tenth of the one decided on
   is answered the other way.
3. Where cpu and memory both have targets, the one that needs more tasks decides.
4. After any change of the service nothing is decided for a while: for less when more tasks are needed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

POLICY: Final = "swarmtui.autoscale"
"""The label of a service with its policy, as in "cpu=70% min=2 max=10"."""
SLACK: Final = 0.1
UP_AFTER_S: Final = 60.0
DOWN_AFTER_S: Final = 300.0
_ROUNDING: Final = 1e-9
_PERCENT: Final = re.compile(r"([0-9]{1,4})%?")
_NUMBER: Final = re.compile(r"[0-9]{1,7}")


def percent(text: str) -> float | None:
    """A share as people write it, "70%" or "70": 0.7; None for anything else, and for nothing."""
    match = _PERCENT.fullmatch(text.strip())
    return int(match[1]) / 100 if match and int(match[1]) else None


@dataclass(frozen=True, slots=True)
class Policy:
    """`targets` are shares of what a task may use, by "cpu" or "memory"."""

    least: int
    most: int
    targets: Mapping[str, float]

    def __str__(self) -> str:
        shares = [f"{name}={share:.0%}" for name, share in sorted(self.targets.items())]
        return " ".join([*shares, f"min={self.least}", f"max={self.most}"])


def parse(text: str) -> Policy | None:
    """A policy as its label says it; None where that cannot be read."""
    words = dict(word.partition("=")[::2] for word in text.split())
    numbers = [words.pop(name, "") for name in ("min", "max")]
    targets = {name: share for name, said in words.items() if (share := percent(said)) is not None}
    is_whole = len(targets) == len(words) and targets.keys() <= {"cpu", "memory"}
    if not targets or not is_whole or not all(_NUMBER.fullmatch(one) for one in numbers):
        return None
    least, most = map(int, numbers)
    return Policy(least, most, targets) if 1 <= least <= most else None


@dataclass(frozen=True, slots=True)
class Load:
    """What all tasks use together, 1.0 being all that one may use: now, and the most over the last DOWN_AFTER_S."""

    now: float
    high: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The number of tasks from now on, and why in half a sentence with the numbers. `is_waiting`: another number was due but for rule 4."""

    count: int
    why: str
    is_waiting: bool = False


def decide(policy: Policy, count: int, loads: Mapping[str, Load], since_s: float) -> Decision:
    """`count` is how many tasks there are, `loads` hold a load for each target, and `since_s` is how long ago the service changed."""
    if count < policy.least:
        return Decision(policy.least, f"min is {policy.least}")
    if count > policy.most:
        return Decision(policy.most, f"max is {policy.most}")
    rise = {name: _rise(count, target, loads[name]) for name, target in policy.targets.items()}
    fall = {name: _fall(target, loads[name]) for name, target in policy.targets.items()}
    name = max(rise, key=lambda one: rise[one])
    why = f"{name} {loads[name].now / count:.0%} of {policy.targets[name]:.0%}"
    if rise[name] > count:
        return _bounded(policy, count, rise[name], why, UP_AFTER_S - since_s)
    name = max(fall, key=lambda one: fall[one])
    if fall[name] < count:
        most = f"{name} at most {loads[name].high / count:.0%} of {policy.targets[name]:.0%} in {DOWN_AFTER_S / 60:.0f}m"
        return _bounded(policy, count, fall[name], most, DOWN_AFTER_S - since_s)
    return Decision(count, why)


def _rise(count: int, target: float, load: Load) -> int:
    if load.now <= count * target * (1 + SLACK):
        return 0
    return math.ceil(load.now / target - _ROUNDING)


def _fall(target: float, load: Load) -> int:
    return math.ceil(max(load.high, load.now) / (target * (1 - SLACK)) - _ROUNDING)


def _bounded(policy: Policy, count: int, wanted: int, why: str, left_s: float) -> Decision:
    new = min(max(wanted, policy.least), policy.most)
    if new == count:
        bound = f"max is {policy.most}" if wanted > count else f"min is {policy.least}"
        return Decision(count, f"{why}, {bound}")
    if left_s > 0:
        return Decision(count, f"{why}, {new} tasks in {math.ceil(left_s)}s if it stays so", is_waiting=True)
    return Decision(new, why)
