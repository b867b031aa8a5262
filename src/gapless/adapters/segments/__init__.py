"""The EventLog and PredictionLog ports on files of a local folder: group commit, torn ends told from damage."""

from __future__ import annotations

from gapless.adapters.segments.buffered import BufferedLog
from gapless.adapters.segments.event_log import EVENT_LOG_POINTS, FileEventLog
from gapless.adapters.segments.reader import SegmentReader
from gapless.adapters.segments.writer import WRITE_POINTS, Rotation, SegmentLog

__all__ = [
    "EVENT_LOG_POINTS",
    "WRITE_POINTS",
    "BufferedLog",
    "FileEventLog",
    "Rotation",
    "SegmentLog",
    "SegmentReader",
]
