"""A server process with the basket model: python -m tests.serving.http.serve_basket WORKERS DRAIN_S FOLDER."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.segments import SegmentLog
from gapless.serving.http import Application, Drain, Listening, Meters, Service, Workers, listen, run
from gapless.serving.http.doors import LocalDoor
from tests.serving.http.basket import Baskets, SystemClock


@dataclass(frozen=True)
class BasketApplication:
    """Makes the application in a worker."""

    folder: Path
    drain_s: float

    def __call__(self) -> Application:
        log, meters = SegmentLog(self.folder / "log"), Meters(pid=os.getpid())
        service = Service(
            models=Baskets(),
            log=log,
            door=LocalDoor(),
            clock=SystemClock(),
            ticks=time.monotonic,
            meters=meters,
            drain=Drain(self.drain_s),
            workers=Workers(self.folder, meters),
        )
        return Application(service, closing=[log.close])


def main() -> None:
    workers, drain_s, folder = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    listening = Listening(listen("127.0.0.1", 0), BasketApplication(folder, drain_s), workers=workers)
    print(listening.url, flush=True)
    run(listening)


if __name__ == "__main__":
    main()
