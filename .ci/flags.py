"""Compare our flags with docker's, command by command: the page docs/flags.md, and what is missing without a reason.

    python .ci/flags.py                            what differs and has no reason
    python .ci/flags.py --read /usr/bin/docker …   ask these docker commands for their flags, into docker-flags.json beside this
    python .ci/flags.py --write                    draw docs/flags.md anew

Every flag of docker's that we lack, and every one of ours that docker lacks, has its reason in the tables below. A test holds the
page, the reasons and, where a docker command is installed, its flags against this.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer
from swarm_tui.cli.main import app

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "flags.md"
DATA = Path(__file__).with_name("docker-flags.json")
NOUNS = {
    "swarm": "cluster",
    "node": "node",
    "service": "service",
    "secret": "secret",
    "config": "config",
    "network": "network",
    "volume": "volume",
    "stack": "stack",
    "container": "container",
    "image": "image",
}
"""Docker's noun and ours."""
_ROW = re.compile(r"^\s+(?:-\w, )?--([a-z][a-z0-9-]*)", re.MULTILINE)
_COMMAND = re.compile(r"^  ([a-z][a-z-]*)\*? ", re.MULTILINE)

_WINDOWS = "for Windows nodes alone, which we do not have"
_KUBERNETES = "for Kubernetes, which docker gave up itself"
SERVED = ("container", "image")
"""Nouns of which docker's own command can all: it is told to the socket of `engine serve`, which passes everything on."""
_SERVED = "docker's own command has it, over all engines by `engine serve`"
# docker's flag → why we lack it; a name with a command in front is for that command alone
MISSING = {
    "network create config-only": "of one machine alone, which docker makes; --config-from refers to it",
    "network create ipv4": "every overlay network has IPv4",
    "network inspect verbose": "asks the engines of the nodes",
    "network ls no-trunc": "ids are whole here",
    "network rm force": "a name that nothing has is told",
    "credential-spec": _WINDOWS,
    "isolation": _WINDOWS,
    "data-path-addr": "our nodes carry no overlay traffic; a Docker Engine that joins is told its own",
    "volume ls cluster": "all that are listed are cluster volumes",
    "orchestrator": _KUBERNETES,
    "cpu-count": _WINDOWS,
    "cpu-percent": _WINDOWS,
    "io-maxbandwidth": _WINDOWS,
    "io-maxiops": _WINDOWS,
}
_PLACE = "where the state of this machine's node is"
_OPPOSITE = "what docker writes as --flag=false"
_PLACEMENT = "where a container goes among many engines; docker has one"
# our flag → what it is for
OURS = {
    "dry-run": "what a change comes to is told before it is made",
    "format": "of --dry-run, for programs",
    "network inspect pretty": "printed for people, as for other kinds",
    "state-dir": _PLACE,
    "executor": "what runs tasks here; docker has one executor",
    "runtime": "processes as well as containers",
    "no-init": _OPPOSITE,
    "no-read-only": _OPPOSITE,
    "no-tty": _OPPOSITE,
    "no-autolock": _OPPOSITE,
    "service rollback to": "further back than the one step that docker keeps",
    "service ls no-trunc": "whole ids, as other lists have it",
    "volume inspect pretty": "as the other nouns have it",
    "volume update label-add": "what SwarmKit lets one change of a volume, beside its availability",
    "engine": "those of an engine instead of the cluster's, as docker has them",
    "engines": "which engines there are for --engine, instead of your list",
    "affinity": _PLACEMENT,
    "container run constraint": _PLACEMENT,
    "strategy": _PLACEMENT,
    "reschedule": _PLACEMENT,
    "create-retry": _PLACEMENT,
    "why": "tells why an engine was chosen, or why none can be",
    "atomic": "takes everything back where something fails",
    "names": "the names of secrets and configs: one for each content, or docker's",
    "secret-names": "names of secrets from their content, or random ones",
    "profile": "services of a profile, as `docker compose` has it",
    "wait": "until every service is there: docker's --detach=false, of 26 and newer",
    "no-wait": "waits for no service at the end; waves wait for one another",
    "wave-timeout": "how long a wave of dependencies may take",
    "yes": "asks nothing: what a deploy or a removal comes to is shown before",
    "stack rm volumes": "also the cluster volumes of the stack",
    "volume update label-rm": "what SwarmKit lets one change of a volume, beside its availability",
}
COMMANDS: dict[str, str] = {
    "network connect": _SERVED,
    "network disconnect": _SERVED,
    "network prune": "networks are removed by name here",
    "volume prune": "for volumes of one engine alone; docker prunes no cluster volumes either",
}
"""docker's command → why we lack it."""


