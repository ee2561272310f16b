"""A person's own commands: what the file says of them, every mistake in a sentence, and what they are told (docs/design/plugins.md)."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import lively_cluster
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.own_command import words_for
from swarm_tui.preferences.file import WrongPreferences, load
from swarm_tui.preferences.model import OwnCommand
from swarm_tui.resources import nodes, tasks
from swarm_tui.shell.preferred import judge

WHOLE = """
[plugins.uptime]
key = "f9"
scopes = ["node", "task"]
command = ["ssh", "root@{address}", "uptime"]
help = "how long the machine runs"
confirm = true
background = true
output = "page"
level = 1
"""


def judged(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return judge(load(path))


def wrong(tmp_path, text):
    """What is said of a file with this text, without the file's name."""
    with pytest.raises(WrongPreferences) as caught:
        judged(tmp_path, text)
    return [sentence.removeprefix(f"{tmp_path / 'config.toml'}, ") for sentence in caught.value.sentences]


def test_what_a_table_says(tmp_path):
    """All of it, and what is usual where nothing is said: with the terminal, at the highest level, without a key."""
    (own,) = judged(tmp_path, WHOLE).plugins
    command = ("ssh", "root@{address}", "uptime")
    told = "how long the machine runs"
    assert own == OwnCommand("uptime", command, "f9", ("node", "task"), told, True, True, "page", 1)
    (usual,) = judged(tmp_path, '[plugins.x]\ncommand = ["date"]').plugins
    assert usual == OwnCommand("x", ("date",), help="your command x")
    assert (usual.level, usual.is_background) == (3, False)


@pytest.mark.parametrize(
    "text, told",
    [
        ("", ["line 1: the plugin 'x' needs a 'command': a list of words, such as [\"ssh\", \"{address}\"]."]),
        ("command = 'ssh {id}'", ["line 2: 'command' takes a list of words, such as [\"ssh\", \"{address}\"]."]),
        ("command = ['a']\nkye = 'f9'", ["line 3: 'kye' is not known; did you mean 'key'?"]),
        ("command = ['a']\nkey = 'f99'", ["line 3: there is no key 'f99'; keys are written as a, A, ?, f5, ctrl+d, alt+x, pageup."]),
        ("command = ['a']\nkey = 's'", ["line 3: s of the plugin 'x' is already the key of 'list.scale'; give one of them another key."]),
        ("command = ['a']\nkey = 'j'", ["line 3: j moves about everywhere, so the plugin 'x' cannot have it."]),
        ("command = ['a']\nscopes = ['tsk']", ["line 3: there is no kind 'tsk'; did you mean 'task'?"]),
        ("command = ['{nod}']\nscopes = ['task']", ["line 2: a task has no {nod}; did you mean 'node'?"]),
        ("command = ['{image}']\nscopes = ['node', 'task']", ["line 2: a node has no {image}; there are address, cluster, id, kind, name, node."]),
        ("command = ['{id}']", ["line 2: a command without scopes has no {id}; there are cluster."]),
        ("command = ['{id']\nscopes = ['task']", ["line 2: the braces of '{id' do not pair; a brace that stands for itself is written twice."]),
        ("command = ['{id!r}']\nscopes = ['task']", ["line 2: {id} is no placeholder; a brace that stands for itself is written twice."]),
        ("command = ['a']\noutput = 'page'", ["line 3: 'output' is for commands that run beside: write background = true too."]),
        ("command = ['a']\nbackground = true\noutput = 'pager'", ["line 4: 'output' does not take 'pager'; there are notice, page, none."]),
        ("command = ['a']\nlevel = 4", ["line 3: 'level' is 0 look, 1 operate, 2 configure or 3 impact."]),
        ("command = ['a']\nconfirm = 'yes'", ["line 3: 'confirm' is true or false."]),
    ],
)  # fmt: skip
def test_every_mistake_is_a_sentence(tmp_path, text, told):
    """With its line, and what may be written instead."""
    assert wrong(tmp_path, f"[plugins.x]\n{text}") == told


def test_names_and_keys_are_one_commands_each(tmp_path):
    """No name of the program's own, nothing that cannot be typed, no key twice; a key that its verb gave up is free."""
    assert wrong(tmp_path, "[plugins.scale]\ncommand = ['a']") == [
        "line 1: 'scale' is a command of the program already; call the plugin something else."
    ]
    assert wrong(tmp_path, "[plugins.'a b']\ncommand = ['a']")[0].startswith(
        "line 1: 'a b' cannot be typed as a command"
    )
    two = "[plugins.x]\ncommand = ['a']\nkey = 'f6'\n[plugins.y]\ncommand = ['a']\nkey = 'f6'"
    assert wrong(tmp_path, two) == [
        "line 6: f6 of the plugin 'y' is already the key of 'plugin.x'; give one of them another key."
    ]
    free = "[keys]\n'list.scale' = 'alt+s'\n[plugins.x]\ncommand = ['a']\nscopes = ['service']\nkey = 's'"
    assert judged(tmp_path, free).plugins[0].key == "s"


def test_what_a_command_is_told():
    """One argument each, whatever the object is called; what an object lacks is a sentence and no empty argument."""
    cluster = lively_cluster()
    view = Snapshot(
        [
            item
            for kind in (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
            for item in cluster.all(kind)
        ]
    )
    own = OwnCommand("x", ("ssh", "{address}", "{{}} {name};{node}"), scopes=("node", "task"))
    node = cluster.get(objects_pb2.Node, "n03-w1")
    assert words_for(own, nodes.KIND, node, view) == ["ssh", "10.0.3.13", "{} w1;w1"]
    task = next(one for one in cluster.all(objects_pb2.Task) if one.node_id)
    assert words_for(own, tasks.KIND, task, view)[0] == "ssh"
    waiting = next(one for one in cluster.all(objects_pb2.Task) if not one.node_id)
    with pytest.raises(ValueError, match="has no address, which x is told"):
        words_for(own, tasks.KIND, waiting, view)
