"""What docker refuses and what this product is milder about (docs/design/stacks.md 12.1, 12.4, 12.5)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from swarm_core.compose.convert.names import PayloadNames, Style
from swarm_core.compose.convert.payloads import Content
from swarm_core.compose.convert.stack import Desired, convert
from swarm_core.compose.project import Options, Project, Source, load
from swarm_core.compose.reading.errors import ComposeError
from swarm_core.compose.reading.notes import Level
from swarm_testkit.host import lacking

WEB = "services: {web: {image: x, "


def loaded(
    *files: str, others: dict[str, str] | None = None, profiles: tuple[str, ...] = (), **variables: str
) -> Project:
    held = {f"/at/{name}": text.encode() for name, text in (others or {}).items()}

    def read(path: str) -> bytes:
        if path not in held:
            raise FileNotFoundError(2, "No such file or directory", path)
        return held[path]

    sources = [Source(f"{chr(97 + number)}.yml", text.encode()) for number, text in enumerate(files)]
    return load(sources, Options("/at", variables, read, profiles))


def converted(text: str) -> Desired:
    def read(path: str) -> bytes:
        return f"content of {path}".encode()

    return convert(loaded(text), "s", PayloadNames(Style.DOCKER), Content(read, {"TOKEN": "t"}))


# What is refused by both; the text is this product's.
_REFUSED = [
    ("version: 3.8\nservices: {}", "version must be a string: write it in quotes"),
    ("version: '2.4'\nservices: {}", "unsupported Compose file version: 2.4"),
    ("version: '3.99'\nservices: {}", "unsupported Compose file version: 3.99"),
    ("colour: red", "(root) Additional property colour is not allowed"),
    (WEB + "scale: 3}}", "services.web Additional property scale is not allowed"),
    (WEB + "init: 'yes'}}", "services.web.init must be a boolean"),
    (WEB + "ports: 80}}", "services.web.ports must be a list"),
    (WEB + "ports: [{target: 80, published: '8080'}]}}", "services.web.ports.0.published must be an integer"),
    (WEB + "deploy: {replicas: '2'}}}", "services.web.deploy.replicas must be an integer"),
    (WEB + "deploy: {resources: {limits: {cpus: 0.5}}}}}", "services.web.deploy.resources.limits.cpus must be a string"),
    (WEB + "healthcheck: {interval: 10}}}", "services.web.healthcheck.interval must be a string"),
    (WEB + "healthcheck: {interval: '10'}}}", "services.web.healthcheck.interval Does not match format 'duration'"),
    (WEB + "stop_grace_period: 1d}}", "services.web.stop_grace_period Does not match format 'duration'"),
    (WEB + "command: 'a \"b'}}", "EOF found when expecting closing quote"),
    (WEB + "dns: [1.1.1.1, 1.1.1.1]}}", "services.web.dns items must be unique, and items 0 and 1 are equal"),
    (WEB + "ports: ['80-81:80-82']}}", "invalid ranges specified for container and host Ports: 80-82 and 80-81"),
    (WEB + "ports: ['x:80']}}", "'x' in 'x:80' is no port"),
    (WEB + "volumes: ['data:/b:ro:rw']}}", "invalid spec: data:/b:ro:rw: too many colons"),
    (WEB + "volumes: ['data::/b']}}", "invalid spec: data::/b: empty section between colons"),
    (WEB + "deploy: {gpus: 1}}}", "services.web.deploy Additional property gpus is not allowed"),
    ("version: '3.7'\n" + WEB + "deploy: {placement: {max_replicas_per_node: 1}}}}",
     "services.web.deploy.placement Additional property max_replicas_per_node is not allowed before version 3.8"),
    ("version: '3.0'\nsecrets: {}", "(root) Additional property secrets is not allowed before version 3.1"),
    ("version: '3.1'\n" + WEB + "ports: [{target: 80}]}}", "services.web.ports.0 may be a mapping from version 3.2 on"),
    ("services: {web: {build: .}}", "invalid image reference for service web: no image specified"),
    ("services: {web: {image: 'A B'}}", "invalid image reference for service web: \"A B\" is not a valid repository/tag"),
    ("volumes: {v: {external: true, driver: x}}",
     'conflicting parameters "external" and "driver" specified for volume "v"'),
    ("networks: {n: {external: {name: a}, name: b}}",
     "network n: network.external.name and network.name conflict; only use network.name"),
    ("services: {'w b': {image: x}}", "services Additional property w b is not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), _REFUSED)
def test_refused(text: str, told: str) -> None:
    """What docker refuses is refused, with its place and what is wrong."""
    with pytest.raises(ComposeError) as caught:
        loaded(text)
    assert caught.value.text == told
    assert caught.value.mark is not None
    assert caught.value.mark.file == "a.yml"


@pytest.mark.parametrize("text", [text for text, _ in _REFUSED])
def test_docker_refuses_it_too(text: str, tmp_path: Path) -> None:
    """None of them is a strictness of this product's own."""
    if shutil.which("docker") is None:
        lacking("the docker command line is not installed")
    file = tmp_path / "a.yml"
    file.write_text(text)
    done = subprocess.run(["docker", "stack", "config", "-c", file], capture_output=True, text=True)
    # A missing image is noticed when the stack is deployed, which needs an engine.
    assert done.returncode or "invalid image reference" in _told_of(text)


