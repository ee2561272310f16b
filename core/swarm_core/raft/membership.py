"""How one membership follows from another.

A simple change moves at most one voter. Any other goes through a joint configuration: `enter_joint`, then
`leave_joint`. All work on copies and raise ConfChangeRefused, so a refused change leaves no trace.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

from swarm_core.raft.conf_change import as_v2, enters_joint, leaves_automatically, leaves_joint
from swarm_core.raft.errors import ConfChangeRefused
from swarm_core.raft.progress import Progress
from swarm_core.raft.quorum import JointVoters
from swarm_core.raft.tracker import Membership, ProgressMap, ProgressTracker
from swarm_core.raft.types import ConfChange, ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState

Changed = tuple[Membership, ProgressMap]


def change(tracker: ProgressTracker, last_index: int, wanted: ConfChange | ConfChangeV2) -> Changed:
    """What the tracker's membership becomes by one committed change."""
    draft = Draft.of(tracker, last_index)
    v2 = as_v2(wanted)
    if leaves_joint(v2):
        return leave_joint(draft)
    if enters_joint(v2):
        return enter_joint(draft, v2.changes, auto_leave=leaves_automatically(v2))
    return simple(draft, v2.changes)


def restore(tracker: ProgressTracker, last_index: int, conf_state: ConfState) -> Changed:
    """The membership that a conf state describes, built up from nothing by valid changes.

    `tracker` must be empty. A joint state is reached by making the outgoing half first.
    """
    add, learn, remove = ConfChangeType.ADD_NODE, ConfChangeType.ADD_LEARNER_NODE, ConfChangeType.REMOVE_NODE
    learners = conf_state.learners + conf_state.learners_next
    incoming = [ConfChangeSingle(remove, id_) for id_ in conf_state.voters_outgoing]
    incoming += [ConfChangeSingle(add, id_) for id_ in conf_state.voters]
    incoming += [ConfChangeSingle(learn, id_) for id_ in learners]
    is_joint = bool(conf_state.voters_outgoing)
    one_by_one = [ConfChangeSingle(add, id_) for id_ in conf_state.voters_outgoing] if is_joint else incoming

    draft = Draft.of(tracker, last_index)
    for single in one_by_one:
        membership, progress = simple(draft, (single,))
        draft = Draft.build(membership, progress, tracker, last_index)
    if is_joint:
        return enter_joint(draft, incoming, auto_leave=conf_state.auto_leave)
    return draft.finished()


def simple(draft: "Draft", changes: Iterable[ConfChangeSingle]) -> Changed:
    """Changes that move at most one voter."""
    if draft.is_joint:
        raise ConfChangeRefused("can't apply simple config change in joint config")
    before = frozenset(draft.incoming)
    draft.apply(changes)
    if len(before ^ draft.incoming) > 1:
        raise ConfChangeRefused("more than one voter changed without entering joint config")
    return draft.finished()


def enter_joint(draft: "Draft", changes: Iterable[ConfChangeSingle], *, auto_leave: bool) -> Changed:
    """Today's voters become the outgoing half; the changes make the incoming one."""
    if draft.is_joint:
        raise ConfChangeRefused("config is already joint")
    if not draft.incoming:
        raise ConfChangeRefused("can't make a zero-voter config joint")
    draft.outgoing = set(draft.incoming)
    draft.apply(changes)
    draft.auto_leave = auto_leave
    return draft.finished()


def leave_joint(draft: "Draft") -> Changed:
    """The outgoing half goes; who was to become a learner becomes one."""
    if not draft.is_joint:
        raise ConfChangeRefused("can't leave a non-joint config")
    for id_ in draft.learners_next:
        draft.learners.add(id_)
        draft.progress[id_].is_learner = True
    draft.learners_next.clear()
    for id_ in draft.outgoing - draft.incoming - draft.learners:
        del draft.progress[id_]
    draft.outgoing.clear()
    draft.auto_leave = False
    return draft.finished()


