"""A container that is asked for in the dashboard's form, made into what an engine is asked as `container run` makes it of flags."""

from collections.abc import Mapping
from typing import Any

from swarm_tui.cli.plumbing import registry_auth
from swarm_tui.cli.plumbing.run_body import Flags, body_of
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.clusters.engine_hands import RunAsked


class DockersFlags:
    """Implements `engine_hands.Runs`."""

    def body(self, asked: RunAsked) -> Mapping[str, Any]:
        """See there."""
        flags = Flags(
            image=asked.image,
            command=asked.command,
            env=asked.env,
            label=asked.labels,
            publish=asked.publish,
            volume=asked.volumes,
            constraint=asked.constraints,
            affinity=asked.affinities,
            network=asked.network,
            memory=asked.memory,
            cpus=asked.cpus,
            restart=asked.restart,
            entrypoint=None,
            user="",
            workdir="",
            hostname="",
            reschedule="",
            rm=False,
            interactive=False,
            tty=False,
            detach=True,
            privileged=False,
            read_only=False,
        )
        try:
            return body_of(flags)
        except Failure as failure:
            raise ValueError(str(failure)) from None

    def headers(self, image: str) -> Mapping[str, str]:
        """See there."""
        return {"X-Registry-Auth": registry_auth.encoded(image)}
