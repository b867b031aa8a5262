"""Every command answers with one JSON document, and explains what it will not do."""

import importlib
import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from gapless.cli import main
from gapless.cli.app import COMMANDS
from tests.cli.shop import answer, copy, ingest_all, make_shop


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    return folder


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)


def parts(name):
    """The command itself, or those that it is made of."""
    module = importlib.import_module(f"gapless.cli.{COMMANDS[name][0]}")
    return [[name, part] for part in getattr(module.command, "commands", ())] or [[name]]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name, capsys):
    for words in parts(name):
        assert main([*words, "--help"]) == 0
        text = capsys.readouterr().out
        assert "--json" in text
        assert len(text.splitlines()) > 4


def test_init_writes_a_product_that_names_the_columns_of_a_file(tmp_path, capsys, ingested):
    made = answer(capsys, "init", str(tmp_path / "new"), "--source", f"orders={ingested}/orders.parquet")
    assert made["written"] == ["gapless.toml", "product.py"]
    text = (tmp_path / "new" / "product.py").read_text()
    assert '"amount": float,' in text
    assert 'event_time="at"' in text
    assert 'event_id="order_id"' in text
    compile(text, "product.py", "exec")
    assert answer(capsys, "init", str(tmp_path / "new"))["written"] == []


@pytest.mark.parametrize(("source", "hint"), [("orders", "NAME=FILE"), ("orders=nowhere.parquet", "cannot be read")])
def test_init_says_what_is_wrong_with_a_source(tmp_path, capsys, source, hint):
    assert main(["init", str(tmp_path), "--source", source]) in (1, 2)
    assert hint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_init_leaves_out_what_cannot_be_read_and_says_what_it_could_not_decide(tmp_path, capsys):
    (tmp_path / "trips.csv").write_text(
        "trip_id,rider type,_row,started_at,synced_at\na,x,1,2024-01-01,2024-01-02\na,x,1,2024-01-01,2024-01-02\n"
    )
    answer(capsys, "init", str(tmp_path / "new"), "--source", f"trips={tmp_path}/trips.csv")
    path = tmp_path / "new" / "product.py"
    text = path.read_text()
    assert "# left out: 'rider type'" in text
    assert "# left out: '_row'" in text
    assert '    # known_at="synced_at",' in text
    assert '    # event_id="trip_id",  # repeats' in text
    exec(compile(text, str(path), "exec"), {})  # it declares the source as it stands
    assert main(["status", "--workspace", str(tmp_path / "new")]) == 1
    assert "declares no product named 'product'" in capsys.readouterr().err


