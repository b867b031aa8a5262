"""gapless.toml: defaults, unknown lines, wrong types, and where it is looked for."""

import pytest

from gapless.errors import NotFound, SettingsError
from gapless.workspace.settings import find_folder, read_settings


def settings(folder, text):
    (folder / "gapless.toml").write_text(text)
    return read_settings(folder)


def test_every_line_has_a_default(tmp_path):
    made = settings(tmp_path, "")
    assert made.product == "product:product"
    assert made.offline_path == tmp_path / ".gapless" / "offline"
    assert made.tracking_uri == f"sqlite:///{tmp_path}/.gapless/mlflow.db"


def test_a_server_and_an_absolute_path_stay_as_they_are(tmp_path):
    made = settings(tmp_path, '[stores]\ntracking = "http://tracker:5000"\noffline = "/data/offline"\n')
    assert made.tracking_uri == "http://tracker:5000"
    assert str(made.offline_path) == "/data/offline"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('produkt = "a:b"', "did you mean 'product'"),
        ('[stores]\nofline = "x"', r"did you mean '\[stores\] offline'"),
        ("product = 3", "must be a text"),
        ('product = ""', "must be a text"),
        ("product = ", "cannot be read"),
        ('[stores]\noffline = "s3://bucket"', "cannot keep tables"),
        ("[store]\noffline = 'x'", "does not know"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, text, hint):
    with pytest.raises(SettingsError, match=hint):
        settings(tmp_path, text)


def test_the_nearest_folder_above_is_found(tmp_path):
    settings(tmp_path, "")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_folder(below) == tmp_path


def test_no_workspace_anywhere(tmp_path):
    with pytest.raises(NotFound, match="gapless init"):
        find_folder(tmp_path)
    with pytest.raises(NotFound, match="gapless init"):
        read_settings(tmp_path)
