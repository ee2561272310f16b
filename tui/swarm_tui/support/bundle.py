"""The file of a support bundle: a tar archive, compressed, its owner's alone (docs/design/support.md 18.3)."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarm_tui.support.machine import Here

_TOP: Final = "support"
_README: Final = """What this is

A support bundle of swarm-tui: versions, states, figures and the end of the node's log. Texts of specs, labels' values, variables' values,
arguments, and the contents of secrets and configs are not in it; '(hidden)' stands in the place of what was taken out.
Look through it before you send it: what a program wrote into its log in words of its own cannot be known.
"""


def write(path: Path, here: Here, cluster: Mapping[str, Any]) -> int:
    """Write it; how many bytes. Raises OSError, FileExistsError among them; then there is no file of ours."""
    content = io.BytesIO()
    # Times and owners are left out: two bundles of one state are one file.
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        _add(archive, "README.txt", _README)
        _add_json(archive, "about.json", here.about)
        _add_json(archive, "processes.json", here.processes)
        _add_json(archive, "files.json", here.files)
        if here.log is not None:
            _add(archive, "agentd.log", here.log)
        if here.metrics is not None:
            _add(archive, "metrics.txt", here.metrics)
        for name, document in cluster.items():
            _add_json(archive, f"cluster/{name}.json", document)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.getbuffer())
    except OSError:
        path.unlink()
        raise
    return content.tell()


def _add_json(archive: tarfile.TarFile, name: str, document: Any) -> None:
    _add(archive, name, json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode(errors="backslashreplace")
    entry = tarfile.TarInfo(f"{_TOP}/{name}")
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))
