"""What a fake engine answers about containers and programs in them."""

import asyncio
import json
import signal
from typing import Any, Final

from aiohttp import web

from swarm_testkit.fake_engines import lists, streams
from swarm_testkit.fake_engines.objects import Json, stamp
from swarm_testkit.fake_engines.refusal import Refusal
from swarm_testkit.fake_engines.server import (
    Answer,
    Call,
    Route,
    answer_empty,
    answer_json,
    head_fields,
    route,
)

_MEMORY: Final = 6 << 20


async def list_containers(call: Call) -> Answer:
    engine = call.engine
    found = lists.kept_containers(
        engine.containers.values(), call.filters("containers"), everything=call.flag("all")
    )
    limit = int(call.query.get("limit") or 0)
    now = engine.now()
    return answer_json([one.line(now) for one in (found[:limit] if limit > 0 else found)])


async def create_container(call: Call) -> Answer:
    one = call.engine.create(call.query.get("name", ""), await call.body())
    return answer_json({"Id": one.id, "Warnings": []}, 201)


async def inspect_container(call: Call) -> Answer:
    return answer_json(call.engine.container(call.words["name"]).whole())


async def start(call: Call) -> Answer:
    started = call.engine.running.start(call.engine.container(call.words["name"]))
    return answer_empty(204 if started else 304)


async def stop(call: Call) -> Answer:
    stopped = call.engine.running.stop(call.engine.container(call.words["name"]))
    return answer_empty(204 if stopped else 304)


async def restart(call: Call) -> Answer:
    engine = call.engine
    one = engine.container(call.words["name"])
    engine.running.stop(one)
    engine.running.start(one)
    engine.tell_of(one, "restart")
    return answer_empty()


async def kill(call: Call) -> Answer:
    wanted = call.query.get("signal") or "KILL"
    name = "SIG" + wanted.removeprefix("SIG")
    if not wanted.isdecimal() and name not in signal.Signals.__members__:
        raise Refusal(400, f"Invalid signal: {wanted}")
    number = int(wanted) if wanted.isdecimal() else signal.Signals[name]
    before = f"Cannot kill container: {call.words['name']}: "
    try:
        one = call.engine.container(call.words["name"])
    except Refusal as error:
        raise Refusal(error.status, before + error.message) from None
    if not one.is_up:
        raise Refusal(409, f"{before}Container {one.id} is not running")
    call.engine.running.kill(one, int(number))
    return answer_empty()


async def pause(call: Call) -> Answer:
    one = call.engine.container(call.words["name"])
    if one.status == "paused":
        raise Refusal(409, f"Container {one.id} is already paused")
    if not one.is_up:
        raise Refusal(409, f"Container {one.id} is not running")
    call.engine.running.pause(one, is_paused=True)
    return answer_empty()


async def unpause(call: Call) -> Answer:
    one = call.engine.container(call.words["name"])
    if one.status != "paused":
        raise Refusal(500, f"Container {one.id} is not paused")
    call.engine.running.pause(one, is_paused=False)
    return answer_empty()


async def rename(call: Call) -> Answer:
    call.engine.rename(call.engine.container(call.words["name"]), call.query.get("name", ""))
    return answer_empty()


async def remove_container(call: Call) -> Answer:
    one = call.engine.container(call.words["name"])
    call.engine.remove(one, force=call.flag("force"), volumes=call.flag("v"))
    return answer_empty()


async def wait(call: Call) -> Answer:
    """The head at once: a client waits for it before it starts the container."""
    one = call.engine.container(call.words["name"])
    future = call.engine.running.wait(one, call.query.get("condition", ""))
    response = web.StreamResponse(headers={**head_fields(call.engine), "Content-Type": "application/json"})
    await response.prepare(call.request)
    code = await future
    await response.write(json.dumps({"Error": None, "StatusCode": code}).encode() + b"\n")
    return response


async def top(call: Call) -> Answer:
    one = call.engine.container(call.words["name"])
    if not one.is_up:
        raise Refusal(409, f"Container {one.id} is not running")
    call.engine.tell_of(one, "top")
    words = one.words[-1] if one.words[:2] == ["sh", "-c"] else " ".join(one.words)
    return answer_json(
        {
            "Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            "Processes": [["root", str(one.pid), str(one.pid - 1), "0", "00:00", "?", "00:00:00", words]],
        }
    )


