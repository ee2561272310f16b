"""A small web server for tests: answers on $PORT of 127.0.0.1 with its version and its task, after a moment's work.

It dies of its stop signal in the middle of whatever it does, as many programs do.
"""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every path."""

    def do_GET(self) -> None:
        time.sleep(0.01)
        if os.environ.get("BROKEN") and self.path == "/health":
            self.send_error(500)
            return
        body = f"{os.environ.get('VERSION', '1')} {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1] if len(sys.argv) > 1 else os.environ["PORT"])), Handler).serve_forever()
