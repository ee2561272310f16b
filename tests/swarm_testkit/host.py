"""What to do when a part that a test needs is lacking: skip it with the reason, but fail where CI is `true`.

No test skips in any other way (`tests/repo/test_skips.py` sees to that). Beside a checkout may lie `shared`, with the data
files of etcd-io/raft and the first copy of the wire facts; a checkout alone proves raft and the wire without it.
"""

import os
from pathlib import Path
from typing import NoReturn

import pytest

SHARED = Path(__file__).parents[3] / "shared"


def lacking(reason: str) -> NoReturn:
    """End the running test for want of a part of the host."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def shared_files(folder: str) -> list[Path]:
    """The text files of a folder beside the checkout; where there are none the folder, which `shared_text` finds lacking."""
    return sorted((SHARED / folder).glob("*.txt")) or [SHARED / folder]


def shared_text(path: Path) -> str:
    """A file beside the checkout. Ends the running test where it is not there."""
    if not path.is_file():
        lacking(f"{path.relative_to(SHARED.parent)} is not beside this checkout")
    return path.read_text()
