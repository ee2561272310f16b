"""Docker's own command at one engine. Pure."""

import shlex

from swarm_core.engines.records import EngineRecord


def docker_words(record: EngineRecord, *words: str) -> str:
    """The line that does the same with docker's command."""
    entry = record.entry
    files = (("--tlscacert", entry.ca), ("--tlscert", entry.certificate), ("--tlskey", entry.key_file))
    tls = [word for flag, path in files if path for word in (flag, path)]
    if entry.is_encrypted:
        tls.insert(0, "--tlsverify" if entry.verifies else "--tls")
    return shlex.join(["docker", "-H", entry.url, *tls, *words])
