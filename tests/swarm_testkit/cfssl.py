"""A certificate authority outside the cluster, speaking CFSSL's protocol over TLS on a loopback port.

with CfsslServer(root, identity) as server: … server.url …
It signs what the request says, as a real one would, with the root's key; `answer` replaces the answer when set.
"""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from swarm_core.ca import certificates, keys, tls
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity

DAY = datetime.timedelta(days=1)


class CfsslServer:
    """`requests` are the JSON bodies seen, `peers` the common names of those who asked."""

    def __init__(self, root: RootCa, identity: TlsIdentity) -> None:
        self.root = root
        self.requests: list[dict[str, Any]] = []
        self.peers: list[str] = []
        self.answer: tuple[int, bytes] | None = None
        outside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert isinstance(self.connection, ssl.SSLSocket)
                peer = self.connection.getpeercert() or {}
                subject: Any = peer.get("subject", ())
                outside.peers += [value for rdn in subject for name, value in rdn if name == "commonName"]
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outside.requests.append(json.loads(body))
                status, answer = outside.answer or (200, outside._sign(outside.requests[-1]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                """Tests read `requests`."""

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that does not trust us hangs up; it is the one to complain."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = tls.server_context(identity)
        context.set_alpn_protocols(["http/1.1"])
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/sign"

    def __enter__(self) -> "CfsslServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _sign(self, request: dict[str, Any]) -> bytes:
        assert self.root.key is not None
        asked = x509.load_pem_x509_csr(request["certificate_request"].encode())
        is_ca = request["profile"] == "CA"
        signer = certificates.parse(self.root.certificate)[0]
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, request["subject"]["CN"])]
        for name in request["subject"]["names"]:
            names.append(x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, name["OU"]))
            names.append(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name["O"]))
        key: Any = asked.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .issuer_name(signer.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if request["hosts"]:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in request["hosts"]]), critical=False
            )
        private: Any = keys.load(self.root.key)
        signed = builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return json.dumps(
            {"success": True, "result": {"certificate": signed.decode()}, "errors": []}
        ).encode()


def loopback_identity(root: RootCa) -> TlsIdentity:
    """A server certificate of `root` for 127.0.0.1, which node certificates are not for."""
    assert root.key is not None
    key = keys.generate()
    signer = certificates.parse(root.certificate)[0]
    now = datetime.datetime.now(datetime.UTC)
    private: Any = keys.load(root.key)
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "external-ca")]))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 30 * DAY)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    return TlsIdentity(root.certificate, signed.public_bytes(serialization.Encoding.PEM), keys.pkcs8(key))
