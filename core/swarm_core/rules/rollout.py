"""How an update of a service proceeds (docs/design/orchestration.md 2.6). Pure: from what happened and the time to what is next.

A `Rollout` knows no tasks but those it waits for. Whoever runs it asks for slots to replace (`take`), says what became of them
(`works`, `finished`, `left`, `put_back`), feeds it changed tasks, and carries out its verdict.
"""

import struct
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import RUNNING, UpdateConfig, UpdateStatus
from swarm_core.api.states import is_terminal
from swarm_core.api.timestamps import duration_s, timestamp
from swarm_core.rules.dirty import is_dirty

MONITOR_DEFAULT_S = 5.0
_PARALLELISM_DEFAULT = 1
_PAUSED = (UpdateStatus.PAUSED, UpdateStatus.ROLLBACK_PAUSED)
_GOING = (UpdateStatus.UPDATING, UpdateStatus.ROLLBACK_STARTED)
SlotKey = tuple[int, str]  # slot, or 0 and the node of a global service


class Verdict(Enum):
    """What the rollout as a whole comes to."""

    COMPLETE = "complete"
    PAUSE = "pause"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration that counts: the rollback's while a service goes back, else the update's. Parallelism 0 is all at once."""

    parallelism: int
    delay_s: float
    monitor_s: float
    max_failure_ratio: float
    action: "UpdateConfig.FailureAction.ValueType"
    is_start_first: bool
    is_rollback: bool

    @staticmethod
    def of(service: Service) -> "Settings":
        is_rollback = service.update_status.state == UpdateStatus.ROLLBACK_STARTED
        spec = service.spec
        config = spec.rollback if is_rollback else spec.update
        is_given = spec.HasField("rollback" if is_rollback else "update")
        return Settings(
            parallelism=config.parallelism if is_given else _PARALLELISM_DEFAULT,
            delay_s=duration_s(config.delay),
            monitor_s=duration_s(config.monitor) if config.HasField("monitor") else MONITOR_DEFAULT_S,
            max_failure_ratio=config.max_failure_ratio,
            action=config.failure_action,
            is_start_first=config.order == UpdateConfig.START_FIRST,
            is_rollback=is_rollback,
        )

    @property
    def last_watch_s(self) -> float:
        """How long failures are looked for after the last slot."""
        return self.delay_s + 1 if self.delay_s >= self.monitor_s else self.monitor_s


def is_slot_dirty(service: Service, tasks: Sequence[Task], node: Node | None) -> bool:
    """Whether a slot needs work: several tasks stand for it, or one that no longer says what the service says."""
    return len(tasks) > 1 or (len(tasks) == 1 and is_dirty(service, tasks[0], node))


def is_going(service: Service) -> bool:
    """Whether its status says that an update or a rollback is on its way."""
    return service.update_status.state in _GOING


def is_paused(service: Service) -> bool:
    """Whether its rollout waits for a person."""
    return service.update_status.state in _PAUSED


def exceeds(failures: int, slots: int, ratio: float) -> bool:
    """Whether so many failures are too many. The ratio on the wire has 32 bits, so the quotient gets as many."""
    (share,) = struct.unpack("f", struct.pack("f", failures / slots))
    return bool(share > ratio)


# the status of a service


def begin(service: Service, now_ns: int) -> None:
    """Say that an update began."""
    status = service.update_status
    status.state, status.message = UpdateStatus.UPDATING, "update in progress"
    status.started_at.CopyFrom(timestamp(now_ns))


def complete(service: Service, now_ns: int) -> None:
    """Say that what was on its way is done."""
    status = service.update_status
    if status.state == UpdateStatus.ROLLBACK_STARTED:
        status.state, status.message = UpdateStatus.ROLLBACK_COMPLETED, "rollback completed"
    else:
        status.state, status.message = UpdateStatus.COMPLETED, "update completed"
    status.completed_at.CopyFrom(timestamp(now_ns))


def pause(service: Service, message: str) -> None:
    """Say that the rollout waits for a person, and why."""
    status = service.update_status
    is_rollback = status.state == UpdateStatus.ROLLBACK_STARTED
    status.state = UpdateStatus.ROLLBACK_PAUSED if is_rollback else UpdateStatus.PAUSED
    status.message = message


def hold(service: Service) -> None:
    """Stop where it is, as a person asked for."""
    is_rollback = service.update_status.state == UpdateStatus.ROLLBACK_STARTED
    pause(service, f"{'rollback' if is_rollback else 'update'} paused by an operator")


def resume(service: Service) -> None:
    """Go on where it was paused: with the spec before still kept, which a new update would put out of reach."""
    status = service.update_status
    if status.state == UpdateStatus.ROLLBACK_PAUSED:
        status.state, status.message = UpdateStatus.ROLLBACK_STARTED, "rollback in progress"
    else:
        status.state, status.message = UpdateStatus.UPDATING, "update in progress"


def roll_back(service: Service, message: str) -> None:
    """Go back to the spec before, which is then no longer kept: a rollback is never rolled back."""
    service.update_status.state, service.update_status.message = UpdateStatus.ROLLBACK_STARTED, message
    service.spec.CopyFrom(service.previous_spec)
    service.spec_version.CopyFrom(service.previous_spec_version)
    service.ClearField("previous_spec")
    service.ClearField("previous_spec_version")


def swap(service: Service, now_ns: int) -> None:
    """Exchange the spec with the one before, as somebody asked for."""
    before = Service(spec=service.spec, spec_version=service.spec_version)
    service.spec.CopyFrom(service.previous_spec)
    service.spec_version.CopyFrom(service.previous_spec_version)
    service.previous_spec.CopyFrom(before.spec)
    service.previous_spec_version.CopyFrom(before.spec_version)
    service.ClearField("update_status")
    status = service.update_status
    status.state, status.message = UpdateStatus.ROLLBACK_STARTED, "manually requested rollback"
    status.started_at.CopyFrom(timestamp(now_ns))


class Rollout:
    """One update on its way. `service` is the newest object with this spec."""

    def __init__(self, service: Service, dirty: Iterable[SlotKey]) -> None:
        self.service = service
        self.settings = Settings.of(service)
        self.verdict: Verdict | None = None
        self.failed_task = ""  # the one that decided
        self._is_stopped = False
        self._waiting = deque(dirty)
        self._slots = set(self._waiting)  # all that were taken in
        self._left: set[SlotKey] = set()  # those of them in which there was nothing to do
        self._taken: set[SlotKey] = set()
        self._working: dict[str, SlotKey] = {}  # by the task that is to run
        self._to_finish: list[tuple[SlotKey, str]] = []
        self._rests: list[float] = []  # when a worker that waits for its delay goes on
        self._made: dict[str, float | None] = {}  # tasks of this rollout, and since when they run
        self._failures: set[str] = set()
        self._watched_until: float | None = None

    def goes_on_with(self, service: Service) -> bool:
        """Whether the stored service still wants this rollout."""
        if service.spec != self.service.spec:
            return False
        if self.verdict is not None:
            return True  # not written yet
        if is_paused(service):
            return self._is_stopped  # one that goes is held by a person
        if self._is_stopped:
            return False
        is_rollback = service.update_status.state == UpdateStatus.ROLLBACK_STARTED
        return is_rollback == self.settings.is_rollback

    # slots

    def take(self, now: float) -> list[SlotKey]:
        """The slots to replace now."""
        while self._rests and self._rests[0] <= now:
            heappop(self._rests)
        free = (self.settings.parallelism or len(self._slots)) - (
            len(self._taken) + len(self._working) + len(self._rests)
        )
        slots = (
            []
            if self._is_stopped
            else [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        )
        self._taken.update(slots)
        return slots

    def include(self, slot: SlotKey) -> None:
        """One more slot, which is replaced after the others, unless it was taken in before."""
        if slot not in self._slots or slot in self._left:
            self._slots.add(slot)
            self._left.discard(slot)
            self.look_again(slot)

    def look_again(self, slot: SlotKey) -> None:
        """Something is left to do in the slot. A rollout that has come to its end does no more."""
        is_underway = slot in self._taken or slot in self._waiting or slot in self._working.values()
        if not is_underway and not self._is_stopped:
            self._waiting.append(slot)
            self._watched_until = None

    def works(self, slot: SlotKey, task_id: str, *, is_new: bool) -> None:
        """The slot is done when this task runs. A failure counts if the rollout made it."""
        self._taken.discard(slot)
        self._working[task_id] = slot
        if is_new:
            self._made[task_id] = None

    def finished(self, slot: SlotKey, now: float) -> None:
        """The slot is as it should be; the next one waits for the delay."""
        self._taken.discard(slot)
        if self.settings.delay_s and self._waiting:
            heappush(self._rests, now + self.settings.delay_s)

    def left(self, slot: SlotKey) -> None:
        """There was nothing to do in the slot; it may come back when its node does."""
        self._taken.discard(slot)
        self._left.add(slot)

    def put_back(self, slot: SlotKey) -> None:
        """The slot has to be looked at again."""
        self._taken.discard(slot)
        self._waiting.appendleft(slot)

    def take_to_finish(self) -> list[tuple[SlotKey, str]]:
        """Slots whose new task runs, with that task: the others of the slot may stop."""
        finish, self._to_finish = self._to_finish, []
        return finish

    # events

    def task_changed(self, task: Task, now: float) -> None:
        """A task of the service changed."""
        state = task.status.state
        if task.id in self._working:
            if state >= RUNNING:
                self._arrived(task, now)
            elif task.desired_state > RUNNING:
                # It was replaced before it ran: its successor stands for the slot.
                self.put_back(self._working.pop(task.id))
        if is_terminal(state):
            self._ended(task.id, now)

    def task_removed(self, task_id: str) -> None:
        """A task is gone: nobody waits for it any more."""
        slot = self._working.pop(task_id, None)
        if slot is not None:
            self.put_back(slot)

    def _arrived(self, task: Task, now: float) -> None:
        slot = self._working.pop(task.id)
        if task.id in self._made:
            self._made[task.id] = now
        if self.settings.is_start_first and task.status.state == RUNNING:
            self._to_finish.append((slot, task.id))
        self.finished(slot, now)

    def _ended(self, task_id: str, now: float) -> None:
        if task_id not in self._made or task_id in self._failures or self._is_stopped:
            return
        settings = self.settings
        since = self._made[task_id]
        watched_s = settings.monitor_s if self._watched_until is None else settings.last_watch_s
        if settings.action == UpdateConfig.CONTINUE or (since is not None and now - since > watched_s):
            return
        self._failures.add(task_id)
        if exceeds(len(self._failures), len(self._slots), settings.max_failure_ratio):
            rolls_back = settings.action == UpdateConfig.ROLLBACK and not settings.is_rollback
            self.verdict = Verdict.ROLL_BACK if rolls_back else Verdict.PAUSE
            self.failed_task = task_id
            self._is_stopped = True
            self._waiting.clear()
            self._rests.clear()

    # the end

    def decide(self, now: float) -> Verdict | None:
        """What to write about the whole now. The caller clears `verdict` once it is written."""
        is_idle = not (self._waiting or self._taken or self._working or self._to_finish)
        if is_idle and not self._is_stopped:
            if self._watched_until is None:
                self._watched_until = now + self.settings.last_watch_s
            if now >= self._watched_until:
                self.verdict, self._is_stopped = Verdict.COMPLETE, True
        return self.verdict

    @property
    def is_over(self) -> bool:
        """Nothing of it is left to do."""
        return self._is_stopped and not (self.verdict or self._taken or self._working or self._to_finish)

    def next_at(self) -> float | None:
        """When time alone lets something happen."""
        if self._is_stopped:
            return None
        if self._waiting:
            return self._rests[0] if self._rests else None
        return self._watched_until

    def message(self) -> str:
        """What the status says about the verdict after a failure."""
        what = "rolled back" if self.verdict is Verdict.ROLL_BACK else "paused"
        is_undone_rollback = self.settings.is_rollback and self.settings.action == UpdateConfig.ROLLBACK
        noun = "rollback" if is_undone_rollback else "update"
        return f"{noun} {what} due to failure or early termination of task {self.failed_task}"
