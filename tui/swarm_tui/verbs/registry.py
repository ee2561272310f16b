"""All verbs, in the order in which help lists them. A new verb is one module and one line here.

The program asks for the table when it is built, so that what is registered before it starts is everywhere: in keys, key bar,
palette and help.
"""

from collections.abc import Callable, Iterable

from swarm_tui.verbs import (
    availability,
    back,
    bundle,
    clusters,
    columns,
    command,
    compare,
    copy,
    crashes,
    doctor,
    drill,
    editor,
    engine_containers,
    engine_objects,
    find,
    focus,
    form_parts,
    forward,
    help_page,
    history,
    kill,
    labels,
    level,
    log_lines,
    logs,
    marks,
    matches,
    move,
    new,
    open_object,
    park,
    paste,
    pin,
    places,
    problems,
    program,
    reading,
    related,
    remove,
    rewind,
    roles,
    rollouts,
    rotate,
    runbook,
    save,
    scale,
    shell,
    sort,
    submit,
    suggest,
    texts,
    top,
    tour,
    tree,
    undo,
    why,
    zoom,
)
from swarm_tui.verbs.model import Verb, Verbs
from swarm_tui.views.view import Context

_families: list[Callable[[], Iterable[Verb]]] = []


def register_family(family: Callable[[], Iterable[Verb]]) -> Callable[[], None]:
    """Make verbs known that depend on what else is registered; the returned call takes them out again."""
    _families.append(family)
    return lambda: _families.remove(family)


def register(verb: Verb) -> Callable[[], None]:
    """Make a verb known; the returned call takes it out again."""
    return register_family(lambda: (verb,))


def verbs() -> Verbs:
    """The table of all verbs. No two have the same id."""
    return Verbs(verb for family in _families for verb in family())


register(open_object.VERB)
register(logs.VERB)
register(logs.PREVIOUS_LOGS)
register(logs.OF_TEXT)
register(logs.PREVIOUS_OF_TEXT)
register(shell.VERB)
register(forward.VERB)
register(why.WHY)
register(texts.DESCRIBE)
register(texts.YAML)
register(texts.JSON)
register(related.OWNER)
register(related.USED_BY)
register(related.TIMELINE)
register(scale.VERB)
register(suggest.VERB)
register(rollouts.UPDATE)
register(rollouts.RESTART)
register(rollouts.ROLLBACK)
register(rollouts.HOLD)
register(rollouts.RESUME)
register(park.STOP)
register(park.START)
register(new.VERB)
register(new.EDIT)
register(rotate.VERB)
register(remove.VERB)
register(kill.VERB)
register(availability.VERB)
for _turn in engine_containers.TURNS:
    register(_turn)
register(engine_containers.MAINTAIN)
register(engine_containers.ACTIVATE)
register(engine_objects.PRUNE)
register(engine_objects.ADD)
register(roles.VERB)
register(labels.VERB)
register(move.VERB)
register(top.VERB)
register(tree.VERB)
register(tree.UNFOLD)
register(tree.FOLD)
register(tree.UNFOLD_BELOW)
register(tree.FOLD_ALL)
register(sort.SORT)
register(sort.REVERSE)
register(columns.WIDE)
register(columns.COLUMNS)
register(marks.MARK)
register(marks.MARK_RANGE)
register(marks.MARK_ALL)
register(marks.CLEAR_MARKS)
register(crashes.VERB)
register(drill.VERB)
register(compare.VERB)
register(pin.PIN)
register(pin.PIN_LOGS)
register(copy.IDS)
register(copy.COMMAND)
register(why.FIX)
register(matches.NEXT_IN_TEXT)
register(matches.PREVIOUS_IN_TEXT)
register(copy.TEXT)
register_family(lambda: reading.verbs_of(Context.TEXT))
register(log_lines.FOLLOW)
register(matches.NEXT_IN_LOG)
register(matches.PREVIOUS_IN_LOG)
register(log_lines.MATCHES_ONLY)
register(log_lines.ATTEMPTS)
register(log_lines.TIMES)
register(log_lines.RANGE)
register(log_lines.JSON)
register(log_lines.SOURCES)
register_family(lambda: reading.verbs_of(Context.LOG))
register(log_lines.CLEAR)
register(submit.VERB)
register(form_parts.ADD_ROW)
register(form_parts.DROP_ROW)
register(form_parts.TWIN)
register(paste.VERB)
register(editor.VERB)
register(form_parts.FOLD)
register(form_parts.NEWEST)
register(focus.NEXT_FIELD)
register(find.VERB)
register(problems.VERB)
register(problems.ALL)
register(save.VERB)
register_family(places.to_views)
register(zoom.VERB)
register(pin.UNPIN)
register(pin.DRAWER)
register(focus.NEXT_PANE)
register(command.VERB)
register(clusters.VERB)
register(doctor.VERB)
register(level.VERB)
register(undo.VERB)
register(rewind.REWIND)
register(rewind.AT)
register(rewind.STEP_BACK)
register(rewind.STEP_ON)
register(rewind.INCIDENT_BACK)
register(rewind.INCIDENT_ON)
register(rewind.PLAY)
register(bundle.VERB)
register(drill.SCORE)
register(forward.OPEN)
register(runbook.VERB)
register(program.RESYNC)
register(program.PALETTE)
register(back.BACK)
register(back.LEAVE)
register(history.EARLIER)
register(history.LATER)
register(history.LAST)
register(program.SUSPEND)
register(program.QUIT)
register(tour.VERB)
register(help_page.VERB)