def _told_of(text: str) -> str:
    return next(told for one, told in _REFUSED if one == text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            WEB + "deploy: {restart_policy: {max_attempts: -5}}}}",
            "max_attempts must be from 0 to 18446744073709551615",
        ),
        (WEB + "deploy: {replicas: -1}}}", "replicas must be from 0"),
        (WEB + "ports: [{target: 4294967296}]}}", "ports.0.target must be from 0 to 4294967295"),
        (WEB + "networks: ['a b']}}", "networks.0 'a b' is no name"),
        (WEB + 'depends_on: ["a\\nb"]}}', "depends_on.0 'a\\nb' is no name"),
    ],
)
def test_numbers_and_names_that_fit_nothing(text: str, told: str) -> None:
    """They are refused where they stand: found by `benchmarks/fuzz.py compose`, as a failure in the middle and as a normal form that was refused."""
    with pytest.raises(ComposeError) as refused:
        loaded(text)
    assert told in str(refused.value)


def test_forbidden_keys() -> None:
    """Keys that no swarm can honour are refused together, each with its reason."""
    with pytest.raises(ComposeError) as caught:
        loaded(WEB + "mem_limit: 1g, cpuset: '0'}}")
    assert caught.value.text == (
        "compose file contains unsupported options:\n\ncpuset: Set resource limits using deploy.resources\n\n"
        "mem_limit: Set resource limits using deploy.resources"
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name: shop\nservices: {}", "name"),
        (WEB + "depends_on: {db: {condition: service_healthy}}}, db: {image: y}}", "depends_on"),
        (WEB + "environment: {A: true}}}", "environment"),
        (WEB + "profiles: [a]}}", "profiles"),
        (WEB + "platform: linux/arm64}}", "platform"),
        (WEB + "env_file: [{path: a, required: false}]}}", "env_file"),
        ("configs: {c: {content: x}}", "content"),
        ("secrets: {s: {environment: X}}", "environment"),
        ("networks: {n: {enable_ipv6: true}}", "enable_ipv6"),
        ("networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}]}}}", "gateway"),
        ("services: {w: {x-process: {command: a}}}", "x-process"),
    ],
)
def test_milder_than_docker(text: str, key: str, tmp_path: Path) -> None:
    """What only this product takes is accepted, with a note that docker refuses it; and docker does."""
    notes = loaded(text).notes.of(Level.REFUSED)
    assert any(key in note.text for note in notes)
    if shutil.which("docker") is None:
        lacking("the docker command line is not installed")
    file = tmp_path / "a.yml"
    file.write_text(text)
    done = subprocess.run(["docker", "stack", "config", "-c", file], capture_output=True, text=True)
    # A process has no image, which docker notices when the stack is deployed.
    assert done.returncode or key == "x-process"


def test_booleans_are_texts() -> None:
    """A boolean in an environment is its word."""
    found = loaded(WEB + "environment: {A: true, B: FALSE, C: yes}}}").plain
    assert found["services"]["web"]["environment"] == {"A": "true", "B": "false", "C": "yes"}


