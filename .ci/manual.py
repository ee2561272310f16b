"""Man pages and completions of the shell, as the wheel installs them, and docs/commands: drawn from the programs' own parsers.

    python .ci/manual.py            what differs from the files in share/ and docs/commands/
    python .ci/manual.py --write    write them

`swarm-tui --help` and the help of each command tell all options; its page lists the commands.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHARE = ROOT / "share"
COMMANDS = ROOT / "docs" / "commands"
_PROGRAM = "swarm-tui"
_COMPLETIONS = {
    "bash": "bash-completion/completions/swarm-tui",
    "zsh": "zsh/site-functions/_swarm-tui",
    "fish": "fish/vendor_completions.d/swarm-tui.fish",
}
_STATUS = (
    ("0", "It was done."),
    ("1", "It could not be done; standard error says why, in a sentence."),
    ("2", "It was asked wrongly, or --dry-run found changes."),
    ("130", "It was interrupted."),
)
_FILES = (
    ("~/.local/state/swarm-tui", "The state directory of this machine's node; control.sock in it is its manager's control socket."),
    ("~/.config/swarm-tui/config.toml", "Preferences of the dashboard."),
    ("~/.config/swarm-tui/contexts.toml", "Clusters by name."),
    ("~/.config/swarm-tui/engines.toml", "Docker Engines by name."),
    ("/etc/swarmd/daemon.json", "The node daemon's flags, in the form of docker's daemon.json."),
)  # fmt: skip


def files() -> dict[str, str]:
    """Every file by its place below share/."""
    return {
        "man/man1/swarm-tui.1": _of_commands(),
        "man/man8/swarm-agentd.8": _of_daemon("swarm-agentd", _agentd(), "swarm-managerd"),
        "man/man8/swarm-managerd.8": _of_daemon("swarm-managerd", _managerd(), "swarm-agentd"),
        **{place: _completion(shell) for shell, place in _COMPLETIONS.items()},
    }


def _of_commands() -> str:
    import typer
    from swarm_tui.cli import main

    group: Any = typer.main.get_command(main.app)
    options = [
        (f"{', '.join(one.opts)} {one.metavar or ''}".strip(), one.help or "")
        for one in group.params
        if one.opts[0] not in ("--install-completion", "--show-completion")
    ]
    commands = [(f"{_PROGRAM} {name}", entry.summary) for name, entry in main.Commands.entries.items()]
    return "\n".join([
        _title(_PROGRAM, 1, "an interactive terminal cluster manager for Docker Swarm"),
        ".SH SYNOPSIS", f".B {_roff(_PROGRAM)}", "[options] [command] [arguments]",
        ".SH DESCRIPTION",
        "Without a command it opens the dashboard on a cluster: that of this machine's node, or the one that the options name. "
        "With a command it asks or changes the cluster once, with docker's flags and columns where docker has the command.",
        ".PP", "Each command tells its options with", _roff("--help."),
        ".SH OPTIONS", *_list(options),
        ".SH COMMANDS", *_list(commands),
        ".SH EXIT STATUS", *_list(_STATUS),
        ".SH FILES", *_list(_FILES),
        ".SH SEE ALSO", ".BR swarm\\-agentd (8),", ".BR swarm\\-managerd (8)",
    ]) + "\n"  # fmt: skip


def _of_daemon(name: str, parser: argparse.ArgumentParser, other: str) -> str:
    options = [
        (
            ", ".join(f"{word} {one.metavar or _value(one)}".strip() for word in one.option_strings),
            _help(parser, one),
        )
        for one in parser._actions
    ]
    return "\n".join([
        _title(name, 8, (parser.description or "").rstrip(".").partition(";")[0].removeprefix("The ")),
        ".SH SYNOPSIS", f".B {_roff(name)}", "[options]",
        ".SH DESCRIPTION", _roff(parser.description or ""),
        ".SH OPTIONS", *_list(options),
        ".SH SIGNALS", *_list(_SIGNALS[name]),
        ".SH EXIT STATUS", *_list(_STATUS[:3]),
        ".SH SEE ALSO", ".BR swarm\\-tui (1),", f".BR {_roff(other)} (8)",
    ]) + "\n"  # fmt: skip


_SIGNALS = {
    "swarm-agentd": (
        ("SIGTERM, SIGINT", "End; tasks go on."),
        ("SIGHUP", "Read the configuration file and the files of TLS again."),
        ("SIGUSR1", "Leave the cluster: stop the tasks, and forget it."),
        ("SIGUSR2", "Take the log level that 'swarm-tui log-level' asks for."),
    ),
    "swarm-managerd": (("SIGTERM, SIGINT", "Hand leadership on, and end."),),
}


def _agentd() -> argparse.ArgumentParser:
    from swarm_agentd.node import flags

    return flags._parser()


def _managerd() -> argparse.ArgumentParser:
    from swarm_core.managerd import config

    return config._parser()


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _title(name: str, section: int, what: str) -> str:
    return f'.TH {name.upper()} {section} "" "swarm-tui"\n.SH NAME\n{_roff(name)} \\- {_roff(what)}'


def _list(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    for term, text in pairs:
        yield from (".TP", f".B {_roff(term)}", _roff(text))


def _roff(text: str) -> str:
    """The text without roff's marks; quotes would join words of a request."""
    plain = (
        text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace('"', "\\(dq")
        .replace("…", "\\&...")
        .replace("–", "\\(en")
    )
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def _completion(shell: str) -> str:
    from typer._completion_shared import get_completion_script

    script: str = get_completion_script(prog_name=_PROGRAM, complete_var="_SWARM_TUI_COMPLETE", shell=shell)
    # What zsh loads by the name of the command is the body of a function: the first completion must be one, too.
    call = '[[ $funcstack[1] = _swarm-tui ]] && _swarm_tui_completion "$@"\n' if shell == "zsh" else ""
    return f"{script.strip()}\n{call}"


def main() -> int:
    """Compare, or write."""
    from commands import pages

    drawn = {SHARE / place: text for place, text in files().items()}
    drawn |= {COMMANDS / name: text for name, text in pages().items()}
    differing = sorted(path for path, text in drawn.items() if not path.exists() or path.read_text() != text)
    gone = sorted(path for path in COMMANDS.glob("*.md") if path not in drawn)
    is_writing = "--write" in sys.argv
    for path in (*differing, *gone):
        if is_writing and path in drawn:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawn[path])
        elif is_writing:
            path.unlink()
        what = "written" if is_writing else "differs: python .ci/manual.py --write"
        sys.stdout.write(f"{path.relative_to(ROOT)} {what}\n")
    return 1 if (differing or gone) and not is_writing else 0


if __name__ == "__main__":
    sys.exit(main())
