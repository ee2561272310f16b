"""The recorded cast: the real program in a real terminal (tmux), each key pressed once the screen shows what it is for.

    python screenshots/cast.py

Writes `screenshots/tour.cast`, in version 2 of asciinema's format (`asciinema play` shows it). Pauses are cut short, so how fast this machine
is does not matter.
"""

import codecs
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "tests"))

from swarm_testkit.terminal import COMMAND, Terminal  # noqa: E402

TARGET: Final = ROOT / "tour.cast"
COLUMNS, ROWS = 120, 32
PAUSE_MAX_S: Final = 0.6
"""Of what nobody wants to watch: the program at work."""
LOOK_S: Final = 2.2
"""What a reader gets to take a screen in."""
WAIT_S: Final = 120
SETTLE_S: Final = 0.6


@dataclass(frozen=True)
class Step:
    """Once the screen shows `sees` it is looked at; then these keys are pressed, as tmux calls them, or this text is typed."""

    sees: str
    keys: tuple[str, ...] = ()
    text: str = ""
    look_s: float = LOOK_S


STEPS: Final = (
    Step("Changes", ("3",), look_s=4),
    # Why something does not run.
    Step("STACK", text="/billing", look_s=1.5),
    Step("1 of", ("Enter",), look_s=0.5),
    Step("billing", ("w",), look_s=0.8),
    Step("disk", ("Escape",), look_s=4.5),
    Step("1 of", ("Escape",), look_s=0.4),
    # A service, from the form to its tasks, and what takes it back.
    Step("worker", ("n",), look_s=1),
    Step("needed", text="hello", look_s=1.5),
    Step("free", ("Tab", "Tab"), look_s=0.5),
    Step("needed", text="nginx:1", look_s=0.5),
    Step("tagged", ("C-g",), look_s=2.5),
    Step("y go on", ("y",), look_s=3),
    Step("worker", text="/hello", look_s=0.5),
    Step("1 of", ("Enter",), look_s=0.4),
    Step("1/1", ("s",), look_s=1),
    Step("now", text="+4", look_s=1),
    Step("+4", ("Enter",), look_s=1),
    Step("y go on", ("y",), look_s=3),
    Step("5/5", ("z",), look_s=1.5),
    Step("Undo", ("y",), look_s=3),
    Step("1/1", ("Escape",), look_s=1),
    # What the tasks say.
    Step("worker", text="/web", look_s=0.4),
    Step("1 of", ("Enter",), look_s=0.4),
    Step("web", ("l",), look_s=0.5),
    Step("following", ("Escape",), look_s=4),
    Step("1 of", ("1",), look_s=0.5),
    Step("Problems", look_s=2),
)


class Recorder:
    """What tmux passes on of the program's output, with the moment at which each piece came."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.looks: list[tuple[float, float]] = []

    @property
    def command(self) -> str:
        """What tmux runs and feeds."""
        return f"exec '{sys.executable}' '{__file__}' --stamp '{self.path}'"

    def look(self, seconds: float) -> None:
        """From here on a reader wants that long."""
        self.looks.append((time.monotonic(), seconds))

    def events(self) -> list[list[Any]]:
        """The pieces with their times in the cast."""
        found: list[list[Any]] = []
        at = before = 0.0
        looks = list(self.looks)
        for line in self.path.read_text().splitlines():
            moment, text = json.loads(line)
            at += min(max(moment - before, 0), PAUSE_MAX_S) if before else 0
            while looks and looks[0][0] <= moment:
                at += looks.pop(0)[1]
            before = moment
            found.append([round(at, 3), "o", text])
        return found


def stamp(path: str) -> None:
    """Copy standard input, piece by piece, with its time."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with open(path, "w") as target:
        while data := os.read(0, 1 << 16):
            if text := decoder.decode(data):
                target.write(json.dumps([time.monotonic(), text]) + "\n")
                target.flush()


def record(terminal: Terminal, recorder: Recorder) -> None:
    """Press everything in its turn."""
    # Nothing of this machine is shown.
    terminal.type(f"PS1='$ ' PATH='{Path(COMMAND).parent}':$PATH; clear; echo ready")
    terminal.press("Enter")
    terminal.until("ready\n", WAIT_S)
    terminal.type("clear")
    terminal.press("Enter")
    time.sleep(SETTLE_S)
    terminal.run("pipe-pane", "-t", "t", recorder.command)
    terminal.type("swarm-tui demo --nodes 9")
    terminal.press("Enter")
    for step in STEPS:
        terminal.until(step.sees, WAIT_S)
        recorder.look(step.look_s)
        # Keys that come together with escape would be another key.
        time.sleep(SETTLE_S)
        if step.text:
            terminal.type(step.text)
        if step.keys:
            terminal.press(*step.keys)


def main() -> int:
    if shutil.which("tmux") is None:
        print("no tmux: the cast is left as it was", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="cast-") as directory:
        terminal = Terminal(Path(directory), COLUMNS, ROWS)
        recorder = Recorder(Path(directory) / "pieces")
        try:
            record(terminal, recorder)
        finally:
            terminal.close()
        header = {
            "version": 2,
            "width": COLUMNS,
            "height": ROWS,
            "env": {"TERM": "xterm-256color"},
            "title": "swarm-tui",
        }
        lines = [header, *recorder.events()]
        TARGET.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    print(TARGET.relative_to(ROOT.parent))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stamp"]:
        stamp(sys.argv[2])
    else:
        sys.exit(main())
