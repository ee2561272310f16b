"""An engine as placement sees it: its record, what is on it, and what is about to be."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from swarm_core.engines.records import Container, EngineRecord, Image, Port
from swarm_core.engines.standing import FAILURES_MAX

_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Pending:
    """A container that is being made: it counts as if it were there."""

    name: str
    image: str
    nano_cpus: int
    memory_bytes: int
    ports: tuple[Port, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One engine."""

    record: EngineRecord
    containers: Collection[Container]
    images: Collection[Image]
    pending: Sequence[Pending] = ()

    @property
    def health(self) -> int:
        """100 for one without failures, 0 for one that does not live."""
        record = self.record
        if not record.state.is_live or record.failures >= FAILURES_MAX:
            return 0
        return _HUNDRED - record.failures * _HUNDRED // FAILURES_MAX

    @property
    def count(self) -> int:
        """How many containers are on it, those that are being made too."""
        return len(self.containers) + len(self.pending)

    def nano_cpus_used(self) -> int:
        """What all containers reserve, stopped ones too."""
        known = sum(one.reserved.nano_cpus for one in self.containers if one.reserved is not None)
        return known + sum(one.nano_cpus for one in self.pending)

    def memory_used(self) -> int:
        """What all containers reserve, stopped ones too."""
        known = sum(one.reserved.memory_bytes for one in self.containers if one.reserved is not None)
        return known + sum(one.memory_bytes for one in self.pending)

    def ports_taken(self) -> Iterator[tuple[Port, str]]:
        """Published ports and who has them: of running containers those that are, of others those that they will have."""
        for one in self.containers:
            for port in one.ports:
                if port.public:
                    yield port, one.name
            for port in one.reserved.ports if one.reserved is not None else ():
                yield port, one.name
        for waiting in self.pending:
            for port in waiting.ports:
                yield port, waiting.name

    def nodes(self) -> tuple[str, str]:
        """What `node` is compared with."""
        return self.record.id, self.record.name

    def container_names(self) -> Iterator[str]:
        """What the affinity `container` is compared with."""
        for one in self.containers:
            yield one.id
            yield one.name
        for waiting in self.pending:
            yield waiting.name

    def image_names(self) -> Iterator[str]:
        """What the affinity `image` is compared with: ids, names and repositories."""
        for one in self.images:
            yield one.id
            yield one.id.removeprefix("sha256:")
            for tag in one.tags:
                yield tag
                yield tag.rpartition(":")[0]

    def label_values(self, label: str) -> Iterator[str]:
        """The values of a label of its containers."""
        held = [one.labels for one in self.containers] + [one.labels for one in self.pending]
        return (labels[label] for labels in held if label in labels)
