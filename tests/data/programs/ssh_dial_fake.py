"""Stands in for an ssh that runs `docker system dial-stdio`: joins its input and output with the socket that $SSH_FAKE_ENGINE names.

The machine `nobody` cannot be reached, and with `deaf` it takes nothing, says why and does not end. Process id and words go into the file that $SSH_FAKE_SAID names.
"""

import os
import socket
import sys
import threading


def send(engine: socket.socket) -> None:
    while data := os.read(0, 65536):
        engine.sendall(data)
    engine.shutdown(socket.SHUT_WR)


def main() -> None:
    words = sys.argv[1:]
    if "deaf" in words:
        os.close(0)
        os.write(2, b"ssh: the other side has hung up\n")
    with open(os.environ["SSH_FAKE_SAID"], "a") as said:
        said.write(f"{os.getpid()} {' '.join(words)}\n")
    if "deaf" in words:
        threading.Event().wait()
    if "nobody" in words:
        # Not before something was sent: whoever writes to an ssh that has ended does not hear its words.
        os.read(0, 1)
        sys.exit("ssh: connect to host nobody port 22: Connection refused")
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(os.environ["SSH_FAKE_ENGINE"])
    threading.Thread(target=send, args=(engine,), daemon=True).start()
    while data := engine.recv(65536):
        os.write(1, data)


main()
