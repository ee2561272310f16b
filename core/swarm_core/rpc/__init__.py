"""Calls between processes: plain handlers behind HTTP/2 of our own, and grpcio for calls going out.

Entry points: `server` (Services, serve_control, serve_remote), `caller.Caller`, `errors` (RpcFailure and one class per
status code), `authorization` (who may call what), `forwarding` (calls that only the leader can answer), `channel`
(calls going out), `dialler` (the one call made before there is trust).
"""
