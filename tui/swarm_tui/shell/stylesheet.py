"""The style sheets of the program, of which each is parsed once for a theme.

The toolkit parses them anew when it hears of the theme, also where that is the one that they were parsed for: at every start.
"""

from textual.css.stylesheet import Stylesheet


class ThemedStylesheet(Stylesheet):
    """Keeps what was parsed as long as the variables stay."""

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        # What is wrong is told before anything is replaced.
        self.parse()
