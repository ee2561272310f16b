"""A form for a service, filled in: what is typed, what is wrong with it, and the spec that it means. Pure.

Rules
1. A sheet is a spec to begin with and the texts that were typed. A field whose text is the one that the spec gave is not written, so that
   nothing of a spec is lost that no field shows.
2. In a sheet networks are called by their names; the spec that is sent has their ids, and those of secrets and configs.
3. A field that cannot be read is left out of the spec. Who sends the spec asks the verdicts first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, process_spec, set_process
from swarm_core.specs import container, replicas
from swarm_core.specs.draft import Draft, References
from swarm_core.specs.errors import InvalidSpec, InvalidValue

from swarm_tui.operations.forms import service_fields
from swarm_tui.operations.forms.fields import (
    NOTHING_SAID,
    Around,
    Field,
    Section,
    Texts,
    Verdict,
    bad,
    line,
    tried,
)
from swarm_tui.resources.model import ClusterView

Spec = specs_pb2.ServiceSpec
EMPTY: Final[Texts] = ("",)


@dataclass(frozen=True, slots=True)
class Sheet:
    """`own_id` is the service that is changed; without it a new one is made."""

    base: Spec
    typed: Mapping[str, Texts] = field(default_factory=dict)
    own_id: str = ""

    @property
    def name(self) -> str:
        return line(self.typed.get("name", EMPTY))

    def texts(self, one: Field) -> Texts:
        """What stands in a field."""
        return self.typed.get(one.key, EMPTY)

    def put(self, key: str, texts: Texts) -> "Sheet":
        """The sheet with other texts in a field. Another runtime keeps what both have."""
        if key == "runtime" and texts != self.typed.get("runtime"):
            return _of_runtime(self, line(texts))
        return replace(self, typed={**self.typed, key: texts})

    def shown(self) -> Iterator[tuple[Section, tuple[Field, ...]]]:
        """The sections and fields that mean something now."""
        for section in service_fields.SECTIONS:
            if section.applies(self.typed):
                fields = tuple(one for one in section.fields if self._has(one))
                if fields:
                    yield section, fields

    def _has(self, one: Field) -> bool:
        return one.applies(self.typed) and not (one.only_new and self.own_id)

    @property
    def is_pristine(self) -> bool:
        """Whether nothing was typed."""
        return all(self.typed[key] == texts for key, texts in _read_all(self.base).items())


def new_sheet(runtime: str = CONTAINER) -> Sheet:
    """An empty one."""
    base = Draft.new(runtime).finish()
    return Sheet(base, _read_all(base))


def sheet_of(spec: Spec, view: ClusterView, own_id: str = "") -> Sheet:
    """One that says what `spec` says."""
    base = named(spec, view)
    return Sheet(base, _read_all(base), own_id)


def _of_runtime(sheet: Sheet, runtime: str) -> Sheet:
    before, base = _read_all(sheet.base), Draft.new(runtime).finish()
    kept = {key: texts for key, texts in sheet.typed.items() if texts != before.get(key, EMPTY)}
    return Sheet(base, {**_read_all(base), **kept, "runtime": (runtime,)}, sheet.own_id)


def _read_all(base: Spec) -> dict[str, Texts]:
    draft = Draft.of(_copy(base))
    found: dict[str, Texts] = {}
    for section in service_fields.SECTIONS:
        for one in section.fields:
            if section.applies(found) and one.applies(found):
                found[one.key] = one.read(draft) or EMPTY
    return found


def _copy(spec: Spec) -> Spec:
    found = Spec()
    found.CopyFrom(spec)
    return found


# -- what it means -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict for every field that means something, and the spec of those that can be read, its networks by name."""

    verdicts: Mapping[str, Verdict]
    spec: Spec

    @property
    def is_ready(self) -> bool:
        """Whether the spec is all that was typed."""
        return not any(verdict.is_bad for verdict in self.verdicts.values())

    @property
    def first_bad(self) -> str:
        """The key of the first field that is wrong; empty without any."""
        return next((key for key, verdict in self.verdicts.items() if verdict.is_bad), "")


