"""gapless token"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.deciding import by_option
from gapless.cli.output import emit, facts, json_option, table, workspace_option
from gapless.cli.times import minute
from gapless.clock import SystemClock, parse_duration, parse_instant
from gapless.errors import DefinitionError

if TYPE_CHECKING:
    from gapless.ports.metadata import Token

__all__ = ["command"]

_ROLES = ("read", "predict", "push", "deploy", "admin")
_MAY = "push: push events and nothing else; of the others each may do what those before it may, deploy also push."


class _Expiry(click.ParamType[int]):
    """An instant, or a duration from now on."""

    name = "expiry"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        for read in (lambda text: SystemClock().now_us() + parse_duration(text), parse_instant):
            try:
                return read(str(value))
            except DefinitionError:
                continue
        self.fail(f"{value!r} is neither a duration such as 90d nor an instant such as 2027-01-01", param, ctx)


@click.group()
def command() -> None:
    """Access tokens: create, list, revoke. Of a secret only a digest is kept."""


@command.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(_ROLES), help=_MAY)
@click.option("--expires", "expires_us", type=_Expiry(), metavar="T", help="An instant, or a duration such as 90d.")
@click.option("--per-second", type=float, metavar="N", help="Requests that are admitted. Default: no limit.")
@by_option
@workspace_option
@json_option
def create(
    name: str,
    role: str,
    expires_us: int | None,
    per_second: float | None,
    by: str | None,
    folder: str,
    as_json: bool,
) -> None:
    """Create a token called NAME and print its text, this one time."""
    from gapless.workspace import Workspace

    made = Workspace.open(Path(folder)).issue_token(name, role, expires_us=expires_us, per_second=per_second, by=by)

    def render(out: Any) -> None:
        rate = "no limit" if per_second is None else per_second
        facts(out, {"name": name, "role": role, "expires": minute(expires_us) or "never", "per second": rate})
        click.echo(made.text)
        click.echo("keep it: it is not shown again, and not kept here", err=True)

    emit({"token": made.text, **plain(made.token)}, render, as_json=as_json)


@command.command("list")
@workspace_option
@json_option
def listed(folder: str, as_json: bool) -> None:
    """Every token, revoked ones too, oldest first."""
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    tokens, now_us = workspace.metadata.tokens.list(), workspace.clock.now_us()

    def render(out: Any) -> None:
        if not tokens:
            click.echo("there is no token; next: gapless token create NAME --role predict")
            return
        rows = [[t.name, t.role, t.id, _day(t.created_us), _state(t, now_us), t.per_second] for t in tokens]
        table(out, ["name", "role", "id", "created", "state", "per second"], rows)

    emit({"tokens": [plain(token) | {"state": _state(token, now_us)} for token in tokens]}, render, as_json=as_json)


@command.command()
@click.argument("name")
@by_option
@workspace_option
@json_option
def revoke(name: str, by: str | None, folder: str, as_json: bool) -> None:
    """Admit the token called NAME no more.

    Servers notice within a second.
    """
    from gapless.workspace import Workspace

    token = Workspace.open(Path(folder)).revoke_token(name, by=by)
    emit(plain(token), lambda out: facts(out, {"revoked": token.name, "at": minute(token.revoked_us)}), as_json=as_json)


def plain(token: Token) -> dict[str, Any]:
    """Without the digest."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created_us": token.created_us,
        "expires_us": token.expires_us,
        "revoked_us": token.revoked_us,
        "per_second": token.per_second,
    }


def _state(token: Token, now_us: int) -> str:
    if token.revoked_us is not None:
        return f"revoked {_day(token.revoked_us)}"
    if token.expires_us is None:
        return "in force"
    return f"{'expired' if token.expires_us <= now_us else 'until'} {_day(token.expires_us)}"


def _day(us: int) -> str:
    return str(minute(us))[:10]
