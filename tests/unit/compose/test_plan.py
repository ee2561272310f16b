"""What a plan says of a cluster (docs/design/stacks.md 12.7, 12.9)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.compose.changes import binding, differences, state
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import Do, StackPlan, plan
from swarm_core.compose.changes.state import State
from swarm_core.compose.convert.names import PAYLOAD_NAME_MAX, PayloadNames, Style, generation_name
from swarm_core.compose.convert.payloads import Content
from swarm_core.compose.convert.stack import Desired, convert
from swarm_core.compose.project import Options, Source, load
from swarm_core.specs.defaults import with_defaults

SALT = b"salt"
FILES = {"/at/key": b"one", "/at/conf": b"c"}
TEXT = """
services:
  web:
    image: web:1
    networks: [net]
    secrets: [key]
    configs: [conf]
    ports: ["80:80"]
    deploy: {replicas: 3}
    depends_on: {db: {condition: service_healthy, restart: true}}
  db: {image: db:1}
networks: {net: {driver_opts: {a: b}}}
secrets: {key: {file: key}}
configs: {conf: {file: conf}}
"""


def desired_of(text: str, style: Style = Style.GENERATIONS, files: dict[str, bytes] | None = None) -> Desired:
    held = FILES if files is None else files
    project = load([Source("f", text.encode())], Options("/at", {}, held.__getitem__))
    return convert(project, "s", PayloadNames(style, SALT), Content(held.__getitem__, {}))


def state_of(desired: Desired, number: int = 1) -> State:
    names = PayloadNames(Style.DOCKER, SALT)
    hashes = {one.name: names.digest(one.spec) for one in desired.secrets.owned.values()}
    return State(number, SALT, {}, hashes)


def applied(desired: Desired) -> Held:
    """A cluster that holds the stack, with everything that managers fill in."""
    objects: list[Any] = []
    for name, network in desired.networks.owned.items():
        item = objects_pb2.Network(id=f"id-{name}", spec=network)
        item.spec.ipam.driver.name = "default"
        objects.append(item)
    objects += [
        objects_pb2.Secret(id=f"id-{one.name}", spec=one.spec) for one in desired.secrets.owned.values()
    ]
    objects += [
        objects_pb2.Config(id=f"id-{one.name}", spec=one.spec) for one in desired.configs.owned.values()
    ]
    held = Held.of("s", objects)
    for secret in held.secrets.values():
        secret.spec.data = b""
    for spec in desired.services.values():
        bound = binding.bound(spec, held)
        with_defaults(bound)
        held.services[spec.annotations.name] = objects_pb2.Service(
            id=f"id-{spec.annotations.name}", spec=bound
        )
    return held


def planned(desired: Desired, held: Held, **more: Any) -> StackPlan:
    return plan(desired, held, state_of(desired), state_of(desired), **more)


def changes(made: StackPlan) -> list[tuple[str, str, str]]:
    return [(str(step.do), step.noun, step.name) for step in made.steps if step.is_change]


def test_everything_new() -> None:
    """On an empty cluster everything is created: what services need first, then services in waves."""
    desired = desired_of(TEXT)
    made = plan(desired, Held.of("s", []), state_of(desired), None)
    assert {(str(one.do), one.noun) for one in made.needs} == {
        ("create", noun) for noun in ("network", "secret", "config", "state")
    }
    assert [[step.name for step in wave] for wave in made.waves] == [["s_db"], ["s_web"]]
    assert not made.refusals


def test_nothing_to_do() -> None:
    """What was applied plans to nothing, whatever defaults the manager filled in."""
    desired = desired_of(TEXT)
    made = planned(desired, applied(desired))
    assert changes(made) == []
    assert not made.has_changes


def test_a_change_names_its_fields() -> None:
    """Old and new of each field, how many tasks are replaced, and dependants that asked to be restarted."""
    held = applied(desired_of(TEXT))
    made = planned(desired_of(TEXT.replace("db:1", "db:2")), held)
    (first,), (second,) = made.waves
    assert [str(one) for one in first.differences] == [
        "annotations.labels[com.docker.stack.image]: db:1 → db:2",
        "task.container.image: db:1 → db:2",
    ]
    assert (first.do, first.restarts) == (Do.CHANGE, 1)
    assert (second.do, second.restarts, str(second.differences[0])) == (
        Do.CHANGE,
        3,
        "restarted: running → again after db",
    )
    assert isinstance(second.spec, specs_pb2.ServiceSpec)
    assert second.spec.task.force_update == 1


def test_a_scale_replaces_no_task() -> None:
    """More replicas are a change of the service that replaces none of its tasks."""
    made = planned(desired_of(TEXT.replace("replicas: 3", "replicas: 5")), applied(desired_of(TEXT)))
    (_, (step,)) = made.waves
    assert ([str(one) for one in step.differences], step.restarts) == (["replicated.replicas: 3 → 5"], 0)


def test_what_files_cannot_say_is_kept() -> None:
    """Forced updates, credentials, the digest docker found and fields of a newer manager stay as they are."""
    desired = desired_of(TEXT)
    held = applied(desired)
    spec = held.services["s_web"].spec
    spec.task.force_update = 7
    spec.task.container.pull_options.registry_auth = "secret"
    spec.task.container.image = "web:1@sha256:" + "0" * 64
    spec.task.placement.platforms.add(os="linux", architecture="amd64")
    spec.MergeFromString(b"\xf2\x3f\x03new")
    assert changes(planned(desired, held)) == []
    written = binding.laid_over(spec, binding.bound(desired.services["web"], held))
    assert written.SerializeToString(deterministic=True) == _with_defaults_gone(spec, written)


def _with_defaults_gone(spec: specs_pb2.ServiceSpec, written: specs_pb2.ServiceSpec) -> bytes:
    """The held spec, without what a manager fills in."""
    kept = specs_pb2.ServiceSpec()
    kept.CopyFrom(spec)
    for part in ("update", "rollback"):
        kept.ClearField(part)
    kept.task.ClearField("restart")
    kept.task.container.ClearField("stop_grace_period")
    kept.task.container.ClearField("dns_config")
    return kept.SerializeToString(deterministic=True)


def test_networks_are_never_changed() -> None:
    """A network that is there stays, and the plan says what is different."""
    held = applied(desired_of(TEXT))
    made = planned(desired_of(TEXT.replace("a: b", "a: c")), held)
    assert changes(made) == []
    assert "driver_config.options[a]: b → c" in made.warnings[0]


def test_others_objects_are_not_taken() -> None:
    """A service or network of the same name that is not of the stack refuses the plan."""
    desired = desired_of(TEXT)
    held = applied(desired)
    held.services["s_web"].spec.annotations.labels.clear()
    held.networks["s_net"].spec.annotations.labels.clear()
    assert sorted(planned(desired, held).refusals) == [
        "network s_net is there already, and is not of this stack",
        "service s_web is there already, and is not of this stack",
    ]


def test_what_is_external_must_be_there() -> None:
    """Networks, secrets and configs of others are looked for before anything is written."""
    text = (
        "services: {w: {image: x, networks: [n], secrets: [s], configs: [c]}}\nnetworks: {n: {external: true}}\n"
        "secrets: {s: {external: true}, unused: {external: true}}\nconfigs: {c: {external: true, name: other}}"
    )
    desired = desired_of(text)
    made = plan(desired, Held.of("s", []), state_of(desired), None)
    assert [text.partition(", but")[0] for text in made.refusals] == [
        'network "n" is declared as external',
        "secret not found: s",
        "config not found: other",
    ]


def test_pruning() -> None:
    """Services that the files do not have are named, and removed on request."""
    held = applied(desired_of(TEXT))
    less = desired_of("services: {db: {image: 'db:1'}}")
    assert "s_web" in planned(less, held).warnings[0]
    made = planned(less, held, pruned=lambda name: True)
    assert ("remove", "service", "s_web") in changes(made)


def test_another_mode_is_a_replacement() -> None:
    """No manager changes a service's mode, so the service is removed and made anew."""
    held = applied(desired_of(TEXT))
    made = planned(desired_of(TEXT.replace("replicas: 3", "mode: global")), held)
    (step,) = made.waves[1]
    assert (step.do, str(step.differences[0])) == (Do.REPLACE, "mode: replicated → global")


