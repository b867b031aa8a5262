"""gapless adopt"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import emit, facts, json_option, table

if TYPE_CHECKING:
    from gapless.adopting import Adopted, Adoption

__all__ = ["command"]

INCOMPLETE = 3
"""The exit code where a column is no expression."""


@click.command()
@click.argument("target")
@click.option("--sample", type=click.Path(path_type=Path), required=True, help="Rows to prove it on: Parquet or CSV.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a product with what was proven.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--source", default="requests", metavar="NAME", help="The event source in it.", show_default=True)
@click.option("--time", metavar="COLUMN", help="When each row is asked about; a guess is said to be one.")
@click.option("--id", "event_id", metavar="COLUMN", help="What names each row.")
@click.option("--key", metavar="COLUMN", help="What windowed features would be about.")
@click.option("--label", metavar="COLUMN", help="The truth of each row, if the product is to learn it,")
@click.option("--label-time", metavar="COLUMN", help="and when it is known.")
@click.option("--probes", type=click.IntRange(0), default=4_000, help="Rows made from the sample.", show_default=True)
@click.option("--seed", type=int, default=0, help="Of these rows.", show_default=True)
@click.option("--max-ulp", type=click.IntRange(0), default=4, help="What counts as rounding.", show_default=True)
@click.option("--allow-pickle", is_flag=True, help="Needed for a file, which runs whatever is in it.")
@json_option
def command(
    target: str,
    sample: Path,
    out: Path | None,
    force: bool,
    source: str,
    time: str | None,
    event_id: str | None,
    key: str | None,
    label: str | None,
    label_time: str | None,
    probes: int,
    seed: int,
    max_ulp: int,
    allow_pickle: bool,
    as_json: bool,
) -> int:
    """Say what gapless can express of TARGET, prove it on a sample, and write a product with it.

    TARGET is a function of a DataFrame or a fitted scikit-learn pipeline, as module:attribute, or a file with a
    pickled one. Exit code: 0 where every column is an expression that was proven equal, 3 where one is not.
    """
    from gapless.adopting import adopt, require_pandas

    require_pandas()
    from gapless.adopting.samples import read_sample
    from gapless.adopting.skeleton import Skeleton
    from gapless.adopting.targets import is_file, load_target

    if out is not None:
        _check_free(out, force)
    function = load_target(target, Path.cwd(), allow_pickle=allow_pickle)
    name = Path(target).stem if is_file(target) else target.rpartition(":")[2]
    skeleton = Skeleton(
        source=source,
        target=None if is_file(target) or not callable(function) else target,
        name=name,
        time=time,
        key=key,
        event_id=event_id,
        label=label,
        label_time=label_time,
        sample=sample.name,
    )
    frame = read_sample(sample)
    report = adopt(function, frame, probes=probes, seed=seed, max_ulp=max_ulp, skeleton=skeleton)
    if out is not None:
        out.write_text(report.product, encoding="utf-8")
    written = None if out is None else str(out)
    emit(report.to_dict() | {"written": written}, lambda console: _render(console, report, out), as_json=as_json)
    return 0 if report.ok else INCOMPLETE


def _check_free(out: Path, force: bool) -> None:
    from gapless.errors import StorageError

    if out.exists() and not force:
        raise StorageError(
            "the file is there already, and nothing was written",
            seen=str(out),
            allowed="a new file",
            next_step="choose another --out, or pass --force to write over it",
        )


def _render(console: Any, report: Adoption, out: Path | None) -> None:
    counts = report.counts()
    facts(
        console,
        {
            "adopted": report.what,
            "expressions": f"{counts['expressed']} of {len(report.columns)} columns",
            "compared": f"{report.rows:,} rows of the sample and {report.probes:,} made from them, seed {report.seed}",
        },
    )
    expressed = [column for column in report.columns if column.status == "expressed"]
    if expressed:
        table(console, ["column", "expression", "values"], [_expressed(column) for column in expressed])
    others = [column for column in report.columns if column.status != "expressed"]
    if others:
        table(console, ["column", "is", "why no expression"], [_other(column) for column in others])
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    if out is None:
        click.echo("next: --out product.py writes these expressions into a product", err=True)
    else:
        console.print(f"wrote {out}: check its event time, and add what its last lines ask for", markup=False)


def _expressed(column: Adopted) -> tuple[str, str, str]:
    return column.name, str(column.text).replace("\n", "; "), column.compared.text


def _other(column: Adopted) -> tuple[str, str, str]:
    kinds = {"function": "a pandas function", "refused": "of other rows"}
    return column.name, kinds[column.status], str(column.reason)
