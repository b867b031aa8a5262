"""Charts as standalone SVG text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

__all__ = ["calibration_chart", "metric_chart"]

_WIDTH, _HEIGHT = 480, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 24, 36, 44
_LABELS = 6  # of seven characters each, side by side
_INK, _FAINT, _LINE = "#222", "#ccc", "#1f6feb"


class _Frame:
    """A plot area with its two scales."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._x, self._y = x, y

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        across, up = _share(x, self._x), _share(y, self._y)
        return (
            round(_LEFT + across * (_WIDTH - _LEFT - _RIGHT), 2),
            round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 2),
        )

    def grid(self, ticks: Sequence[float]) -> Iterator[str]:
        """Horizontal lines with their values."""
        for tick in ticks:
            left, y = self.place(self._x[0], tick)
            right, _ = self.place(self._x[1], tick)
            yield f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="{_FAINT}"/>'
            yield _text(left - 6, y + 4, f"{tick:.6g}", anchor="end")


def calibration_chart(points: Sequence[tuple[float, float, int]], *, title: str) -> str:
    """Mean score against mean truth, one dot per bin: on the diagonal the probabilities mean what they say.

    Parameters:
        points — (mean score, mean truth, rows) of each bin, both means in [0, 1].

    Examples:
        >>> calibration_chart([(0.1, 0.12, 500)], title="a < b")[:33]
        '<svg xmlns="http://www.w3.org/200'
    """
    ticks = _ticks(0, max([0.1, *(max(score, truth) for score, truth, _ in points)]))
    top = ticks[-1]
    frame = _Frame((0, top), (0, top))
    parts = [*frame.grid(ticks)]
    (x1, y1), (x2, y2) = frame.place(0, 0), frame.place(top, top)
    parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{_INK}" stroke-dasharray="4 4"/>')
    parts.append(_path([frame.place(score, truth) for score, truth, _ in points]))
    for score, truth, rows in points:
        x, y = frame.place(score, truth)
        note = escape(f"{rows} rows: said {score:.3f}, was {truth:.3f}")
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{_LINE}"><title>{note}</title></circle>')
    for tick in ticks:
        x, y = frame.place(tick, 0)
        parts.append(_text(x, y + 18, f"{tick:.6g}"))
    parts.append(_text(_WIDTH / 2, _HEIGHT - 6, "mean predicted probability"))
    return _svg(title, parts, upright="share that was true")


def metric_chart(points: Sequence[tuple[str, float]], *, title: str, metric: str) -> str:
    """A metric over labelled periods, in their order.

    Parameters:
        points — (label, value) of each period.
    """
    values = [value for _, value in points] or [0.0]
    ticks = _ticks(min(values), max(values))
    frame = _Frame((-0.5, max(len(points) - 0.5, 0.5)), (ticks[0], ticks[-1]))
    parts = [*frame.grid(ticks)]
    parts.append(_path([frame.place(i, value) for i, (_, value) in enumerate(points)]))
    every = math.ceil(len(points) / _LABELS) or 1
    for i, (label, value) in enumerate(points):
        x, y = frame.place(i, value)
        note = escape(f"{label}: {value:.4f}")
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{_LINE}"><title>{note}</title></circle>')
        if i % every == 0:
            parts.append(_text(x, _HEIGHT - _BOTTOM + 18, label))
    return _svg(title, parts, upright=metric)


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round values that enclose [low, high].

    Examples:
        >>> _ticks(0, 0.65), _ticks(0.696, 0.74)
        ([0.0, 0.2, 0.4, 0.6, 0.8], [0.69, 0.7, 0.71, 0.72, 0.73, 0.74])
    """
    size = max(abs(low), abs(high), 1e-3)
    rough = (high - low) / 4
    if rough < size * 1e-6:  # the same value, as far as a picture can show
        rough = size / 100
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough * 0.8)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, max(last, first + 1) + 1)]


def _share(value: float, ends: tuple[float, float]) -> float:
    return (value - ends[0]) / (ends[1] - ends[0])


def _path(points: Sequence[tuple[float, float]]) -> str:
    steps = " ".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(points))
    return f'<path d="{steps}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "middle") -> str:
    return f'<text x="{round(x, 2)}" y="{round(y, 2)}" text-anchor="{anchor}" fill="{_INK}">{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str], *, upright: str) -> str:
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            f'<text x="{_LEFT}" y="20" font-size="14" fill="{_INK}">{escape(title)}</text>',
            *parts,
            f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle" fill="{_INK}">'
            f"{escape(upright)}</text>",
            "</svg>",
        ]
    )
