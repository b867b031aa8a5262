"""Results as text and pictures; computes nothing."""

from gapless.drawing.charts import calibration_chart, metric_chart

__all__ = ["calibration_chart", "metric_chart"]
