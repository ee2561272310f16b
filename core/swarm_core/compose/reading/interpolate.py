"""Variables in a whole file: every text value, never a key (docs/design/stacks.md 12.3).

A text that was changed and stands where a number or a boolean belongs becomes one. Every fault of a file is told, not only the first.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from swarm_core.compose.reading.errors import WrongVariable, joined
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.substitution import Malformed, Missing, Used, substitute
from swarm_core.compose.reading.values import Map, Mark, Seq

Path = tuple[str, ...]
_SERVICE_INTS: Final = (
    "configs.[].mode", "secrets.[].mode", "healthcheck.retries", "deploy.replicas", "deploy.update_config.parallelism",
    "deploy.rollback_config.parallelism", "deploy.restart_policy.max_attempts", "deploy.placement.max_replicas_per_node",
    "ports.[].target", "ports.[].published", "ulimits.*", "ulimits.*.soft", "ulimits.*.hard", "oom_score_adj",
)  # fmt: skip
_SERVICE_FLOATS: Final = (
    "deploy.update_config.max_failure_ratio",
    "deploy.rollback_config.max_failure_ratio",
)
_SERVICE_BOOLS: Final = (
    "healthcheck.disable", "privileged", "read_only", "stdin_open", "tty", "volumes.[].read_only", "volumes.[].volume.nocopy",
)  # fmt: skip
_TOP_BOOLS: Final = (
    "networks.*.external", "networks.*.internal", "networks.*.attachable", "volumes.*.external", "secrets.*.external",
    "configs.*.external",
)  # fmt: skip
_WORDS: Final[Mapping[str, bool]] = {
    "y": True, "yes": True, "true": True, "on": True, "n": False, "no": False, "false": False, "off": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")


def _casts() -> dict[str, str]:
    kinds = {"services.*." + path: kind for kind, paths in (
        ("int", _SERVICE_INTS), ("float", _SERVICE_FLOATS), ("bool", _SERVICE_BOOLS)) for path in paths}  # fmt: skip
    return kinds | dict.fromkeys(_TOP_BOOLS, "bool")


def _tree(paths: Mapping[str, str]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, kind in paths.items():
        at = root
        for part in path.split("."):
            at = at.setdefault(part, {})
        at[""] = kind
    return root


_CASTS: Final = _tree(_casts())
"""By one part of the path after the other; the kind stands under the empty part."""


def interpolate(document: Map, variables: Mapping[str, str], notes: Notes) -> Map:
    """The file's content with its variables put in. Raises WrongVariable."""
    work = _Work(variables, notes)
    changed = work.value(document, (), document.mark, _CASTS)
    if work.errors:
        raise joined(work.errors)
    assert isinstance(changed, Map)
    return changed


class _Work:
    def __init__(self, variables: Mapping[str, str], notes: Notes) -> None:
        self._variables = variables
        self._notes = notes
        self.errors: list[WrongVariable] = []

    def value(self, value: Any, path: Path, mark: Mark, casts: Mapping[str, Any]) -> Any:
        """The value, of the same shape. What holds no dollar sign is kept as it is."""
        if isinstance(value, str):
            return self._text(value, path, mark, casts.get("")) if "$" in value else value
        if isinstance(value, Map):
            changed = value.like()
            for key, entry in value.items():
                below = casts.get(key) or casts.get("*") or {}
                changed[key] = self.value(entry, (*path, key), value.at(key), below)
            return changed
        if isinstance(value, Seq):
            items = value.like()
            for item, at in value.marked():
                items.add(self.value(item, (*path, "[]"), at, casts.get("[]") or {}), at)
            return items
        return value

    def _text(self, text: str, path: Path, mark: Mark, kind: str | None) -> Any:
        where = ".".join(path)
        used: list[Used] = []
        try:
            changed = substitute(text, self._variables, seen=used.append)
        except Malformed:
            hint = ' (a shell\'s "$(" is written "$$(")' if "$(" in text else ""
            told = f'invalid interpolation format for {where}: "{text}"; you may need to escape any $ with another $'
            self.errors.append(WrongVariable(told + hint, mark))
            return text
        except Missing as error:
            self.errors.append(WrongVariable(f"{where}: {error}", mark))
            return text
        self._note(used, mark)
        if kind is None or changed == text:
            return changed
        try:
            return _cast(changed, kind)
        except ValueError as error:
            told = f"error while interpolating {where}: failed to cast to expected type: {error}"
            self.errors.append(WrongVariable(told, mark))
            return text

    def _note(self, used: list[Used], mark: Mark) -> None:
        """Where docker reads the same text otherwise."""
        for one in used:
            form = f"${{{one.name}{one.operator}{one.argument}}}"
            if one.operator.endswith("+"):
                self._notes.refused(f"docker knows no alternative as in {form}", mark)
            elif "$" in one.argument:
                self._notes.different(f"docker puts no variable into the default of {form}", mark)
            elif one.operator.endswith("?") and "-" in one.argument:
                self._notes.different(f"docker takes what follows the - in {form} for a default", mark)
            elif one.operator.endswith("?") and len(used) > 1:
                self._notes.different(
                    f"docker may forget that {one.name} is required, as the text goes on", mark
                )


def _cast(text: str, kind: str) -> Any:
    if kind == "bool":
        if text.lower() not in _WORDS:
            raise ValueError(f"invalid boolean: {text}")
        return _WORDS[text.lower()]
    if kind == "int":
        if not _INTEGER.fullmatch(text):
            raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
        return int(text)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None
