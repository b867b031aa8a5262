"""gapless: from a feature definition in Python to predictions that can be recomputed, with nothing in between to keep in step."""

__version__ = "0.1.0"
