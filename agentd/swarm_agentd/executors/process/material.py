"""Which secrets and configs a process gets as files, and where it finds them.

    <the task's private directory>/secrets/<name>    directory in the environment variable SWARM_SECRETS
                                   configs/<name>                                         SWARM_CONFIGS

Rules: names stay below their directory; where the reference names no mode, secrets are 0400 and configs 0444.
"""

from pathlib import Path, PurePosixPath

from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import FileTarget

from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.private_files import File, number

SECRET_MODE, CONFIG_MODE = 0o400, 0o444
SECRETS, CONFIGS = "secrets", "configs"


def collect(spec: ProcessSpec, dependencies: Dependencies) -> list[File]:
    """The files that `spec` asks for. Raises what the dependencies raise, and InvalidTask for a bad target."""
    files = []
    for secret in spec.secrets:
        data = dependencies.secret(secret.secret_id).spec.data
        name = secret.file.name or secret.secret_name or secret.secret_id
        files.append(_file(SECRETS, name, secret.file, data, SECRET_MODE))
    for config in spec.configs:
        if config.WhichOneof("target") == "runtime":
            raise InvalidTask(f"config {config.config_name} has no use for a process")
        data = dependencies.config(config.config_id).spec.data
        name = config.file.name or config.config_name or config.config_id
        files.append(_file(CONFIGS, name, config.file, data, CONFIG_MODE))
    return files


def environment(home: Path) -> dict[str, str]:
    """Where a process whose private directory is `home` finds them."""
    return {"SWARM_SECRETS": str(home / SECRETS), "SWARM_CONFIGS": str(home / CONFIGS)}


def _file(kind: str, name: str, target: FileTarget, data: bytes, mode: int) -> File:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InvalidTask(f"target {name} must stay below the task's own {kind}")
    return File(PurePosixPath(kind) / path, data, target.mode or mode, number(target.uid), number(target.gid))
