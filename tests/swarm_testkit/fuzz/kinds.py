"""What can be fuzzed: every input from outside, by its name."""

import asyncio
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from swarm_testkit import api_fuzz, http2_inputs, http2_laws
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import running
from swarm_testkit.engine_clients import api_at
from swarm_testkit.fuzz import certificates, command_line, compose, files, log, wire
from swarm_testkit.fuzz.frame import Broken, Kind, Player
from swarm_testkit.monkey import Monkey

_CUTS_OF: Final = 4
"""Of so many conversations one is played again with its bytes cut elsewhere."""
_ANEW_AFTER: Final = 2_000
_KEY_ROUNDS: Final = 4


@contextmanager
def _h2() -> Iterator[Player]:
    def play(seed: int) -> str:
        given = http2_inputs.make(seed)
        failure = http2_laws.play(given).failure
        if seed % _CUTS_OF == 0:
            http2_laws.cuts_agree(given)
        return "refused" if failure else "taken"

    yield play


@contextmanager
def _engine_api() -> Iterator[Player]:
    """One request after the other; what cannot be whole waits a moment for its end."""
    logging.getLogger().setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="st-") as directory, asyncio.Runner() as runner:
        socket, cluster, count = Path(directory) / "s", api_fuzz.hunted_cluster(), 0
        before, server = api_fuzz.kept(cluster), api_at(Path(directory) / "s", cluster)
        runner.run(server.__aenter__())

        async def play(seed: int) -> str:
            nonlocal cluster, server, count
            if count == _ANEW_AFTER:
                await server.__aexit__(None, None, None)
                cluster, count = api_fuzz.hunted_cluster(), 0
                server = api_at(socket, cluster)
                await server.__aenter__()
            count += 1
            answer = await api_fuzz.play(socket, api_fuzz.request_of(seed), is_whole=seed % 2 == 0)
            if said := api_fuzz.judge(answer, is_whole=seed % 2 == 0):
                raise Broken(said)
            if api_fuzz.kept(cluster) != before:
                raise Broken("what nobody asked to be changed has changed")
            return f"status {api_fuzz.status_of(answer) // 100}xx"

        try:
            yield lambda seed: runner.run(play(seed))
        finally:
            runner.run(server.__aexit__(None, None, None))


@contextmanager
def _keys() -> Iterator[Player]:
    """A game on a fresh dashboard: some hundred keys, sizes and events."""

    async def play(seed: int) -> str:
        async with running(lively_cluster()) as run:
            monkey = Monkey(seed, run)
            for _ in range(_KEY_ROUNDS):
                await monkey.play()
            return "played"

    yield lambda seed: asyncio.run(play(seed))


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("h2", "HTTP/2 as gRPC's clients speak it", _h2, ("swarm_core.rpc.h2",)),
        Kind(
            "engine-api",
            "requests of docker's clients",
            _engine_api,
            ("swarm_agentd.engine_api", "swarm_core.http"),
        ),
        wire.KIND,
        certificates.KIND,
        log.KIND,
        files.KIND,
        compose.KIND,
        command_line.KIND,
        Kind(
            "keys",
            "keys, sizes and events on the dashboard",
            _keys,
            (
                "swarm_tui.shell",
                "swarm_tui.verbs",
                "swarm_tui.views",
                "swarm_tui.dialogs",
                "swarm_tui.widgets",
            ),
        ),
    )
}
