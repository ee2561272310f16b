"""A daemon that reads its configuration again, as clients see it (docs/design/engine-api.md E17)."""

import json
import logging
from pathlib import Path

import pytest
from swarm_agentd.engine_api.reloading import Reloading
from swarm_core.http.hosts import TcpHost
from swarm_core.http.listeners import Terms, open_all
from swarm_core.http.tls import InvalidTls, TlsFiles
from swarm_testkit.engine_clients import Api
from swarm_testkit.web_certificates import WebCa


async def test_a_reload_is_an_event_of_the_daemon(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """With what holds from now on, as docker tells it (E17.6)."""
    caplog.set_level(logging.DEBUG)
    api.context.labels.replace({"zone": "b", "disk": "ssd"})
    Reloading(api.context, Terms(), []).tell()
    now = api.cluster.clock.wall_ns()
    answer = await api.get(f'/events?until={now // 10**9 + 1}&since=0&filters={{"type":["daemon"]}}')
    told = json.loads(answer.body)
    assert told["Actor"] == {
        "ID": "node-1",
        "Attributes": {"debug": "true", "labels": '["disk=ssd","zone=b"]', "name": "the-host"},
    }
    assert (told["Type"], told["Action"], told["scope"], told["timeNano"]) == (
        "daemon",
        "reload",
        "local",
        now,
    )


async def test_without_tls_there_is_nothing_to_read(api: Api) -> None:
    """A reload of labels alone goes well."""
    Reloading(api.context, Terms(), []).tls()()


async def test_files_are_judged_before_anything_changes(api: Api, tmp_path: Path) -> None:
    """Who reloads can still leave everything as it was (E17.3)."""
    ca = WebCa(tmp_path)
    certificate, key = ca.issue("server")
    terms = Terms(tls=TlsFiles(certificate, key, ca.certificate))
    listeners = open_all([TcpHost("127.0.0.1", 0)], terms, {})
    try:
        context = listeners[0].tls
        assert context is not None
        former = context.newest
        show = Reloading(api.context, terms, listeners).tls()
        assert context.newest is former
        show()
        assert context.newest is not former
        key.write_text("no key")
        with pytest.raises(InvalidTls, match="could not load X509 key pair"):
            Reloading(api.context, terms, listeners).tls()
    finally:
        for listener in listeners:
            listener.close()


async def test_labels_are_told_where_there_is_no_engine(api: Api) -> None:
    """Those that the daemon was given, and their newest (E17.4)."""
    assert (await api.get("/info")).json["Labels"] == []
    api.context.labels.replace({"zone": "b", "disk": "ssd"})
    assert (await api.get("/info")).json["Labels"] == ["disk=ssd", "zone=b"]
