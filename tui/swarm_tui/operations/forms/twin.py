"""A sheet as YAML, and a changed YAML as a sheet. What the text has no word for stays as it is (`specs.merge`)."""

from typing import Any

from swarm_core.api.proto import specs_pb2
from swarm_core.compose import alone
from swarm_core.compose.alone import WrongText
from swarm_core.compose.changes.held import KINDS, Held
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.merge import merged

from swarm_tui.operations.forms.sheet import Sheet, bound, sheet_of
from swarm_tui.resources.model import ClusterView

Spec = specs_pb2.ServiceSpec
_UNNAMED = "unnamed"


def held(view: ClusterView) -> Held:
    """What a text may refer to."""
    objects: list[Any] = [item for kind in KINDS for item in view.objects(kind)]
    return Held.of("", objects)


def text_of(spec: Spec, view: ClusterView) -> str:
    """The spec of a sheet, its networks by name or by id, as a text."""
    return alone.write(spec, held(view))


def lost(spec: Spec, view: ClusterView) -> list[str]:
    """What of it the text does not say."""
    return alone.lost(spec, held(view))


def taken(sheet: Sheet, now: Spec, text: str, view: ClusterView) -> Sheet:
    """The sheet that says what `text` says, which was made of `now` and changed by a person. Raises WrongText."""
    wanted = alone.read(text, held(view)).spec
    if wanted.annotations.name == _UNNAMED and not sheet.name:
        wanted.annotations.name = ""
    if sheet.own_id:
        _check_kept(sheet.base, wanted)
    try:
        before = bound(now, view)
        spec = merged(before, alone.read(text_of(before, view), held(view)).spec, wanted).spec
    except (WrongText, InvalidValue):
        # What was there is no whole service yet: nothing of it is kept that the text does not say.
        spec = wanted
    return sheet_of(spec, view, sheet.own_id)


def _check_kept(before: Spec, wanted: Spec) -> None:
    """What a manager would refuse to change."""
    if wanted.annotations.name != before.annotations.name:
        raise WrongText(f"a service keeps its name: {before.annotations.name}")
    if wanted.WhichOneof("mode") != before.WhichOneof("mode"):
        raise WrongText("a service keeps its mode")
    if wanted.task.WhichOneof("runtime") != before.task.WhichOneof("runtime"):
        raise WrongText("a service keeps its runtime")
