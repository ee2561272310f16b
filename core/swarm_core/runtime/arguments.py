"""Flags of daemons: wrong usage is one sentence on standard error and exit code 2.

The list of all flags belongs to `--help`: in a log it would bury the sentence that matters.
"""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says what is wrong and where to read on."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")
