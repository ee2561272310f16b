"""What an explanation is: values that a command prints and a screen shows."""

from collections.abc import Iterable
from dataclasses import dataclass

from swarm_core.rules.placement.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it is wanted."""

    heading: str
    """What is so, of how many tasks: "2 of 5 tasks wait for a node"."""
    cause: str
    """Why, as a sentence with the numbers."""
    tasks: tuple[str, ...] = ()
    """Whom it concerns, by name."""
    remedies: tuple[str, ...] = ()
    matrix: Matrix | None = None
    """What each node says, where it is about a place to run."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`summary` is one sentence about the whole; without findings nothing is wrong."""

    subject: str
    summary: str
    findings: tuple[Finding, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Whether there is nothing to explain."""
        return not self.findings


def sentence(text: str) -> str:
    """With a capital letter and a full stop, unless it has them, and without the "task:" that engines and agents begin with."""
    text = " ".join(text.split()).removeprefix("task: ")
    if not text:
        return ""
    ended = text if text[-1] in ".!?…" else f"{text}."
    return ended[:1].upper() + ended[1:]


def as_record(explanation: Explanation) -> dict[str, object]:
    """The same for programs, whole: every filter on every node."""
    return {
        "Subject": explanation.subject,
        "Summary": explanation.summary,
        "Findings": [_finding(one) for one in explanation.findings],
    }


def _finding(finding: Finding) -> dict[str, object]:
    record: dict[str, object] = {
        "Heading": finding.heading,
        "Cause": finding.cause,
        "Tasks": list(finding.tasks),
        "Remedies": list(finding.remedies),
    }
    if finding.matrix is not None:
        record["Nodes"] = list(_nodes(finding.matrix))
    return record


def _nodes(matrix: Matrix) -> Iterable[dict[str, object]]:
    for answer in matrix.answers:
        yield {
            "ID": answer.node_id,
            "Hostname": answer.name,
            "Fits": answer.fits,
            "Filters": [
                {"Filter": one.filter, "Passed": one.passed, "Shortfall": one.shortfall}
                for one in answer.verdicts
            ],
        }