def test_values_of_the_shell() -> None:
    """An entry that is null or empty takes the caller's value; an environment file is under the environment."""
    found = loaded(
        WEB + "env_file: [one, two], environment: {A: null, B: '', C: own, D: null}}}",
        others={
            "one": "C=file\nE=1\nF=1\n",
            "two": "F=2\nQ='a' # b\nexport G=1\n".replace("export G=1\n", ""),
        },
        A="shell",
        B="shell",
        C="shell",
    ).plain
    assert found["services"]["web"]["environment"] == {
        "C": "own", "E": "1", "F": "2", "Q": "'a' # b", "A": "shell", "B": "shell", "D": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("export X=1", "invalid env file (/at/e): variable 'export X' contains whitespaces"),
        ("=1", "invalid env file (/at/e): no variable name on line '=1'"),
    ],
)
def test_wrong_environment_files(line: str, told: str) -> None:
    """A line that docker refuses is refused in its words; other tools' reading has to be asked for."""
    with pytest.raises(ComposeError) as caught:
        loaded(WEB + "env_file: e}}", others={"e": line})
    assert caught.value.text == told


def test_dotenv_on_request() -> None:
    """`format: dotenv` reads quotes, comments and export as other tools do."""
    text = "export A=\"x\\ny\" # c\nB='$z'\nC=plain # c\nD=\n"
    found = loaded(WEB + "env_file: [{path: e, format: dotenv}]}}", others={"e": text}).plain
    assert found["services"]["web"]["environment"] == {"A": "x\ny", "B": "$z", "C": "plain", "D": ""}


def test_files_are_merged_deep() -> None:
    """A later file adds and replaces, and loses nothing of the earlier one; a note says where docker does."""
    project = loaded(
        "services: {w: {image: x, tty: true, ports: ['90'], networks: {n: {aliases: [a]}}}}\nnetworks: {n: {attachable: true, driver: overlay}}",
        "services: {w: {tty: false, ports: ['91'], networks: {n: {aliases: [b]}}}}\nnetworks: {n: {labels: {l: '1'}}}",
    )
    found = project.plain
    assert found["services"]["w"]["tty"] is False
    assert [port["target"] for port in found["services"]["w"]["ports"]] == [90, 91]
    assert found["services"]["w"]["networks"]["n"]["aliases"] == ["a", "b"]
    assert found["networks"]["n"] == {"attachable": True, "driver": "overlay", "labels": {"l": "1"}}
    assert {note.mark.file for note in project.notes.of(Level.DIFFERENT)} == {"b.yml"}
    assert len(project.notes.of(Level.DIFFERENT)) == 4


def test_reset_and_override() -> None:
    """`!reset` takes away what an earlier file says, `!override` replaces it."""
    found = loaded(
        "services: {w: {image: x, ports: ['90'], environment: {A: '1'}, dns: [1.1.1.1]}}",
        "services: {w: {ports: !reset [], environment: !override {B: '2'}, dns: !override [9.9.9.9], tty: !reset true}}",
    ).plain["services"]["w"]
    assert found == {"image": "x", "environment": {"B": "2"}, "dns": ["9.9.9.9"]}


def test_versions_must_agree() -> None:
    """A file without a version is of the newest one, so it does not go with an older file."""
    with pytest.raises(ComposeError, match=r"version mismatched between two composefiles : 3.13 and 3.8"):
        loaded("services: {}", "version: '3.8'\nservices: {}")


def test_profiles() -> None:
    """A service of a profile is there when the profile is asked for."""
    text = "services: {a: {image: x}, b: {image: y, profiles: [debug]}}"
    assert list(loaded(text).section("services")) == ["a"]
    assert list(loaded(text, profiles=("debug",)).section("services")) == ["a", "b"]
    assert list(loaded(text, profiles=("*",)).section("services")) == ["a", "b"]


def test_extends() -> None:
    """A service extends another one, of this file or of another, and what it says itself wins."""
    found = loaded(
        "services: {w: {extends: {service: base, file: sub/b.yml}, environment: {B: own}}, v: {extends: w, command: run}}",
        others={
            "sub/b.yml": "services: {base: {extends: root, environment: {A: '1', B: '2'}, volumes: ['./d:/d']}, root: {image: x}}"
        },
    ).plain["services"]
    base = {"image": "x", "environment": {"A": "1", "B": "own"},
            "volumes": [{"type": "bind", "source": "/at/sub/d", "target": "/d"}]}  # fmt: skip
    assert found == {"w": base, "v": {**base, "command": ["run"]}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WEB + "extends: web}}", "extends goes in a circle: a.yml:web → a.yml:web"),
        (WEB + "extends: none}}", "service web extends none, which this file does not have"),
    ],
)
def test_wrong_extends(text: str, told: str) -> None:
    """A service cannot extend itself, nor what is not there."""
    with pytest.raises(ComposeError) as caught:
        loaded(text)
    assert caught.value.text == told