def test_another_content_is_another_generation() -> None:
    """A secret that changed gets a new name, and its service is re-pointed in the same plan."""
    held = applied(desired_of(TEXT))
    other = desired_of(TEXT, files={**FILES, "/at/key": b"two"})
    made = planned(other, held)
    assert ("create", "secret", other.secrets.owned["key"].name) in changes(made)
    assert ("change", "service", "s_web") in changes(made)
    assert other.secrets.owned["key"].name != desired_of(TEXT).secrets.owned["key"].name


def test_old_generations_go() -> None:
    """Of each secret the wanted generation and the one before it stay, and those that a service can go back to."""
    desired = desired_of(TEXT)
    held = applied(desired)
    wanted = desired.secrets.owned["key"]
    for number in range(4):
        old = objects_pb2.Secret(id=f"old-{number}")
        old.spec.annotations.CopyFrom(wanted.spec.annotations)
        old.spec.annotations.name = f"s_key-{number}"
        old.meta.created_at.seconds = number
        held.secrets[old.spec.annotations.name] = old
    held.services["s_web"].previous_spec.task.container.secrets.add(secret_id="old-1")
    assert changes(planned(desired, held)) == [
        ("remove", "secret", "s_key-2"),
        ("remove", "secret", "s_key-0"),
    ]


