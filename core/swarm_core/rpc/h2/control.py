"""Frames about the connection as a whole: SETTINGS, PING, GOAWAY, and our own going away.

We go in two steps. The first GOAWAY names no stream and has a PING behind it. Once that is answered the client has
read the GOAWAY and opens no more streams; the second one then names the last stream that was taken.
"""

from typing import Final

from swarm_core.rpc.h2.allowances import Allowances, Broken
from swarm_core.rpc.h2.frames import ACK, LARGEST_STREAM, PING, SETTINGS, Code, frame, goaway
from swarm_core.rpc.h2.peer_settings import read_settings
from swarm_core.rpc.h2.sending import Sender
from swarm_core.rpc.h2.streams import Streams

_FINAL_PING: Final = b"last one"
_SETTINGS_ACK: Final = frame(SETTINGS, ACK, 0)


class Control:
    def __init__(self, streams: Streams, sender: Sender, allowances: Allowances) -> None:
        self._streams = streams
        self._sender = sender
        self._output = streams.output
        self._allowances = allowances
        # The client's first SETTINGS have come; it has acknowledged ours.
        self.has_settings = False
        self.is_acknowledged = False
        # The first GOAWAY is out with this code; the second one is, and new streams are refused.
        self._leaving_code: int | None = None
        self.is_closing = False

    def on_settings(self, number: int, payload: bytes, *, ack: bool) -> bool:
        """True when ours are acknowledged by this frame."""
        if number:
            raise Broken(Code.PROTOCOL_ERROR, "SETTINGS on a stream")
        if ack:
            return self._on_acknowledgement(payload)
        if len(payload) % 6:
            raise Broken(Code.FRAME_SIZE_ERROR, "SETTINGS of a wrong size")
        self._allowances.settings.spend(self._streams.time)
        self.has_settings = True
        if broken := read_settings(payload, self._sender):
            raise Broken(*broken)
        self._output.put(_SETTINGS_ACK)
        return False

    def _on_acknowledgement(self, payload: bytes) -> bool:
        if payload:
            raise Broken(Code.FRAME_SIZE_ERROR, "an acknowledgement with content")
        if not self.has_settings:
            raise Broken(Code.PROTOCOL_ERROR, "an acknowledgement before the client's own SETTINGS")
        if self.is_acknowledged:
            self._ignore()
            return False
        self.is_acknowledged = True
        return True

    def on_ping(self, number: int, payload: bytes, *, ack: bool) -> None:
        if number:
            raise Broken(Code.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise Broken(Code.FRAME_SIZE_ERROR, "PING of a wrong size")
        if ack:
            self._ignore()
            if payload == _FINAL_PING:
                self.close()
            return
        # Clients measure bandwidth with a PING for DATA that they got from us.
        self._allowances.pings.spend(self._streams.time, self._sender.frames_sent)
        self._output.put(frame(PING, ACK, 0, payload))

    def on_goaway(self, number: int, payload: bytes) -> None:
        """The client opens no more streams, or says why it goes: either is seen by what it does."""
        if number:
            raise Broken(Code.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise Broken(Code.FRAME_SIZE_ERROR, "GOAWAY of a wrong size")
        self._ignore()

    def leave(self, code: int) -> bool:
        """Tell the client that soon no stream will be taken; False when it was told before."""
        if self._leaving_code is not None:
            return False
        self._leaving_code = code
        self._output.put(goaway(LARGEST_STREAM, code) + frame(PING, 0, 0, _FINAL_PING))
        return True

    def close(self) -> None:
        """Take no stream any more."""
        if self._leaving_code is not None and not self.is_closing:
            self.is_closing = True
            self._output.put(goaway(self._streams.last, self._leaving_code))

    def _ignore(self) -> None:
        self._allowances.ignored.spend(self._streams.time, self._streams.opened)
