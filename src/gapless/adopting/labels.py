"""The truth and the model in a written product, where the sample says both; else what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.adopting.samples import Sample
from gapless.errors import SettingsError
from gapless.schema import Type

__all__ = ["Truth", "written_model"]

_PYTHON = {Type.FLOAT: "float", Type.INT: "int", Type.BOOL: "bool", Type.STRING: "str"}
_METRICS = {True: '["roc_auc", "log_loss", "brier"]', False: '["rmse", "mae", "r2"]'}


@dataclass(frozen=True)
class Truth:
    """Columns of the sample: the truth, when it is known, and what names the request."""

    label: str | None
    time: str | None
    event_id: str | None


def written_model(
    truth: Truth, source: str, features: str | None, estimator: Sequence[str], sample: Sample
) -> list[str]:
    """Lines with label, model and product; where no truth is told, comments that say what to add.

    Raises: SettingsError for a label without the time at which it is known, or requests without a name.
    """
    if truth.label is None and truth.time is None:
        return [*estimator, *_missing(source, features or "…")]
    for what, value, flag in (
        ("a label", truth.label, "--label"),
        ("the time at which it is known", truth.time, "--label-time"),
        ("a column that names each request", truth.event_id, "--id"),
        ("a feature that is a number", features, "a function that makes one"),
    ):
        if value is None:
            raise SettingsError(f"a model needs {what}", allowed="a column of the sample", next_step=f"pass {flag}")
    label, time, event_id = (sample.columns[str(name)] for name in (truth.label, truth.time, truth.event_id))
    if label.type not in (Type.FLOAT, Type.INT, Type.BOOL) or time.type is not Type.TIMESTAMP or event_id.type is None:
        raise SettingsError(
            "no label can be learned from these columns",
            seen=f"{label.name}: {label.held}; {time.name}: {time.held}",
            allowed="a label of numbers or bools, and a time of timestamps",
            next_step="write them so into the sample",
        )
    values = sample.frame[label.name].dropna()
    yes_or_no = label.type is Type.BOOL or bool(values.isin([0, 1]).all())
    value = f"a.{label.written}" if not yes_or_no or label.type is Type.BOOL else f"a.{label.written} == 1"
    return [
        "",
        "# The truth of each request: a source of its own, for it is known later.",
        "outcomes = gl.EventSource(",
        '    "outcomes",',
        "    schema={",
        f'        "{event_id.written}": {_PYTHON[event_id.type]},',
        f'        "{label.written}": {_PYTHON[label.type]},',
        f'        "{time.written}": datetime,',
        "    },",
        f'    event_time="{time.written}",',
        ")",
        f'truth = gl.Label("{label.written}", source=outcomes, value=lambda a: {value}, give_up_after="30d")',
        "",
        *(estimator or _first_estimator(yes_or_no)),
        "",
        "product = gl.Product(",
        f'    "{source}",',
        "    models=[",
        "        gl.Model(",
        f'            "{label.written}_model",',
        f"            requests={source},",
        f"            features=[{features}],",
        "            label=truth,",
        "            estimator=estimator,",
        f"            metrics={_METRICS[yes_or_no]},",
        "        )",
        "    ],",
        ")",
    ]


def _first_estimator(yes_or_no: bool) -> list[str]:
    name = "HistGradientBoostingClassifier" if yes_or_no else "HistGradientBoostingRegressor"
    return [
        "",
        "def estimator():  # one to begin with",
        f"    from sklearn.ensemble import {name}",
        "",
        f"    return {name}(random_state=0)",
        "",
    ]


def _missing(source: str, features: str) -> list[str]:
    return [
        "",
        "# What is missing is the truth: a label has a source of its own, known later, and is matched by the event_id.",
        "# gapless adopt --label COLUMN --label-time COLUMN --id COLUMN writes it from the sample, and the model:",
        "#",
        "# truth = gl.Label(…, source=outcomes, value=lambda a: …, give_up_after=…)",
        f"# model = gl.Model(…, requests={source}, features=[{features}], label=truth, estimator=…, metrics=[…])",
        '# product = gl.Product("…", models=[model])',
    ]