def docker_flags(program: str) -> tuple[str, dict[str, list[str]]]:
    """Its version, and the flags of each command."""
    version = _said(program, "version", "--format", "{{.Client.Version}}").strip().partition("+")[0]
    found = {}
    for noun in NOUNS:
        listing = _said(program, noun, "--help").partition("Commands:")[2].partition("Run '")[0]
        for word in _COMMAND.findall(listing):
            found[f"{noun} {word}"] = sorted(set(_ROW.findall(_said(program, noun, word, "--help"))))
    return version, found


def _said(program: str, *words: str) -> str:
    command = [program, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - who runs this names it
    return done.stdout


def our_flags() -> dict[str, list[str]]:
    """The flags of each of our commands."""
    root: Any = typer.main.get_command(app)
    ctx = typer.Context(root)
    found = {}
    for noun in sorted(set(NOUNS.values())):
        group = root.get_command(ctx, noun)
        for word in group.list_commands(ctx):
            options = [
                option.removeprefix("--")
                for parameter in group.get_command(ctx, word).params
                for option in (*parameter.opts, *parameter.secondary_opts)
                if option.startswith("--") and not getattr(parameter, "hidden", False)
            ]
            found[f"{noun} {word}"] = sorted({one for one in options if one != "help"})
    return found


def ours_of(command: str) -> str:
    """Our name for docker's command."""
    noun, _, word = command.partition(" ")
    return f"{NOUNS[noun]} {word}"


def known() -> dict[str, dict[str, list[str]]]:
    """Docker's flags by version and command, as they were read."""
    found: dict[str, dict[str, list[str]]] = json.loads(DATA.read_text())
    return found


def differences() -> tuple[list[str], list[str]]:
    """The rows of the page, and what differs without a reason."""
    ours, theirs = our_flags(), known()
    rows, wrong = [], []
    for command in sorted({name for commands in theirs.values() for name in commands}):
        mine = ours_of(command)
        if mine not in ours:
            reason = COMMANDS.get(command) or _served(command)
            rows.append(f"| `docker {command}` | none | | {reason} |")
            wrong += [] if reason else [f"{command}: we have no such command"]
            continue
        flags = sorted(
            {flag for commands in theirs.values() for flag in commands.get(command, ())} - {"help"}
        )
        both = [flag for flag in flags if flag in ours[mine]]
        rows.append(f"| `docker {command}` | `{mine}` | {_listed(both)} | |")
        for flag in (flag for flag in flags if flag not in ours[mine]):
            reason = MISSING.get(f"{command} {flag}") or MISSING.get(flag) or _served(command)
            rows.append(f"| | | docker's `--{flag}`{_since(theirs, command, flag)} | {reason} |")
            wrong += [] if reason else [f"{command}: we lack --{flag}"]
        for flag in (flag for flag in ours[mine] if flag not in flags):
            reason = OURS.get(f"{mine} {flag}") or OURS.get(flag, "")
            rows.append(f"| | | our `--{flag}` | {reason} |")
            wrong += [] if reason else [f"{mine}: docker lacks --{flag}"]
    return rows, wrong


def _served(command: str) -> str:
    return _SERVED if command.partition(" ")[0] in SERVED else ""


def _listed(flags: list[str]) -> str:
    return " ".join(f"`--{flag}`" for flag in flags) or "no flags"


def _since(theirs: dict[str, dict[str, list[str]]], command: str, flag: str) -> str:
    have = [version for version, commands in theirs.items() if flag in commands.get(command, ())]
    return "" if len(have) == len(theirs) else f" ({', '.join(have)})"


def page() -> str:
    """docs/flags.md."""
    versions = " and ".join(known())
    head = f"""# Docker's flags and ours

Made by `python .ci/flags.py --write` from the docker command's own help (versions {versions}). Every command that both have, every flag;
a difference has its reason. Our global `--socket` and `--context` stand before the command, as docker's `--host` and `--context` do. `--format` takes
docker's templates and the words table, json and yaml; `.Self` and `.TLSStatus` of nodes are not known. What we lack of containers and images docker's
own command does over all engines, told to the socket of `engine serve`.

| docker | ours | flags that both have; differences | reason |
|---|---|---|---|
"""
    return head + "\n".join(differences()[0]) + "\n"


def main(words: list[str]) -> int:
    if words[:1] == ["--read"]:
        found = dict(sorted(docker_flags(program) for program in words[1:]))
        DATA.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    elif words == ["--write"]:
        PAGE.write_text(page())
    wrong = differences()[1]
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
