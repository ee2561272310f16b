"""Variables in files (docs/design/stacks.md 12.3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.compose.reading.errors import WrongVariable
from swarm_core.compose.reading.interpolate import interpolate
from swarm_core.compose.reading.notes import Level, Notes
from swarm_core.compose.reading.reader import read
from swarm_core.compose.reading.substitution import Malformed, Missing, substitute
from swarm_core.compose.reading.values import plain

SET = {"S": "value$Z", "E": "", "N": "5"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$$", "$"),
        ("$S", "value$Z"),
        ("${S}!", "value$Z!"),
        ("$U${U}", ""),
        ("${U:-d}${U-d}", "dd"),
        ("${E:-d}${E-d}", "d"),
        ("${S:-d}${S-d}", "value$Zvalue$Z"),
        ("${E?m}", ""),
        ("${S:?m}", "value$Z"),
        ("${U:-${V:-z}}", "z"),
        ("${U:-$S}", "value$Z"),
        ("${S:+alt}${E:+alt}${E+alt}${U+alt}", "altalt"),
        ("${U:-{}}", "{}"),
        ("${S:-${U?never asked}}", "value$Z"),
    ],
)
def test_forms(text: str, result: str) -> None:
    """Each form gives what its author meant."""
    assert substitute(text, SET) == result


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${TAG:?must-be-set}", "required variable TAG is missing a value: must-be-set"),
        ("${A?gone} ${B:-y}", "required variable A is missing a value: gone"),
        ("${E:?empty}", "required variable E is missing a value: empty"),
        ("${A:?}", "required variable A is missing a value"),
    ],
)
def test_required(text: str, told: str) -> None:
    """A required variable is required whatever its message and whatever follows it."""
    with pytest.raises(Missing) as caught:
        substitute(text, SET)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    "text", ["$(date)", "$1", "${X.y}", "$", "a $ b", "${", "${X", "${X:-", "${}", "${1}", "$ "]
)
def test_malformed(text: str) -> None:
    """A lone dollar sign is an error, as a typing error looks like one."""
    with pytest.raises(Malformed):
        substitute(text, SET)


@given(st.text())
def test_never_runs_twice(value: str) -> None:
    """What was put in is not looked at again, whatever it holds."""
    assert substitute("<$X>${X}${Y:-$X}", {"X": value}) == f"<{value}>{value}{value}"


@given(st.text())
def test_dollars_can_be_written(text: str) -> None:
    """Every text can be written, each dollar sign twice."""
    assert substitute(text.replace("$", "$$"), SET) == text


def _interpolated(text: str) -> tuple[Any, Notes]:
    notes = Notes()
    return plain(interpolate(read(text.encode(), "f.yml", notes), SET, notes)), notes


def test_changed_texts_become_what_belongs_there() -> None:
    """A number or boolean that came from a variable is one; keys are never touched."""
    text = (
        "services:\n  w:\n    tty: ${T:-yes}\n    $S: 1\n    deploy: {replicas: $N, update_config: {max_failure_ratio: '${U:-0.5}'}}\n"
        "    ports: [{target: $N}]\n    image: ${N}\n"
    )
    found = _interpolated(text)[0]["services"]["w"]
    assert found == {
        "tty": True,
        "$S": 1,
        "deploy": {"replicas": 5, "update_config": {"max_failure_ratio": 0.5}},
        "ports": [{"target": 5}],
        "image": "5",
    }


def test_all_faults_are_told() -> None:
    """Every fault of a file is told with its place, and `$(` with a hint."""
    text = "services:\n  w:\n    command: echo $(date)\n    tty: ${S}\n    image: ${A?no image}\n    ports: ['${']\n"
    with pytest.raises(WrongVariable) as caught:
        _interpolated(text)
    assert str(caught.value).splitlines() == [
        'f.yml:3:5: invalid interpolation format for services.w.command: "echo $(date)"; you may need to escape any $ with '
        'another $ (a shell\'s "$(" is written "$$(")',
        "f.yml:4:5: error while interpolating services.w.tty: failed to cast to expected type: invalid boolean: value$Z",
        "f.yml:5:5: services.w.image: required variable A is missing a value: no image",
        'f.yml:6:13: invalid interpolation format for services.w.ports.[]: "${"; you may need to escape any $ with another $',
    ]


def test_what_docker_reads_otherwise_is_noted() -> None:
    """Nested defaults, alternatives and requirements that docker forgets are told."""
    text = "x-a: ${U:-${V:-z}}\nx-b: ${S:+x}\nx-c: ${S:?a-b}\nx-d: ${S?a} ${S:-b}\nx-e: ${U:-plain}\n"
    notes = _interpolated(text)[1]
    assert [note.mark.line for note in notes.of(Level.DIFFERENT)] == [1, 3, 4]
    assert [note.mark.line for note in notes.of(Level.REFUSED)] == [2]
