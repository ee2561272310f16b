"""Published TCP ports: real sockets between nodes of this process."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_agentd.ports import connections as connections_module
from swarm_agentd.ports import tcp as tcp_module
from swarm_testkit.factories import make_task
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking
from swarm_testkit.port_nodes import (
    LIMIT_S,
    Echo,
    PortNode,
    PortNodes,
    at_work,
    number_of,
    port_nodes,
    tcp,
    until,
)

TARGET = 80


@contextlib.asynccontextmanager
async def serving(directory: Path, *, nodes: int, tasks: int) -> AsyncIterator[tuple[PortNodes, list[Echo]]]:
    """A published port on `nodes`, behind it `tasks` that run on them in turn."""
    async with port_nodes(nodes, directory, tcp(TARGET, free_port())) as rig:
        echoes = []
        for index in range(tasks):
            task = rig.add(f"t{index}", on=index % nodes)
            echoes.append(await rig.echo(task.id, number_of(task)))
            rig.run(task)
        await until(lambda: sum(node.tasks.count for node in rig.nodes) == tasks)
        await until(lambda: all(node.ports.gate_is_open for node in rig.nodes if node.tasks.count))
        yield rig, echoes


async def name_of(reader: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(reader.readline(), LIMIT_S)).decode().strip()


async def test_every_node_answers_and_leads_to_all_tasks(tmp_path: Path) -> None:
    """A connection at any node reaches a task on any node; with connections held open, each task gets as many as the others."""
    async with serving(tmp_path, nodes=3, tasks=3) as (rig, _):
        for node in range(3):
            open_ = [await rig.connect(node) for _ in range(6)]
            names = Counter([await name_of(reader) for reader, _ in open_])
            assert names == {"t0": 2, "t1": 2, "t2": 2}
            for _, writer in open_:
                writer.close()


async def test_least_connections(tmp_path: Path) -> None:
    """A task whose connections ended gets the next ones, until it has as many as the others."""
    async with serving(tmp_path, nodes=1, tasks=2) as (rig, echoes):
        held = [await rig.connect() for _ in range(8)]
        names = [await name_of(reader) for reader, _ in held]
        for name, (_, writer) in zip(names, held, strict=True):
            if name == "t0":
                writer.close()
        await until(lambda: echoes[0].connections == 0 and rig.nodes[0].ports.connections == 4)
        later = [await rig.connect() for _ in range(4)]
        assert [await name_of(reader) for reader, _ in later] == ["t0"] * 4
        for _, writer in [*held, *later]:
            writer.close()


@pytest.mark.parametrize("node", [0, 1])
async def test_half_close(tmp_path: Path, node: int) -> None:
    """The end of one direction reaches the other side, and the answer comes whole afterwards; here and through a gate."""
    async with serving(tmp_path, nodes=2, tasks=1) as (rig, _):
        reader, writer = await rig.connect(node)
        assert await name_of(reader) == "t0"
        sent = bytes(range(256)) * 4096
        writer.write(sent)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(-1), LIMIT_S)
        assert answer == sent + b"\nbye\n"
        writer.close()


@pytest.mark.parametrize("node", [0, 1])
async def test_slow_reader_stops_its_sender(tmp_path: Path, node: int) -> None:
    """What a client does not read is not taken from the task either: the forwarder keeps a bounded amount, and loses nothing."""
    total = 64 * 1024 * 1024
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        chunk = bytes(65536)
        for _number in range(total // len(chunk)):
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    async with port_nodes(2, tmp_path, tcp(TARGET, free_port())) as rig:
        task = rig.add("t0", on=0)
        await rig.serve(number_of(task), pour)
        rig.run(task)
        await until(lambda: rig.nodes[0].ports.gate_is_open)
        address = (rig.nodes[node].address, rig.service.endpoint.ports[0].published_port)
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            await loop.sock_connect(client, address)
            before = -1
            while sent != before or not sent:  # until the sender stands still
                before = sent
                await asyncio.sleep(0.3)
            # The kernel's own buffers of each hop are the most of it: some megabytes each.
            assert sent < total // 2
            received = 0
            while data := await loop.sock_recv(client, 1 << 20):
                received += len(data)
            assert received == total


async def test_broken_task_breaks_its_clients(tmp_path: Path) -> None:
    """A connection that the task's end breaks is broken for the client too: half an answer does not look whole."""

    async def die(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"half")
        await writer.drain()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with port_nodes(2, tmp_path, tcp(TARGET, free_port())) as rig:
        task = rig.add("t0", on=0)
        await rig.serve(number_of(task), die)
        rig.run(task)
        await until(lambda: rig.nodes[0].ports.gate_is_open)
        for node in (0, 1):
            reader, writer = await rig.connect(node)
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(reader.read(-1), LIMIT_S)
            writer.close()


