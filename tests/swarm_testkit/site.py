"""The pages of docs/ as a site, as `make site` builds it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from swarm_testkit.host import lacking

_ROOT: Final = Path(__file__).parents[2]


def built(out: Path) -> Path:
    """The site, in this directory. In strict mode: a link that leads nowhere, and a page that is in no menu, are errors.
    Ends the running test where the tools are not installed."""
    if importlib.util.find_spec("material") is None:
        lacking("mkdocs-material is not installed: make .venv/.installed-dev")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(out)],
        cwd=_ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return out