def test_init_reads_past_lines_that_make_no_row(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"at": "2024-01-01", "n": 1}\n{broken\n{"at": "2024-01-02", "n": 2}\n')
    (tmp_path / "b.tsv").write_text("at\tn\n2024-01-01\t1\n2024-01-01\n2024-01-02\t2\n")
    sources = ["--source", f"a={tmp_path}/a.jsonl", "--source", f"b={tmp_path}/b.tsv"]
    answer(capsys, "init", str(tmp_path / "new"), *sources)
    text = (tmp_path / "new" / "product.py").read_text()
    assert text.count('"n": int,') == 2
    assert "# a.jsonl: 2 rows" in text


def test_a_command_that_does_not_exist_is_guessed(capsys):
    assert main(["trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err


def test_ingest_says_where_rows_put_aside_are_and_what_it_did_not_read(ingested, tmp_path, capsys):
    (tmp_path / "odd.csv").write_text("checkout_id,refund,returned_at,note\nc,much,2024-01-01,x\n")
    folder = tmp_path / "shop"
    copy(ingested, folder)
    assert main(["ingest", "returns", str(tmp_path / "odd.csv"), "--workspace", str(folder)]) == 0
    text = capsys.readouterr().out.replace("\n", "")
    assert "not read: note" in text
    assert "quarantine/returns" in text


def test_predicting_a_time_without_requests_says_so(ingested, tmp_path, capsys):
    folder = tmp_path / "shop"
    copy(ingested, folder)
    assert main(["train", "will_return", "--workspace", str(folder)]) == 0
    out = str(tmp_path / "none")
    assert main(["predict", "will_return", "--from", "2031-01-01", "--out", out, "--workspace", str(folder)]) == 0
    assert "no request lies in that time" in capsys.readouterr().out


def test_ingest_counts_a_file_once(ingested, capsys):
    words = ["ingest", "orders", str(ingested / "orders.parquet"), "--workspace", str(ingested)]
    assert answer(capsys, *words)["files"][0]["repeated"] is True


def test_status_says_what_is_there(ingested, capsys):
    document = answer(capsys, "status", "--workspace", str(ingested))
    assert [(s["source"], s["rows"]) for s in document["sources"]] == [
        ("checkouts", 1_500),
        ("returns", 1_500),
        ("orders", 1_500),
    ]
    assert main(["status", "--workspace", str(ingested)]) == 0
    assert "1,500" in capsys.readouterr().out


def test_features_of_a_file_of_requests(ingested, tmp_path, capsys):
    out = tmp_path / "features.parquet"
    words = ["--requests", str(ingested / "checkouts.parquet"), "--out", str(out), "--workspace", str(ingested)]
    document = answer(capsys, "features", "will_return", *words)
    table = pq.read_table(out)
    manifest = json.loads((tmp_path / "features.parquet.manifest.json").read_text())
    assert manifest == document
    assert document["sources"] == {"orders": 0}
    assert document["rows"] == table.num_rows == 1_500
    assert table.column_names[4:] == ["basket__amount", "basket__over", "spend__n_1d", "spend__n_7d", "spend__usual_7d"]
    assert table.column("checkout_id").to_pylist() == [f"k{i}" for i in range(1_500)]


MISTAKES = {
    "no workspace": (["status", "--workspace", "/"], "NotFound", "gapless init"),
    "unknown source": (["ingest", "order", "x.parquet"], "UnknownName", "did you mean 'orders'"),
    "missing file": (["ingest", "orders", "nowhere.parquet"], None, "nowhere.parquet"),
    "a folder": (["ingest", "orders", "."], None, "folder"),
    "unknown model": (
        ["features", "m", "--requests", "checkouts.parquet", "--out", "f.parquet"],
        "UnknownName",
        "will",
    ),
    "output format": (
        ["features", "will_return", "--requests", "checkouts.parquet", "--out", "f.csv"],
        "InputError",
        ".parquet",
    ),
    "another file's columns": (
        ["features", "will_return", "--requests", "orders.parquet", "--out", "f.parquet"],
        "InputError",
        "checkout_id",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_document_too(name, ingested, capsys, monkeypatch):
    words, kind, hint = MISTAKES[name]
    monkeypatch.chdir(ingested)
    document = answer(capsys, *words, code=1)
    assert kind in (None, document["error"])
    assert hint in json.dumps(document, ensure_ascii=False)
    assert not (ingested / "f.parquet").exists()


def test_a_product_that_raises_names_its_line(ingested, tmp_path, capsys):
    folder = copy(ingested, tmp_path / "broken")
    (folder / "product.py").write_text("import gapless as gl\n\nx = gl.Entity('a', keys=[])\n")
    document = answer(capsys, "status", "--workspace", str(folder), code=1)
    assert document["error"] == "DefinitionError"
    assert document["where"].endswith("product.py:3")


def test_wrong_usage_is_exit_code_2(capsys):
    assert answer(capsys, "ingest", code=2)["error"] == "MissingParameter"
    assert main(["nosuch"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_nothing_heavy_is_loaded_for_help():
    code = "import sys; from gapless.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert not [
        name for name in ("numpy", "pyarrow", "numba", "pandas", "sklearn", "mlflow", "rich") if f"'{name}'" in loaded
    ]
