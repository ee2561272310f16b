"""dockerd's flags of the Engine API, as a parser knows them; `api_flags` says what they mean (docs/design/engine-api.md E9)."""

from pathlib import Path
from typing import Any


def add_to(add: Any) -> None:
    """Tell a parser, by its `add_argument`, of these flags."""
    add(
        "-H",
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="answer clients of the Docker Engine here: unix://PATH, tcp://HOST:PORT or fd://; off unless given",
    )
    add(
        "--begin-cluster",
        action="store_true",
        help="with -H: begin a cluster at once, as without it, instead of waiting for docker swarm init or join",
    )
    add("--group", default="", metavar="GROUP", help="who may use the socket of -H unix://, beside its owner")
    for name, text in (
        ("tls", "TLS on the ports of -H, with a certificate of each client"),
        ("tlsverify", "that clients show a certificate; =false lets anybody in"),
        ("experimental", "what docker calls experimental, such as services of plugins, for clients of -H"),
    ):
        add(f"--{name}", nargs="?", const="true", metavar="true|false", help=text)
    for name, text in (("cacert", "CA of the clients"), ("cert", "certificate"), ("key", "key")):
        add(f"--tls{name}", type=Path, metavar="FILE", help=f"{text}, for --tls")
    add(
        "--authorization-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="a plugin that is asked whether a client of -H may do what it asks: its name, or unix://PATH; several are asked in their order",
    )
