"""Points in time as the wall clock beside the screen shows them: local time of day."""

from swarm_core.api.timestamps import calendar_time

from swarm_tui.resources import format as fmt


def zone(time_ns: int) -> str:
    """The zone of the times of day: "UTC", "UTC+02:00"."""
    moment = calendar_time(time_ns)
    if moment is None:
        return "UTC"
    shift = moment.astimezone().strftime("%z")
    return "UTC" if shift == "+0000" else f"UTC{shift[:3]}:{shift[3:]}"


def time_of_day(time_ns: int, *, millis: bool = False) -> str:
    """Hours, minutes and seconds, with milliseconds where lines come fast."""
    text = fmt.time_of_day(time_ns)
    return f"{text}.{time_ns // 1_000_000 % 1000:03}" if millis else text
