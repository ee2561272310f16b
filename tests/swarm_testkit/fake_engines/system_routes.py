"""What a fake engine answers about itself: info, versions, disk, events."""

import json
from typing import Any

from aiohttp import web

from swarm_testkit.fake_engines import lists
from swarm_testkit.fake_engines.events import fits
from swarm_testkit.fake_engines.objects import Json, stamp
from swarm_testkit.fake_engines.server import Answer, Call, Route, answer_json, head_fields, route


async def ping(call: Call) -> Answer:
    body = b"" if call.request.method == "HEAD" else b"OK"
    return web.Response(
        body=body, content_type="text/plain", charset="utf-8", headers={"Cache-Control": "no-cache"}
    )


async def info(call: Call) -> Answer:
    engine, about = call.engine, call.engine.about
    states = [one.status for one in engine.containers.values()]
    running, paused = states.count("running"), states.count("paused")
    return answer_json(
        {
            "ID": engine.id,
            "Containers": len(states),
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": len(states) - running - paused,
            "Images": len(engine.images),
            "Driver": "overlay2",
            "DriverStatus": [],
            "Plugins": {"Volume": ["local"], "Network": ["bridge", "host", "null"]},
            "MemoryLimit": True,
            "SystemTime": stamp(engine.now()),
            "LoggingDriver": "json-file",
            "KernelVersion": "6.1.0",
            "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
            "OSType": about.os,
            "Architecture": about.architecture,
            "IndexServerAddress": "https://index.docker.io/v1/",
            "NCPU": about.cpus,
            "MemTotal": about.memory,
            "DockerRootDir": "/var/lib/docker",
            "Name": about.name,
            "Labels": list(about.labels),
            "ServerVersion": about.version,
            "Swarm": {"NodeID": "", "LocalNodeState": "inactive"},
            "LiveRestoreEnabled": False,
            "SecurityOptions": ["name=seccomp,profile=default"],
            "Warnings": None,
        }
    )


async def version(call: Call) -> Answer:
    about = call.engine.about
    details = {"ApiVersion": about.api, "Arch": "amd64", "MinAPIVersion": about.oldest_api, "Os": "linux"}
    return answer_json(
        {
            "Platform": {"Name": ""},
            "Components": [{"Name": "Engine", "Version": about.version, "Details": details}],
            "Version": about.version,
            "ApiVersion": about.api,
            "MinAPIVersion": about.oldest_api,
            "GitCommit": "fake",
            "GoVersion": "go1.19.8",
            "Os": "linux",
            "Arch": "amd64",
            "KernelVersion": "6.1.0",
        }
    )


async def disk(call: Call) -> Answer:
    engine = call.engine
    now = engine.now()
    return answer_json(
        {
            "LayersSize": sum(one.size for one in engine.images.values()),
            "Images": [one.line() for one in engine.images.values()],
            "Containers": [
                {**one.line(now), "SizeRootFs": one.image.size} for one in engine.containers.values()
            ],
            "Volumes": [
                {
                    **one.whole(),
                    "UsageData": {"RefCount": len(lists.users_of(engine.containers, one.name)), "Size": 0},
                }
                for one in engine.volumes.values()
            ],
            "BuildCache": None,
            "BuilderSize": 0,
        }
    )


async def events(call: Call) -> Answer:
    """The past that was asked for, then what happens, until its end or for ever."""
    filters = call.filters("events")
    since_ns, until_ns = (_nanoseconds(call.query.get(name, "")) for name in ("since", "until"))
    response = web.StreamResponse(headers={**head_fields(call.engine), "Content-Type": "application/json"})
    with call.engine.events.reading() as (past, coming):
        await response.prepare(call.request)
        if since_ns is not None:
            for event in past:
                if event["timeNano"] >= since_ns and (until_ns is None or event["timeNano"] <= until_ns):
                    await _write_event(response, event, filters)
        while until_ns is None:
            told = await coming.get()
            if told is None:
                call.request.protocol.force_close()
                break
            if not call.engine.faults.hangs:
                await _write_event(response, told, filters)
    return response


async def _write_event(response: web.StreamResponse, event: Json, filters: Any) -> None:
    if fits(event, filters):
        await response.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")


def _nanoseconds(text: str) -> int | None:
    if not text:
        return None
    seconds, _, rest = text.partition(".")
    return int(seconds) * 10**9 + int((rest or "0").ljust(9, "0")[:9])


def routes() -> list[Route]:
    """In the order in which they are tried."""
    return [
        route("GET", "/_ping", ping),
        route("HEAD", "/_ping", ping),
        route("GET", "/info", info),
        route("GET", "/version", version),
        route("GET", "/events", events),
        route("GET", "/system/df", disk),
    ]
