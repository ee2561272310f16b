"""Docker Engines for tests, many in one process, without containers: state, events, streams and faults, behind sockets.

Doors: `serving.fake_engines` (in the test's own loop), `main` (a process of its own), `engine.FakeEngine` (the state alone).
"""