def test_a_fixed_name_keeps_its_content() -> None:
    """With docker's names a content that changed is refused before the manager would; where nobody knows, the manager compares."""
    desired = desired_of(TEXT, Style.DOCKER)
    held = applied(desired)
    other = desired_of(TEXT, Style.DOCKER, {**FILES, "/at/key": b"two", "/at/conf": b"d"})
    made = plan(other, held, state_of(other), state_of(desired))
    assert [text.partition(" is fixed")[0] for text in made.refusals] == ["secret s_key", "config s_conf"]
    unknown = plan(desired, held, state_of(desired), None)
    assert ("change", "secret", "s_key") in changes(unknown)


def test_states() -> None:
    """A state that says something new is written, and the last five are kept."""
    desired = desired_of(TEXT)
    held = applied(desired)
    for number in range(1, 7):
        spec = state_of(desired, number).spec(desired.space)
        held.configs[spec.annotations.name] = objects_pb2.Config(id=f"id-{number}", spec=spec)
    before = state.last(held.configs.values())
    assert before is not None
    assert before.number == 6
    new = State(7, SALT, {"services": {}}, before.secrets)
    made = plan(desired, held, new, before)
    assert changes(made) == [
        ("create", "state", "s.swarmtui.7"),
        ("remove", "state", "s.swarmtui.2"),
        ("remove", "state", "s.swarmtui.1"),
    ]


@settings(max_examples=25)
@given(
    st.dictionaries(st.text("abc", min_size=1), st.text(max_size=50)), st.integers(1, 10**9), st.booleans()
)
def test_a_state_reads_back(document: dict[str, str], number: int, is_large: bool) -> None:
    """What is kept reads back as it was, also where it has to be packed to fit."""
    held = {**document, "pad": "x" * 600_000} if is_large else document
    written = State(number, SALT, held, {"a": "b"}, {"secret k": "n"}, {"s": "eA=="})
    spec = written.spec(desired_of("services: {}").space)
    assert len(spec.data) < 1000 * 1024
    assert state.read(objects_pb2.Config(spec=spec)) == written


def test_names_of_generations_fit() -> None:
    """A name is cut to what a manager takes, and its hash stays whole."""
    name = generation_name("s_" + "x" * 100, "0123456789abcdef")
    assert len(name) == PAYLOAD_NAME_MAX
    assert name.endswith("-0123456789")


def test_a_secrets_hash_depends_on_the_salt() -> None:
    """Another stack's salt makes another name, so names of two stacks cannot be compared."""
    spec = specs_pb2.SecretSpec(data=b"password")
    assert PayloadNames(Style.GENERATIONS, b"a").digest(spec) != PayloadNames(Style.GENERATIONS, b"b").digest(
        spec
    )


def test_differences_in_words() -> None:
    """Lists by what tells their items apart, durations, choices, and bytes without their content."""
    old, new = specs_pb2.ServiceSpec(), specs_pb2.ServiceSpec()
    old.task.container.mounts.add(target="/a", readonly=True)
    new.task.container.mounts.add(target="/a")
    new.task.container.mounts.add(target="/b")
    old.update.delay.seconds = 5
    new.update.order = types_pb2.UpdateConfig.START_FIRST
    new.task.container.init.value = False
    old.task.container.env.append("A=1")
    told = [str(one) for one in differences.services(old, new, {})]
    assert told == [
        "task.container.env: A=1 → nothing",
        "task.container.init: nothing → no",
        "task.container.mounts[/a].readonly: yes → no",
        "task.container.mounts[/b]: nothing → set",
        "update.delay: 5s → nothing",
        "update.order: stop-first → start-first",
    ]
