"""The same flags given to the docker command and to ours, on one Docker Engine: what specs come of them.

Both specs are read from the engine's store, as protobuf, so that a field which only one of them sets shows, also an empty one. `Pair`
names both services alike but for one letter; that name is the only thing left out of the comparison.
"""

import asyncio
import contextlib
import io
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.control import NoSuchObject
from swarm_core.client.sockets import Candidate
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import Globals

from swarm_testkit.daemons import wait_until
from swarm_testkit.engines import Engine

Specs = tuple[specs_pb2.ServiceSpec | None, specs_pb2.ServiceSpec | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two services on `engine`, one made by docker's command and one by ours."""

    engine: Engine
    name: str

    @property
    def theirs(self) -> str:
        return f"{self.name}-d"

    @property
    def ours(self) -> str:
        return f"{self.name}-o"

    def docker(self, *words: str) -> str:
        """Run docker's command, again while the engine itself is faster: it writes the ports of a new service into it. What it said
        against it, empty when it did it."""

        def answered() -> list[str]:
            try:
                self.engine.docker(*words)
            except subprocess.CalledProcessError as failed:
                said = str(failed.stderr.decode().strip()) or "refused"
                return [] if "update out of sequence" in said else [said]
            return [""]

        return wait_until(answered, what=" ".join(words[:2]))[0]

    def mine(self, *words: str) -> str:
        """Run our command; what it said against it, empty when it did it."""
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = main.run(words, given=Globals(socket=str(self.engine.control_socket)))
        return "" if code == 0 else said.getvalue().strip() or "refused"

    def shown(self, *words: str) -> str:
        """What our command prints. Raises AssertionError when it fails."""
        out, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = main.run(words, given=Globals(socket=str(self.engine.control_socket)))
        assert code == 0, said.getvalue()
        return out.getvalue()

    def told(self, *words: str) -> str:
        """The same; of a command that fails, what it says."""
        try:
            return self.shown(*words)
        except AssertionError as failed:
            return str(failed)

    def create(self, flags: Sequence[str], image: str, command: Sequence[str] = ()) -> tuple[str, str]:
        """Create both; what each said against it."""
        own = ("service", "create", "--detach", "--no-resolve-image")
        return (
            self.docker(*own, "--name", self.theirs, *flags, image, *command),
            self.mine(*own, "--name", self.ours, *flags, image, *command),
        )

    def update(self, flags: Sequence[str]) -> tuple[str, str]:
        """Update both; what each said against it."""
        own = ("service", "update", "--detach", "--no-resolve-image", *flags)
        return self.docker(*own, self.theirs), self.mine(*own, self.ours)

    def specs(self) -> Specs:
        """Both as they are stored, without their names; None for one that is not there."""
        return asyncio.run(self._specs())

    async def _specs(self) -> Specs:
        cluster = await Cluster.open(Candidate(self.engine.control_socket, "test"))
        try:
            return await _spec(cluster, self.theirs), await _spec(cluster, self.ours)
        finally:
            await cluster.close()

    def remove(self) -> None:
        """Remove both, or the one that is there."""
        self.docker("service", "rm", self.theirs, self.ours)


async def _spec(cluster: Cluster, name: str) -> specs_pb2.ServiceSpec | None:
    try:
        found = (await cluster.control.resolve(objects_pb2.Service, name)).spec
    except NoSuchObject:
        return None
    spec = specs_pb2.ServiceSpec()
    spec.CopyFrom(found)
    spec.annotations.name = ""
    _settle(spec)
    return spec


def _settle(spec: specs_pb2.ServiceSpec) -> None:
    """What docker's command leaves to chance, the order of variables, resources, ports, secrets and configs; and what is said twice is
    said once."""
    container, reserved = spec.task.container, spec.task.resources.reservations.generic
    container.env[:] = sorted(container.env)
    _sort(reserved, lambda one: one.discrete_resource_spec.kind)
    _sort(
        spec.endpoint.ports,
        lambda one: f"{one.published_port}:{one.target_port}/{one.protocol}/{one.publish_mode}",
    )
    for references in (container.secrets, container.configs):
        _sort(references, lambda one: one.file.name)
    for texts in (container.groups, container.dns_config.nameservers, spec.task.placement.constraints):
        texts[:] = list(dict.fromkeys(texts))


def _sort(held: Any, key: Callable[[Any], str]) -> None:
    ordered = sorted(held, key=key)
    if ordered:
        del held[:]
        held.extend(ordered)


def differences(theirs: Message, ours: Message, path: str = "") -> list[str]:
    """Field by field: what only one has, and what both have otherwise. Whether an empty message is there counts."""
    found = []
    names = {field.name for message in (theirs, ours) for field, _ in message.ListFields()}
    for name in sorted(names):
        field = theirs.DESCRIPTOR.fields_by_name[name]
        where = f"{path}.{name}" if path else name
        left, right = getattr(theirs, name), getattr(ours, name)
        if field.message_type is None or field.is_repeated:
            is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
            if (dict(left) != dict(right)) if is_map else list(_plain(left)) != list(_plain(right)):
                found.append(f"{where}: docker {_told(left)}, ours {_told(right)}")
        elif theirs.HasField(name) != ours.HasField(name):
            found.append(
                f"{where}: only {'docker' if theirs.HasField(name) else 'ours'}: {_told(left if theirs.HasField(name) else right)}"
            )
        else:
            found += differences(left, right, where)
    return found


def _plain(value: Any) -> list[Any]:
    return list(value) if not isinstance(value, str | bytes | int | float) else [value]


def _told(value: Any) -> str:
    return " ".join(str(value).split()) or "empty"
