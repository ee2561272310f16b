"""Flags and form are entrances to one room: the same input makes the same spec."""

import shlex

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.specs import service, task
from swarm_core.specs.checks import check_service
from swarm_core.specs.draft import Draft
from swarm_tui.cli.plumbing import flags
from swarm_tui.dialogs.service_draft import GLOBAL, ServiceDraft, Surroundings, is_ready, judge, to_spec

WORD = st.text("abcXYZ019 -_='\"\\$é", min_size=1, max_size=8)
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z]", fullmatch=True)
KEY = st.sampled_from(["node.role", "node.labels.disk", "node.hostname", "engine.labels.os"])


@st.composite
def inputs(draw: st.DrawFn) -> tuple[ServiceDraft, list[str], dict[str, object]]:
    """What is typed into the form, and the words and flags that say the same."""
    runtime = draw(st.sampled_from([CONTAINER, PROCESS]))
    image = draw(st.sampled_from(["redis:7", "registry:5000/a/b", "nginx"]))
    command = draw(st.lists(WORD, min_size=1 if runtime == PROCESS else 0, max_size=3))
    env = [f"{name}={value}" for name, value in draw(st.lists(st.tuples(NAME, WORD), max_size=3))]
    constraints = [
        f"{key}{operator}{value}"
        for key, operator, value in draw(
            st.lists(st.tuples(KEY, st.sampled_from(["==", " != "]), NAME), max_size=3)
        )
    ]
    # As many as any of these specs may have: size times number is bounded too.
    replicas = draw(st.one_of(st.integers(0, 100_000).map(str), st.just(GLOBAL)))
    cpus = draw(st.sampled_from(["", "0.5", "2", "1.25"]))
    memory = draw(st.sampled_from(["", "64m", "1 GiB", "1.5g"]))
    typed = ServiceDraft(
        name=draw(NAME),
        runtime=runtime,
        image=image,
        command=shlex.join(command),
        replicas=replicas,
        env=shlex.join(env),
        constraints=", ".join(constraints),
        reserve=" ".join(part for part in (cpus and f"{cpus} cpu", memory) if part),
    )
    given_flags: dict[str, object] = {
        "mode": "global" if replicas == GLOBAL else None,
        "replicas": None if replicas == GLOBAL else replicas,
        "env": env,
        "constraint": constraints,
        "reserve_cpu": cpus or None,
        "reserve_memory": memory or None,
    }
    return typed, command if runtime == PROCESS else [image, *command], given_flags


@given(inputs())
def test_flags_and_form_build_the_same_spec(
    given_input: tuple[ServiceDraft, list[str], dict[str, object]],
) -> None:
    """Whatever the form takes as sound, the flags make the same spec of, and it stands the checks."""
    typed, words, given_flags = given_input
    assert is_ready(judge(typed, Surroundings((), ())))
    draft = Draft.new(typed.runtime)
    service.set_name(draft, typed.name)
    task.set_program(draft, words)
    flags.apply(draft, flags.CREATE, given_flags)
    spec = draft.finish()
    assert spec == to_spec(typed)
    check_service(spec)


def test_the_form_knows_what_size_times_number_may_be() -> None:
    """A number of tasks whose specs would take too much together is refused where it is typed, with the number that may be."""
    typed = ServiceDraft(
        name="web", runtime=CONTAINER, image="nginx:1", env=f"A={'x' * 2000}", replicas="1000000"
    )
    verdicts = judge(typed, Surroundings((), ()))
    assert not is_ready(verdicts)
    words = verdicts["replicas"].text
    assert words.startswith("✖ at most ") and words.endswith(" of this size")
    fitting = ServiceDraft(
        name="web", runtime=CONTAINER, image="nginx:1", env=f"A={'x' * 2000}", replicas=words.split()[3]
    )
    assert is_ready(judge(fitting, Surroundings((), ())))
    check_service(to_spec(fitting))
