"""The engine's client over a unix socket. Its own transport leaves the socket of each attempt that fails open, until garbage is
collected; an engine that is away for an hour is asked often."""

import socket
from typing import Any

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.unix_socket)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        timeout: Any = self.timeout  # seconds, whatever the published type says
        return _Connection(self.base_url, self.socket_path, timeout)


class _Adapter(UnixHTTPAdapter):
    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(
                    url, self.socket_path, self.timeout, maxsize=self.max_pool_size
                )
            return pool


def use(client: Any, url: str, timeout: int) -> None:
    """Let an APIClient for this address connect so; the address of another kind of socket changes nothing."""
    if url.startswith("unix://"):
        adapter = _Adapter(f"http+{url}", timeout)
        client._custom_adapter.close()
        client._custom_adapter = adapter
        client.mount("http+docker://", adapter)
