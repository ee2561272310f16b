"""The verb registry: keys are unambiguous, and every verb is carried out."""

import pytest
from swarm_tui.resources import registry
from swarm_tui.shell.verbs import help_lines
from swarm_tui.views.actions import ACTIONS, BY_ID, Context, bindings, in_context

LOCAL = [context for context in Context if context is not Context.GLOBAL]


def keys_of(context):
    return [key for action in in_context(context) for key in action.keys]


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
    assert len(BY_ID) == len(ACTIONS)
    assert {action.id.partition(".")[0] for action in ACTIONS} == {"list", "text", "log", "form", "global"}


def test_kinds_of_verbs_exist():
    """A verb names kinds that the registry of resources has."""
    for action in ACTIONS:
        assert all(registry.by_word(kind) for kind in action.kinds), action.id


def test_each_binding_runs_its_verb():
    """Bindings are made from the table and carry its ids."""
    for context in Context:
        made = {binding.id for binding in bindings(context)}
        assert made == {action.id for action in in_context(context) if not action.is_built_in}


@pytest.mark.parametrize("context", list(Context))
def test_help_names_every_verb(context):
    """The help page holds each verb's key and what it does, wherever it is opened."""
    text = "\n".join("".join(part for part, _ in line) for line in help_lines(context))
    for action in ACTIONS:
        assert action.help in text
        assert action.key in text
    assert text.lstrip().startswith(context.value)


def test_footer_ranks_are_distinct_within_a_view():
    """The footer's order is stated, not left to chance; two verbs share a rank only if no selection offers both."""
    for context in LOCAL:
        seen = {}
        for action in (*in_context(context), *in_context(Context.GLOBAL)):
            if not action.rank:
                continue
            for kind in action.kinds or {"node", "service", "task"}:
                other = seen.setdefault((action.rank, kind), action.id)
                assert other == action.id, (action.rank, kind)
