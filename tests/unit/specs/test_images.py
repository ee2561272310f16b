"""Names of images as docker's client writes them."""

import pytest
from swarm_core.specs.images import familiar, registry


@pytest.mark.parametrize(
    ("written", "host", "stored"),
    [
        ("redis", "docker.io", "redis:latest"),
        ("redis:7", "docker.io", "redis:7"),
        ("docker.io/library/redis", "docker.io", "redis:latest"),
        ("index.docker.io/library/redis:7", "docker.io", "redis:7"),
        ("docker.io/some/one", "docker.io", "some/one:latest"),
        ("host:5000/a/b", "host:5000", "host:5000/a/b:latest"),
        ("host:5000/library/b", "host:5000", "host:5000/library/b:latest"),
        ("localhost/a:1", "localhost", "localhost/a:1"),
        ("r.example/a@sha256:" + "0" * 64, "r.example", "r.example/a@sha256:" + "0" * 64),
        ("a" * 64, "docker.io", "a" * 64),
        ("No Image", "docker.io", "No Image"),
        ("", "docker.io", ""),
    ],
)
def test_names(written: str, host: str, stored: str) -> None:
    """A tag is added where there is neither tag nor digest, and what everybody leaves out is left out."""
    assert registry(written) == host
    assert familiar(written) == stored
    assert familiar(stored) == stored
