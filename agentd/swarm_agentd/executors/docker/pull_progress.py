"""How far a pull is, from the lines that the engine writes about the image's layers. Pure.

A layer's size is known once it begins to come; until then it counts as the mean of the known ones. First all layers are
pulled, then what is left is unpacking. The share never goes back, although a large layer may turn out late.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swarm_agentd.exec.progress import Activity, Progress

_PULLED = ("Verifying Checksum", "Download complete")


@dataclass(slots=True)
class _Layer:
    size: int = 0
    pulled: int = 0
    extracted: int = 0
    is_pulled: bool = False
    is_done: bool = False


class PullProgress:
    """One pull."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}
        self._last: Progress | None = None

    def take(self, line: Mapping[str, Any]) -> Progress | None:
        """Take a line of the engine; how far the pull is now if that is new."""
        if not self._note(
            str(line.get("id", "")), str(line.get("status", "")), line.get("progressDetail") or {}
        ):
            return None
        now = self._now()
        if now == self._last:
            return None
        self._last = now
        return now

    def _note(self, layer_id: str, status: str, detail: Mapping[str, Any]) -> bool:
        """Whether the line says something of a layer that has to come."""
        if status == "Pulling fs layer":
            self._layers[layer_id] = _Layer()
        layer = self._layers.get(layer_id)
        if layer is None:
            return False
        size, current = int(detail.get("total", 0)), int(detail.get("current", 0))
        if status == "Downloading":
            layer.size, layer.pulled = max(layer.size, size), current
        elif status in _PULLED:
            layer.is_pulled, layer.pulled = True, layer.size
        elif status == "Extracting":
            layer.is_pulled, layer.pulled = True, layer.size
            layer.extracted = min(current, layer.size)
        elif status == "Pull complete":
            layer.is_pulled = layer.is_done = True
            layer.extracted = layer.pulled = layer.size
        elif status == "Already exists":
            del self._layers[layer_id]
        return True

    def _now(self) -> Progress:
        layers, last = self._layers.values(), self._last
        is_extracting = last is not None and last.activity is Activity.EXTRACTING
        if is_extracting or (layers and all(layer.is_pulled for layer in layers)):
            return self._forward(
                Activity.EXTRACTING, _share([(one.extracted, one.size, one.is_done) for one in layers])
            )
        return self._forward(
            Activity.PULLING, _share([(one.pulled, one.size, one.is_pulled) for one in layers])
        )

    def _forward(self, activity: Activity, percent: int) -> Progress:
        last = self._last
        return Progress(
            activity,
            max(percent, last.percent) if last is not None and last.activity is activity else percent,
        )


def _share(parts: list[tuple[int, int, bool]]) -> int:
    """Percent of what is to come: (come, size, whether it is over); a size of 0 is not known."""
    known = [size for _, size, _ in parts if size]
    mean = sum(known) / len(known) if known else 1.0
    come = sum((size or mean) if is_over else min(done, size) for done, size, is_over in parts)
    total = sum(size or mean for _, size, _ in parts)
    return min(int(100 * come / total), 100) if total else 0
