"""Flags and form are entrances to one room: the same input makes the same spec."""

import shlex

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.specs import container, service, task
from swarm_core.specs.checks import check_service
from swarm_core.specs.draft import Draft
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import service_flags as flags
from swarm_tui.operations.forms.fields import Around, Texts
from swarm_tui.operations.forms.sheet import judge, new_sheet, to_send

WORD = st.text("abcXYZ019 -_='\"\\$é", min_size=1, max_size=8)
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z]", fullmatch=True)
KEY = st.sampled_from(["node.role", "node.labels.disk", "node.hostname", "engine.labels.os"])
PORT = st.sampled_from(["80", "8080:80", "53:53/udp", "8000-8002:80-82", "published=90,target=90,mode=host"])
AMOUNT = {"cpus": ["", "0.5", "2", "1.25"], "memory": ["", "64m", "1 GiB", "1.5g"]}
TIME = ["", "5s", "1m30s", "500ms"]
EMPTY = Snapshot([])
# The form's field → the flag, and what may be typed there.
LINES: dict[str, tuple[str, list[str]]] = {
    "reserve_cpu": ("reserve_cpu", AMOUNT["cpus"]),
    "reserve_memory": ("reserve_memory", AMOUNT["memory"]),
    "limit_cpu": ("limit_cpu", AMOUNT["cpus"]),
    "limit_memory": ("limit_memory", AMOUNT["memory"]),
    "health_cmd": ("health_cmd", ["", "true", "curl -f 'x y'"]),
    "health_interval": ("health_interval", TIME),
    "health_start": ("health_start_period", TIME),
    "update_parallelism": ("update_parallelism", ["", "0", "3"]),
    "update_monitor": ("update_monitor", TIME),
    "update_delay": ("update_delay", TIME),
    "rollback_ratio": ("rollback_max_failure_ratio", ["", "0.5"]),
    "restart_delay": ("restart_delay", TIME),
    "restart_attempts": ("restart_max_attempts", ["", "3"]),
    "user": ("user", ["", "1000:1000"]),
    "workdir": ("workdir", ["", "/srv"]),
    "stop_grace": ("stop_grace_period", TIME),
    "stop_signal": ("stop_signal", ["", "SIGINT"]),
}


@st.composite
def inputs(draw: st.DrawFn) -> tuple[dict[str, Texts], list[str], dict[str, object]]:
    """What is typed into the form, and the words and flags that say the same."""
    runtime = draw(st.sampled_from([CONTAINER, PROCESS]))
    image = draw(st.sampled_from(["redis:7", "registry:5000/a/b", "nginx"]))
    command = draw(st.lists(WORD, min_size=1 if runtime == PROCESS else 0, max_size=3))
    env = [
        f"{name}={value}"
        for name, value in draw(st.lists(st.tuples(NAME, WORD), max_size=3, unique_by=lambda one: one[0]))
    ]
    labels = sorted(
        f"{name}={value.strip()}" for name, value in draw(st.dictionaries(NAME, WORD, max_size=2)).items()
    )
    constraints = [
        f"{key}{operator}{value}"
        for key, operator, value in draw(
            st.lists(st.tuples(KEY, st.sampled_from(["==", " != "]), NAME), max_size=3)
        )
    ]
    ports = draw(st.lists(PORT, max_size=2, unique=True))
    # As many as any of these specs may have: size times number is bounded too.
    replicas = draw(st.one_of(st.integers(0, 100_000).map(str), st.none()))
    typed: dict[str, Texts] = {
        "name": (draw(NAME),),
        "runtime": (runtime,),
        "image": (image,),
        "args" if runtime == CONTAINER else "program": (shlex.join(command),),
        "mode": ("global" if replicas is None else "replicated",),
        "replicas": (replicas or "1",),
        "env": tuple(env),
        "labels": tuple(labels),
        "constraints": tuple(constraints),
        "ports": tuple(ports),
    }
    given_flags: dict[str, object] = {
        "mode": "global" if replicas is None else None,
        "replicas": replicas,
        "env": env,
        "label": labels,
        "constraint": constraints,
        "publish": ports,
    }
    for field, (flag, texts) in LINES.items():
        text = draw(st.sampled_from(texts))
        typed[field] = (text,)
        given_flags[flag] = text or None
    return typed, command if runtime == PROCESS else [image, *command], given_flags


@given(inputs())
def test_flags_and_form_build_the_same_spec(
    given_input: tuple[dict[str, Texts], list[str], dict[str, object]],
) -> None:
    """Whatever the form takes as sound, the flags make the same spec of, and it stands the checks."""
    typed, words, given_flags = given_input
    sheet = new_sheet(typed["runtime"][0])
    for key, texts in typed.items():
        sheet = sheet.put(key, texts)
    judged = judge(sheet, Around(EMPTY))
    assert judged.is_ready, {key: one for key, one in judged.verdicts.items() if one.is_bad}
    draft = Draft.new(typed["runtime"][0])
    service.set_name(draft, typed["name"][0])
    task.set_program(draft, words)
    flags.apply(draft, flags.CREATE, given_flags)
    if draft.process is None:
        container.fill_in(draft)
    spec = draft.finish()
    assert spec == to_send(sheet, judged.spec, EMPTY)
    check_service(spec)
