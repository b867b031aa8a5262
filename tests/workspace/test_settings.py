"""gapless.toml: defaults, unknown lines, wrong types, and where it is looked for."""

import pytest

from gapless.clock import SystemClock
from gapless.errors import NotFound, SettingsError
from gapless.workspace.settings import find_folder, read_settings
from gapless.workspace.stores import check_events, open_events


def settings(folder, text):
    (folder / "gapless.toml").write_text(text)
    return read_settings(folder)


def test_every_line_has_a_default(tmp_path):
    made = settings(tmp_path, "")
    assert made.product == "product:product"
    assert made.offline_path == tmp_path / ".gapless" / "offline"
    assert made.tracking_uri == f"sqlite:///{tmp_path}/.gapless/mlflow.db"
    assert (made.events_uri, made.partitions) == (f"file:{tmp_path}/.gapless/events", 1)


def test_a_whole_number_is_a_number(tmp_path):
    assert settings(tmp_path, "[stream]\npartitions = 12\n").partitions == 12


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
        ("[stores]\nevents = 7", "must be a text"),
        ("[stream]\npartitions = '3'", r"\[stream\] partitions must be a whole number"),
        ("[stream]\npartitions = 0", "1 to 1024"),
        ("[stream]\npartitions = 1025", "1 to 1024"),
        ("[stream]\npartitions = true", "1 to 1024"),
        ("[stream]\npartitons = 2", r"did you mean '\[stream\] partitions'"),
        ("partitions = 2", r"did you mean '\[stream\] partitions'"),
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


def test_the_event_log_is_a_folder_or_a_kafka(tmp_path):
    files = open_events(settings(tmp_path, '[stores]\nevents = "file:./log"'), SystemClock())
    assert files.create("events", 1) == 1
    assert (tmp_path / "log").is_dir()
    files.close()
    kafka = open_events(settings(tmp_path, '[stores]\nevents = "kafka://localhost:9/"'), SystemClock())
    assert kafka.capabilities.transactions == "broker"
    kafka.close()


@pytest.mark.parametrize("uri", ["./log", "file:", "redis://host", "kafka:host", "kafka://host:port/x"])
def test_an_event_log_that_is_none_is_named(tmp_path, uri):
    made = settings(tmp_path, f'[stores]\nevents = "{uri}"')
    for look in (check_events, lambda made: open_events(made, SystemClock())):
        with pytest.raises(SettingsError, match="kafka://HOST:PORT"):
            look(made)
