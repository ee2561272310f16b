"""Tests of processes run on both event loops that a daemon may run on: what they do with children and pidfds differs."""

from swarm_testkit.loops import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
