"""What one person changed, laid over what somebody else made of the spec meanwhile."""

from swarm_core.api.proto import specs_pb2
from swarm_core.api.runtimes import process_spec
from swarm_core.specs import container, placement, policies, service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.merge import merged

Spec = specs_pb2.ServiceSpec


def spec_of(**changes: object) -> Spec:
    draft = Draft.new("container")
    service.set_name(draft, "web")
    task.set_program(draft, ["nginx:1"])
    task.put_env(draft, ["A=1"])
    service.put_labels(draft, ["team=web", "tier=1"])
    placement.limit_memory(draft, "64m")
    for setter, value in changes.items():
        SETTERS[setter](draft, value)
    return draft.finish()


SETTERS = {
    "image": container.set_image,
    "env": task.put_env,
    "labels": service.put_labels,
    "replicas": service.set_replicas,
    "memory": placement.limit_memory,
    "cpus": placement.limit_cpus,
    "pace": policies.of("update", policies.set_parallelism),
    "ports": service.add_ports,
    "mode": service.set_mode,
    "user": task.set_user,
}


def test_changes_of_two_people_stand_beside_each_other() -> None:
    """What the other one changed stays."""
    found = merged(
        spec_of(replicas="5", labels=["tier=2"]), spec_of(), spec_of(image="nginx:2", labels=["team=api"])
    )
    assert found.conflicts == ()
    assert found.spec == spec_of(image="nginx:2", replicas="5", labels=["team=api", "tier=2"])


def test_nothing_is_sent_of_what_was_not_changed() -> None:
    """Without a change of one's own the spec is the other one's."""
    theirs = spec_of(image="nginx:2", memory="1g", ports=["80"])
    assert merged(theirs, spec_of(), spec_of()).spec == theirs


def test_both_change_the_same() -> None:
    """To the same value it is no conflict; to another one it is named, and what is wanted stands."""
    same = merged(spec_of(image="nginx:2"), spec_of(), spec_of(image="nginx:2"))
    assert same.conflicts == ()
    other = merged(spec_of(image="nginx:3", memory="1g"), spec_of(), spec_of(image="nginx:2"))
    assert other.conflicts == ("image",)
    assert other.spec == spec_of(image="nginx:2", memory="1g")


def test_conflicts_name_the_key_of_a_map() -> None:
    """A label of the same key."""
    found = merged(spec_of(labels=["team=a"]), spec_of(), spec_of(labels=["team=b"]))
    assert found.conflicts == ("labels team",)


def test_parts_come_and_go() -> None:
    """Settings that were not there are added, and what was taken away goes."""
    base, wanted = spec_of(), spec_of(pace="2")
    assert merged(base, base, wanted).spec == wanted
    assert merged(wanted, wanted, base).spec == base
    assert merged(spec_of(pace="3"), wanted, base).conflicts == ("update",)
    assert merged(base, base, spec_of(mode="global")).spec.WhichOneof("mode") == "global"


def process_of(*words: str, env: str = "A=1") -> Spec:
    draft = Draft.new("process")
    service.set_name(draft, "web")
    task.set_program(draft, words)
    task.put_env(draft, [env])
    return draft.finish()


def test_a_process_is_looked_into() -> None:
    """Its environment and its command are two fields."""
    found = merged(process_of("sh", env="A=2"), process_of("sh"), process_of("bash"))
    assert found.conflicts == ()
    process = process_spec(found.spec.task)
    assert process is not None
    assert list(process.command) == ["bash"]
    assert list(process.env) == ["A=2"]
    assert merged(process_of("zsh"), process_of("sh"), process_of("bash")).conflicts == ("command",)
