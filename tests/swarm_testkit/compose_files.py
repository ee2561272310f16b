"""The compose files of tests/data/compose: what each is loaded from, and what docker makes of it.

A directory holds `compose.yml`, or `base.yml` and `prod.yml`; `variables.env` is the caller's whole environment, and `normal.yml` what
`docker stack config` of version 28.2.2 printed, with FOLDER in place of the directory. `python -m swarm_testkit.compose_files` writes it anew.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from swarm_core.compose.project import Options, Project, Source, load

ROOT = Path(__file__).parent.parent / "data" / "compose"
FOLDER = "FOLDER"
_NAMES = ("compose.yml", "base.yml", "prod.yml")


@dataclass(frozen=True, slots=True)
class Case:
    """One directory."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        """The files in the order in which they are given."""
        return [path for name in _NAMES if (path := self.folder / name).exists()]

    @property
    def variables(self) -> dict[str, str]:
        """The caller's environment."""
        path = self.folder / "variables.env"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def load(self) -> Project:
        """As the product reads it."""
        sources = [Source(str(path), path.read_bytes()) for path in self.files]
        return load(sources, Options(str(self.folder), self.variables, read))

    def by_docker(self) -> str:
        """As the docker command line reads it. Needs no engine."""
        arguments = [word for path in self.files for word in ("-c", str(path))]
        environment = {**self.variables, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        done = subprocess.run(
            ["docker", "stack", "config", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.replace(str(self.folder), FOLDER)

    @property
    def expected(self) -> dict[str, Any]:
        """What docker made of it."""
        return texts((self.folder / "normal.yml").read_text().replace(FOLDER, str(self.folder)))


def read(path: str) -> bytes:
    """The content of a file."""
    return Path(path).read_bytes()


def texts(text: str) -> dict[str, Any]:
    """A YAML document with every scalar as it is written."""
    found: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return found


def cases() -> list[Case]:
    """All of them, in the order of their names."""
    return [Case(folder) for folder in sorted(ROOT.iterdir())]


def as_docker_prints(document: Mapping[str, Any]) -> dict[str, Any]:
    """The product's normal form where it says the same in other words: `depends_on` is a mapping here, and an entrypoint that was
    emptied is shown."""
    found = dict(document)
    found["services"] = {name: _service(service) for name, service in document["services"].items()}
    return found


def _service(service: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in service.items() if key != "entrypoint" or value}
    found.pop("oom_score_adj", None)  # accepted by docker 28.2.2, and lost
    found.pop("env_file", None)  # its variables are among the environment
    if "depends_on" in found:
        found["depends_on"] = list(found["depends_on"])
    return found


if __name__ == "__main__":
    for case in cases():
        (case.folder / "normal.yml").write_text(case.by_docker())
