"""Which lines of a log are shown. Pure."""

from dataclasses import dataclass

from swarm_tui.widgets.log_buffer import LogLine


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Everything that hides lines, but for the search."""

    errors_only: bool = False
    has_stdout: bool = True
    has_stderr: bool = True
    hidden: frozenset[str] = frozenset()
    """Sources that were put out of sight."""
    ended: frozenset[str] = frozenset()
    """Sources that have ended, while only those that live are shown."""
    until_ns: int | None = None

    @property
    def hides_something(self) -> bool:
        """Whether it may hide a line."""
        return self != LogFilter()

    def passes(self, line: LogLine) -> bool:
        """Whether the line is shown. Rules, which no program wrote, are of neither stream."""
        if line.source in self.hidden or line.source in self.ended:
            return False
        if self.until_ns is not None and line.time_ns > self.until_ns:
            return False
        if self.errors_only and not line.is_error:
            return False
        return line.is_rule or (self.has_stderr if line.is_stderr else self.has_stdout)
