"""Whether a new version of a task says anything new to its agent."""

from swarm_core.api.proto.objects_pb2 import Task


def differ(old: Task, new: Task) -> bool:
    """Whether anything but status and meta differs."""
    if old.desired_state != new.desired_state:
        return True
    copy = Task()
    copy.CopyFrom(new)
    copy.ClearField("status")
    copy.ClearField("meta")
    if old.HasField("status"):
        copy.status.CopyFrom(old.status)
    if old.HasField("meta"):
        copy.meta.CopyFrom(old.meta)
    return copy != old
