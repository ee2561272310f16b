"""Twelve kinds of files that are met in the field, read as docker reads them."""

import shutil

import pytest
from swarm_core.compose.dump import dump
from swarm_core.compose.project import Options, Source, load
from swarm_testkit import compose_files
from swarm_testkit.compose_files import Case
from swarm_testkit.host import lacking

CASES = compose_files.cases()


def name_of(case: Case) -> str:
    return case.folder.name


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_normal_form_is_dockers(case: Case) -> None:
    """What `stack config` prints says what docker's says, value by value."""
    printed = compose_files.texts(dump(case.load().plain))
    found, expected = compose_files.as_docker_prints(printed), compose_files.as_docker_prints(case.expected)
    for section in ("services", "networks", "volumes", "secrets", "configs"):
        assert found.get(section) == expected.get(section), section


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_docker_still_reads_them_so(case: Case) -> None:
    """The stored reading is the one of the command line that is installed here."""
    if shutil.which("docker") is None:
        lacking("the docker command line is not installed")
    stored = case.expected
    assert compose_files.texts(case.by_docker().replace(compose_files.FOLDER, str(case.folder))) == stored


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_normal_form_reads_back(case: Case) -> None:
    """The normal form is its own normal form: what is printed and read again prints the same."""
    once = case.load()
    text = dump(once.plain).replace("$", "$$")
    again = load(
        [Source("again", text.encode())], Options(str(case.folder), case.variables, compose_files.read)
    )
    assert again.plain == once.plain
