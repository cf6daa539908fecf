"""The command `caiman-interface`: one module for each subcommand, imported when it is called."""

from .program import main

__all__ = ["main"]
