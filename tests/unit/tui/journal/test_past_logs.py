"""Logs as of a moment (docs/design/journal.md 5 and 6)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from swarm_core.client.errors import CallFailed
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine
from swarm_tui.journal.past_logs import BEFORE_NS, FileLogs, PastLogs, put
from swarm_tui.journal.replay import PastClock

S = 1_000_000_000
THEN = 1_760_000_000 * S


class _Clock:
    def wall_ns(self) -> int:
        raise AssertionError("the moment is asked, not the time of now")

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


def _line(second: int, task: str = "t1") -> LogLine:
    return LogLine(THEN + second * S, task, f"s-of-{task}", "n1", second % 2 == 1, f"line {second}".encode())


class _Agents:
    """Has lines from before and after the moment; `asked` is the query."""

    asked = LogQuery()

    async def run(
        self,
        query: LogQuery,
        sink: Callable[[Sequence[LogLine]], None],
        heard: Callable[[str | None], None] = lambda reason: None,
    ) -> None:
        self.asked = query
        sink([_line(-2), _line(-1)])
        sink([_line(0), _line(1)])
        sink([_line(2)])


async def test_agents_tell_nothing_later_than_the_moment() -> None:
    """What they wrote until the moment is shown; nothing is followed, and the ten minutes before it are asked for."""
    agents, seen = _Agents(), []
    await PastLogs(agents, PastClock(_Clock(), THEN)).run(
        LogQuery(("s1",), follow=True, tail=500), seen.append
    )
    assert [[line.text for line in lines] for lines in seen] == [["line -2", "line -1"], ["line 0"]]
    assert agents.asked == LogQuery(("s1",), since_ns=THEN - BEFORE_NS)


async def test_a_time_that_is_asked_for_is_asked_of_agents() -> None:
    """Lines since a time are asked for since then, also since the beginning."""
    agents = _Agents()
    for since_ns in (0, THEN - S):
        await PastLogs(agents, PastClock(_Clock(), THEN)).run(LogQuery(since_ns=since_ns), lambda lines: None)
        assert agents.asked.since_ns == since_ns


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        (LogQuery(service_ids=("s-of-t1",)), ["line -3", "line -1", "line 0"]),
        (LogQuery(task_ids=("t2",)), ["line -2"]),
        (LogQuery(node_ids=("n1",)), ["line -3", "line -2", "line -1", "line 0"]),
        (LogQuery(task_ids=("t1", "t2"), since_ns=THEN - 2 * S), ["line -2", "line -1", "line 0"]),
        (LogQuery(service_ids=("another",)), []),
    ],
)
async def test_a_file_gives_what_was_put_in(tmp_path: Path, query: LogQuery, texts: list[str]) -> None:
    """Lines of what is asked for, until the moment, in order; each as it was put in."""
    lines = [_line(0), _line(-3), _line(-2, "t2"), _line(-1), _line(1)]
    put(tmp_path / "x", lines)
    seen: list[LogLine] = []
    await FileLogs(tmp_path / "x", PastClock(_Clock(), THEN)).run(query, seen.extend)
    assert [line.text for line in seen] == texts
    assert all(line in lines for line in seen)


async def test_a_file_without_logs_says_so(tmp_path: Path) -> None:
    """Where nobody put lines in, a sentence says what does."""
    (tmp_path / "x").touch()
    with pytest.raises(CallFailed, match="bundle --logs"):
        await FileLogs(tmp_path / "x", PastClock(_Clock(), THEN)).run(LogQuery(), lambda lines: None)
