"""A client of a service's tasks by their name, for the network of a container: looks the name up, connects, reads a page, and counts.

    name_caller.py RESOLVER NAME PORT        (both addresses as HOST:PORT where the port is another than 53)

Runs in a network namespace, on its host's files. Each call asks the resolver anew and takes one of the addresses by chance, as clients do that
keep nothing. Says `READY` after the first call that succeeds, which is the first that counts, and ends with a line on standard input: then a JSON line with the number of
calls, and of the failed ones by kind.
"""

import http.client
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections import Counter
from typing import Final

CALL_S: Final = 1.0
PAUSE_S: Final = 0.02
_ADDRESS, _INTERNET = 1, 1
_HEADER: Final = struct.Struct(">6H")
_RECORD: Final = struct.Struct(">2HIH")


class NoSuchName(OSError):
    """The resolver knows no address by this name."""


def look_up(resolver: tuple[str, int], name: str) -> list[str]:
    """The addresses behind a name. Raises NoSuchName, and OSError where the resolver does not answer."""
    number = random.getrandbits(16)
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    query = _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + question + struct.pack(">2H", _ADDRESS, _INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(CALL_S)
        sock.connect(resolver)
        sock.send(query)
        answer = sock.recv(4096)
    found = _addresses(answer, _HEADER.unpack_from(answer)[3], len(query))
    if not found:
        raise NoSuchName(name)
    return found


def _addresses(answer: bytes, count: int, at: int) -> list[str]:
    """Those of the records behind the question, which is as long as it was asked."""
    found = []
    for _ in range(count):
        while answer[at] and answer[at] < 0xC0:
            at += 1 + answer[at]
        at += 2 if answer[at] else 1
        kind, _, _, length = _RECORD.unpack_from(answer, at)
        at += _RECORD.size
        if kind == _ADDRESS:
            found.append(socket.inet_ntoa(answer[at : at + length]))
        at += length
    return found


def call(resolver: tuple[str, int], name: str, port: int) -> str:
    """One call; empty, or the kind of its failure."""
    try:
        address = random.choice(look_up(resolver, name))
    except NoSuchName:
        return "no address"
    except OSError:
        return "no answer of the resolver"
    connection = http.client.HTTPConnection(address, port, timeout=CALL_S)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except TimeoutError:
        return "timed out"
    except ConnectionRefusedError:
        return "refused"
    except (http.client.HTTPException, ConnectionError):
        return "broken off"
    except OSError as error:
        return os.strerror(error.errno or 0)
    finally:
        connection.close()
    return ""


def main() -> None:
    resolver, name, port = sys.argv[1:]
    host, _, number = resolver.partition(":")
    where = host, int(number or 53)
    while call(where, name, int(port)):
        time.sleep(PAUSE_S)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    calls, failed = 1, Counter[str]()
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        calls += 1
        if kind := call(where, name, int(port)):
            failed[kind] += 1
    sys.stdout.write(json.dumps({"calls": calls, "failed": failed}) + "\n")


if __name__ == "__main__":
    main()
