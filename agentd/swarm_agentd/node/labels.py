"""The labels that people give this machine's engine, which may change while the node runs."""

from collections.abc import Callable, Mapping


class EngineLabels:
    """`changed` is called after each change: that of the node that runs now."""

    def __init__(self, first: Mapping[str, str] | None = None) -> None:
        self._now = dict(first or {})
        self.changed: Callable[[], None] = lambda: None

    @property
    def now(self) -> Mapping[str, str]:
        return self._now

    def written(self) -> list[str]:
        """As people write them: key=value."""
        return [f"{key}={value}" for key, value in sorted(self._now.items())]

    def replace(self, labels: Mapping[str, str]) -> None:
        """Have these from now on."""
        if labels != self._now:
            self._now = dict(labels)
            self.changed()
