"""What must hold for each answer of the Engine API, whatever was asked: `Promises` looks at the cluster behind it before and after.

1. It is never a mistake of ours, no mistake is in the log, and what fails is one of the failures that are an answer.
2. What is refused is refused with one sentence, as JSON.
3. What only reads, or was refused, changes nothing.
4. What was done concerns the object that the path names, or one that is new; every other object is as it was, byte by byte.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto.objects_pb2 import Cluster, Config, Network, Node, Secret, Service, Task, Volume

from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.log_mistakes import Mistakes

KINDS: Final[tuple[type[Any], ...]] = (Cluster, Node, Service, Task, Secret, Config, Network, Volume)
_KIND_OF: Final = {
    "swarm": Cluster, "nodes": Node, "services": Service, "secrets": Secret, "configs": Config, "networks": Network, "volumes": Volume,
}  # fmt: skip
_READING: Final = ("GET", "HEAD", "OPTIONS")
MEANT_FAILURES: Final = (b"update out of sequence", b"only supported in experimental")
"""What is said where a 500 is an answer: as in Docker, of an object that has changed since, and of services of plugins."""
MISTAKES: Final = (b"internal error", b"Traceback", b"Internal Server Error")
"""What is said of a failure that nobody foresaw."""
Objects = dict[tuple[type[Any], str], Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and its answer; `path` is without version and query, and unescaped."""

    method: str
    path: str
    status: int
    content_type: str
    body: bytes


@dataclass(slots=True)
class Promises:
    """`log` holds what went wrong since the last request."""

    cluster: FakeCluster
    log: Mistakes
    _version: int = 0
    _objects: Objects = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._note()

    def _note(self) -> None:
        self._version, self._objects = self.cluster.version, held(self.cluster)

    def broken(self, seen: Seen) -> str:
        """What is wrong with this answer; nothing when all holds. From here on what there is counts as it is."""
        said = self._of_answer(seen) or self._of_state(seen)
        self.log.seen.clear()
        return said

    def _of_answer(self, seen: Seen) -> str:
        if any(word in seen.body for word in MISTAKES):
            return "a mistake of ours"
        if self.log.seen:
            return f"a mistake of ours in the log: {self.log.seen[0]}"
        if seen.status == 500 and not any(each in seen.body for each in MEANT_FAILURES):
            return f"a failure that nobody means: {seen.body[:200]!r}"
        if seen.status >= 400 and seen.method != "HEAD" and not _is_refusal(seen):
            return f"status {seen.status} without a sentence: {seen.content_type} {seen.body[:80]!r}"
        return ""

    def _of_state(self, seen: Seen) -> str:
        if self.cluster.version == self._version:
            return ""
        before = self._objects
        self._note()
        if seen.method in _READING or seen.status >= 300:
            return f"{seen.method} that was answered with {seen.status} has changed the cluster"
        lost = meant(seen.path, before.values()) if seen.method == "DELETE" else []
        changed = [
            key
            for key, item in before.items()
            if self._objects.get(key) != item and not any(_goes_with(one, item) for one in lost)
        ]
        new = self._objects.keys() - before.keys()
        wrong = [key for key in changed if not meant(seen.path, [before[key]])]
        if wrong or len(changed) + len(new) > 1:
            return f"changed besides what is named: {sorted(_shown((*wrong, *(wrong or changed), *new)))}"
        return ""

    def restored(self, put: Callable[[Iterable[Message], Objects], None], begun: Objects) -> None:
        """Let `put` bring back what is gone of `begun`, and take away what is new."""
        now = held(self.cluster)
        gone = [item for key, item in begun.items() if key not in now]
        new = {key: item for key, item in now.items() if key not in begun}
        if gone or new:
            put(gone, new)
            self._note()


def held(cluster: FakeCluster) -> Objects:
    """All that there is."""
    return {(kind, item.id): item for kind in KINDS for item in cluster.all(kind)}


def _is_refusal(seen: Seen) -> bool:
    try:
        told = json.loads(seen.body)
    except ValueError:
        return False
    is_sentence = isinstance(told, dict) and isinstance(told.get("message"), str) and bool(told["message"])
    return is_sentence and seen.content_type.partition(";")[0] == "application/json"


def _goes_with(lost: Any, item: Any) -> bool:
    """Whether the end of an object changes this one: a node's tasks end with it, and the cluster notes that its certificate counts no more."""
    return isinstance(lost, Node) and (
        isinstance(item, Cluster) or (isinstance(item, Task) and item.node_id == lost.id)
    )


def meant(path: str, items: Iterable[Any]) -> list[Any]:
    """The objects that the path may be about: by an id, a name, or the beginning of an id."""
    _, noun, *rest = path.split("/", 2)
    name, kind = "".join(rest).removesuffix("/update"), _KIND_OF.get(noun)
    those: list[Any] = [item for item in items if type(item) is kind]
    return [one for one in those if noun == "swarm" or one.id.startswith(name) or _name(one) == name]


def _name(item: Any) -> str:
    return str(item.description.hostname if isinstance(item, Node) else item.spec.annotations.name)


def _shown(keys: Iterable[tuple[type[Any], str]]) -> set[str]:
    return {f"{kind.__name__} {id_}" for kind, id_ in keys}
