"""Defaults of a cluster and of a service as clients are shown it (docs/design/control-api.md 4.3; docs/design/manager.md 5.5)."""

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.timestamps import duration
from swarm_core.rules.rollout import MONITOR_DEFAULT_S

CLUSTER_NAME = "default"
TASK_HISTORY_RETENTION_LIMIT = 5
HEARTBEAT_PERIOD_S = 5
SNAPSHOT_INTERVAL = 10_000
LOG_ENTRIES_FOR_SLOW_FOLLOWERS = 500
NODE_CERT_EXPIRY_S = 90 * 24 * 3600
NODE_CERT_EXPIRY_MIN_S = 3600
ADDRESS_POOL = "10.0.0.0/8"
SUBNET_SIZE = 24
VXLAN_PORT = 4789
STOP_GRACE_PERIOD_S = 10
RESTART_DELAY_S = 5


def update_config() -> types_pb2.UpdateConfig:
    """How tasks are replaced where nothing is said of it."""
    return types_pb2.UpdateConfig(
        parallelism=1,
        monitor=duration(MONITOR_DEFAULT_S),
        failure_action=types_pb2.UpdateConfig.PAUSE,
        order=types_pb2.UpdateConfig.STOP_FIRST,
    )


def with_defaults(spec: specs_pb2.ServiceSpec) -> None:
    """Fill what `spec` leaves open, in place."""
    task = spec.task
    if task.WhichOneof("runtime") == "container":
        container = task.container
        if not container.HasField("stop_grace_period"):
            container.stop_grace_period.CopyFrom(duration(STOP_GRACE_PERIOD_S))
        container.pull_options.SetInParent()
        container.dns_config.SetInParent()
    task.resources.SetInParent()
    if not task.HasField("restart"):
        task.restart.condition = types_pb2.RestartPolicy.ANY
    if not task.restart.HasField("delay"):
        task.restart.delay.CopyFrom(duration(RESTART_DELAY_S))
    task.placement.SetInParent()
    for field, config in (("update", spec.update), ("rollback", spec.rollback)):
        if not spec.HasField(field):  # type: ignore[arg-type]
            config.CopyFrom(update_config())
        if not config.HasField("monitor"):
            config.monitor.CopyFrom(duration(MONITOR_DEFAULT_S))
