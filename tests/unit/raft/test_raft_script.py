"""The script runner reads every form of directive and really compares."""

import pytest
from swarm_testkit.directives import ScriptError, parse
from swarm_testkit.raft_script import RaftScript

_SCRIPT = """\
# A comment.
add-nodes 1 voters=(1) index=2 \\
  async-storage-writes=true
----
INFO 1 switched to configuration voters=(1)
INFO 1 became follower at term 0
INFO newRaft 1 [peers: [1], term: 0, commit: 2, applied: 2, lastindex: 2, lastterm: 1]

propose 1 early
----
INFO 1 no leader at term 0; dropping proposal
raft proposal dropped

campaign 1
----
INFO 1 is starting a new election at term 0
INFO 1 became candidate at term 1

process-ready 1
----
Ready MustSync=true:
Lead:0 State:StateCandidate
HardState Term:1 Vote:1 Commit:2
Messages:
1->AppendThread MsgStorageAppend Term:1 Log:0/0 Commit:2 Vote:1 Responses:[
  1->1 MsgVoteResp Term:1 Log:0/0
]

stabilize log-level=none
----
ok

no-such-command
----
unknown command

raft-log 1
----
1/3 EntryNormal ""
"""


def test_script_is_read_and_played() -> None:
    """A script with comments, continued lines, errors and asynchronous storage gives its expected output."""
    script = RaftScript()
    outputs = {one.line: (script.run(one), one.expected) for one in parse(_SCRIPT)}
    assert len(outputs) == 7
    for output, expected in outputs.values():
        assert output == expected


def test_arguments_are_split() -> None:
    """Arguments are bare, or have one value or several; input stands before the separator."""
    (one,) = parse("command 1 key=v list=(1, 2) none=()\nin put\n----\nout\n")
    assert one.arguments == (("1", ()), ("key", ("v",)), ("list", ("1", "2")), ("none", ()))
    assert (one.input, one.expected, one.keys) == ("in put", "out\n", ["1", "none"])


def test_doubled_separators_hold_blank_lines() -> None:
    """Between doubled separators the output may have blank lines."""
    first, second = parse("one\n----\n----\na\n\nb\n----\n----\n\ntwo\n----\nc\n")
    assert (first.expected, second.expected) == ("a\n\nb\n", "c\n")
    with pytest.raises(ScriptError):
        parse("one\n----\n----\na\n")


def test_wrong_scripts_are_errors() -> None:
    """An unknown argument, node or message type is the script's fault, not an output."""
    script = RaftScript()
    for line in ("add-nodes 1 colour=red", "campaign 9", "deliver-msgs 1 type=MsgNothing"):
        with pytest.raises(ScriptError):
            script.run(parse(f"{line}\n----\n")[0])
