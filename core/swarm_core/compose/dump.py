"""The normal form as text: YAML with sorted names, in which nothing reads back as something else."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from swarm_core.compose.project import SECTIONS
from swarm_core.compose.reading import scalars

_STR: Final = "tag:yaml.org,2002:str"
_ORDER: Final = ("name", "version", *SECTIONS)
_QUOTED: Final = frozenset(
    {"y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"}
)
"""Texts that another reader takes for a boolean."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes no anchors, and quotes what would read back as a number, a boolean or a moment."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    is_other = not isinstance(scalars.resolve(text), str) or scalars.is_moment(text) or text in _QUOTED
    style = '"' if is_other else ("|" if "\n" in text else None)
    return dumper.represent_scalar(_STR, text, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Mapping[str, Any]) -> str:
    """The document as YAML, sections in docker's order and every other key sorted."""
    extensions = sorted(key for key in document if key not in _ORDER)
    return dump_as_it_is({key: _sorted(document[key]) for key in (*_ORDER, *extensions) if key in document})


def dump_as_it_is(document: Mapping[str, Any]) -> str:
    """The document as YAML, every key where it stands."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1 << 20
    )
    return text


def escaped(value: Any) -> Any:
    """The value with every dollar sign written twice, so that nothing in it is taken for a variable. Keys stay as they are."""
    if isinstance(value, Mapping):
        return {key: escaped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
