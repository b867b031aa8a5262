"""The command line."""

from gapless.cli.app import main

__all__ = ["main"]
