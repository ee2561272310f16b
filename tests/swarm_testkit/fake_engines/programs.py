"""What runs in a fake container: a few words of a shell, without processes and without time.

Rules
1. A program says what it says as soon as it can: when it starts, and when it gets input.
2. `sleep` lasts until a signal ends it. Nothing that follows it in a script happens.
3. As the first process of a container it takes no notice of signals that it has no `trap` for, but for KILL.
4. What is not known here ends with 127, as in a shell.
"""

import shlex
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

STDOUT: Final = 1
STDERR: Final = 2
KNOWN: Final = frozenset(("cat", "echo", "env", "false", "hostname", "printf", "sh", "sleep", "true"))
_KILLED: Final = 128
_NOT_FOUND: Final = 127


class Program:
    """One process. `say` gets its output, `ended` its exit code, each as it happens."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        hostname: str,
        say: Callable[[int, bytes], None],
        ended: Callable[[int], None],
    ) -> None:
        self._words, self._environment, self._hostname = list(words), environment, hostname
        self._say, self._ended = say, ended
        self._traps: dict[str, str] = {}
        self._reads: Callable[[bytes], None] | None = None
        self._line = b""
        self.exit_code: int | None = None

    def start(self) -> None:
        """Do all that needs no input."""
        self._finish(self._command(self._words, STDOUT))

    def feed(self, data: bytes) -> None:
        """Input."""
        if self.exit_code is None and self._reads is not None:
            self._reads(data)

    def feed_end(self) -> None:
        """The end of the input."""
        if self._reads is not None:
            self._finish(0)

    def signal(self, number: int, *, is_first: bool = True) -> None:
        """A signal; `is_first`: this is the container's first process."""
        if self.exit_code is not None:
            return
        name = signal.Signals(number).name.removeprefix("SIG")
        if name in self._traps:
            self._finish(self._script(self._traps[name]))
        elif name == "KILL" or not is_first:
            self._finish(_KILLED + number)

    def _finish(self, code: int | None) -> None:
        if code is not None and self.exit_code is None:
            self.exit_code, self._reads = code, None
            self._ended(code)

    def _script(self, text: str) -> int | None:
        """The exit code of a script; None where something in it lasts."""
        code: int | None = 0
        for words, only_after_success in _commands(text):
            if only_after_success and code:
                continue
            stream = STDOUT
            if words[-1:] == [">&2"]:
                words, stream = words[:-1], STDERR
            if words[:1] == ["exit"]:
                return int(words[1]) if len(words) > 1 else code
            code = self._command(words, stream)
            if code is None:
                return None
        return code

    def _command(self, words: Sequence[str], stream: int) -> int | None:
        match list(words):
            case ["exec", *rest] if rest:
                return self._command(rest, stream)
            case ["sh", "-c", text, *_]:
                return self._script(text)
            case ["sh"]:
                self._reads = self._read_script
                return None
            case ["cat"]:
                self._reads = lambda data: self._say(stream, data)
                return None
            case ["sleep", _]:
                return None
            case ["trap", text, *names]:
                self._traps.update(dict.fromkeys(names, text))
                return 0
            case ["true"] | []:
                return 0
            case ["false"]:
                return 1
            case _:
                return self._print(words, stream)

    def _print(self, words: Sequence[str], stream: int) -> int:
        match list(words):
            case ["echo", *rest]:
                text = " ".join(rest) + "\n"
            case ["printf", text]:
                text = text.encode().decode("unicode_escape")
            case ["hostname"]:
                text = self._hostname + "\n"
            case ["env"]:
                text = "".join(f"{name}={value}\n" for name, value in self._environment.items())
            case _:
                self._say(STDERR, f"sh: {words[0]}: not found\n".encode())
                return _NOT_FOUND
        self._say(stream, text.encode())
        return 0

    def _read_script(self, data: bytes) -> None:
        self._line += data
        while b"\n" in self._line and self.exit_code is None:
            line, _, self._line = self._line.partition(b"\n")
            code = self._script(line.decode())
            if line.split()[:1] == [b"exit"]:
                self._finish(code)


def _commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """The commands of a script, and whether each comes only after one that succeeded."""
    lexer = shlex.shlex(text.replace(">&2", " '>&2' ").replace("\n", ";"), posix=True, punctuation_chars=";&")
    lexer.whitespace_split = True
    words: list[str] = []
    only_after_success = False
    for word in (*lexer, ";"):
        if word in (";", "&&"):
            if words:
                yield words, only_after_success
            words, only_after_success = [], word == "&&"
        else:
            words.append(word)
