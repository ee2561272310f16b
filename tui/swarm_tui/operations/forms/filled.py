"""One form while it is filled in: the sheet, its verdicts, and its twin in YAML, kept in step. No widget.

Rules
1. Fields and text say the same. Who changes a field changes the text, and the other way round.
2. A text that says no service stays as it is typed, with what is wrong and where. While it is wrong the fields leave it alone, and nothing
   can be sent; `drop_text` writes it anew from the fields.
3. The spec that a change began with is kept: what is sent is the difference to it (`plans`).
"""

from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.compose.alone import WrongText
from swarm_core.rules.placement.filters import offers
from swarm_core.specs.checks import check_service
from swarm_core.specs.errors import SpecError
from swarm_core.specs.merge import merged

from swarm_tui.operations.forms import plans, twin
from swarm_tui.operations.forms.fields import Around, Texts
from swarm_tui.operations.forms.sheet import Judged, Sheet, judge, new_sheet, sheet_of, to_send
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import ClusterView

Service = objects_pb2.Service
Spec = specs_pb2.ServiceSpec
_DECIDES_NOTHING: Final = ("name", "image", "args", "program")
"""Fields that do not decide where tasks run."""


def usual_runtime(view: ClusterView) -> str:
    """What a new service is at first: a container, but processes where no node runs anything else."""
    nodes = list(view.objects(objects_pb2.Node))
    has_containers = any(offers(node, CONTAINER) for node in nodes)
    return PROCESS if not has_containers and any(offers(node, PROCESS) for node in nodes) else CONTAINER


class Filled:
    """See the module's text. With a service it is changed; without one a new one is made."""

    def __init__(self, view: ClusterView, service: Service | None = None) -> None:
        self._view = view
        self.began_with: Spec | None = None
        self.wrong_text: WrongText | None = None
        self._text: str | None = None
        if service is None:
            self._start(new_sheet(usual_runtime(view)))
        else:
            self.began_with = Spec()
            self.began_with.CopyFrom(service.spec)
            self._start(sheet_of(service.spec, view, service.id))

    def _start(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.judge_again()

    def judge_again(self) -> Judged:
        """Verdicts on the cluster as it is now."""
        self.judged = judge(self.sheet, self.around)
        if self.wrong_text is None:
            self._text = None
        return self.judged

    @property
    def around(self) -> Around:
        return Around(self._view, self.sheet.own_id)

    @property
    def text(self) -> str:
        """The twin: of the fields, or as it is typed while it is wrong."""
        if self._text is None:
            self._text = twin.text_of(self.judged.spec, self._view)
        return self._text

    def what_decides_its_place(self) -> bytes | None:
        """The same for two states of the form whose tasks run in the same places; None where something that decides it is wrong."""
        verdicts = self.judged.verdicts.items()
        if any(verdict.is_bad for key, verdict in verdicts if key not in _DECIDES_NOTHING):
            return None
        spec = Spec()
        spec.CopyFrom(self.judged.spec)
        spec.ClearField("annotations")
        return spec.SerializeToString(deterministic=True)

    def put(self, key: str, texts: Texts) -> None:
        """Type something into a field."""
        self.sheet = self.sheet.put(key, texts)
        self.judge_again()

    def take(self, text: str) -> None:
        """Type something into the twin."""
        now = self.judged.spec
        try:
            sheet = twin.taken(self.sheet, now, text, self._view)
        except WrongText as error:
            self.wrong_text, self._text = error, text
            return
        self.wrong_text = None
        self._start(sheet)

    def drop_text(self) -> None:
        """Write the twin anew from the fields."""
        self.wrong_text = None
        self.judge_again()

    def fill(self, spec: Spec) -> None:
        """Say what `spec` says, of a new service."""
        self.wrong_text = None
        self._start(sheet_of(spec, self._view, self.sheet.own_id))

    # -- a service that is changed -------------------------------------------------------------------

    @property
    def now(self) -> Service | None:
        """The service as it is now; None for a new one, and for one that is gone."""
        return self._view.get(Service, self.sheet.own_id) if self.sheet.own_id else None

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What somebody else changed meanwhile, to something else than is typed here."""
        now = self.now
        if now is None or self.began_with is None or now.spec == self.began_with:
            return ()
        try:
            return merged(now.spec, self.began_with, self._sent()).conflicts
        except SpecError:
            return ()

    def take_newest(self) -> None:
        """Begin anew with the service as it is now, and keep what was typed."""
        now = self.now
        if now is None or self.began_with is None:
            return
        mine = merged(now.spec, self.began_with, self._sent()).spec
        self.began_with.CopyFrom(now.spec)
        self.wrong_text = None
        self._start(sheet_of(mine, self._view, now.id))

    # -- sending it ----------------------------------------------------------------------------------

    def _sent(self) -> Spec:
        return to_send(self.sheet, self.judged.spec, self._view)

    def plan(self) -> Plan:
        """What sending it comes to; refused with a sentence where it breaks a rule that no field knows."""
        name = self.judged.spec.annotations.name
        doing = f"change {name}" if self.sheet.own_id else f"create {name}"
        try:
            spec = self._sent()
            check_service(spec)
        except SpecError as error:
            return Plan(f"{doing[0].upper()}{doing[1:]}", refusals=(f"Could not {doing}: {error}.",))
        if self.began_with is None:
            return plans.creation(spec)
        if self.now is None:
            return Plan(f"Change {name}", refusals=(f"Could not {doing}: it is gone.",))
        return plans.change(self._view, self.sheet.own_id, self.began_with, spec)

    @property
    def is_changed(self) -> bool:
        """Whether anything was typed that the service, or an empty form, does not say."""
        if self.wrong_text is not None:
            return True
        if self.began_with is None:
            return not self.sheet.is_pristine
        try:
            return self._sent() != self.began_with
        except SpecError:
            return True
