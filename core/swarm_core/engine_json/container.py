"""The spec of a container (docs/design/engine-api-json.md 14.4.5, 14.4.6)."""

from typing import Any, Final

from swarm_core.api.proto.specs_pb2 import ContainerSpec
from swarm_core.api.proto.types_pb2 import Privileges
from swarm_core.engine_json.addresses import ADDRESSES
from swarm_core.engine_json.given import INT32, UINT32, Given
from swarm_core.engine_json.mounts import MOUNT
from swarm_core.engine_json.shape import (
    BASE64,
    FLAG,
    MAP,
    TEXT,
    TEXTS,
    Choice,
    Nanoseconds,
    NanosecondsOrZero,
    Own,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    Wrapped,
    integer,
)
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version
from swarm_core.specs.notation import words_of

_V_CONFIG_TARGETS = Version(1, 40)
_V_CAPABILITIES = Version(1, 41)
_V_SECCOMP = Version(1, 44)
_V_OOM_SCORE = Version(1, 46)
_ISOLATIONS: Final = {"default": 0, "process": 1, "hyperv": 2}
_SECCOMP_MODES: Final = words_of(Privileges.SeccompOpts.SeccompMode)
_APPARMOR_MODES: Final = words_of(Privileges.AppArmorOpts.AppArmorMode)
_CREDENTIALS: Final = {"Config": "config", "File": "file", "Registry": "registry"}

_FILE: Final = Shape(
    Value("Name", "name", TEXT, keep=True),
    Value("UID", "uid", TEXT, keep=True),
    Value("GID", "gid", TEXT, keep=True),
    Value("Mode", "mode", integer(UINT32), keep=True),
)
_SECRET: Final = Shape(
    Part("File", "file", _FILE),
    Value("SecretID", "secret_id", TEXT, keep=True),
    Value("SecretName", "secret_name", TEXT, keep=True),
)


def _show_secrets(container: Any, out: dict[str, Any], version: Version) -> None:
    """Those that become files: Docker knows no others."""
    if shown := [_SECRET.show(each, version) for each in container.secrets if each.HasField("file")]:
        out["Secrets"] = shown


def _show_target(reference: Any, out: dict[str, Any], version: Version) -> None:
    match reference.WhichOneof("target"):
        case "file":
            out["File"] = _FILE.show(reference.file, version)
        case "runtime":
            out["Runtime"] = {}


def _read_target(given: Given, reference: Any) -> None:
    file = given.part("File")
    is_runtime = given.version >= _V_CONFIG_TARGETS and given.part("Runtime") is not None
    if file is None and not is_runtime:
        raise BadRequest("invalid Config: either File or Runtime should be set")
    if file is not None and is_runtime:
        raise BadRequest("invalid Config: cannot specify both File and Runtime")
    if file is not None:
        _FILE.read(file, reference.file)
    else:
        reference.runtime.SetInParent()


_CONFIG: Final = Shape(
    Own(_show_target, _read_target, (Part("File", "file", _FILE), Part("Runtime", "runtime", Shape()))),
    Value("ConfigID", "config_id", TEXT, keep=True),
    Value("ConfigName", "config_name", TEXT, keep=True),
)


def _show_configs(container: Any, out: dict[str, Any], version: Version) -> None:
    """Those with a target that is known."""
    if shown := [_CONFIG.show(each, version) for each in container.configs if each.WhichOneof("target")]:
        out["Configs"] = shown


def _show_credentials(credentials: Any, out: dict[str, Any], version: Version) -> None:
    for name, field in _CREDENTIALS.items():
        out[name] = getattr(credentials, field)


def _read_credentials(given: Given, credentials: Any) -> None:
    told = {
        name: text
        for name in _CREDENTIALS
        if (text := given.text(name)) and (name != "Config" or given.version >= _V_CONFIG_TARGETS)
    }
    words = [f'"{name.lower()}"' for name in told]
    if not words:
        raise BadRequest(
            'invalid CredentialSpec: must either provide "file", "registry", or "config" for credential spec'
        )
    if len(words) > 1:
        comma = "," if len(words) > 2 else ""
        listed = f"{', '.join(words[:-1])}{comma} and {words[-1]}"
        raise BadRequest(f"invalid CredentialSpec: cannot specify both {listed} credential specs")
    for name, text in told.items():
        setattr(credentials, _CREDENTIALS[name], text)


