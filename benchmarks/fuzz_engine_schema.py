"""Send what schemathesis draws from our OpenAPI document of the Engine API: good requests, and such as the document forbids.

    make fuzz-schema                                 # schemathesis is installed for it alone
    fuzz_engine_schema.py [--seeds N] [--seed FIRST] [--examples N] [--document]

The API stands before a cluster in memory, in this process, on a port of this machine. Each seed plays schemathesis's examples, coverage and fuzzing, the
last with so many examples of each operation, as a client of another version. Exit code 1 where a promise is broken (swarm_testkit.openapi.promises), or an
answer is none that the document has; `--document` prints the document. An interrupt or SIGTERM ends it, and what was sent until then is told.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from swarm_agentd.engine_api.server import make_routes
from swarm_core.http.listeners import Listener
from swarm_core.http.routes import split_version
from swarm_core.http.server import Face, serving
from swarm_testkit.api_fuzz import ANSWERED, WAIT_S, hunted_cluster
from swarm_testkit.engine_clients import MANAGER, Api, api_at
from swarm_testkit.http_face import ask
from swarm_testkit.log_mistakes import mistakes
from swarm_testkit.openapi.document import ENDLESS, THIS_VERSION, document
from swarm_testkit.openapi.promises import Objects, Promises, Seen, held, meant

_VERSIONS = ("", "/v1.47", "/v1.41", "/v1.24", "/v1.38")
_CHECKS = (
    "keeps_promises",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
"""Of schemathesis's own those that hold what the document says of answers. The others are about APIs that refuse what they do not know, where Docker's
passes over it, and answer 405 to a method that they lack, where Docker's says 404."""


@dataclass(slots=True)
class Sitting:
    """What came of some seeds."""

    statuses: Counter[int] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def tell(self, what: str, example: str = "") -> None:
        """A broken promise, as it is found; of those that are alike the first."""
        self.broken[what] += 1
        if self.broken[what] == 1:
            sys.stdout.write(f"{what}\n    {example}\n")
            sys.stdout.flush()


