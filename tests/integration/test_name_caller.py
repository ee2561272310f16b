"""The client that `benchmarks/bench_overlay.py` counts failed calls with tells their kinds apart."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from swarm_testkit import name_caller

ADDRESS = "127.0.0.41"
_PAGE = b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\npage"
_RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04"
"""An address that belongs to the name of the question, as far as its own four bytes."""


@contextmanager
def resolver(addresses: list[str]) -> Iterator[tuple[str, int]]:
    """Answers every question with these addresses, until an empty datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (received := sock.recvfrom(512))[0]:
                query, peer = received
                head = query[:2] + b"\x81\x80\x00\x01" + len(addresses).to_bytes(2, "big") + bytes(4)
                records = b"".join(_RECORD + socket.inet_aton(one) for one in addresses)
                sock.sendto(head + query[12:] + records, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", sock.getsockname())
            thread.join()


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Does this with each connection, until it is shut."""
    with socket.create_server((ADDRESS, 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    answer(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def page(sock: socket.socket) -> None:
    sock.recv(1024)
    sock.sendall(_PAGE)


def silence(sock: socket.socket) -> None:
    while sock.recv(1024):
        pass


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits for those who answer, as long as a busy machine lets them take."""
    monkeypatch.setattr(name_caller, "CALL_S", 60.0)


@pytest.mark.usefixtures("patient")
def test_a_call_that_succeeds() -> None:
    """The name is looked up, and the page read."""
    with resolver([ADDRESS]) as where, server(page) as port:
        assert name_caller.look_up(where, "tasks.web") == [ADDRESS]
        assert name_caller.call(where, "tasks.web", port) == ""


@pytest.mark.usefixtures("patient")
def test_a_server_that_closes() -> None:
    """A connection that is closed."""
    with resolver([ADDRESS]) as where, server(socket.socket.close) as port:
        assert name_caller.call(where, "tasks.web", port) == "broken off"


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for no longer than a call may take."""
    monkeypatch.setattr(name_caller, "CALL_S", 5.0)
    with resolver([ADDRESS]) as where, server(silence) as port:
        assert name_caller.call(where, "tasks.web", port) == "timed out"


@pytest.mark.usefixtures("patient")
def test_nobody_there() -> None:
    """No server, no address behind the name, and no resolver."""
    with server(page) as port:
        pass
    with resolver([ADDRESS]) as where:
        assert name_caller.call(where, "tasks.web", port) == "refused"
    assert name_caller.call(where, "tasks.web", port) == "no answer of the resolver"
    with resolver([]) as where:
        assert name_caller.call(where, "tasks.web", port) == "no address"


def test_the_program_counts() -> None:
    """It begins to count with the first call that succeeds, and ends with a line."""
    with resolver([ADDRESS]) as (host, number), server(page) as port:
        command = [sys.executable, name_caller.__file__, f"{host}:{number}", "tasks.web", str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "READY\n"
            said = json.loads(program.communicate("end\n")[0])
    assert said["calls"] >= 1
    assert said["failed"] == {}
