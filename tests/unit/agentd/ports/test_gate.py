"""The gate of a node, and who gets through."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from swarm_agentd.ports import gate as gate_module
from swarm_agentd.ports.words import Greeting, Malformed, heard, ring
from swarm_core.api.proto.types_pb2 import EncryptionKey, PortConfig
from swarm_testkit.free_ports import free_port
from swarm_testkit.port_nodes import (
    KEYS,
    LIMIT_S,
    PortNodes,
    Server,
    at_work,
    number_of,
    port_nodes,
    tcp,
    udp,
    until,
)

TARGET = 80
KEY = ring(KEYS)[0]


def test_greeting_is_understood_by_its_node_alone() -> None:
    """A greeting is understood whole, with any of the keys, and by the node it was made for; a part of it is waited for."""
    greeting = Greeting(PortConfig.TCP, TARGET, "task-1")
    said = greeting.said("n1", KEY)
    assert heard(said, "n1", ring(KEYS)) == greeting
    assert all(heard(said[:length], "n1", [KEY]) is None for length in range(len(said)))
    for node_id, keys in (("n2", [KEY]), ("n1", [b"x" * 16]), ("n1", [])):
        with pytest.raises(Malformed):
            heard(said, node_id, keys)
    for wrong in (b"GET / HTTP/1.1\r\n\r\n", b"X", said + b"!", said[:-1] + b"\0", b"SWG1\2" + said[5:]):
        with pytest.raises(Malformed):
            heard(wrong, "n1", [KEY])


def test_every_change_of_a_greeting_is_noticed() -> None:
    """No bit of a greeting can be turned without its proof being wrong: another task or port is another proof."""
    said = Greeting(PortConfig.TCP, TARGET, "task-1").said("n1", KEY)
    for place in range(len(said)):
        for bit in range(8):
            other = bytearray(said)
            other[place] ^= 1 << bit
            try:
                assert heard(bytes(other), "n1", [KEY]) is None  # it claims to be longer
            except Malformed:
                pass


def test_newest_key_but_one_proves() -> None:
    """The key that every node has for sure proves; all keys of the ring are taken, those of other uses never."""
    keys = [*KEYS, EncryptionKey(subsystem="networking:ipsec", key=b"z" * 16, lamport_time=9)]
    assert ring(keys) == [KEYS[1].key, KEYS[2].key, KEYS[0].key]
    assert ring(KEYS[:1]) == [KEYS[0].key] and ring([]) == []


async def visit(rig: PortNodes, said: bytes) -> bytes:
    """What the gate of node 0 answers until it closes or has said one byte; empty when it cuts off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.nodes[0].gate_port)
    writer.write(said)
    try:
        return await asyncio.wait_for(reader.read(1), LIMIT_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_who_gets_through(tmp_path: Path) -> None:
    """A node of the cluster reaches a task of this node at a published port; nobody else reaches anything, and nobody anything else."""
    async with port_nodes(1, tmp_path, tcp(TARGET, free_port())) as rig:
        other = await rig.echo("stranger's server", private := free_port())
        task = rig.add("t0", on=0)
        await rig.echo("t0", number_of(task))
        rig.run(task)
        await until(lambda: rig.nodes[0].ports.gate_is_open)

        def said(target: int, task_id: str = "t0", node_id: str = "n0", key: bytes = KEY) -> bytes:
            return Greeting(PortConfig.TCP, target, task_id).said(node_id, key)

        assert await visit(rig, said(TARGET)) == b"+"
        for target in (private, number_of(task), 22, 0):
            assert await visit(rig, said(target)) == b"-"
        assert await visit(rig, said(TARGET, "t1")) == b"-"
        assert await visit(rig, Greeting(PortConfig.UDP, TARGET, "t0").said("n0", KEY)) == b"-"
        for stranger in (
            said(TARGET, key=b"guess" * 4),
            said(TARGET, node_id="n1"),
            b"GET / HTTP/1.0\r\n\r\n",
        ):
            assert await visit(rig, stranger) == b""
        assert other.connections == 0


async def test_withdrawn_task_is_refused(tmp_path: Path) -> None:
    """A task that is to stop is refused at the gate with a word, so that the other node tries another one."""
    async with port_nodes(1, tmp_path, tcp(TARGET, free_port())) as rig:
        tasks = [rig.add(f"t{index}", on=0) for index in range(2)]
        for task in tasks:
            await rig.echo(task.id, number_of(task))
            rig.run(task)
        await until(lambda: rig.nodes[0].ports.gate_is_open)
        rig.nodes[0].tasks.withdraw("t0")
        greeting = Greeting(PortConfig.TCP, TARGET, "t0")
        assert await visit(rig, greeting.said("n0", KEY)) == b"-"
        assert await visit(rig, Greeting(PortConfig.TCP, TARGET, "t1").said("n0", KEY)) == b"+"


async def test_visitors_are_bounded_in_time_and_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who says nothing is cut off after a while; while too many say nothing the next one is cut off at once."""
    monkeypatch.setattr(gate_module, "GREETING_S", 0.2)
    monkeypatch.setattr(gate_module, "GREETINGS_MAX", 2)
    good = Greeting(PortConfig.TCP, TARGET, "t0").said("n0", KEY)
    async with port_nodes(1, tmp_path, tcp(TARGET, free_port())) as rig:
        task = rig.add("t0", on=0)
        await rig.echo("t0", number_of(task))
        rig.run(task)
        await until(lambda: rig.nodes[0].ports.gate_is_open)
        assert await visit(rig, b"") == b""
        monkeypatch.setattr(gate_module, "GREETING_S", 600)
        silent = [await asyncio.open_connection("127.0.0.1", rig.nodes[0].gate_port) for _ in range(2)]
        assert await visit(rig, good) == b""
        for _, writer in silent:
            writer.close()
        async with asyncio.timeout(LIMIT_S):
            while await visit(rig, good) != b"+":
                pass


async def test_end_of_a_forwarder_leaves_nothing(tmp_path: Path) -> None:
    """Who is silent is cut off when the gate closes with the last task; who was led on goes on then, and is cut off when the forwarder ends."""
    published = (tcp(TARGET, free_port()), udp(TARGET, free_port()))
    with contextlib.ExitStack() as opened:

        async def enter() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", node.gate_port)
            opened.callback(writer.transport.abort)
            return reader, writer

        async with port_nodes(1, tmp_path, *published) as rig:
            node = rig.nodes[0]
            task = rig.add("t0", on=0)
            await rig.echo("t0", number_of(task))
            datagrams = opened.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            datagrams.bind(("127.0.0.1", number_of(task, PortConfig.UDP)))
            rig.run(task)
            await until(lambda: node.ports.gate_is_open)
            silent = [await enter() for _ in range(2)]
            led = [await enter() for _ in range(2)]
            for (reader, writer), protocol in zip(led, (PortConfig.TCP, PortConfig.UDP), strict=True):
                writer.write(Greeting(protocol, TARGET, "t0").said("n0", KEY))
                assert await asyncio.wait_for(reader.readexactly(1), LIMIT_S) == b"+"
            assert await asyncio.wait_for(led[0][0].readline(), LIMIT_S) == b"t0\n"
            node.ports.forget("t0")
            assert [await rest_of(reader) for reader, _ in silent] == [b"", b""]
            assert node.ports.connections == 2
        # The rig asserts that none is left in the forwarder's count.
        assert [await rest_of(reader) for reader, _ in led] == [b"", b""]


async def test_end_of_a_forwarder_looks_like_no_end_of_data(tmp_path: Path) -> None:
    """A task whose client is cut off by the end of the forwarder sees a broken connection, not the end of a request."""
    ends: list[BaseException | bytes] = []

    async def take(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        try:
            ends.append(await reader.read(1))
            ends.append(await reader.read(1))
        except OSError as error:
            ends.append(error)

    nodes = PortNodes(1, tmp_path, [tcp(TARGET, free_port())])
    server = Server(take)
    try:
        async with at_work(nodes):
            task = nodes.add("t0", on=0)
            await server.open(number_of(task))
            nodes.run(task)
            await until(lambda: nodes.nodes[0].ports.listening == 1)
            _, writer = await nodes.connect()
            writer.write(b"x")
            await until(lambda: ends)
        await until(lambda: len(ends) == 2)
    finally:
        await server.end()
    assert ends[0] == b"x" and isinstance(ends[1], ConnectionResetError)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends, well or not."""
    heard = bytearray()
    async with asyncio.timeout(LIMIT_S):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1024):
                heard += data
    return bytes(heard)
