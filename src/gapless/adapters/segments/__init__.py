"""The PredictionLog port on files of a local folder: one segment file per writer, group commit, rotation."""

from __future__ import annotations

from gapless.adapters.segments.buffered import BufferedLog
from gapless.adapters.segments.reader import SegmentReader
from gapless.adapters.segments.writer import WRITE_POINTS, Rotation, SegmentLog

__all__ = ["WRITE_POINTS", "BufferedLog", "Rotation", "SegmentLog", "SegmentReader"]
