"""Reads gapless.toml and wires adapters into ports: the one composition root."""

from gapless.workspace.settings import Settings
from gapless.workspace.workspace import FeaturesReport, Workspace

__all__ = ["FeaturesReport", "Settings", "Workspace"]
