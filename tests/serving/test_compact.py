"""The log lands in tables: every value as it was answered, each answer once, at whatever point the move is killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.segments import Rotation, SegmentLog, SegmentReader
from gapless.errors import CorruptData, InputError, StorageError, Transient
from gapless.schema import Schema, Type
from gapless.serving.compact import COMPACT_POINTS, CompactReport, compact
from gapless.serving.entries import Entry, GroupSeen, encode_entry
from gapless.serving.landing import Definition, definition_of
from gapless.testing.faults import KillAt, KillAtCall
from tests.adapters.forked import run_forked
from tests.product.shop import make_model

_COLUMNS = Schema.of({"id": str, "plane": str, "seats": int, "load": float, "cargo": bool, "trust": str})
_SMALL = Definition(_COLUMNS, "id", ("view__n", "view__mean"))
_MODELS = {"late": _SMALL, "busy": Definition(Schema((("id", Type.INT), ("t", Type.TIMESTAMP))), "id", ("own__x",))}
_SEGMENT = Rotation(max_bytes=1)


def _late(i: int, **more: object) -> Entry:
    vector = np.array([i, np.nan if i % 3 else i / 7], "<f4").tobytes()
    entry = Entry(
        request_id=f"r{i}",
        model="late",
        version="3",
        live_version="4",
        definition_hash="0123456789abcdef",
        bundle_hash="b" * 64,
        as_of_us=1_000_000 + i,
        answered_us=2_000_000 + i,
        inputs={"id": f"r{i}", "plane": None, "seats": i, "load": i / 3, "cargo": i % 2 == 0, "trust": "mine"},
        vector=vector,
        prediction=1.0,
        probability=float(np.float32(0.1)),
        trust="degraded",
        reasons=[{"code": "entity_unseen", "level": "degraded", "view": "späte"}],
        groups=[GroupSeen(b"\x01\xff", 4, 100, None)],
    )
    fields = {name: getattr(entry, name) for name in Entry.__struct_fields__}
    return Entry(**{**fields, **more})


def _busy(i: int) -> Entry:
    inputs = {"id": i, "t": i}
    vector = np.array([i], "<f4").tobytes()
    more = {"model": "busy", "request_id": i, "inputs": inputs, "vector": vector, "probability": None}
    return _late(i, **more, groups=[])


def _definition(entry: Entry) -> Definition:
    return _MODELS[entry.model]


def _log(folder: Path, calls: Iterable[list[Entry]]) -> None:
    """A segment for each call."""
    log = SegmentLog(folder, rotation=_SEGMENT)
    for call in calls:
        told = threading.Event()
        log.append([encode_entry(entry) for entry in call], lambda problem, told=told: told.set())
        assert told.wait(60)
    log.close()


def _compact(root: Path, **more: object) -> CompactReport:
    given = {"definition": _definition, "notes": root / "notes", **more}
    return compact(SegmentReader(root / "log"), DeltaStore(root / "store"), **given)


def _table(root: Path, name: str) -> pa.Table:
    return DeltaStore(root / "store").read(name).read_all()


def test_every_value_lands_as_it_was_answered(tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(0), _busy(0)], [_late(1), _late(2)]])
    report = _compact(tmp_path)
    late, busy = "predictions/late/0123456789ab", "predictions/busy/0123456789ab"
    assert report.tables == {late: 3, busy: 1}
    assert (report.segments, report.entries, report.kept) == (2, 4, [])
    rows = _table(tmp_path, late).to_pylist()
    assert [row["request_id"] for row in rows] == ["r0", "r1", "r2"]
    row = rows[1]
    assert (row["seats"], row["load"], row["cargo"], row["plane"]) == (1, 1 / 3, False, None)
    assert (row["view__n"], row["view__mean"]) == (1.0, None)
    assert rows[0]["view__mean"] == 0.0
    assert (row["trust"], row["request__trust"]) == ("degraded", "mine")
    assert json.loads(row["reasons"]) == [{"code": "entity_unseen", "level": "degraded", "view": "späte"}]
    (group,) = json.loads(row["groups"])
    assert group == {"namespace": "01ff", "position": 4, "offset": 100, "as_of_us": None, "partition": -1}
    assert row["probability"] == float(np.float32(0.1))
    assert (row["model"], row["model_version"], row["live_version"]) == ("late", "3", "4")
    assert row["definition_hash"] == "0123456789abcdef"
    assert (row["as_of"].microsecond, row["answered_at"].microsecond) == (1, 1)
    (other,) = _table(tmp_path, busy).to_pylist()
    assert (other["request_id"], other["id"], other["own__x"], other["probability"]) == (0, 0, 0.0, None)
    assert SegmentReader(tmp_path / "log").sealed() == []


def test_moving_nothing_is_nothing(tmp_path: Path) -> None:
    assert _compact(tmp_path).to_dict() == CompactReport().to_dict()
    _log(tmp_path / "log", [[_late(0)]])
    _compact(tmp_path)
    assert _compact(tmp_path).entries == 0
    assert DeltaStore(tmp_path / "store").version("predictions/late/0123456789ab") == 0


def test_the_columns_of_a_model_are_those_of_its_bundle() -> None:
    model = make_model()
    definition = definition_of(model.feature_set)
    names = definition.schema.names
    assert definition.id == "checkout_id"
    assert definition.schema.field("request_id").type == pa.string()
    assert set(model.requests.columns) <= set(names)
    assert tuple(names[-len(model.vector) :]) == model.vector


def test_segments_share_commits_up_to_a_size(tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(i)] for i in range(10)])
    size = max(segment.bytes for segment in SegmentReader(tmp_path / "log").sealed())
    done: list[int] = []
    _compact(tmp_path, group_bytes=4 * size, progress=done.append)
    assert done == [4, 8, 10]
    assert DeltaStore(tmp_path / "store").version("predictions/late/0123456789ab") == 2


def test_versions_of_one_definition_may_have_other_request_columns(tmp_path: Path) -> None:
    """What no feature reads is not part of the definition."""
    wider = replace(_SMALL, requests=Schema((*_SMALL.requests.columns, ("note", Type.STRING))))
    _log(tmp_path / "log", [[_late(0)], [_late(1, version="5", inputs={"id": "r1", "note": "x"})], [_late(2)]])
    report = _compact(tmp_path, definition=lambda entry: wider if entry.version == "5" else _SMALL)
    assert report.entries == 3
    rows = [_table(tmp_path, name).column("request_id").to_pylist() for name in report.tables]
    assert sorted(rows) == [["r0", "r2"], ["r1"]]
    assert all(name.startswith("predictions/late/0123456789ab") for name in report.tables)


# ---- what cannot be moved ------------------------------------------------------------------------


def _damage(folder: Path, segment: int) -> str:
    path = sorted(folder.glob("*.sealed"))[segment]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return path.stem


def test_a_damaged_segment_stays_and_the_others_go_on(tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(i)] for i in range(3)])
    damaged = _damage(tmp_path / "log", 1)
    report = _compact(tmp_path)
    assert (report.entries, report.damaged) == (2, True)
    (kept,) = report.kept
    assert kept.segment == damaged
    assert "checksum does not fit" in kept.why
    assert _table(tmp_path, "predictions/late/0123456789ab").column("request_id").to_pylist() == ["r0", "r2"]
    assert [path.stem for path in (tmp_path / "log").glob("*.sealed")] == [damaged]
    assert _compact(tmp_path).entries == 0


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (b"no entry", "cannot be read"),
        (encode_entry(_late(0, vector=b"\0" * 12)), "seen:    3 features"),
        (encode_entry(_late(0, inputs={"id": "r0", "other": 1.0})), "request columns other"),
        (encode_entry(_late(0, inputs={"id": "r0", "seats": "five"})), "does not fit the version"),
        (encode_entry(_late(0, inputs={"id": "r0", "seats": 2**63})), "does not fit the version"),
    ],
)
def test_an_entry_that_does_not_fit_keeps_its_segment(entry: bytes, says: str, tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log", rotation=_SEGMENT)
    log.append([encode_entry(_late(7)), entry], lambda problem: None)
    log.close()
    _log(tmp_path / "log", [[_late(8)]])
    report = _compact(tmp_path)
    assert (report.entries, report.damaged) == (1, True)
    assert says in report.kept[0].why
    assert _table(tmp_path, "predictions/late/0123456789ab").column("request_id").to_pylist() == ["r8"]


def test_a_version_that_cannot_be_looked_up_now_waits(tmp_path: Path) -> None:
    def definition(entry: Entry) -> Definition:
        if entry.version == "5":
            raise Transient("the tracker does not answer")
        return _SMALL

    _log(tmp_path / "log", [[_late(0)], [_late(1, version="5")], [_late(2)]])
    report = _compact(tmp_path, definition=definition)
    assert (report.entries, report.damaged, len(report.kept)) == (2, False, 1)
    assert "does not answer" in report.kept[0].why
    assert _compact(tmp_path).entries == 1


def test_a_note_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(0)]])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "moving.json").write_text("{")
    with pytest.raises(CorruptData, match="note of a compaction"):
        _compact(tmp_path)
    assert len(SegmentReader(tmp_path / "log").sealed()) == 1


def test_a_store_that_refuses_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(0)]])
    (tmp_path / "store").write_text("in the way")
    with pytest.raises((StorageError, InputError)):
        _compact(tmp_path)
    (tmp_path / "store").unlink()
    assert _compact(tmp_path).entries == 1


# ---- crashes -------------------------------------------------------------------------------------


def _move(root: Path, fault: Callable[[str, str], None]) -> None:
    """In a process of its own."""
    _compact(root, fault=fault, group_bytes=1_000)


def _check_whole(root: Path, count: int) -> None:
    late = _table(root, "predictions/late/0123456789ab").column("request_id").to_pylist()
    busy = _table(root, "predictions/busy/0123456789ab").column("request_id").to_pylist()
    assert late == [f"r{i}" for i in range(count)]
    assert busy == list(range(count))
    assert SegmentReader(root / "log").sealed() == []
    assert not (root / "notes" / "moving.json").exists()


@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point", COMPACT_POINTS)
def test_killed_at_every_point(point: str, passing: int, tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(i), _busy(i)] for i in range(5)])
    assert not run_forked(_move, tmp_path, KillAt(point, passing=passing))
    _log(tmp_path / "log", [[_late(i), _busy(i)] for i in range(5, 7)])
    _compact(tmp_path)
    _check_whole(tmp_path, 7)


def test_killed_again_and_again(tmp_path: Path) -> None:
    for attempt in range(12):
        _log(tmp_path / "log", [[_late(attempt), _busy(attempt)]])
        run_forked(_move, tmp_path, KillAtCall(1 + attempt % 5))
    _compact(tmp_path)
    _check_whole(tmp_path, 12)


def test_two_at_once_move_each_entry_once(tmp_path: Path) -> None:
    _log(tmp_path / "log", [[_late(i), _busy(i)] for i in range(12)])
    threads = [threading.Thread(target=_move, args=(tmp_path, lambda point, table: None)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _check_whole(tmp_path, 12)
