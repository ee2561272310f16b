"""Clusters by name (docs/design/terminal.md 11.14)."""

from pathlib import Path

import pytest
from swarm_core.client.contexts import Context, read_contexts


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "contexts.toml"
    path.write_text(text)
    return path


def test_what_a_file_says(tmp_path: Path) -> None:
    """A socket here, one behind ssh, a remote API, and the current one."""
    known = read_contexts(
        written(
            tmp_path,
            'current = "prod"\n[contexts]\nlab = "/run/lab.sock"\n'
            '[contexts.prod]\nssh = "ana@m1"\nsocket = "/run/control.sock"\n'
            '[contexts.edge]\naddress = "m1:4242"\ncertificates = "/certs"\n',
        )
    )
    assert known.named("lab") == Context("lab", "/run/lab.sock")
    assert known.named("prod").way == "ssh ana@m1 /run/control.sock"
    assert known.named("edge").way == "tls m1:4242"
    assert known.current == "prod"


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    """The names that are there are told, or that there is no file."""
    with pytest.raises(LookupError, match="does not exist"):
        read_contexts(tmp_path / "contexts.toml").named("prod")
    with pytest.raises(LookupError, match="known are: a, b"):
        read_contexts(written(tmp_path, "[contexts]\nb = '/b'\na = '/a'")).named("prod")


@pytest.mark.parametrize(
    "text, told",
    [
        ("nonsense", "no valid TOML"),
        ("contexts = 3", "'contexts' is no table"),
        ("context = 3", "'context', which is not known"),
        ("current = 'x'", "no such context"),
        ("[contexts]\na = 3", "neither a path nor a table of texts"),
        ("[contexts.a]\nhost = 'x'", "'host', which is not known"),
        ("[contexts.a]\nssh = 'x'", "neither a socket nor an address"),
        ("[contexts.a]\nssh = 'x'\nsocket = 'y'", "the whole path"),
        ("[contexts.a]\nssh = '-oProxyCommand=x'\nsocket = '/y'", "ssh cannot take"),
        ("[contexts.a]\nssh = 'a b'\nsocket = '/y'", "ssh cannot take"),
        ("[contexts.a]\naddress = 'x:1'", "an address and no certificates"),
        ("[contexts.a]\naddress = 'x:1'\nsocket = '/y'", "a socket or ssh too"),
        ("[contexts.a]\nsocket = '/y'\ncertificates = '/z'", "certificates and no address"),
        ("[contexts]\n'a b' = '/y'", "other signs than"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    """Every mistake names the file and what is wrong."""
    with pytest.raises(ValueError, match=told):
        read_contexts(written(tmp_path, text))