def test_include() -> None:
    """What a file includes is part of the project, its paths relative to its own folder; nothing is defined twice."""
    others = {"sub/i.yml": "services: {i: {image: y, volumes: ['./d:/d']}}\nconfigs: {c: {file: ./c}}"}
    found = loaded("include: [sub/i.yml]\nservices: {w: {image: x}}", others=others).plain
    assert found["services"]["i"]["volumes"][0]["source"] == "/at/sub/d"
    assert found["configs"]["c"]["file"] == "/at/sub/c"
    assert "include" not in found
    with pytest.raises(ComposeError, match=r"services\.i is defined here and in /at/sub/i.yml"):
        loaded("include: [sub/i.yml]\nservices: {i: {image: x}}", others=others)
    with pytest.raises(ComposeError, match="include goes in a circle"):
        loaded("include: [sub/i.yml]", others={"sub/i.yml": "include: [i.yml]"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WEB + "networks: [n]}}", 'service web: undefined network "n"'),
        (WEB + "volumes: ['vol:/v']}}", 'undefined volume "vol"'),
        (WEB + "secrets: [s]}}", 'service web: undefined secret "s"'),
        (WEB + "configs: [c]}}", 'service web: undefined config "c"'),
        (WEB + "depends_on: [db]}}", 'service web depends on undefined service "db"'),
        (WEB + "restart: sometimes}}", "unknown restart policy: sometimes"),
        (WEB + "deploy: {mode: many}}}", "unknown mode: many"),
        (WEB + "deploy: {mode: global, replicas: 2}}}",
         "replicas can only be used with replicated or replicated-job mode"),
        (WEB + "healthcheck: {disable: true, test: x}}}", "test and disable can't be set at the same time"),
        (WEB + "volumes: [{type: tmpfs, target: /t, bind: {}}]}}", "bind options are incompatible with type tmpfs"),
        (WEB + "credential_spec: {file: a, registry: b}}}",
         'invalid credential spec: cannot specify both "File" and "Registry"'),
        (WEB + "secrets: [s, {source: t, target: s}]}}\nsecrets: {s: {external: true}, t: {external: true}}",
         "duplicate secret target for s not allowed"),
        (WEB + "deploy: {endpoint_mode: dnsrr}, ports: ['80:80']}}",
         "service web: a service in DNS round-robin mode cannot publish ports through the ingress network"),
    ],
)  # fmt: skip
def test_unsound(text: str, told: str) -> None:
    """Parts that do not fit together are told before a manager is asked."""
    with pytest.raises(ComposeError) as caught:
        converted(text)
    assert caught.value.text == told


def test_processes() -> None:
    """`x-process` makes a service of processes, and what is for containers is refused, each by its own sentence."""
    text = (
        "services: {w: {x-process: {command: python3 -m worker, args: [a], dir: /srv, user: '1000'}, environment: {Q: j}, "
        "secrets: [k], deploy: {replicas: 3}}}\nsecrets: {k: {environment: TOKEN}}"
    )
    desired = converted(text)
    spec = desired.services["w"]
    assert spec.task.generic.kind == "process"
    assert spec.replicated.replicas == 3
    assert not spec.task.networks
    assert not desired.networks.owned
    assert desired.secrets.owned["k"].spec.data == b"t"
    with pytest.raises(ComposeError) as caught:
        converted("services: {w: {x-process: {command: a}, image: x, volumes: ['a:/a'], networks: [n]}}")
    told = str(caught.value).splitlines()
    assert [line.partition(" ")[2] for line in told] == [
        f"service w is a process, and {key} is for containers" for key in ("image", "volumes", "networks")
    ]


def test_the_secret_of_a_variable_is_not_in_the_normal_form() -> None:
    """A secret that comes from the environment is named, never shown."""
    project = loaded("secrets: {s: {environment: TOKEN}}", TOKEN="hidden")
    assert "hidden" not in str(project.plain)


def test_notes_of_dropped_keys() -> None:
    """What docker drops without a word is told with its place."""
    notes = loaded(
        "services:\n  w:\n    image: x\n    tmpfs: /run\n    volumes: ['/a:/b:z']\n    container_name: w\n    build: .\n"
    ).notes
    assert [note.mark.line for note in notes.of(Level.IGNORED)] == [4, 5]
    assert [note.text for note in notes.of(Level.WARNING)] == [
        "Ignoring deprecated options: container_name: Setting the container name is not supported.",
        "Ignoring unsupported options: build",
    ]
