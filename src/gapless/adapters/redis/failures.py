"""What Redis and the way to it refuse, said so that the operator knows what to do."""

from __future__ import annotations

from redis import exceptions as errors

from gapless.adapters.redis.script import LAYOUT_ERROR
from gapless.errors import CorruptData, GaplessError, Refused, SettingsError, Transient

__all__ = ["bad_option", "evicting", "failed", "unknown_layout", "unreachable"]

_AGAIN = "nothing is lost: it is asked again by itself, or run the command again"
_PASSES = (
    *(errors.ConnectionError, errors.TimeoutError, errors.ReadOnlyError, errors.ClusterDownError, errors.TryAgainError),
    *(errors.MovedError, errors.AskError),
)
_PASSING_WORDS = ("LOADING", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED", "BUSY", "TRYAGAIN")
_STEPS = {
    "WRONGTYPE": "another program uses these keys: give this store a database or a ?prefix= of its own",
    "OOM": "raise maxmemory, or remove what is not needed; nothing that was acknowledged is lost",
    "MISCONF": "Redis cannot save to its disk: look at its log and its disk",
    "NOAUTH": "put user and password into the URL: redis://USER:PASSWORD@HOST",
    "NOPERM": "give the user GET, MGET, CLUSTER SLOTS, GETRANGE, SET, EVAL, EVALSHA, SCAN, UNLINK, INFO, and the keys",
    "MOVED": "this is a node of a cluster: write redis+cluster:// (or rediss+cluster://) in the URL",
}


def failed(problem: Exception, shown: str, doing: str, *, cluster: bool) -> GaplessError:
    """The error to raise instead of the client library's own."""
    seen = str(problem) or type(problem).__name__
    word = "MOVED" if isinstance(problem, errors.MovedError) else seen.split(" ", 1)[0]
    if isinstance(problem, (errors.AuthenticationError, errors.AuthorizationError)):
        return Refused(f"could not {doing}", seen=seen, where=shown, next_step=_STEPS["NOAUTH"])
    if isinstance(problem, errors.NoPermissionError):
        return Refused(f"could not {doing}", seen=seen, where=shown, next_step=_STEPS["NOPERM"])
    if isinstance(problem, errors.OutOfMemoryError):
        return Refused("the online store is full", seen=seen, where=shown, next_step=_STEPS["OOM"])
    if word == LAYOUT_ERROR:
        return unknown_layout("a key of this commit", shown)
    passes = isinstance(problem, _PASSES) or word in _PASSING_WORDS
    if passes and (cluster or word != "MOVED"):
        return Transient(f"could not {doing}", seen=seen, where=shown, next_step=_AGAIN)
    step = _STEPS.get(word, "look at the server's log and settings")
    return Refused(f"could not {doing}", seen=seen, where=shown, next_step=step)


def unknown_layout(seen: str, shown: str) -> CorruptData:
    """A value that was not written by this layout."""
    return CorruptData(
        "a value in the online store has another layout",
        seen=seen,
        where=shown,
        next_step="give this store a ?prefix= of its own, or remove its keys and fill it again: gapless materialize",
    )


def unreachable(shown: str, seen: str) -> Transient:
    """No node of a cluster says who has which slot."""
    return Transient("no node of the Redis Cluster answers for a slot", seen=seen, where=shown, next_step=_AGAIN)


def bad_option(shown: str, problem: Exception) -> SettingsError:
    """What follows the question mark in the URL is nothing that the client library takes."""
    return SettingsError(
        "the online store's URL has an option that cannot be",
        seen=str(problem),
        allowed="?prefix=NAME, and the options of redis-py, such as ssl_ca_certs=FILE",
        where=shown,
        next_step="mend [stores] online in gapless.toml",
    )


def evicting(shown: str, policy: str) -> Refused:
    """A store that forgets keys would answer as if these entities had never been seen."""
    return Refused(
        "this Redis may throw keys away when its memory is full",
        seen=f"maxmemory-policy {policy}",
        allowed="noeviction, or one of volatile-*",
        where=shown,
        next_step="CONFIG SET maxmemory-policy noeviction, and in its configuration file",
    )
