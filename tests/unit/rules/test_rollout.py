"""The rules of a rollout by themselves (docs/design/orchestration.md 2.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.types_pb2 import UpdateConfig, UpdateStatus
from swarm_core.api.timestamps import duration
from swarm_core.rules.rollout import Rollout, Settings, Verdict, exceeds, is_slot_dirty
from swarm_testkit.factories import make_service, make_task, make_task_spec

SLOTS = [(1, ""), (2, ""), (3, ""), (4, "")]


def service(**update: object) -> Service:
    made = make_service("s", replicas=4)
    if update:
        made.spec.update.CopyFrom(UpdateConfig(**update))  # type: ignore[arg-type]
    return made


def test_defaults() -> None:
    """2.6.3: without settings one slot at a time, no delay, five seconds of watching, pause on the first failure."""
    settings = Settings.of(service())
    assert (settings.parallelism, settings.delay_s, settings.monitor_s, settings.max_failure_ratio) == (
        1,
        0,
        5,
        0,
    )
    assert settings.action == UpdateConfig.PAUSE and not settings.is_start_first
    assert Settings.of(service(failure_action=UpdateConfig.CONTINUE)).parallelism == 0
    assert Settings.of(service(parallelism=3)).monitor_s == 5


def test_a_rollback_has_settings_of_its_own() -> None:
    """2.6.8: they count while the status says that the service goes back."""
    made = service(parallelism=7)
    made.spec.rollback.parallelism = 3
    assert Settings.of(made).parallelism == 7
    made.update_status.state = UpdateStatus.ROLLBACK_STARTED
    assert Settings.of(made).parallelism == 3
    made.spec.ClearField("rollback")
    assert Settings.of(made).parallelism == 1


@pytest.mark.parametrize(("delay_s", "watch_s"), [(0, 5), (4.9, 5), (5, 6), (60, 61)])
def test_how_long_the_last_is_watched(delay_s: float, watch_s: float) -> None:
    """2.6.6: for the monitor time, or a second more than a delay that is not shorter."""
    assert Settings.of(service(parallelism=1, delay=duration(delay_s))).last_watch_s == watch_s


@pytest.mark.parametrize(
    ("failures", "slots", "ratio", "wanted"),
    [
        (1, 10, 0.1, False),
        (2, 10, 0.1, True),
        (1, 3, 0.0, True),
        (0, 3, 0.0, False),
        (3, 3, 1.0, False),
        (3, 10, 0.3, False),
    ],
)
def test_ratio(failures: int, slots: int, ratio: float, wanted: bool) -> None:
    """2.6.6: more than the ratio decides, with the 32 bits that it has on the wire."""
    on_the_wire = UpdateConfig(max_failure_ratio=ratio).max_failure_ratio
    assert exceeds(failures, slots, on_the_wire) is wanted


def test_dirty_slots() -> None:
    """2.6.1: several tasks, or one that says something else."""
    made = make_service("s", spec_version=2)
    clean = make_task(service=made)
    other = make_task(service=made, spec=make_task_spec(image="old"), spec_version=1)
    assert not is_slot_dirty(made, [], None)
    assert not is_slot_dirty(made, [clean], None)
    assert is_slot_dirty(made, [other], None)
    assert is_slot_dirty(made, [clean, make_task(service=made)], None)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["run", "fail", "wait", "replace", "remove", "put back", "leave"]), st.integers(0, 9)
    ),
    max_size=60,
)
CONFIGS = st.builds(
    UpdateConfig,
    parallelism=st.integers(0, 5),
    delay=st.sampled_from([0.0, 2.0, 9.0]).map(duration),
    monitor=st.sampled_from([0.0, 3.0]).map(duration),
    failure_action=st.sampled_from([0, 1, 2]),
    max_failure_ratio=st.sampled_from([0.0, 0.25, 0.5]),
    order=st.sampled_from([0, 1]),
)


@given(CONFIGS, EVENTS)
def test_any_order_of_events(config: UpdateConfig, events: list[tuple[str, int]]) -> None:
    """Whatever happens, no more slots are worked at than allowed, none twice at a time, nothing is taken after a verdict, and left
    alone every rollout ends."""
    made = make_service("s", replicas=4)
    made.spec.update.CopyFrom(config)
    rollout = Rollout(made, SLOTS)
    limit = config.parallelism or len(SLOTS)
    working: dict[str, tuple[int, str]] = {}
    verdicts: list[Verdict] = []
    now, count = 0.0, 0

    def advance(what: str, number: int) -> None:
        nonlocal now, count
        if what == "wait":
            now += number
        ids = sorted(working)
        if ids and what in ("run", "fail", "replace", "remove"):
            id_ = ids[number % len(ids)]
            del working[id_]
            if what == "remove":
                rollout.task_removed(id_)
            else:
                state = {"run": "RUNNING", "fail": "FAILED", "replace": "READY"}[what]
                task = make_task(id_, state=state, desired="SHUTDOWN" if what == "replace" else "RUNNING")
                rollout.task_changed(task, now)
        taken = rollout.take(now)
        assert not (taken and verdicts)
        for slot in taken:
            assert slot not in working.values()
            if what == "put back":
                rollout.put_back(slot)
            elif what == "leave":
                rollout.left(slot)
            else:
                count += 1
                working[f"t{count}"] = slot
                rollout.works(slot, f"t{count}", is_new=number % 2 == 0)
        assert len(working) <= limit
        rollout.take_to_finish()
        if (verdict := rollout.decide(now)) is not None:
            verdicts.append(verdict)
            rollout.verdict = None

    for what, number in events:
        advance(what, number)
    for _ in range(30):
        advance("run", 0)
        advance("wait", 9)
    assert rollout.is_over and len(verdicts) == 1
    if verdicts == [Verdict.COMPLETE]:
        assert not working
