"""The loop around the processor: what passes is waited for, what somebody must mend ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gapless.errors import Conflict, GaplessError, StorageError, Transient
from gapless.streaming.processor import Processor, Step

__all__ = ["Worker"]

_LONGEST_PAUSE_S = 5.0


@dataclass
class Worker:
    """Runs a processor until it is told to stop.

    Parameters:
        prepare — called before the first step and after each thing that went wrong: state of files is there after it.
        changed — called before each step: whether `prepare` and a new start are due, as after a promotion.
        tell — told what went wrong, and that it goes on by itself.
        wait — waits for so many seconds, or less where it is time to stop.
        poll_s — how long to wait where there is nothing to do: the most that an event waits to be noticed.
    """

    processor: Processor
    prepare: Callable[[], None]
    tell: Callable[[GaplessError], None]
    wait: Callable[[float], bool]
    changed: Callable[[], bool] = lambda: False
    poll_s: float = 0.002
    steps: int = 0
    faults: int = 0
    last_fault: str | None = None
    _pause_s: float = field(default=0.05, repr=False)
    _prepared: bool = field(default=False, repr=False)

    def run(self, stopped: Callable[[], bool], *, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Steps until `stopped`.

        Raises: CorruptData, InputError, Refused and whatever else needs somebody: nothing is skipped to go on.
        """
        while not stopped():
            step = self.once()
            if step is None:
                self.wait(self._pause_s)
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
                continue
            watch(step)
            if step.idle:
                self.wait(self.poll_s)

    def once(self) -> Step | None:
        """One step; None where something went wrong that may pass."""
        try:
            if self.changed():
                self._prepared = False
                self.processor.reset()
            if not self._prepared:
                self.prepare()
                self._prepared = True
            step = self.processor.step()
        except (Transient, Conflict, StorageError) as error:
            self.faults += 1
            self.last_fault = error.what
            self._prepared = False
            self.tell(error)
            self.processor.reset()
            return None
        self.steps += 1
        self.last_fault, self._pause_s = None, 0.05
        return step
