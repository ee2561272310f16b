"""Appends that a follower has been sent and has not acknowledged, in the order they were sent.

Bounded twice: by number of messages, and by bytes of payload. The bytes may be overshot by the last message.
"""

from collections import deque


class Inflights:
    """A window of (last index of the message, its bytes)."""

    __slots__ = ("_bytes", "_bytes_max", "_messages", "_messages_max")

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._messages: deque[tuple[int, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        """No further message may be sent before an acknowledgement."""
        return len(self._messages) >= self._messages_max or self._bytes >= self._bytes_max

    def add(self, index: int, size: int) -> None:
        """Notes a message whose last entry is `index`; indexes never go down."""
        assert not self.is_full, "a full window takes no message"
        self._messages.append((index, size))
        self._bytes += size

    def free_up_to(self, index: int) -> None:
        """Forgets the messages that end at or below `index`."""
        while self._messages and self._messages[0][0] <= index:
            self._bytes -= self._messages.popleft()[1]

    def reset(self) -> None:
        self._messages.clear()
        self._bytes = 0
