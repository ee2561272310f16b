"""What a storage plugin cannot or will not do; each text is a sentence for people.

PluginFailed        the call failed; trying again later may help
└── PluginRefused   the plugin says no, and nothing happened: the same call will be refused again
    └── PluginMissesIt   because it knows no such volume or node
"""


class PluginFailed(Exception):
    """A call on a plugin did not succeed. It may have had its effect."""


class PluginRefused(PluginFailed):
    """A call that the plugin will not carry out, and has not begun."""


class PluginMissesIt(PluginRefused):
    """The plugin knows no such volume or node."""
