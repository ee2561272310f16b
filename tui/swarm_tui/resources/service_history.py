"""The specs that a service had, as people see them: the present one and those that it can go back to.

Where our manager leads, the last ten are kept, with numbers (docs/design/control-api.md 4.9). A Docker Engine keeps the one before, without a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import Role, Section, cell, spans
from swarm_tui.resources.service_page import SPEC_BEFORE
from swarm_tui.resources.spec_changes import differences
from swarm_tui.resources.task_specs import image_listed

REVISIONS: Final = "Revisions, newest first"
ONE_STEP: Final = (
    "A Docker Engine leads this cluster: it keeps one earlier spec only, to which `service rollback` goes."
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One spec. `number` is 0 where nobody counts, `since_ns` 0 where nobody knows."""

    number: int
    spec: specs_pb2.ServiceSpec
    is_present: bool
    since_ns: int
    outcome: str
    """How the update to it stands, or ended."""
    changed: tuple[str, ...]
    """What is different from the one before it, as far as that is known."""


def history(service: objects_pb2.Service, earlier: Sequence[ServiceRevision]) -> list[Revision]:
    """The revisions that our manager knows, newest first."""
    number = earlier[-1].number + 1 if earlier else 1
    present = _revision(
        number, service.spec, service.update_status, earlier, is_present=True, service=service
    )
    before = [
        _revision(one.number, one.spec, one.update_status, earlier[:at], is_present=False, service=service)
        for at, one in enumerate(earlier)
    ]
    return [present, *reversed(before)]


def section(revisions: Sequence[Revision], now_ns: int) -> Section:
    """For the service's page: a line for each, newest first, with its age and image, and what is different from the one before it."""
    lines = []
    for one in revisions:
        label = f"{one.number or '–'}{' (now)' if one.is_present else ''}"
        age = f"{fmt.age(one.since_ns, now_ns)} ago" if one.since_ns else "–"
        outcome = f"  {one.outcome}" if one.outcome else ""
        lines.append(
            (label, spans((age, Role.TEXT), (f"  {image_listed(one.spec.task)}{outcome}", Role.MUTED)))
        )
        lines += [(label, cell(f"  {text}")) for text in one.changed]
    return Section(REVISIONS, tuple(lines))


def page_with(page: Sequence[Section], told: Section) -> tuple[Section, ...]:
    """The service's page with its revisions in place of the one step that its object tells, or else above what it runs."""
    titles = [one.title for one in page]
    if SPEC_BEFORE in titles:
        at = titles.index(SPEC_BEFORE)
        return (*page[:at], told, *page[at + 1 :])
    at = next((place for place, title in enumerate(titles) if title in ("Uses", "Runs")), len(page))
    return (*page[:at], told, *page[at:])


def choices(
    service: objects_pb2.Service, earlier: Sequence[ServiceRevision], now_ns: int
) -> list[tuple[str, str]]:
    """The revisions to go back to, newest first: the number, and a line of how old it is, what it runs and what would be different."""
    found = [one for one in history(service, earlier) if not one.is_present]
    ages = [fmt.ago(one.since_ns, now_ns) if one.since_ns else "–" for one in found]
    images = [image_listed(one.spec.task) for one in found]
    numbers, aged, wide = (
        max(map(len, texts), default=0) for texts in ([str(one.number) for one in found], ages, images)
    )
    lines = []
    for one, age, image in zip(found, ages, images, strict=True):
        different = ", ".join(differences(service.spec, one.spec)) or "the same as now"
        text = f"{one.number:>{numbers}}  {age:<{aged}}  {image:<{wide}}  {different}"
        lines.append((str(one.number), text))
    return lines


def one_step(service: objects_pb2.Service) -> list[Revision]:
    """What a Docker Engine knows: the present spec, and the one before if there is one."""
    before = service.previous_spec if service.HasField("previous_spec") else None
    changed = tuple(differences(before, service.spec)) if before is not None else ()
    revisions = [Revision(0, service.spec, True, 0, _outcome(service.update_status), changed)]
    return [*revisions, Revision(0, before, False, 0, "", ())] if before is not None else revisions


def _revision(
    number: int,
    spec: specs_pb2.ServiceSpec,
    status: types_pb2.UpdateStatus,
    older: Sequence[ServiceRevision],
    *,
    is_present: bool,
    service: objects_pb2.Service,
) -> Revision:
    """It came into force when the one before it was replaced."""
    before = older[-1] if older and older[-1].number == number - 1 else None
    if before is not None:
        since_ns = timestamp_ns(before.replaced_at)
    else:
        since_ns = timestamp_ns(service.meta.created_at) if number == 1 else 0
    changed = tuple(differences(before.spec, spec)) if before is not None else ()
    return Revision(number, spec, is_present, since_ns, _outcome(status), changed)


def _outcome(status: types_pb2.UpdateStatus) -> str:
    """The state in words; nothing where there was no update, as of a new service or a job."""
    State = types_pb2.UpdateStatus.UpdateState
    if status.state == types_pb2.UpdateStatus.UNKNOWN:
        return ""
    return enum_word(State, status.state).replace("_", " ")
