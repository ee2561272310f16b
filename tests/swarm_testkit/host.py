"""What to do when the host lacks a part that a test needs: skip it with the reason, but fail where CI is `true`."""

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """End the running test for want of a part of the host."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