@pytest.mark.parametrize("node", [0, 1])
async def test_task_that_is_gone_costs_no_client(tmp_path: Path, node: int) -> None:
    """While the table still lists a task whose process was killed, its turn goes to another one: nothing was sent to it."""
    async with serving(tmp_path, nodes=2, tasks=4) as (rig, echoes):
        echoes[0].close()
        names = set()
        for _ in range(12):
            reader, writer = await rig.connect(node)
            names.add(await name_of(reader))
            writer.close()
        assert names == {"t1", "t2", "t3"}


@pytest.mark.parametrize("node", [0, 1])
async def test_withdrawn_task(tmp_path: Path, node: int) -> None:
    """A task that is to stop gets no new connection, at once and on every node; the one that it has goes on, and its stop waits for it."""
    async with serving(tmp_path, nodes=2, tasks=2) as (rig, _):
        held = {}
        while len(held) < 2:
            reader, writer = await rig.connect(node)
            held[await name_of(reader)] = reader, writer
        draining = asyncio.ensure_future(rig.nodes[0].tasks.drain("t0", 30))
        await asyncio.sleep(0)
        for _ in range(6):
            reader, writer = await rig.connect(node)
            assert await name_of(reader) == "t1"
            writer.close()
        reader, writer = held["t0"]
        writer.write(b"still here\n")
        assert await name_of(reader) == "still here"
        assert not draining.done()
        writer.close()
        assert await asyncio.wait_for(draining, LIMIT_S) < 30
        held["t1"][1].close()


async def test_drain_ends(tmp_path: Path) -> None:
    """A connection that does not end holds the stop of its task up for the given time and no longer."""
    async with serving(tmp_path, nodes=1, tasks=1) as (rig, _):
        reader, writer = await rig.connect()
        await name_of(reader)
        assert await rig.nodes[0].tasks.drain("t0", 0.2) == pytest.approx(0.2)
        writer.close()


async def test_connection_waits_for_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that comes between the end of one task and the start of the next is led to the next."""
    monkeypatch.setattr(connections_module, "REACH_S", LIMIT_S)  # the test may be held up meanwhile
    async with port_nodes(1, tmp_path, tcp(TARGET, free_port())) as rig:
        reader, writer = await rig.connect()
        task = rig.add("t0", on=0)
        await rig.echo("t0", number_of(task))
        rig.run(task)
        assert await name_of(reader) == "t0"
        writer.close()


async def test_no_task_is_a_refusal(tmp_path: Path) -> None:
    """Without any task a client is refused after a while, not kept for ever."""
    async with port_nodes(1, tmp_path, tcp(TARGET, free_port())) as rig:
        reader, writer = await rig.connect()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reader.read(-1), LIMIT_S)
        writer.close()


@pytest.mark.parametrize("node", [0, 1])
async def test_vanished_peers_are_noticed(tmp_path: Path, node: int) -> None:
    """Every connection that comes from another machine is kept alive by the kernel's probes, on the client's side and between nodes."""
    async with serving(tmp_path, nodes=2, tasks=1) as (rig, _):
        reader, writer = await rig.connect(node)
        await name_of(reader)
        published = rig.service.endpoint.ports[0].published_port
        probed = {published} if node == 0 else {published, rig.nodes[0].gate_port}
        await until(lambda: {timer_of(number) for number in probed} == {"02"})
        writer.close()


def timer_of(number: int) -> str:
    """What the kernel waits for on the established connection at a port of ours: 02 is the time of the next probe."""
    with Path("/proc/net/tcp").open() as table:
        rows = [line.split() for line in table][1:]
    timers = [row[5][:2] for row in rows if row[3] == "01" and int(row[1].partition(":")[2], 16) == number]
    return timers[0] if timers else ""


async def test_port_of_a_stranger(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A published port that a stranger has is said to be taken, by whom, and answers once the stranger has gone."""
    number = free_port()
    with socket.create_server(("127.0.0.10", number)) as stranger:
        nodes = PortNodes(1, tmp_path, [tcp(TARGET, number)])
        async with at_work(nodes):
            await until(lambda: f"published port {number} does not answer" in caplog.text)
            assert "(process " in caplog.text
            assert nodes.nodes[0].ports.listening == 0
            stranger.close()
            await until(lambda: nodes.nodes[0].ports.listening == 1)