@dataclass(slots=True)
class Draft:
    """A membership being changed. Progress values are copies that share their inflights with the original."""

    incoming: set[int]
    outgoing: set[int]
    learners: set[int]
    learners_next: set[int]
    auto_leave: bool
    progress: ProgressMap
    tracker: ProgressTracker
    last_index: int

    @classmethod
    def of(cls, tracker: ProgressTracker, last_index: int) -> "Draft":
        return cls.build(tracker.membership, tracker.progress, tracker, last_index)

    @classmethod
    def build(
        cls, membership: Membership, progress: ProgressMap, tracker: ProgressTracker, last_index: int
    ) -> "Draft":
        draft = cls(
            incoming=set(membership.voters.incoming),
            outgoing=set(membership.voters.outgoing),
            learners=set(membership.learners),
            learners_next=set(membership.learners_next),
            auto_leave=membership.auto_leave,
            progress={id_: copy(member) for id_, member in progress.items()},
            tracker=tracker,
            last_index=last_index,
        )
        draft.check()
        return draft

    @property
    def is_joint(self) -> bool:
        return bool(self.outgoing)

    def apply(self, changes: Iterable[ConfChangeSingle]) -> None:
        for single in changes:
            # Id 0 is how an application takes back a change that it found invalid.
            if single.node_id == 0 or single.type is ConfChangeType.UPDATE_NODE:
                continue
            if single.type is ConfChangeType.ADD_NODE:
                self._make_voter(single.node_id)
            elif single.type is ConfChangeType.ADD_LEARNER_NODE:
                self._make_learner(single.node_id)
            else:
                self._remove(single.node_id)
        if not self.incoming:
            raise ConfChangeRefused("removed all voters")

    def _make_voter(self, id_: int) -> None:
        member = self.progress.get(id_)
        if member is None:
            self._add_progress(id_, is_learner=False)
        else:
            member.is_learner = False
            self.learners.discard(id_)
            self.learners_next.discard(id_)
        self.incoming.add(id_)

    def _make_learner(self, id_: int) -> None:
        member = self.progress.get(id_)
        if member is None:
            self._add_progress(id_, is_learner=True)
            self.learners.add(id_)
        elif not member.is_learner:
            self._remove(id_)
            self.progress[id_] = member
            # A voter of the outgoing half keeps its vote until that half goes.
            if id_ in self.outgoing:
                self.learners_next.add(id_)
            else:
                member.is_learner = True
                self.learners.add(id_)

    def _remove(self, id_: int) -> None:
        if id_ not in self.progress:
            return
        self.incoming.discard(id_)
        self.learners.discard(id_)
        self.learners_next.discard(id_)
        if id_ not in self.outgoing:
            del self.progress[id_]

    def _add_progress(self, id_: int, *, is_learner: bool) -> None:
        # Active at first, or a check of the quorum right after the change could depose the leader.
        self.progress[id_] = Progress(
            next=max(self.last_index, 1),
            inflights=self.tracker.new_inflights(),
            is_learner=is_learner,
            is_recently_active=True,
        )

    def finished(self) -> Changed:
        self.check()
        voters = JointVoters(frozenset(self.incoming), frozenset(self.outgoing))
        membership = Membership(
            voters, frozenset(self.learners), frozenset(self.learners_next), self.auto_leave
        )
        return membership, self.progress

    def check(self) -> None:
        """States what every membership fulfils."""
        members = self.incoming | self.outgoing | self.learners | self.learners_next
        assert members == self.progress.keys(), "every member, and nobody else, has a progress"
        assert self.learners_next <= self.outgoing, "who becomes a learner is an outgoing voter"
        assert not self.learners & (self.incoming | self.outgoing), "a learner has no vote"
        flagged = {id_ for id_, member in self.progress.items() if member.is_learner}
        assert flagged == self.learners, "progress knows who is a learner"
        assert self.is_joint or not (self.learners_next or self.auto_leave), "only joint ones have a next"
