"""Tracking and registry with MLflow: embedded on SQLite, or any MLflow tracking URI."""

from gapless.adapters.mlflow.tracker import MlflowTracker

__all__ = ["MlflowTracker"]
