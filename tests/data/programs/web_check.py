"""Health check of web_server: ends with 0 when it answers."""

import os
import socket
import sys

with socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 2) as asking:
    asking.sendall(b"GET /health HTTP/1.0\r\n\r\n")
    sys.exit(b" 200 " not in asking.recv(64))
