"""What the shell of raft needs around it: keys in memory, and a state machine that remembers."""

from collections.abc import Callable

from swarm_core.raft_node.log.keyring import HeaderChange


class MemoryKeyStore:
    """The headers of a key file that is not there."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = values if values is not None else {}

    def headers(self) -> dict[str, str]:
        return dict(self.values)

    def update_headers(self, change: HeaderChange) -> None:
        new = dict(self.values)
        change(new)
        self.values.clear()
        self.values.update(new)


class RecordingMachine:
    """A state that is the list of what was applied: (index, bytes after the request id)."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, bytes]] = []
        self.restored: list[int] = []
        self.encodings = 0

    def apply(self, index: int, request: bytes) -> None:
        assert not self.applied or index > self.applied[-1][0], "an entry was applied twice or out of order"
        self.applied.append((index, _actions(request)))

    def commit(self, actions: bytes) -> Callable[[int], None]:
        """The callback of a local proposal."""
        return lambda index: self.apply(index, b"\x08\x01" + actions)

    def snapshot(self) -> Callable[[], bytes]:
        taken = list(self.applied)

        def encode() -> bytes:
            self.encodings += 1
            return b"".join(
                index.to_bytes(8, "big") + len(actions).to_bytes(4, "big") + actions
                for index, actions in taken
            )

        return encode

    def restore(self, index: int, snapshot: bytes) -> None:
        self.restored.append(index)
        self.applied = []
        at = 0
        while at < len(snapshot):
            size = int.from_bytes(snapshot[at + 8 : at + 12], "big")
            start = at + 12
            self.applied.append(
                (int.from_bytes(snapshot[at : at + 8], "big"), snapshot[start : start + size])
            )
            at = start + size


def _actions(request: bytes) -> bytes:
    """The request without its id, the first field."""
    assert request[0] == 0x08
    at = 1
    while request[at] >= 0x80:
        at += 1
    return request[at + 1 :]
