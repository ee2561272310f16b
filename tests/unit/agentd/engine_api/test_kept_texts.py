"""Texts of objects that are listed again and again (docs/design/engine-api.md E10.7)."""

import json
from typing import Any

from swarm_agentd.engine_api.kept_texts import KeptTexts
from swarm_core.engine_json import task as task_json
from swarm_core.http.version import Version
from swarm_testkit.factories import make_service, make_task

OLD, NEW = Version(1, 41), Version(1, 42)


class Counted:
    """Shows tasks, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, item: Any, version: Version) -> Any:
        self.count += 1
        return task_json.to_json(item, version)


def test_a_text_is_made_once_for_a_version() -> None:
    """It is the object's JSON; another version of it, or another of the API, is shown anew."""
    show = Counted()
    texts = KeptTexts(show)
    task = make_task("t", service=make_service(name="web"), slot=1, state="RUNNING")
    task.meta.version.index = 7
    for _ in range(3):
        assert json.loads(texts.of(task, OLD)) == task_json.to_json(task, OLD)
    assert show.count == 1
    assert json.loads(texts.of(task, NEW)) == task_json.to_json(task, NEW)
    task.meta.version.index = 8
    task.status.message = "changed"
    assert json.loads(texts.of(task, OLD)) == task_json.to_json(task, OLD)
    assert json.loads(texts.of(task, OLD))["Status"]["Message"] == "changed"
    assert show.count == 3


def test_room_is_bounded() -> None:
    """The oldest texts go, and are made again when they are asked for."""
    show = Counted()
    tasks = [make_task(f"t{number}", service=make_service(name="web"), slot=number) for number in range(10)]
    most = max(len(KeptTexts(show).of(task, OLD)) for task in tasks)
    texts = KeptTexts(show, room=4 * most)
    show.count = 0
    for task in (*tasks, tasks[-1], tasks[0]):
        texts.of(task, OLD)
    assert show.count == 11
