"""Secrets and configs of a container: private files of this machine, mounted read-only where the task wants them.

Rules (docs/design/docker-executor.md 7.6): relative names are below /run/secrets for secrets and below / for configs; the mode is the
one asked for, 0444 when none is; references that are no files are not mounted.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swarm_core.api.proto.specs_pb2 import ContainerSpec
from swarm_core.api.proto.types_pb2 import FileTarget

from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.private_files import File, number

MODE = 0o444
SECRETS_ROOT, CONFIGS_ROOT = PurePosixPath("/run/secrets"), PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class MountedFile:
    file: File
    target: str


def collect(spec: ContainerSpec, dependencies: Dependencies) -> list[MountedFile]:
    """The files that `spec` asks for. Raises what the dependencies raise, and InvalidTask for a bad target."""
    found: list[MountedFile] = []
    for secret in spec.secrets:
        if secret.WhichOneof("target") == "file":
            data = dependencies.secret(secret.secret_id).spec.data
            found.append(_mounted(len(found), SECRETS_ROOT, secret.file, secret.secret_name, data))
    for config in spec.configs:
        if config.WhichOneof("target") == "file":
            data = dependencies.config(config.config_id).spec.data
            found.append(_mounted(len(found), CONFIGS_ROOT, config.file, config.config_name, data))
    return found


def binds(home: Path, files: list[MountedFile]) -> list[tuple[str, str]]:
    """What to mount where, as (here, there)."""
    return [(str(home / mounted.file.path), mounted.target) for mounted in files]


def _mounted(index: int, root: PurePosixPath, target: FileTarget, name: str, data: bytes) -> MountedFile:
    path = root / (target.name or name)
    if ".." in path.parts or path == root:
        raise InvalidTask(f"{target.name or name!r} is no name for a file in a container")
    # Named by number: the name inside the container is the mount's.
    file = File(PurePosixPath(str(index)), data, target.mode or MODE, number(target.uid), number(target.gid))
    return MountedFile(file, str(path))