class Server:
    """The API in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.cluster, self.port, self.tasks_left = hunted_cluster(), 0, 0
        self.begun: Objects = held(self.cluster)
        self._path, self._ready = path, threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._api: Api | None = None
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="the API")

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        before = asyncio.all_tasks()
        async with api_at(self._path, self.cluster) as api:
            listening = socket.create_server(("127.0.0.1", 0))
            self.port, self._api = listening.getsockname()[1], api
            face = Face("Docker/test (linux)", newest=api.context.local.newest)
            async with serving(make_routes(api.context), face, [Listener(listening, "a port")]):
                self._ready.set()
                await self._end.wait()
        self.tasks_left = len(asyncio.all_tasks() - before)

    def __enter__(self) -> "Server":
        self._thread.start()
        if not self._ready.wait(WAIT_S):
            raise TimeoutError("the API does not come up")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @property
    def document(self) -> dict[str, Any]:
        """What the API says of itself."""
        return document(make_routes(self._api.context))

    def put(self, gone: Iterable[Any], new: Objects) -> None:
        """Bring back what is gone, and take away what is new."""
        asyncio.run_coroutine_threadsafe(self._put(list(gone), new), self._loop).result(WAIT_S)

    async def _put(self, gone: list[Any], new: Objects) -> None:
        for kind, id_ in new:
            self.cluster.remove(kind, id_)
        if gone:
            self.cluster.put(*gone)

    def be_manager(self) -> None:
        """Whatever it was told before."""
        self._api.node.now = MANAGER

    def unanswered(self) -> list[str]:
        """Which of the simplest questions are not answered as they should be."""

        async def asked() -> list[str]:
            return [one for one in ANSWERED if (await ask(self._path, "GET", one)).status != 200]

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(WAIT_S)


@contextmanager
def _served() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="st-") as directory, Server(Path(directory) / "s") as server:
        yield server


def play(seed: int, version: str, examples: int, sitting: Sitting, *, is_first: bool) -> None:
    """The phases of schemathesis that need no state; those that draw nothing only where `is_first`."""
    with mistakes() as log:
        with _served() as server:
            promises = Promises(server.cluster, log)
            with _hooked(server, promises, sitting):
                for what, request in _found(_schema(server, version, seed, examples, is_first=is_first)):
                    sitting.tell(what, f"seed {seed}: {request}")
            for target in server.unanswered():
                sitting.tell(f"afterwards {target} is not answered", f"seed {seed}")
        for text in log.seen:
            sitting.tell(f"a mistake of ours in the log at the end: {text}", f"seed {seed}")
    if server.tasks_left:
        sitting.tell(f"{server.tasks_left} tasks are left", f"seed {seed}")


def _schema(server: Server, version: str, seed: int, examples: int, *, is_first: bool) -> Any:
    import schemathesis
    from schemathesis.config import SchemathesisConfig

    generation = {"mode": "all", "max-examples": examples, "database": "none"}
    config = {
        "seed": seed,
        "base-url": f"http://127.0.0.1:{server.port}{version}",
        "continue-on-failure": True,
        "request-timeout": WAIT_S,
        "max-redirects": 0,
        "workers": 1,
        "suppress-health-check": ["all"],
        "output": {"sanitization": {"enabled": False}},
        "generation": generation,
        "checks": {"enabled": False, **{name: {"enabled": True} for name in _CHECKS}},
        "phases": {
            "examples": {"enabled": is_first},
            "coverage": {"enabled": is_first, "generate-duplicate-query-parameters": True},
            "stateful": {"enabled": False},
        },
    }
    return schemathesis.openapi.from_dict(server.document, config=SchemathesisConfig.from_dict(config))


@contextmanager
def _hooked(server: Server, promises: Promises, sitting: Sitting) -> Iterator[None]:
    """Each request is made one that ends, and each answer is judged."""
    import schemathesis
    from schemathesis.checks import CHECKS

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        _make_whole(case, server)

    def keeps_promises(ctx: Any, response: Any, case: Any) -> None:
        sitting.statuses[response.status_code] += 1
        sitting.modes[case.meta.generation.mode.value if case.meta else "probe"] += 1
        path = split_version(urlsplit(response.request.url).path)[1]
        types = response.headers.get("content-type", [""])
        seen = Seen(
            response.request.method, unquote(path), response.status_code, types[0], response.content or b""
        )
        said = promises.broken(seen)
        server.be_manager()
        promises.restored(server.put, server.begun)
        if said:
            raise AssertionError(said)

    schemathesis.hook(before_call)
    schemathesis.check(keeps_promises)
    try:
        yield
    finally:
        schemathesis.hooks.unregister(before_call)
        CHECKS.unregister("keeps_promises")


def _make_whole(case: Any, server: Server) -> None:
    """An answer that would go on for ever ends at once, `version` is that of the object where it stands for it, and what stands for a name in the path
    is all of it: schemathesis escapes only what is a text, and behind a `?` in a list the rest would be a query of another operation."""
    case.path_parameters = {
        name: each if isinstance(each, str) else quote(str(each), safe="")
        for name, each in (case.path_parameters or {}).items()
    }
    if case.path in ENDLESS:
        ended = {"until": "1"} if case.path == "/events" else {"follow": "0"}
        wrong = {name: each for name, each in case.query.items() if not _is_endless(name, each)}
        case.query = ended | wrong
    if case.query.get("version") == THIS_VERSION:
        path = f"/{case.path.split('/')[1]}/{case.path_parameters.get('id', case.path_parameters.get('name', ''))}"
        found = meant(path, held(server.cluster).values())
        if found:
            case.query["version"] = found[0].meta.version.index


def _found(schema: Any) -> Iterator[tuple[str, str]]:
    """What schemathesis finds, each with the request that shows it."""
    from schemathesis.engine import Status, events, from_schema

    for event in from_schema(schema).execute():
        if isinstance(event, events.Interrupted):
            raise KeyboardInterrupt
        if isinstance(event, events.NonFatalError | events.FatalError):
            yield str(event), ""
        elif isinstance(event, events.ScenarioFinished):
            failed = (check for found in event.recorder.checks.values() for check in found)
            for check in failed:
                if check.status is Status.FAILURE:
                    failure = check.failure_info.failure
                    told = failure.message or failure.title
                    yield f"{event.label}: {check.name}: {told}", check.failure_info.code_sample


def _is_endless(name: str, value: Any) -> bool:
    return name == "follow" or (name == "until" and str(value).isdecimal())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=50)
    parser.add_argument("--document", action="store_true")
    options = parser.parse_args()
    if options.document:
        with _served() as server:
            sys.stdout.write(f"{json.dumps(server.document, indent=1)}\n")
        return 0
    logging.basicConfig(level=logging.ERROR, handlers=[logging.NullHandler()])  # the hunt listens
    begun, sitting, files = time.process_time(), Sitting(), len(os.listdir("/proc/self/fd"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seeds, played = range(options.seed, options.seed + options.seeds), 0
    try:
        for seed in seeds:
            play(
                seed,
                _VERSIONS[seed % len(_VERSIONS)],
                options.examples,
                sitting,
                is_first=seed == options.seed,
            )
            played += 1
    except KeyboardInterrupt:
        sys.stdout.write("ended before its time\n")
    gc.collect()
    left = len(os.listdir("/proc/self/fd")) - files
    statuses = ", ".join(f"{number} {status}" for status, number in sorted(sitting.statuses.items()))
    modes = ", ".join(f"{number} {mode}" for mode, number in sorted(sitting.modes.items()))
    sys.stdout.write(
        f"{played} whole seeds from {options.seed}: {sitting.statuses.total()} requests ({modes}) in {time.process_time() - begun:.0f} s of "
        f"processor time: {statuses}; {sitting.broken.total()} broken promises, {left} descriptors left\n"
    )
    return 1 if sitting.broken or left > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
