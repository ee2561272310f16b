"""Mounts as people write them: `data:/var/lib/data:ro`, or with all their options. One is turned into the other."""

from swarm_core.api.proto import types_pb2
from swarm_core.specs import texts
from swarm_core.specs.errors import InvalidValue

_Mount = types_pb2.Mount
_FILE_BEGINS = ("/", ".", "~")
_PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")


def long_form(text: str) -> str:
    """The options that a mount's text in its short form means; a text that has them already stays. Raises InvalidValue."""
    if "=" in text:
        return text
    head, *rest = text.split(":")
    if not rest:
        return texts.mount(_Mount(type=_Mount.VOLUME, target=_target(text, head)))
    target, options = rest[0], [word for part in rest[1:] for word in part.split(",")]
    is_file = head.startswith(_FILE_BEGINS)
    found = _Mount(type=_Mount.BIND if is_file else _Mount.VOLUME, source=head, target=_target(text, target))
    for word in options:
        if word == "ro":
            found.readonly = True
        elif word == "nocopy" and not is_file:
            found.volume_options.nocopy = True
        elif word in _PROPAGATIONS and is_file:
            found.bind_options.propagation = _Mount.BindOptions.Propagation.Value(word.upper())
        elif word != "rw":
            raise InvalidValue(f"{text!r}: {word!r} is no option of a mount (write ro)")
    return texts.mount(found)


def _target(text: str, target: str) -> str:
    if not target.startswith("/"):
        raise InvalidValue(f"{text!r}: the place in the container begins with a slash (write data:/data)")
    return target


def short_form(mount: types_pb2.Mount) -> str:
    """The short form, where it says everything; else the options."""
    source, target = mount.source, mount.target
    has_options = mount.bind_options.ByteSize() or mount.volume_options.ByteSize() or mount.consistency
    is_file = mount.type == _Mount.BIND and source.startswith("/")
    is_volume = mount.type == _Mount.VOLUME and source and not source.startswith(_FILE_BEGINS)
    is_plain = target.startswith("/") and not set(":=") & set(source + target)
    if has_options or not is_plain or not (is_file or is_volume):
        return texts.mount(mount)
    return f"{source}:{target}{':ro' if mount.readonly else ''}"
