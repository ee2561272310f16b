"""An object as docker's templates see it: the names and values that docker's API has (`{{.Spec.TaskTemplate.ForceUpdate}}`).

The tables are those of the Engine API (`swarm_core.engine_json`). Of a kind that docker does not have it is the stored object.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.engine_json import config, network, node, secret, service, task, volume
from swarm_core.engine_json.form import Form

from swarm_tui.resources.documents import Plain, as_dict


def _cluster(item: objects_pb2.Cluster) -> Form:
    from swarm_core.engine_json import swarm  # reads certificates, which takes long to load

    return swarm.to_form(item)


_FORMS: Final[Mapping[type[Any], Callable[[Any], Form]]] = {
    objects_pb2.Service: service.to_form,
    objects_pb2.Task: task.to_form,
    objects_pb2.Node: node.to_form,
    objects_pb2.Network: network.to_form,
    objects_pb2.Secret: secret.to_form,
    objects_pb2.Config: config.to_form,
    objects_pb2.Volume: volume.to_form,
    objects_pb2.Cluster: _cluster,
}


def docker_form(item: Message | Plain) -> Form:
    """The whole object; a service with the defaults that docker shows."""
    found = _FORMS.get(type(item))
    return Form(as_dict(item)) if found is None else found(item)
