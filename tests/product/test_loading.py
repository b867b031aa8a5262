"""A product is found by `module:attribute`, and a module that raises names its line."""

import pytest

from gapless.errors import SettingsError, UserCodeError
from gapless.product import load_product

PRODUCT = """
from tests.product.shop import make_model
import gapless as gl
product = gl.Product("shop", models=[make_model()])
number = 3
"""


def test_loads_and_two_products_live_side_by_side(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "product.py").write_text(PRODUCT.replace('"shop"', f'"{name}"'))
    names = [load_product("product:product", tmp_path / name).name for name in ("a", "b")]
    assert names == ["a", "b"]


def test_modules_beside_it_can_be_imported(tmp_path):
    (tmp_path / "beside_the_product.py").write_text(PRODUCT)
    (tmp_path / "product.py").write_text("from beside_the_product import product")
    assert load_product("product:product", tmp_path).name == "shop"


@pytest.mark.parametrize("target", ["product", "nowhere:product", "product:missing", "product:number"])
def test_what_is_not_there_is_said(tmp_path, target):
    (tmp_path / "product.py").write_text(PRODUCT)
    with pytest.raises(SettingsError, match=r"gapless\.toml"):
        load_product(target, tmp_path)


@pytest.mark.parametrize("text", ["x = 1 / 0", "def broken(:", "import not_a_module_at_all"])
def test_a_module_that_raises_names_its_line(tmp_path, text):
    (tmp_path / "product.py").write_text("\n" + text)
    with pytest.raises(UserCodeError) as caught:
        load_product("product:product", tmp_path)
    assert "product.py" in str(caught.value)


def test_a_slip_of_syntax_is_named_with_its_line(tmp_path):
    (tmp_path / "product.py").write_text("x = 1\n\ndef estimator()\n    return 1\n")
    with pytest.raises(UserCodeError) as caught:
        load_product("product:product", tmp_path)
    assert str(caught.value.where) == f"{tmp_path / 'product.py'}:3"
