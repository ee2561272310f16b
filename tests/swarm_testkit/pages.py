"""The commands of the pages for operators, typed as a person does who has an empty directory and none of this checkout's environment."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from swarm_testkit.daemons import Daemon, private_directory
from swarm_testkit.hosts import hosts, missing_parts

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes"
LIMIT_S = 240.0
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
# How this machine reaches its package index is no part of a page.
_KEPT = re.compile(r"(PIP_|SSL_CERT|REQUESTS_CA)\w+|(?i:https?_proxy|no_proxy)")


def blocks(page: Path, section: str) -> list[str]:
    """What stands to type below a heading of a page, block by block. Raises KeyError for a heading that is not there."""
    parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    sections = dict(zip(["", *parts[1::2]], parts[::2], strict=True))
    return [textwrap.dedent(match[2]) for match in _BLOCK.finditer(sections[section])]


def wheel(checkout: Path, target: Path) -> None:
    """What `make wheel` leaves of a checkout, put into `target`, which holds no other one then."""
    shutil.rmtree(target, ignore_errors=True)
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target))
    subprocess.run(build, cwd=checkout, check=True, capture_output=True)


class Person:
    """Somebody at a machine, with a home that is empty at first. `enter` is the machine's network, `more` what this machine adds to the
    environment."""

    def __init__(
        self, home: Path, *, enter: tuple[str, ...] = (), more: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        self.enter = enter
        kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
        path = (home / ".local" / "bin", Path(sys.base_prefix) / "bin", "/usr/bin", "/bin")
        self.environment = {
            **kept, "HOME": str(home), "PATH": ":".join(map(str, path)), "LANG": "C.UTF-8", "TERM": "dumb", "MANPAGER": "cat",
            "SWARM_TUI_SOCKET": str(self.state / "control.sock"), **(more or {}),
        }  # fmt: skip

    @property
    def state(self) -> Path:
        """The state directory of the node that the person starts."""
        return self.home / ".local" / "state" / "swarm-tui"

    def type(self, page: str, section: str) -> str:
        """Every block of a section, one after the other; what they printed. A command that fails ends it with AssertionError."""
        found = blocks(RECIPES / page, section)
        assert found, f"nothing to type below {section!r} of {page}"
        return "".join(self.run(block) for block in found)

    def run(self, block: str) -> str:
        """Type these lines. A block that fetches packages runs in this machine's own network, as the others have none to fetch from."""
        enter = () if re.search(r"\bpipx? ", block) else self.enter
        keep = 'printf %s "$PATH" >"$HOME/.path"'
        done = subprocess.run(
            [*enter, "bash", "-euo", "pipefail", "-c", f"{block}\n{keep}"],
            cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=LIMIT_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        self.environment["PATH"] = (self.home / ".path").read_text()
        return done.stdout

    def has(self, program: str) -> bool:
        """Whether it is on the person's path."""
        words = ["bash", "-c", f"command -v {program}"]
        return not subprocess.run(words, env=self.environment, capture_output=True, check=False).returncode

    def completed(self, words: str) -> list[str]:
        """What the shell offers for the last of these words, by the completion that was installed."""
        count = len(words.split(" ")) - 1
        script = f"""source ~/.bashrc
            COMP_WORDS=({words}) COMP_CWORD={count}
            _swarm_tui_completion swarm-tui
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return self.run(script).split()


@contextmanager
def person(*, more: Mapping[str, str] | None = None) -> Iterator[Person]:
    """At a machine of its own where that can be had, so that every port is free; the node ends with it."""
    if missing := missing_parts():
        raise RuntimeError(f"no machine of its own can be had here: {missing}")
    with private_directory() as home, hosts(1) as found:
        who = Person(home, enter=found.enter(0), more=more)
        try:
            yield who
        finally:
            Daemon(who.state).destroy()
