"""Stands in for ssh: forwards the socket of `-L here:there` within this machine, until it is ended.

Machines named `nobody` cannot be reached; all words go into the file that $SSH_FAKE_SAID names.
"""

import os
import socket
import sys
import threading


def relay(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client: socket.socket, there: str) -> None:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(there)
    except OSError:
        client.close()
        return
    threading.Thread(target=relay, args=(client, server), daemon=True).start()
    relay(server, client)


def main() -> None:
    words = sys.argv[1:]
    with open(os.environ["SSH_FAKE_SAID"], "a") as said:
        said.write(f"{os.getpid()} {' '.join(words)}\n")
    if words[-1] == "nobody":
        sys.exit("ssh: connect to host nobody port 22: Connection refused")
    here, _, there = words[words.index("-L") + 1].partition(":")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(here)
    listener.listen()
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, there), daemon=True).start()


main()