_CREDENTIAL_SPEC: Final = Shape(
    Own(
        _show_credentials,
        _read_credentials,
        tuple(Value(name, field, TEXT) for name, field in _CREDENTIALS.items()),
    )
)
_SELINUX: Final = Shape(
    Value("Disable", "disable", FLAG, keep=True),
    Value("User", "user", TEXT, keep=True),
    Value("Role", "role", TEXT, keep=True),
    Value("Type", "type", TEXT, keep=True),
    Value("Level", "level", TEXT, keep=True),
)
_SECCOMP: Final = Shape(
    Choice("Mode", "mode", Words(_SECCOMP_MODES, 'invalid seccomp mode: "{}"')),
    Value("Profile", "profile", BASE64),
)
_APPARMOR: Final = Shape(Choice("Mode", "mode", Words(_APPARMOR_MODES, 'invalid AppArmor mode: "{}"')))


def _show_new_privileges(privileges: Any, out: dict[str, Any], version: Version) -> None:
    """Always, but to a client that does not know it unless it is set."""
    if privileges.no_new_privileges or version >= _V_SECCOMP:
        out["NoNewPrivileges"] = privileges.no_new_privileges


_NEW_PRIVILEGES: Final = Value("NoNewPrivileges", "no_new_privileges", FLAG, since=_V_SECCOMP)
_PRIVILEGES: Final = Shape(
    Part("CredentialSpec", "credential_spec", _CREDENTIAL_SPEC, keep=True),
    Part("SELinuxContext", "selinux_context", _SELINUX, keep=True),
    Part("Seccomp", "seccomp", _SECCOMP, since=_V_SECCOMP),
    Part("AppArmor", "apparmor", _APPARMOR, since=_V_SECCOMP),
    Own(_show_new_privileges, _NEW_PRIVILEGES.read, (_NEW_PRIVILEGES,)),
)
HEALTH: Final = Shape(
    Value("Test", "test", TEXTS),
    NanosecondsOrZero("Interval", "interval", always=True),
    NanosecondsOrZero("Timeout", "timeout", always=True),
    NanosecondsOrZero("StartPeriod", "start_period", always=True),
    NanosecondsOrZero("StartInterval", "start_interval", always=True, since=_V_SECCOMP),
    Value("Retries", "retries", integer(INT32)),
)
_DNS: Final = Shape(
    Value("Nameservers", "nameservers", ADDRESSES),
    Value("Search", "search", TEXTS),
    Value("Options", "options", TEXTS),
)
_ULIMIT: Final = Shape(
    Value("Name", "name", TEXT, keep=True),
    Value("Hard", "hard", integer(), keep=True),
    Value("Soft", "soft", integer(), keep=True),
)
_SECRETS: Final = Parts("Secrets", "secrets", _SECRET)
_CONFIGS: Final = Parts("Configs", "configs", _CONFIG)
CONTAINER: Final = Shape(
    Value("Image", "image", TEXT),
    Value("Labels", "labels", MAP),
    Value("Command", "command", TEXTS),
    Value("Args", "args", TEXTS),
    Value("Hostname", "hostname", TEXT),
    Value("Env", "env", TEXTS),
    Value("Dir", "dir", TEXT),
    Value("User", "user", TEXT),
    Value("Groups", "groups", TEXTS),
    Part("Privileges", "privileges", _PRIVILEGES),
    Wrapped("Init", "init", FLAG),
    Value("StopSignal", "stop_signal", TEXT),
    Value("TTY", "tty", FLAG),
    Value("OpenStdin", "open_stdin", FLAG),
    Value("ReadOnly", "read_only", FLAG),
    Parts("Mounts", "mounts", MOUNT),
    Nanoseconds("StopGracePeriod", "stop_grace_period"),
    Part("Healthcheck", "healthcheck", HEALTH),
    Value("Hosts", "hosts", TEXTS),
    Part("DNSConfig", "dns_config", _DNS),
    Own(_show_secrets, _SECRETS.read, (_SECRETS,)),
    Own(_show_configs, _CONFIGS.read, (_CONFIGS,)),
    Choice("Isolation", "isolation", Words(_ISOLATIONS, any_case=True)),
    Value("Sysctls", "sysctls", MAP, since=_V_CONFIG_TARGETS),
    Value("CapabilityAdd", "capability_add", TEXTS, since=_V_CAPABILITIES),
    Value("CapabilityDrop", "capability_drop", TEXTS, since=_V_CAPABILITIES),
    Parts("Ulimits", "ulimits", _ULIMIT, since=_V_CAPABILITIES),
    Value("OomScoreAdj", "oom_score_adj", integer(), since=_V_OOM_SCORE),
)


def shown_process(process: Any, version: Version) -> dict[str, Any]:
    """A process as if it were a container: readers count on there being one."""
    container = ContainerSpec(image="process")
    for field in ("command", "args", "env", "secrets", "configs", "mounts"):
        getattr(container, field).extend(getattr(process, field))
    for field in ("dir", "user", "stop_signal"):
        setattr(container, field, getattr(process, field))
    for field in ("stop_grace_period", "healthcheck"):
        if process.HasField(field):
            getattr(container, field).CopyFrom(getattr(process, field))
    return CONTAINER.show(container, version)
