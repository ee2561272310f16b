"""What time alone brings about: limits in seconds, keepalive, and the end of an idle connection."""

from swarm_core.rpc.h2.allowances import Broken
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.frames import PING, Code, frame
from swarm_core.rpc.h2.receiving import Receiving
from swarm_core.rpc.h2.streams import Stream, Streams

_KEEPALIVE = frame(PING, 0, 0, b"are you?")
# Within this time a client has read the first GOAWAY, even if it does not answer the PING behind it.
_LAST_CALL_SECONDS = 5.0


class Upkeep:
    def __init__(self, bounds: Bounds, streams: Streams, receiving: Receiving) -> None:
        self._bounds = bounds
        self._streams = streams
        self._receiving = receiving
        self._output = streams.output
        self._begun_at = streams.time
        self.heard_at = streams.time
        self._asked_at: float | None = None
        # Since when the shell has not taken the output: the client does not read.
        self.stuck_since: float | None = None
        # Since when no stream is open, and how many had been opened then.
        self._idle_since = streams.time
        self._idle_opened = 0
        # When the first GOAWAY went out.
        self.leaving_since: float | None = None

    def tick(self) -> None:
        """Raises `Broken` once the client has been too slow for the connection to go on."""
        now, bounds, receiving = self._streams.time, self._bounds, self._receiving
        age = now - self._begun_at
        if age > bounds.preface_seconds and not receiving.control.has_settings:
            raise Broken(Code.SETTINGS_TIMEOUT, "no SETTINGS in time")
        if age > bounds.settings_seconds and not receiving.control.is_acknowledged:
            raise Broken(Code.SETTINGS_TIMEOUT, "our SETTINGS are not acknowledged")
        for since in (receiving.partial_since, receiving.block_since):
            if since is not None and now - since > bounds.frame_seconds:
                raise Broken(Code.ENHANCE_YOUR_CALM, "a frame that does not come to its end")
        if self._output.parts and self.stuck_since is None:
            self.stuck_since = now
        elif self.stuck_since is not None and now - self.stuck_since > bounds.stalled_seconds:
            raise Broken(Code.ENHANCE_YOUR_CALM, "the client does not read")
        self._keep_alive(now)

    def overdue(self) -> list[Stream]:
        """Streams whose request does not end, or whose answer is not read."""
        now, bounds = self._streams.time, self._bounds
        return [
            stream
            for stream in self._streams.open.values()
            if (stream.is_receiving and now - stream.opened_at > bounds.request_seconds)
            or (stream.queued and now - stream.moved_at > bounds.stalled_seconds)
        ]

    def is_idle_too_long(self) -> bool:
        now, streams = self._streams.time, self._streams
        if streams.open or streams.opened != self._idle_opened:
            self._idle_since = now
            self._idle_opened = streams.opened
        return now - self._idle_since > self._bounds.idle_seconds

    def is_final_due(self) -> bool:
        """The first GOAWAY was long ago: the second one need not wait for an answer."""
        since = self.leaving_since
        return since is not None and self._streams.time - since > _LAST_CALL_SECONDS

    def _keep_alive(self, now: float) -> None:
        if now - self.heard_at < self._bounds.keepalive_seconds:
            self._asked_at = None
        elif self._asked_at is None:
            self._asked_at = now
            self._output.put(_KEEPALIVE)
        elif now - self._asked_at > self._bounds.keepalive_answer_seconds:
            raise Broken(Code.NO_ERROR, "the client does not answer")
