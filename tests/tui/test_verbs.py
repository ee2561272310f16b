"""The verb registry: keys are unambiguous, and every verb is carried out."""

import pytest
from swarm_tui.resources import registry
from swarm_tui.verbs.help_page import help_lines
from swarm_tui.verbs.registry import verbs
from swarm_tui.views.view import Context

VERBS = verbs()
LOCAL = [context for context in Context if context is not Context.GLOBAL]


def keys_of(context):
    return [key for verb in VERBS.in_context(context) for key in verb.keys]


@pytest.mark.parametrize("context", list(Context))
def test_no_key_means_two_things(context):
    """Within a context each key is bound once."""
    keys = keys_of(context)
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("context", LOCAL)
def test_no_context_shadows_a_global_key(context):
    """A key that works everywhere means the same everywhere; only tab is the toolkit's in both."""
    assert set(keys_of(context)) & set(keys_of(Context.GLOBAL)) <= {"tab"}


def test_ids_are_unique_and_say_their_context():
    """A user's keymap names verbs by ids that are stable and distinct."""
    assert len({verb.id for verb in VERBS}) == len(VERBS)
    assert {verb.id.partition(".")[0] for verb in VERBS} == {"list", "text", "log", "form", "global"}


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.noun)
def test_verbs_of_kinds_exist(kind):
    """A kind names only verbs that work on objects, and one that has logs says whose lines they are."""
    known = {verb.word for verb in VERBS if verb.is_on_objects}
    assert set(kind.verbs) <= known
    assert kind.logs is not None or "logs" not in kind.verbs


def test_each_binding_runs_its_verb():
    """Bindings are made from the table and carry its ids."""
    for context in Context:
        made = {binding.id for binding in VERBS.bindings(context) if not str(binding.id).startswith("slot.")}
        assert made == {verb.id for verb in VERBS.in_context(context) if not verb.is_built_in}


@pytest.mark.parametrize("context", list(Context))
def test_help_names_every_verb(context):
    """The help page holds each verb's key and what it does, wherever it is opened."""
    text = "\n".join("".join(part for part, _ in line) for line in help_lines(VERBS, context))
    for verb in VERBS:
        assert verb.help in text
        assert f"{verb.key or ':' + verb.word} " in text
    assert text.lstrip().startswith(context.value)


def test_footer_ranks_are_distinct_within_a_view():
    """The footer's order is stated, not left to chance; two verbs share a rank only if no selection offers both."""
    for context in LOCAL:
        seen = {}
        for verb in (*VERBS.in_context(context), *VERBS.in_context(Context.GLOBAL)):
            if not verb.rank:
                continue
            for kind in registry.kinds():
                if not verb.is_on_objects or verb.works_on(kind.noun):
                    other = seen.setdefault((verb.rank, kind.noun), verb.id)
                    assert other == verb.id, (verb.rank, kind.noun)
