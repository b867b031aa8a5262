"""Going away without breaking a connection: say so first, then wait until the clients have left."""

from __future__ import annotations

__all__ = ["Drain"]


class Drain:
    """Between the request to stop and the stop.

    While it lasts the server is not ready, so that balancers send nobody any more, and answers carry
    `Connection: close`, so that clients which keep a connection open for their next request open another one elsewhere.

    Parameters:
        seconds — the longest that it lasts. Make it longer than a balancer's interval of asking for readiness.

    Examples:
        >>> drain = Drain(5.0)
        >>> drain.begin(100.0)
        >>> drain.begun, drain.over(104.9, connections=2), drain.over(105.0, connections=2)
        (True, False, True)
        >>> drain.over(101.0, connections=0), drain.over(102.0, connections=0)
        (False, True)
    """

    IDLE_S = 2.0
    """Without a connection it ends that early: a balancer has asked by then, or there is none."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the server is going away."""
        return self._since is not None

    def begin(self, now_s: float) -> None:
        """The server is going away from now on; a second call changes nothing."""
        self._since = now_s if self._since is None else self._since

    def over(self, now_s: float, *, connections: int) -> bool:
        """Whether to stop now, with so many connections open."""
        if self._since is None:
            return False
        lasted = now_s - self._since
        return lasted >= self._seconds or (connections == 0 and lasted >= self.IDLE_S)
