"""The unlock keys (KEK) that this daemon has been told, and the key file they open.

Rules: keys come from a person, from the cluster with a manager's certificate, and from this node's own manager, which
says each new key before it puts the key file under it. So the file always opens with one of those remembered here, and
a manager that crashed can be started again without anybody's help. They live in memory alone.
"""

from swarm_core.ca.errors import WrongKek
from swarm_core.ca.key_file import KeyFile

KEYS_MAX = 16


class UnlockKeys:
    """Newest first."""

    def __init__(self, given: bytes | None = None) -> None:
        self._keys: list[bytes] = [] if given is None else [given]

    def learn(self, key: bytes) -> None:
        """Remember a key."""
        if key in self._keys:
            self._keys.remove(key)
        self._keys.insert(0, key)
        del self._keys[KEYS_MAX:]

    def opening(self, key_file: KeyFile) -> bytes | None:
        """The key that the file is under now; None for a file in the clear. Raises WrongKek, and what reading it raises."""
        for key in (None, *self._keys):
            if key_file.is_under(key):
                return key
        raise WrongKek
