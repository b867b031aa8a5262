"""gapless adopt: a table that fits a terminal, one JSON document, exit codes, and nothing written over."""

import json
import pickle
import subprocess
import sys

import joblib
import pytest
from sklearn.preprocessing import StandardScaler

from gapless.cli import main
from tests.adopting import functions


@pytest.fixture
def place(tmp_path, monkeypatch):
    functions.flight_rows(120).to_parquet(tmp_path / "rows.parquet")
    functions.flight_rows(120).drop(columns="departed_at").to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "their_features.py").write_text(
        "import numpy as np\n\n"
        "def good(df):\n    return df.assign(late=df.dep_delay > 15, speed=df.distance / df.air_time)\n\n"
        "def mixed(df):\n"
        "    return df.assign(late=df.dep_delay > 15, wave=np.sin(df.dep_delay), mean=df.dep_delay.mean())\n\n"
        "def broken(df):\n    return df.assign(x=df.nothing)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    yield tmp_path
    sys.modules.pop("their_features", None)


def answer(capsys, *words):
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_everything_expressed_is_exit_code_0(place, capsys):
    code, found = answer(capsys, "adopt", "their_features:good", "--sample", "rows.parquet", "--probes", "400")
    assert code == 0
    assert found["ok"]
    assert found["counts"] == {"expressed": 2, "function": 0, "refused": 0}
    assert found["columns"][0]["text"] == "(r.dep_delay > 15).fill_null(False)"
    assert (found["rows"], found["probes"], found["written"]) == (120, 400, None)


def test_a_column_that_is_none_is_exit_code_3(place, capsys):
    code, found = answer(capsys, "adopt", "their_features:mixed", "--sample", "rows.csv", "--probes", "400")
    assert code == 3
    assert [column["status"] for column in found["columns"]] == ["expressed", "function", "refused"]
    assert found["columns"][1]["reason"] == "np.sin (their_features.py:7)"


def test_the_table_fits_80_columns(place, capsys):
    assert main(["adopt", "their_features:mixed", "--sample", "rows.parquet", "--probes", "100"]) == 3
    shown = capsys.readouterr()
    assert max(len(line) for line in shown.out.splitlines()) <= 80
    assert "1 of 3 columns" in shown.out
    assert "a pandas function" in shown.out
    assert "of other rows" in shown.out
    assert "--out product.py" in shown.err


def test_the_product_is_written_once(place, capsys):
    words = ["adopt", "their_features:good", "--sample", "rows.parquet", "--probes", "100", "--out", "product.py"]
    assert main(words) == 0
    first = (place / "product.py").read_text(encoding="utf-8")
    compile(first, "product.py", "exec")
    assert "Features of their_features:good" in first
    (place / "product.py").write_text("# mine", encoding="utf-8")
    capsys.readouterr()
    assert main(words) == 1
    assert "the file is there already, and nothing was written" in capsys.readouterr().err
    assert (place / "product.py").read_text(encoding="utf-8") == "# mine"
    assert main([*words, "--force"]) == 0
    assert (place / "product.py").read_text(encoding="utf-8") == first


@pytest.mark.parametrize("name", ["scaler.joblib", "scaler.pkl"])
def test_a_pickle_needs_leave(place, capsys, name):
    rows = functions.flight_rows(120)[["distance", "dep_delay"]]
    fitted = StandardScaler().fit(rows)
    if name.endswith("joblib"):
        joblib.dump(fitted, place / name)
    else:
        (place / name).write_bytes(pickle.dumps(fitted))
    words = ["adopt", name, "--sample", "rows.parquet", "--probes", "100"]
    assert main(words) == 1
    assert "a pickle runs whatever is in it" in capsys.readouterr().err
    code, found = answer(capsys, *words, "--allow-pickle")
    assert (code, found["counts"]["expressed"]) == (0, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["their_features:goood", "--sample", "rows.parquet"], "did you mean 'good'"),
        (["nowhere:good", "--sample", "rows.parquet"], "the module cannot be found"),
        (["their_features", "--sample", "rows.parquet"], "module:attribute"),
        (["their_features:good", "--sample", "nowhere.parquet"], "the sample cannot be read"),
        (["their_features:broken", "--sample", "rows.parquet"], "their_features.py:10"),
        (["their_features:good", "--sample", "rows.parquet", "--time", "departed"], "departed_at"),
        (["gone.joblib", "--sample", "rows.parquet", "--allow-pickle"], "the file is not there"),
    ],
)
def test_mistakes_are_explained(place, capsys, words, said):
    assert main(["adopt", *words, "--probes", "0"]) == 1
    assert said in capsys.readouterr().err


def test_without_pandas_it_says_what_to_install(place):
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from gapless.cli import main\n"
        "sys.exit(main(['adopt', 'their_features:good', '--sample', 'rows.parquet']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place)
    assert done.returncode == 1
    assert "pip install 'gapless[pandas]'" in done.stderr