async def test_nothing_listens_without_need(tmp_path: Path) -> None:
    """Without published ports and tasks a node listens to nothing; what it began to listen to it leaves again."""
    async with serving(tmp_path, nodes=1, tasks=1) as (rig, _):
        node = rig.nodes[0]
        rig.leave_table(rig.running["t0"])
        node.ports.forget("t0")
        rig.table.remove_service("s")
        rig.tell()
        await until(lambda: not node.ports.listening and not node.ports.gate_is_open)
    alone = PortNodes(1, tmp_path / "n0", [])
    async with at_work(alone):
        assert not alone.nodes[0].ports.listening and not alone.nodes[0].ports.gate_is_open


async def test_too_many_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection beyond the limit of the port is refused at once and said once; those that are there go on, and room comes back."""
    monkeypatch.setattr(tcp_module, "CONNECTIONS_MAX", 3)
    async with serving(tmp_path, nodes=1, tasks=1) as (rig, echoes):
        held = [await rig.connect() for _ in range(3)]
        for reader, _ in held:
            assert await name_of(reader) == "t0"
        for _ in range(2):
            reader, writer = await rig.connect()
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(reader.read(-1), LIMIT_S)
            writer.close()
        assert caplog.text.count("too many at once") == 1
        held[0][1].close()
        await until(lambda: echoes[0].connections == 2)
        await until(lambda: rig.nodes[0].ports.connections == 2)
        reader, writer = await rig.connect()
        assert await name_of(reader) == "t0"
        for _, one in [*held, (reader, writer)]:
            one.close()


async def test_both_families(tmp_path: Path) -> None:
    """Where no address is given the published port answers at every address of the machine, IPv4 and IPv6, to tasks of either family."""
    if not socket.has_ipv6 or not can_listen("::1"):
        lacking("this machine has no IPv6")
    number = free_port()
    nodes = PortNodes(2, tmp_path, [tcp(TARGET, number)])
    node = nodes.nodes[0] = PortNode(0, tmp_path / "n0", address="")
    del nodes.nodes[1:]
    async with at_work(nodes):
        await until(lambda: node.ports.listening == 1)
        for index, host in enumerate(("127.0.0.1", "::1")):
            task = nodes.add(f"t{index}", on=0)
            await nodes.echo(task.id, number_of(task), host)
            nodes.run(task)
        for address in ("127.0.0.1", "127.0.0.2", "::1"):
            open_ = [await nodes.connect(address=address) for _ in range(2)]
            assert {await name_of(reader) for reader, _ in open_} == {"t0", "t1"}
            for _, writer in open_:
                writer.close()


def can_listen(host: str) -> bool:
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def test_containers_are_left_alone(tmp_path: Path) -> None:
    """A container task gets no ports here: its engine publishes them."""
    node = PortNodes(1, tmp_path, []).nodes[0]
    task = make_task("c", state="ASSIGNED")
    task.endpoint.ports.append(tcp(TARGET, 30080))
    node.ports.give(task)
    assert not task.status.HasField("port_status")


async def test_taken_gate(tmp_path: Path) -> None:
    """When a stranger has the gate's port another one is chosen, and the node says so."""
    async with port_nodes(1, tmp_path, tcp(TARGET, free_port())) as rig:
        node = rig.nodes[0]
        with socket.create_server(("127.0.0.1", node.gate_port)):
            before = node.gate_port
            task = rig.add("t0", on=0)
            await rig.echo("t0", number_of(task))
            rig.run(task)
            await until(lambda: node.renumbered == 1)
            await until(lambda: node.ports.gate_is_open)
            assert node.gate_port != before
