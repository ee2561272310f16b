"""The script runner reads every form of directive and really compares."""

import pytest
from swarm_testkit.directives import ScriptError, parse, rewritten
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


def test_rewriting_changes_outputs_alone() -> None:
    """Other outputs take the place of the expected ones; comments, input and blank lines stay."""
    script = "# Why.\none\nin put\n----\nold\nolder\n\n# And then.\ntwo\n----\n\nthree\n----\n----\na\n\nb\n----\n----\n"
    new = "# Why.\none\nin put\n----\nnew\n\n# And then.\ntwo\n----\nx\ny\n\nthree\n----\n----\nc\n\n----\n----\n"
    assert rewritten(script, ["new\n", "x\ny\n", "c\n\n"]) == new
    assert rewritten(_SCRIPT, [one.expected for one in parse(_SCRIPT)]) == _SCRIPT
    with pytest.raises(ValueError, match="shorter"):
        rewritten(script, ["new\n"])


def test_messages_come_late_and_twice() -> None:
    """Held messages stay away until they are released, copies come once more, and a restarted member keeps its vote."""
    script = RaftScript()

    def run(line: str) -> str:
        return script.run(parse(f"{line}\n----\n")[0])

    run("add-nodes 3 voters=(1,2,3) index=10")
    run("campaign 1")
    run("process-ready 1")
    assert run("hold-msgs 2").startswith("held: 1->2 MsgVote")
    assert run("deliver-msgs 2") == "no messages\n"
    run("release-msgs 2")
    run("hold-msgs 2 copy=true")
    assert "cast MsgVote for 1" in run("deliver-msgs 2")
    run("process-ready 2")
    run("restart 2")
    run("release-msgs 2")
    assert "vote: 1] cast MsgVote for 1" in run("deliver-msgs 2")
    run("restart 2 wiped=true")
    assert "term: 0, commit: 0" in run("restart 2 wiped=true")


def test_wrong_scripts_are_errors() -> None:
    """An unknown argument, node or message type is the script's fault, not an output."""
    script = RaftScript()
    for line in ("add-nodes 1 colour=red", "campaign 9", "deliver-msgs 1 type=MsgNothing"):
        with pytest.raises(ScriptError):
            script.run(parse(f"{line}\n----\n")[0])
