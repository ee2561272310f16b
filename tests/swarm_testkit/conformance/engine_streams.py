"""What an engine sends and takes as it happens: logs, attached containers, programs beside them, usage, events."""

import asyncio
import contextlib
import time
from typing import Any

from swarm_testkit.conformance.engine_calls import (
    FOREVER,
    IMAGE,
    LIMIT_S,
    Calls,
    check_fields,
    labels_of,
    new_name,
    now,
    texts,
)


class StreamConformance:
    """A part of `EngineConformance`."""

    async def test_logs_are_framed_by_stream(self, calls: Calls) -> None:
        """Both streams, one of them, the last line."""
        id_ = await calls.started("sh", "-c", "echo one; echo two; echo oops >&2")
        await calls.finished(id_)
        both = await calls.get(f"/containers/{id_}/logs", stdout="1", stderr="1")
        assert texts(both.body) == {1: "one\ntwo\n", 2: "oops\n"}
        assert texts((await calls.get(f"/containers/{id_}/logs", stderr="1")).body) == {2: "oops\n"}
        none = await calls.get(f"/containers/{id_}/logs")
        assert (none.status, none.message) == (400, "Bad parameters: you must choose at least one stream")

    async def test_the_tail_of_logs_is_the_last_lines(self, calls: Calls) -> None:
        """As many as were asked for; all of them for a larger number."""
        id_ = await calls.started("sh", "-c", "echo one; echo two; echo three")
        await calls.finished(id_)
        for tail, expected in (("1", "three\n"), ("2", "two\nthree\n"), ("9", "one\ntwo\nthree\n")):
            answer = await calls.get(f"/containers/{id_}/logs", stdout="1", stderr="1", tail=tail)
            assert texts(answer.body) == {1: expected}

    async def test_logs_may_have_times(self, calls: Calls) -> None:
        """Each line begins with its own."""
        id_ = await calls.started("echo", "hi")
        await calls.finished(id_)
        (text,) = texts(
            (await calls.get(f"/containers/{id_}/logs", stdout="1", timestamps="1")).body
        ).values()
        at, _, rest = text.partition(" ")
        assert rest == "hi\n" and at.endswith("Z") and at[10] == "T"

    async def test_a_terminal_is_not_framed(self, calls: Calls) -> None:
        """Bytes as they are."""
        id_ = await calls.started("echo", "hi", Tty=True)
        await calls.finished(id_)
        logged = (await calls.get(f"/containers/{id_}/logs", stdout="1")).body
        assert logged.replace(b"\r\n", b"\n") == b"hi\n"

    async def test_following_logs_ends_with_the_container(self, calls: Calls) -> None:
        """What was said before and what comes, then the end."""
        id_ = await calls.started("sh", "-c", "echo one; cat", OpenStdin=True)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(calls.get(f"/containers/{id_}/logs", stdout="1", follow="1"))
            async with calls.hijacked(f"/containers/{id_}/attach?stream=1&stdin=1&stdout=1") as attached:
                attached.writer.write(b"two\n")
                async with asyncio.timeout(LIMIT_S):
                    await attached.reader.readuntil(b"two\n")
            await calls.post(f"/containers/{id_}/kill")
        assert texts(following.result().body) == {1: "one\ntwo\n"}

    async def test_attaching_gives_input_and_gets_output(self, calls: Calls) -> None:
        """A half-closed connection ends the input, and the output comes whole."""
        id_ = await calls.create("cat", OpenStdin=True, StdinOnce=True, AttachStdin=True)
        async with calls.hijacked(f"/containers/{id_}/attach?stream=1&stdin=1&stdout=1&stderr=1") as attached:
            assert attached.first == "HTTP/1.1 101 UPGRADED" and b"upgrade: tcp" in attached.head
            await calls.post(f"/containers/{id_}/start")
            attached.writer.write(b"a line\n")
            attached.writer.write_eof()
            assert texts(await attached.rest()) == {1: "a line\n"}
        assert await calls.finished(id_) == 0

    async def test_a_program_beside_the_first_is_executed(self, calls: Calls) -> None:
        """Its output comes in frames, its exit code afterwards."""
        id_ = await calls.started(*FOREVER)
        body = {
            "Cmd": ["sh", "-c", "echo out; echo err >&2; exit 5"],
            "AttachStdout": True,
            "AttachStderr": True,
        }
        made = await calls.post(f"/containers/{id_}/exec", body)
        assert made.status == 201
        run = made.body["Id"]
        before = (await calls.get(f"/exec/{run}/json")).body
        assert (before["Running"], before["ExitCode"], before["ContainerID"]) == (False, None, id_)
        async with calls.hijacked(f"/exec/{run}/start", {"Detach": False, "Tty": False}) as started:
            assert started.first == "HTTP/1.1 101 UPGRADED"
            assert texts(await started.rest()) == {1: "out\n", 2: "err\n"}
        after = (await calls.get(f"/exec/{run}/json")).body
        assert (after["Running"], after["ExitCode"]) == (False, 5)
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_a_program_takes_input(self, calls: Calls) -> None:
        """Until the connection's other half ends."""
        id_ = await calls.started(*FOREVER)
        body = {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True}
        run = (await calls.post(f"/containers/{id_}/exec", body)).body["Id"]
        async with calls.hijacked(f"/exec/{run}/start", {"Detach": False, "Tty": False}) as started:
            started.writer.write(b"typed\n")
            started.writer.write_eof()
            assert texts(await started.rest()) == {1: "typed\n"}
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_what_cannot_be_executed_is_refused(self, calls: Calls) -> None:
        """No command, no container, one that does not run, an id that is none."""
        id_ = await calls.create(*FOREVER)
        idle = await calls.post(f"/containers/{id_}/exec", {"Cmd": ["true"]})
        assert (idle.status, idle.message) == (409, f"Container {id_} is not running")
        absent = await calls.post("/containers/nobody/exec", {"Cmd": ["true"]})
        assert (absent.status, absent.message) == (404, "No such container: nobody")
        await calls.post(f"/containers/{id_}/start")
        none = await calls.post(f"/containers/{id_}/exec", {})
        assert (none.status, none.message) == (400, "No exec command specified")
        unknown = await calls.get("/exec/abc/json")
        assert (unknown.status, unknown.message) == (404, "No such exec instance: abc")
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_a_container_knows_its_name_and_environment(self, calls: Calls) -> None:
        """The host name is the id's beginning; variables are those asked for."""
        id_ = await calls.started("sh", "-c", "hostname; env", Env=["FOO=bar"])
        await calls.finished(id_)
        said = texts((await calls.get(f"/containers/{id_}/logs", stdout="1")).body)[1].splitlines()
        assert said[0] == id_[:12] and "FOO=bar" in said

    async def test_processes_and_usage_are_told(self, calls: Calls) -> None:
        """One process with its titles; one reading with the fields that figures are made of."""
        id_ = await calls.started(*FOREVER)
        async with asyncio.timeout(LIMIT_S):
            top = (await calls.get(f"/containers/{id_}/top")).body
            # A start may be over a moment before the program takes the place of what started it.
            while top["Processes"][0][-1] != "sleep 1000000":
                await asyncio.sleep(0.05)
                top = (await calls.get(f"/containers/{id_}/top")).body
        assert top["Titles"][-1] == "CMD"
        reading = (await calls.get(f"/containers/{id_}/stats", stream="0", **{"one-shot": "1"})).body
        assert reading["id"] == id_
        assert reading["memory_stats"]["usage"] > 0 and reading["memory_stats"]["limit"] > 0
        check_fields(reading["cpu_stats"], {"cpu_usage": dict, "system_cpu_usage": int, "online_cpus": int})
        assert isinstance(reading["cpu_stats"]["cpu_usage"]["total_usage"], int)
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_events_tell_the_life_of_a_container(self, calls: Calls) -> None:
        """Each step in its order, with name, image and labels."""
        name = new_name()
        async with calls.hearing(since=now(), filters={"type": ["container"]}) as heard:
            id_ = await calls.started(*FOREVER, name=name, **labels_of(tier="x"))
            await calls.post(f"/containers/{id_}/pause")
            await calls.post(f"/containers/{id_}/unpause")
            await calls.post(f"/containers/{id_}/kill")
            await calls.finished(id_)
            await calls.delete(f"/containers/{id_}")
            await heard.until(lambda: "destroy" in heard.actions(id_))
        assert heard.actions(id_) == ["create", "start", "pause", "unpause", "kill", "die", "destroy"]
        mine = [one for one in heard.events if one["Actor"]["ID"] == id_]
        for one in mine:
            assert (one["Type"], one["scope"], one["id"], one["from"]) == ("container", "local", id_, IMAGE)
            assert one["status"] == one["Action"] and one["timeNano"] // 10**9 == one["time"]
            assert {"name": name, "image": IMAGE, "tier": "x"}.items() <= one["Actor"]["Attributes"].items()
        assert mine[5]["Actor"]["Attributes"]["exitCode"] == "137"
        assert [one["timeNano"] for one in mine] == sorted(one["timeNano"] for one in mine)

    async def test_a_new_name_is_told_with_the_old_one(self, calls: Calls) -> None:
        """The event has both."""
        old, new = new_name(), new_name()
        id_ = await calls.create("true", name=old)
        async with calls.hearing(since=now(), filters={"container": [id_]}) as heard:
            await calls.post(f"/containers/{id_}/rename", name=new)
            await heard.until(lambda: "rename" in heard.actions(id_))
        attributes = heard.events[-1]["Actor"]["Attributes"]
        assert (attributes["name"], attributes["oldName"]) == (new, f"/{old}")

    async def test_past_events_are_told_again(self, calls: Calls) -> None:
        """From a time on, and until one: then the stream ends."""
        began = time.time()
        id_ = await calls.create("true")
        other = await calls.create("true")
        (first,) = await self._past(calls, since=f"{began:.9f}", container=id_)
        assert first["Action"] == "create"
        after = f"{first['timeNano'] // 10**9}.{first['timeNano'] % 10**9 + 1:09d}"
        assert await self._past(calls, since=after, container=id_) == []
        (second,) = await self._past(calls, since=after, container=other)
        assert second["Action"] == "create"

    async def _past(self, calls: Calls, *, since: str, container: str) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []
        filters = {"container": [container], "event": ["create"]}
        until = f"{time.time():.9f}"
        async with calls.hearing(since=since, until=until, filters=filters) as stream:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LIMIT_S):
                    await stream.ended.wait()
            heard = list(stream.events)
        assert stream.ended.is_set(), "the stream did not end by itself"
        return heard

    async def test_events_tell_of_volumes_and_networks(self, calls: Calls) -> None:
        """Made and taken away."""
        volume, network = new_name("v"), new_name("n")
        async with calls.hearing(since=now(), filters={"type": ["volume", "network"]}) as heard:
            await calls.post("/volumes/create", {"Name": volume})
            id_ = (await calls.post("/networks/create", {"Name": network})).body["Id"]
            await calls.delete(f"/volumes/{volume}")
            await calls.delete(f"/networks/{network}")
            await heard.until(lambda: heard.actions(id_)[-1:] == ["destroy"])
        assert heard.actions(volume) == ["create", "destroy"]
        assert heard.actions(id_) == ["create", "destroy"]
