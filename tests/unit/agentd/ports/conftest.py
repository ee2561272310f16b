"""Tests of connections run on both event loops that a daemon may run on: their transports differ."""

from swarm_testkit.loops import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
