"""How far a pull is, from the engine's lines (docs/design/progress.md)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from swarm_agentd.exec.progress import Activity, Progress
from swarm_agentd.executors.docker.pull_progress import PullProgress


def line(layer: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, "total": total} if total else {}
    return {"id": layer, "status": status, "progressDetail": detail}


def pulling(percent: int) -> Progress:
    return Progress(Activity.PULLING, percent)


def extracting(percent: int) -> Progress:
    return Progress(Activity.EXTRACTING, percent)


def test_layers_come_and_are_unpacked() -> None:
    """Layers count by their sizes; a layer that is here already does not count at all."""
    pull = PullProgress()
    assert pull.take({"id": "latest", "status": "Pulling from library/web"}) is None
    assert [pull.take(line(layer, "Pulling fs layer")) for layer in "abc"] == [pulling(0), None, None]
    pull.take(line("c", "Already exists"))
    assert pull.take(line("a", "Downloading", 50, 100)) == pulling(25)  # b is taken to be as large
    assert pull.take(line("b", "Downloading", 0, 300)) is None  # it turned out larger; the share stays
    assert pull.take(line("b", "Downloading", 150, 300)) == pulling(50)
    assert pull.take(line("a", "Download complete")) == pulling(62)
    assert pull.take(line("a", "Extracting", 50, 100)) is None  # another layer still comes
    assert pull.take(line("b", "Verifying Checksum")) == extracting(12)
    assert pull.take(line("a", "Pull complete")) == extracting(25)
    assert pull.take(line("b", "Pull complete")) == extracting(100)
    assert pull.take({"status": "Digest: sha256:00"}) is None


def test_an_image_that_is_here_tells_nothing() -> None:
    """A pull that finds everything here has nothing to tell."""
    pull = PullProgress()
    assert pull.take({"status": "Image is up to date for web:latest"}) is None


_STATUSES = ("Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete",
             "Extracting", "Pull complete", "Already exists", "Retrying in 1 second")  # fmt: skip


@given(
    st.lists(
        st.builds(
            line,
            st.sampled_from("abcd"),
            st.sampled_from(_STATUSES),
            st.integers(0, 999),
            st.integers(0, 999),
        )
    )
)
def test_it_never_goes_back(lines: list[dict[str, Any]]) -> None:
    """Whatever an engine writes, the share is between 0 and 100 and grows within an activity; unpacking comes last."""
    pull = PullProgress()
    told = [progress for each in lines if (progress := pull.take(each)) is not None]
    order = [(progress.activity is Activity.EXTRACTING, progress.percent) for progress in told]
    assert order == sorted(order)
