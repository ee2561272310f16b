"""Whether a new version of a task says anything new to its agent."""

from swarm_core.api.proto.objects_pb2 import Task


def differ(old: Task, new: Task) -> bool:
    """Whether anything but status and meta differs; what changes most is compared first."""
    return (
        old.desired_state != new.desired_state
        or old.spec != new.spec
        or old.node_id != new.node_id
        or old.service_id != new.service_id
        or old.slot != new.slot
        or old.networks != new.networks
        or old.endpoint != new.endpoint
        or old.spec_version != new.spec_version
        or old.annotations != new.annotations
        or old.service_annotations != new.service_annotations
        or old.log_driver != new.log_driver
        or old.assigned_generic_resources != new.assigned_generic_resources
        or old.job_iteration != new.job_iteration
        or old.volumes != new.volumes
    )
