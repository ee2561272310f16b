"""Commands in tasks of a real node, and a shell in a real terminal (docs/design/exec.md 15)."""

from collections.abc import Iterator

import pytest
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.looks import look, rows
from swarm_testkit.programs import TUI, Outcome, run
from swarm_testkit.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("exec")]


@pytest.fixture(scope="module")
def node() -> Iterator[Daemon]:
    """With a service of two tasks that run."""
    with daemon() as running:
        wait_until(lambda: look(running.socket, "service", "ls").code == 0, what="the cluster")
        words = ("service", "create", "--detach", "--name", "web", "--replicas", "2", "--env", "COLOR=blue")
        made = run(
            [*TUI, "--socket", str(running.socket), *words, "--runtime", "process", "--", "sleep", "10000"]
        )
        assert made.code == 0, made.err

        def runs() -> bool:
            states = [row["CurrentState"] for row in rows(running.socket, "service", "ps", "web")]
            return len(states) == 2 and all(state.startswith("Running") for state in states)

        wait_until(runs, what="both tasks")
        yield running


def inside(node: Daemon, *words: str, stdin: bytes = b"", level: str = "3") -> Outcome:
    return run([*TUI, "--socket", str(node.socket), "--level", level, "exec", *words], stdin=stdin)


def test_a_command_is_the_task_s(node: Daemon) -> None:
    """15.2.1, 15.2.5: its environment, its errors apart, its exit code."""
    told = inside(node, "web.2", "sh", "-c", "echo $COLOR; echo oops >&2; exit 9")
    assert (told.code, told.out, told.err) == (9, "blue\n", "oops\n")


def test_input_is_passed_on_if_asked_for(node: Daemon) -> None:
    """15.3.2: with -i alone; a service is its first task that runs."""
    assert inside(node, "-i", "web", "wc", "-l", stdin=b"1\n2\n3\n").out.strip() == "3"
    assert inside(node, "web", "wc", "-l", stdin=b"1\n2\n3\n").out.strip() == "0"


def test_much_output_comes_whole(node: Daemon) -> None:
    """15.1.3: ten megabytes through three processes."""
    told = inside(node, "web.1", "sh", "-c", "yes 0123456789abcdef | head -c 10000000")
    assert (told.code, len(told.out)) == (0, 10_000_000)


@pytest.mark.parametrize(
    ("words", "level", "text"),
    [
        (("nothing", "true"), "3", "There is no task and no service named 'nothing'."),
        (
            ("web.1", "no-such-program"),
            "3",
            "Could not run no-such-program in web.1: program no-such-program is not in PATH",
        ),
        (("-w", "/nowhere", "web.1", "true"), "3", "directory /nowhere does not exist"),
        (("web.1", "true"), "2", "it needs level 3 (impact)"),
        (("-t", "web.1", "true"), "3", "--tty needs a terminal"),
    ],
)
def test_what_is_refused(node: Daemon, words: tuple[str, ...], level: str, text: str) -> None:
    """Each with a sentence and exit code 1."""
    told = inside(node, *words, level=level)
    assert (told.code, told.out) == (1, "")
    assert text in told.err


def test_a_shell_in_a_terminal(node: Daemon) -> None:
    """15.2.2, 15.3.3: it knows the terminal's size, ctrl-c reaches what runs in it, and afterwards the terminal is as it was."""
    with private_directory() as directory:
        terminal = Terminal(directory, 90, 20)
        try:
            terminal.type(
                f"{COMMAND} --socket {node.socket} exec web.1 sh -c 'echo ready; exec sh'; echo ended with $?; stty -a"
            )
            terminal.press("Enter")
            terminal.until("\nready", 120)
            terminal.type("stty size")
            terminal.press("Enter")
            terminal.until("20 90")
            # It is said by what the interrupt is for: the shell's own word would come before that runs.
            terminal.type("sh -c 'echo sleeping; exec sleep 1000'")
            terminal.press("Enter")
            terminal.until("\nsleeping")
            terminal.press("C-c")
            terminal.until("^C")
            terminal.type("exit 5")
            terminal.press("Enter")
            terminal.until("ended with 5")
            terminal.until(" icanon")
        finally:
            terminal.close()