def judge(sheet: Sheet, around: Around) -> Judged:
    """What is typed, judged against the cluster."""
    draft, verdicts = Draft.of(_copy(sheet.base)), {}
    before = _read_all(sheet.base)
    for _, fields in sheet.shown():
        for one in fields:
            texts = sheet.texts(one)
            verdict = NOTHING_SAID
            if _said(one, texts) != _said(one, before.get(one.key, EMPTY)):
                verdict = tried(one, texts, draft)
            if one.judge is not None and not (verdict.is_bad and one.is_list):
                verdict = _asked(one, texts, around, verdict)
            verdicts[one.key] = verdict
    spec = finished(draft)
    if "replicas" in verdicts and not verdicts["replicas"].is_bad:
        try:
            replicas.check_bytes(spec)
        except InvalidSpec as error:
            verdicts["replicas"] = bad(f"at most {replicas.most_of(spec)} of this size", f"{error}.")
    return Judged(verdicts, spec)


def _said(one: Field, texts: Texts) -> Texts:
    """The texts without rows that say nothing."""
    return tuple(text for text in texts if text.strip()) if one.is_list else texts


def _asked(one: Field, texts: Texts, around: Around, verdict: Verdict) -> Verdict:
    """What the field itself says; where it cannot read the texts either, what the setter said."""
    assert one.judge is not None
    try:
        found = one.judge(texts, around)
    except InvalidValue as error:
        return verdict if verdict.is_bad else bad("cannot be read", f"{error}.")
    return found if found.is_bad or not verdict.is_bad else verdict


def finished(draft: Draft) -> Spec:
    """The spec of a draft, what it refers to by its name still."""
    secrets = tuple(
        types_pb2.SecretReference(secret_name=one.source, file=one.file()) for one in draft.secrets
    )
    configs = tuple(
        types_pb2.ConfigReference(config_name=one.source, file=one.file()) for one in draft.configs
    )
    return draft.finish(References(secrets, configs))


def to_send(sheet: Sheet, spec: Spec, view: ClusterView) -> Spec:
    """The spec of a sheet as a manager takes it. Raises InvalidValue for what the cluster does not have."""
    found = bound(spec, view)
    draft = Draft.of(found)
    if not sheet.own_id and draft.process is None:
        container.fill_in(draft)
    return found


# -- names and ids -------------------------------------------------------------------------------------


def named(spec: Spec, view: ClusterView) -> Spec:
    """A copy in which networks are called by their names."""
    found = _copy(spec)
    for one in (*found.task.networks, *found.networks):
        network = view.get(objects_pb2.Network, one.target)
        if network is not None:
            one.target = network.spec.annotations.name
    return found


def bound(spec: Spec, view: ClusterView) -> Spec:
    """A copy in which networks, secrets and configs have their ids. Raises InvalidValue for what the cluster does not have."""
    found = _copy(spec)
    for one in (*found.task.networks, *found.networks):
        one.target = _found(view, objects_pb2.Network, one.target, "network").id
    process = process_spec(found.task)
    if process is not None:
        _bind(process, view)
        set_process(found.task, process)
    elif found.task.HasField("container"):
        _bind(found.task.container, view)
    return found


def _bind(body: Any, view: ClusterView) -> None:
    for one in body.secrets:
        if not one.secret_id:
            secret = _found(view, objects_pb2.Secret, one.secret_name, "secret")
            one.secret_id, one.secret_name = secret.id, secret.spec.annotations.name
    for one in body.configs:
        if not one.config_id:
            config = _found(view, objects_pb2.Config, one.config_name, "config")
            one.config_id, one.config_name = config.id, config.spec.annotations.name


def _found(view: ClusterView, kind: Any, wanted: str, noun: str) -> Any:
    for one in view.objects(kind):
        if one.spec.annotations.name == wanted:
            return one
    by_id = view.get(kind, wanted)
    if by_id is None:
        raise InvalidValue(f"there is no {noun} {wanted}")
    return by_id