async def stats(call: Call) -> Answer:
    """One reading, or one a second. What is used grows with the container's age."""
    engine = call.engine
    one = engine.container(call.words["name"])
    if call.query.get("stream", "1") not in ("1", "true"):
        return answer_json(_reading(call, one))
    response = web.StreamResponse(headers={**head_fields(engine), "Content-Type": "application/json"})
    await response.prepare(call.request)
    while one.id in engine.containers:
        await response.write(json.dumps(_reading(call, one)).encode() + b"\n")
        await asyncio.sleep(1)
    return response


def _reading(call: Call, one: Any) -> Json:
    now = call.engine.now()
    used_ns = int((now - (one.started or now)) * 1e7) if one.is_up else 0
    usage: Json = {"total_usage": used_ns, "usage_in_kernelmode": 0, "usage_in_usermode": used_ns}
    limit = one.host.get("Memory") or call.engine.about.memory
    return {
        "read": stamp(now), "preread": "0001-01-01T00:00:00Z", "name": "/" + one.name, "id": one.id, "num_procs": 0,
        "pids_stats": {"current": 1} if one.is_up else {}, "blkio_stats": {},
        "cpu_stats": {"cpu_usage": usage, "system_cpu_usage": int(now * 1e9), "online_cpus": call.engine.about.cpus},
        "precpu_stats": {"cpu_usage": {"total_usage": 0}},
        "memory_stats": {"usage": _MEMORY, "stats": {"cache": 0}, "limit": limit} if one.is_up else {},
        "networks": {"eth0": {"rx_bytes": 90, "tx_bytes": 0}} if one.is_up else {},
    }  # fmt: skip


async def resize(call: Call) -> Answer:
    if "name" in call.words:
        call.engine.container(call.words["name"])
    else:
        streams.exec_of(call.engine, call.words["id"])
    return answer_empty(200)


async def update(call: Call) -> Answer:
    one = call.engine.container(call.words["name"])
    one.host.update({key: value for key, value in (await call.body()).items() if value is not None})
    call.engine.tell_of(one, "update")
    return answer_json({"Warnings": None})


async def create_exec(call: Call) -> Answer:
    one = call.engine.container(call.words["name"])
    body = await call.body()
    if not body.get("Cmd"):
        raise Refusal(400, "No exec command specified")
    if not one.is_up:
        raise Refusal(409, f"Container {one.id} is not running")
    if one.status == "paused":
        raise Refusal(409, f"Container {call.words['name']} is paused, unpause the container before exec")
    return answer_json({"Id": call.engine.running.make_exec(one, body).id}, 201)


async def inspect_exec(call: Call) -> Answer:
    return answer_json(streams.exec_of(call.engine, call.words["id"]).whole())


async def prune_containers(call: Call) -> Answer:
    engine = call.engine
    labels = call.prune_filters().get("label", [])
    gone = [
        one for one in engine.containers.values() if not one.is_up and lists.has_labels(one.labels, labels)
    ]
    for one in gone:
        engine.remove(one)
    engine.tell("container", "prune", "", {"reclaimed": "0"})
    return answer_json({"ContainersDeleted": [one.id for one in gone] or None, "SpaceReclaimed": 0})


def routes() -> list[Route]:
    """In the order in which they are tried."""
    return [
        route("GET", "/containers/json", list_containers),
        route("POST", "/containers/create", create_container),
        route("POST", "/containers/prune", prune_containers),
        route("GET", "/containers/{name}/json", inspect_container),
        route("GET", "/containers/{name}/logs", streams.logs),
        route("GET", "/containers/{name}/top", top),
        route("GET", "/containers/{name}/stats", stats),
        route("POST", "/containers/{name}/start", start),
        route("POST", "/containers/{name}/stop", stop),
        route("POST", "/containers/{name}/restart", restart),
        route("POST", "/containers/{name}/kill", kill),
        route("POST", "/containers/{name}/pause", pause),
        route("POST", "/containers/{name}/unpause", unpause),
        route("POST", "/containers/{name}/rename", rename),
        route("POST", "/containers/{name}/wait", wait),
        route("POST", "/containers/{name}/resize", resize),
        route("POST", "/containers/{name}/update", update),
        route("POST", "/containers/{name}/attach", streams.attach),
        route("POST", "/containers/{name}/exec", create_exec),
        route("DELETE", "/containers/{name}", remove_container),
        route("POST", "/exec/{id}/start", streams.start_exec),
        route("POST", "/exec/{id}/resize", resize),
        route("GET", "/exec/{id}/json", inspect_exec),
    ]
