"""gapless export typescript: from a registered version, whatever the product says by now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gapless.cli import main
from tests.cli.shop import answer, copy


def test_any_registered_version_is_exported(shop: Path, tmp_path: Path, capsys: Any) -> None:
    capsys.readouterr()
    words = ("export", "typescript", "will_return")
    newest = answer(capsys, *words, str(tmp_path / "newest"), "--workspace", str(shop))
    assert (newest["version"], newest["name"], newest["npm_version"]) == ("2", "shop-will-return", "2.0.0")
    first = answer(capsys, *words, str(tmp_path / "first"), "--version", "1", "--workspace", str(shop))
    assert (first["version"], first["npm_version"]) == ("1", "1.0.0")
    manifest = json.loads((tmp_path / "first" / "manifest.json").read_text())
    assert manifest["bundle_hash"] == first["bundle_hash"] != newest["bundle_hash"]
    assert main([*words, str(tmp_path / "newest"), "--workspace", str(shop)]) == 0
    assert "npm install && npm test" in capsys.readouterr().out


def test_an_old_version_after_the_product_has_changed(shop: Path, tmp_path: Path, capsys: Any) -> None:
    folder = copy(shop, tmp_path / "shop")
    capsys.readouterr()
    words = ("export", "typescript", "will_return", "--version", "1", "--workspace", str(folder))
    answer(capsys, *words, str(tmp_path / "before"))
    product = folder / "product.py"
    changed = product.read_text().replace('"over": r.amount > r.spend.usual_7d', '"other": r.amount * 2')
    assert changed != product.read_text()
    product.write_text(changed)
    answer(capsys, *words, str(tmp_path / "after"))
    names = ("src/types.ts", "src/definition.ts", "golden.json", "manifest.json")
    assert [(tmp_path / "before" / n).read_bytes() for n in names] == [
        (tmp_path / "after" / n).read_bytes() for n in names
    ]


def test_the_products_rules_of_trust_of_today_go_along(shop: Path, tmp_path: Path, capsys: Any) -> None:
    folder = copy(shop, tmp_path / "shop")
    capsys.readouterr()
    product = folder / "product.py"
    ruled = product.read_text().replace(
        "estimator=estimator,", "estimator=estimator, trust=gl.Trust(range_margin=0.25),"
    )
    assert ruled != product.read_text()
    product.write_text(ruled)
    answer(capsys, "export", "typescript", "will_return", str(tmp_path / "out"), "--workspace", str(folder))
    assert "rangeMargin: 0.25" in (tmp_path / "out" / "src" / "definition.ts").read_text()


def test_what_is_not_there_or_not_ours(shop: Path, tmp_path: Path, capsys: Any) -> None:
    capsys.readouterr()
    words = ("export", "typescript")
    where = ("--workspace", str(shop))
    assert (
        answer(capsys, *words, "will_return", str(tmp_path / "x"), "--version", "9", *where, code=1)["error"]
        == "NotFound"
    )
    unknown = answer(capsys, *words, "will_retrun", str(tmp_path / "x"), *where, code=1)
    assert (unknown["error"], unknown["next_step"]) == ("UnknownName", "did you mean 'will_return'?")
    assert not (tmp_path / "x").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert answer(capsys, *words, "will_return", str(tmp_path / "mine"), *where, code=1)["error"] == "InputError"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
