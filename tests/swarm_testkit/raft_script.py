"""Plays interaction scripts against our raft and prints in the reference's form.

`RaftScript.run` carries out one directive on a group of nodes whose network is a list of messages. The output of a
command is what the nodes trace, at or above the current level, and what the command shows.

Our own scripts use what the reference's have no command for: `tick`, `restart`, `read-index`, `report-snapshot`, and
`hold-msgs` with `release-msgs`, by which a message comes late or twice.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from swarm_core.raft.conf_change import AnyConfChange
from swarm_core.raft.describe import (
    describe_entries,
    describe_message,
    describe_ready,
)
from swarm_core.raft.errors import RaftError
from swarm_core.raft.sizes import NO_LIMIT
from swarm_core.raft.trace import TraceLevel
from swarm_core.raft.types import (
    EMPTY_HARD_STATE,
    LOCAL_TARGETS,
    ConfChange,
    ConfChangeTransition,
    ConfChangeV2,
    HardState,
    Message,
    MessageType,
    Snapshot,
)

from swarm_testkit.directives import Directive, ScriptError
from swarm_testkit.script_nodes import (
    CommandFailed,
    ScriptNode,
    configure,
    first_config,
    new_node,
    parse_changes,
    truth,
)

_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE")
_QUIET = _LEVELS.index("NONE")
_TRANSITIONS = {
    "auto": ConfChangeTransition.AUTO,
    "implicit": ConfChangeTransition.JOINT_IMPLICIT,
    "explicit": ConfChangeTransition.JOINT_EXPLICIT,
}


class _Output:
    """Collects what a directive shows; at the quiet level nothing."""

    def __init__(self) -> None:
        self.level = 0
        self.text = ""

    @property
    def is_quiet(self) -> bool:
        return self.level == _QUIET

    def write(self, text: str) -> None:
        if not self.is_quiet:
            self.text += text

    def line(self, text: str) -> None:
        self.write(text + "\n")

    def trace(self, level: TraceLevel, line: str) -> None:
        if level >= self.level:
            self.line(f"{level.name} {line}")

    @contextmanager
    def indented(self) -> Iterator[None]:
        before, self.text = self.text, ""
        yield
        self.text = before + "".join(f"  {line}\n" for line in self.text.splitlines())


class RaftScript:
    """The group that a script works on."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[ScriptNode] = []
        self.messages: list[Message] = []
        self._held: list[Message] = []
        self._rng = random.Random(seed)
        self._output = _Output()
        self._commands: dict[str, Callable[[Directive], None]] = {
            "_breakpoint": lambda _: None,
            "add-nodes": self._add_nodes,
            "campaign": lambda one: self._first(one).raw.campaign(),
            "compact": self._compact,
            "deliver-msgs": self._deliver,
            "forget-leader": lambda one: self._first(one).raw.forget_leader(),
            "hold-msgs": self._hold,
            "log-level": lambda one: self._set_level(one.keys[0]),
            "process-append-thread": lambda one: self._on_nodes(
                one, "processing append thread", self._process_append_thread
            ),
            "process-apply-thread": lambda one: self._on_nodes(
                one, "processing apply thread", self._process_apply_thread
            ),
            "process-ready": lambda one: self._on_nodes(one, "handling Ready", self._process_ready),
            "propose": lambda one: self._first(one).raw.propose(one.keys[1].encode()),
            "propose-conf-change": self._propose_conf_change,
            "raft-log": lambda one: self._show_log(self._first(one)),
            "raft-state": self._show_states,
            "read-index": lambda one: self._first(one).raw.read_index(one.keys[1].encode()),
            "release-msgs": self._release,
            "report-snapshot": self._report_snapshot,
            "report-unreachable": self._report_unreachable,
            "restart": self._restart,
            "send-snapshot": self._send_snapshot,
            "set-randomized-election-timeout": self._set_election_timeout,
            "stabilize": self._stabilize_directive,
            "status": self._show_status,
            "tick": lambda one: self._tick(self._first(one), int(one.keys[1])),
            "tick-election": lambda one: self._tick(self._first(one), self._first(one).config.election_tick),
            "tick-heartbeat": lambda one: self._tick(
                self._first(one), self._first(one).config.heartbeat_tick
            ),
            "transfer-leadership": self._transfer_leadership,
        }

    def run(self, directive: Directive) -> str:
        """Carries out one directive and returns its output."""
        output = self._output
        output.text = ""
        try:
            command = self._commands.get(directive.command)
            if command is None:
                raise CommandFailed("unknown command")
            command(directive)
        except (RaftError, CommandFailed) as error:
            if output.is_quiet:
                return f"{error}\n"
            output.write(str(error))
        text = output.text or "ok"
        return text if text.endswith("\n") else text + "\n"

    # Nodes

    def _node(self, id_: int) -> ScriptNode:
        if not 0 < id_ <= len(self.nodes):
            raise ScriptError(f"there is no node {id_}")
        return self.nodes[id_ - 1]

    def _first(self, directive: Directive) -> ScriptNode:
        return self._node(int(directive.keys[0]))

    def _on_nodes(self, directive: Directive, what: str, work: Callable[[ScriptNode], None]) -> None:
        ids = directive.numbers
        for id_ in ids:
            if len(ids) == 1:
                work(self._node(id_))
                continue
            self._output.line(f"> {id_} {what}")
            with self._output.indented():
                work(self._node(id_))

    def _add_nodes(self, directive: Directive) -> None:
        is_swarmkit = any(truth(value) for value in directive.values("swarmkit"))
        config = replace(first_config(swarmkit=is_swarmkit, rng=self._rng), trace=self._output.trace)
        snapshot = Snapshot()
        for key, values in directive.arguments[1:]:
            if key != "swarmkit":
                config, snapshot = configure(config, snapshot, key, values)
        for _ in range(int(directive.keys[0])):
            self.nodes.append(new_node(replace(config, id=len(self.nodes) + 1), snapshot))

    # Commands on one node

    def _tick(self, node: ScriptNode, ticks: int) -> None:
        for _ in range(ticks):
            node.raw.tick()

    def _compact(self, directive: Directive) -> None:
        node = self._first(directive)
        node.storage.compact(int(directive.keys[1]))
        self._show_log(node)

    def _propose_conf_change(self, directive: Directive) -> None:
        is_v1 = False
        transition = ConfChangeTransition.AUTO
        for key, values in directive.arguments[1:]:
            for value in values:
                if key == "v1":
                    is_v1 = truth(value)
                elif key == "transition" and value in _TRANSITIONS:
                    transition = _TRANSITIONS[value]
                else:
                    raise CommandFailed(
                        f"unknown transition {value}" if key == "transition" else f"unknown command {key}"
                    )
        changes = parse_changes(directive.input)
        change: AnyConfChange = ConfChangeV2(changes, transition)
        if is_v1:
            if len(changes) != 1 or transition is not ConfChangeTransition.AUTO:
                raise CommandFailed("v1 conf change can only have one operation and no transition")
            change = ConfChange(changes[0].type, changes[0].node_id)
        self._first(directive).raw.propose_conf_change(change)

    def _restart(self, directive: Directive) -> None:
        wiped = any(truth(value) for value in directive.values("wiped"))
        self._first(directive).restart(wiped=wiped)

    def _report_snapshot(self, directive: Directive) -> None:
        reporter, receiver = directive.numbers
        (ok,) = directive.values("ok")
        self._node(reporter).raw.report_snapshot(receiver, ok=truth(ok))

    def _report_unreachable(self, directive: Directive) -> None:
        ids = directive.numbers
        if len(ids) != 2:
            raise CommandFailed(
                "must specify exactly two node indexes: node on which to report, and reported node"
            )
        self._node(ids[0]).raw.report_unreachable(self._node(ids[1]).config.id)

    def _send_snapshot(self, directive: Directive) -> None:
        from_, to = directive.numbers
        node = self._node(from_)
        message = Message(
            MessageType.SNAP,
            to=to,
            from_=from_,
            term=node.raw.status().hard_state.term,
            snapshot=node.storage.snapshot(),
        )
        self.messages.append(message)
        self._output.write(describe_message(message))

    def _set_election_timeout(self, directive: Directive) -> None:
        # Scripts fix what chance decides otherwise; no member offers that to anybody else.
        self._first(directive).raw._raft.randomized_election_timeout = directive.number("timeout")

    def _transfer_leadership(self, directive: Directive) -> None:
        from_, to = directive.number("from"), directive.number("to")
        self._node(to)
        self._node(from_).raw.transfer_leader(to)

    # Showing

    def _set_level(self, name: str) -> None:
        if name.upper() not in _LEVELS:
            raise CommandFailed(f"log levels must be either of [{' '.join(_LEVELS)}]")
        self._output.level = _LEVELS.index(name.upper())

    def _show_log(self, node: ScriptNode) -> None:
        first, last = node.storage.first_index(), node.storage.last_index()
        if last < first:
            self._output.write(f"log is empty: first index={first}, last index={last}")
        else:
            self._output.write(describe_entries(node.storage.entries(first, last + 1, NO_LIMIT)))

    def _show_states(self, _: Directive) -> None:
        for node in self.nodes:
            status = node.raw.status()
            state = status.conf_state
            voter = "(Voter)" if status.id in state.voters + state.voters_outgoing else "(Non-Voter)"
            soft = status.soft_state
            self._output.line(
                f"{status.id}: {soft.role!s} {voter} Term:{status.hard_state.term} Lead:{soft.lead}"
            )

    def _show_status(self, directive: Directive) -> None:
        for id_, progress in sorted(self._first(directive).raw.status().progress.items()):
            self._output.line(f"{id_}: {progress.text}")

    # Messages and storage work

    def _deliver(self, directive: Directive) -> None:
        type_: MessageType | None = None
        recipients: list[tuple[int, bool]] = []
        for key, values in directive.arguments:
            if not values:
                recipients.append((int(key), False))
            for value in values:
                if key == "drop":
                    if (int(value), False) in recipients:
                        raise ScriptError(f"can't both deliver and drop msgs to {value}")
                    recipients.append((int(value), True))
                elif key == "type":
                    type_ = _message_type(value)
        delivered = [self._deliver_to(id_, type_, drop=drop) for id_, drop in recipients]
        if not sum(delivered):
            self._output.line("no messages")

    def _deliver_to(self, id_: int, type_: MessageType | None = None, *, drop: bool = False) -> int:
        chosen = [one for one in self.messages if _is_chosen(one, id_, type_, drop)]
        self.messages = [one for one in self.messages if not _is_chosen(one, id_, type_, drop)]
        for message in chosen:
            self._output.line(("dropped: " if drop else "") + describe_message(message))
            if drop:
                continue
            try:
                self._node(id_).raw.step(message)
            except RaftError as error:
                self._output.line(str(error))
        return len(chosen)

    def _hold(self, directive: Directive) -> None:
        """Keeps messages back, or a copy of them, until `release-msgs`."""
        to = int(directive.keys[0])
        types = directive.values("type")
        type_ = _message_type(types[0]) if types else None
        chosen = [one for one in self.messages if _is_chosen(one, to, type_, drop=True)]
        if not any(truth(value) for value in directive.values("copy")):
            self.messages = [one for one in self.messages if one not in chosen]
        self._held += chosen
        self._output.write("".join(f"held: {describe_message(message)}\n" for message in chosen))

    def _release(self, directive: Directive) -> None:
        """Held messages of one receiver are on their way again, behind all others."""
        to = int(directive.keys[0])
        self.messages += [one for one in self._held if one.to == to]
        self._held = [one for one in self._held if one.to != to]

    def _process_ready(self, node: ScriptNode) -> None:
        ready = node.raw.ready()
        self._output.write(describe_ready(ready))
        if ready is None:
            return
        is_async = node.config.async_storage_writes
        if not is_async:
            node.store(ready.hard_state, ready.entries, ready.snapshot)
            node.apply(ready.committed_entries)
        for message in ready.messages:
            if message.to not in LOCAL_TARGETS:
                self.messages.append(message)
                continue
            assert is_async, "storage work is asked for only when it is asynchronous"
            is_append = message.type is MessageType.STORAGE_APPEND
            (node.append_work if is_append else node.apply_work).append(message)
        if not is_async:
            node.raw.advance(ready)

    def _process_append_thread(self, node: ScriptNode) -> None:
        if not node.append_work:
            self._output.write("no append work to perform")
            return
        request = self._show_work(node.append_work.pop(0))
        state = HardState(request.term, request.vote, request.commit)
        node.store(None if state == EMPTY_HARD_STATE else state, request.entries, request.snapshot)
        self._answer(request)

    def _process_apply_thread(self, node: ScriptNode) -> None:
        if not node.apply_work:
            self._output.write("no apply work to perform")
            return
        request = self._show_work(node.apply_work.pop(0))
        node.apply(request.entries)
        self._answer(request)

    def _show_work(self, request: Message) -> Message:
        self._output.line("Processing:")
        self._output.line(describe_message(replace(request, responses=())))
        return request

    def _answer(self, request: Message) -> None:
        self._output.line("Responses:")
        for response in request.responses:
            self._output.line(describe_message(response))
        self.messages += request.responses

    # Everything until nothing moves

    def _stabilize_directive(self, directive: Directive) -> None:
        level = self._output.level
        nodes = [self._node(id_) for id_ in directive.numbers] or self.nodes
        try:
            for name in directive.values("log-level"):
                self._set_level(name)
            while self._stabilize_once(nodes):
                pass
        finally:
            # The output was collected at the other level and is shown as it is.
            self._output.level = level

    def _stabilize_once(self, nodes: list[ScriptNode]) -> bool:
        """One round over the nodes; False when there was nothing to do."""
        has_moved = False
        for node in nodes:
            if node.raw.has_ready():
                has_moved = True
                self._output.line(f"> {node.config.id} handling Ready")
                with self._output.indented():
                    self._process_ready(node)
        for node in nodes:
            if any(message.to == node.config.id for message in self.messages):
                has_moved = True
                self._output.line(f"> {node.config.id} receiving messages")
                with self._output.indented():
                    self._deliver_to(node.config.id)
        for node in nodes:
            has_moved |= self._drain(
                node, node.append_work, "processing append thread", self._process_append_thread
            )
        for node in nodes:
            has_moved |= self._drain(
                node, node.apply_work, "processing apply thread", self._process_apply_thread
            )
        return has_moved

    def _drain(
        self, node: ScriptNode, work: list[Message], what: str, process: Callable[[ScriptNode], None]
    ) -> bool:
        if not work:
            return False
        self._output.line(f"> {node.config.id} {what}")
        while work:
            with self._output.indented():
                process(node)
        return True


def _message_type(name: str) -> MessageType:
    for type_ in MessageType:
        if str(type_) == name:
            return type_
    raise ScriptError(f"unknown message type {name}")


def _is_chosen(message: Message, to: int, type_: MessageType | None, drop: bool) -> bool:
    is_local = message.from_ == message.to or message.from_ in LOCAL_TARGETS or message.to in LOCAL_TARGETS
    return message.to == to and (type_ is None or message.type is type_) and not (drop and is_local)
