"""The guided tour."""

from swarm_tui.resources.model import Realm
from swarm_tui.verbs.model import Verb
from swarm_tui.views.view import Context

VERB = Verb(
    "global.tour",
    (),
    "tour",
    "be shown ten keys, one after the other; again: end it",
    Context.GLOBAL,
    lambda ports: ports.desk.toggle_tour(),
    realm=Realm.CLUSTER,
)
