"""Clients that ask a published port again and again, each time with a new connection, and count what goes wrong."""

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

LIMIT_S = 20


@dataclass(eq=False)
class Polled:
    """What the clients met: answers by their first word, and the failures."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def count(self) -> int:
        return sum(self.answers.values())

    def heard(self, word: str) -> None:
        with self.lock:
            self.answers[word] += 1

    def failed(self, how: str) -> None:
        with self.lock:
            self.failures.append(how)


def ask(address: str, port: int) -> str:
    """The answer to one request. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection(address, port, timeout=LIMIT_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        return body
    finally:
        connection.close()


def ask_or_none(address: str, port: int) -> str | None:
    """The answer to one request, None when there is none."""
    try:
        return ask(address, port)
    except (OSError, http.client.HTTPException):
        return None


@contextmanager
def polling(addresses: Sequence[str], port: int, *, clients: int = 4) -> Iterator[Polled]:
    """`clients` that ask the addresses in turn until the context is left."""
    polled, ending = Polled(), threading.Event()

    def poll(number: int) -> None:
        turn = number
        while not ending.is_set():
            address = addresses[turn % len(addresses)]
            turn += 1
            try:
                polled.heard(ask(address, port).split()[0])
            except (OSError, http.client.HTTPException, IndexError) as error:
                polled.failed(f"{address}: {type(error).__name__} {error}")

    threads = [threading.Thread(target=poll, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield polled
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def datagram(address: str, port: int, data: bytes, *, tries: int = 20) -> bytes:
    """The answer to a datagram that is sent until it is answered. Raises TimeoutError."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(1)
        asking.connect((address, port))
        for _ in range(tries):
            asking.send(data)
            try:
                return asking.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
    raise TimeoutError(f"{address}:{port} did not answer")
