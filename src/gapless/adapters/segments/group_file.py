"""What a group committed: a file of frames, the last of which may not have come to its end.

    commits   │ commit 7 │ done 7 │ commit 8 │              each a frame: JSON, then the outputs' bytes

A commit is made when its frame is on stable storage: it holds the offsets and the outputs. Only then the outputs go to
their partitions, and `done` follows. Whoever takes the group next finishes a last commit that is not done. Outputs
carry the commit's name, so that those that are in already are found; each partition's are one frame, all or none.

`done` is not synced: the next commit's frame tells the same. Where a power cut takes it back, the outputs are looked
for once more, and found.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gapless.adapters.segments.batches import batch_bytes, outgoing_of
from gapless.adapters.segments.frames import Frame, is_damage, whole_frames
from gapless.adapters.segments.repair import damaged
from gapless.ports.events import Outgoing, TopicPartition

__all__ = ["Commit", "Output", "State", "commit_payload", "done_payload", "read_state", "snapshot_payload"]

_JSON = struct.Struct("<I")


@dataclass(frozen=True)
class Output:
    """What a commit appends to one partition.

    Parameters:
        since — the end of the partition when the commit was made: its records lie there or later.
    """

    partition: TopicPartition
    since: int
    records: Sequence[Outgoing]


@dataclass(frozen=True)
class Commit:
    """Parameters: number — grows by one within a group."""

    number: int
    offsets: Mapping[TopicPartition, int]
    outputs: Sequence[Output] = ()


@dataclass(frozen=True)
class State:
    """What the file holds.

    Parameters:
        offsets — of all commits; `before` — without the last one, where that is not done.
        number — of the last commit; pending — the last one, where it is not done.
        size — the bytes of whole frames.
    """

    offsets: Mapping[TopicPartition, int] = field(default_factory=dict)
    before: Mapping[TopicPartition, int] = field(default_factory=dict)
    number: int = 0
    pending: Commit | None = None
    size: int = 0


def commit_payload(commit: Commit) -> bytes:
    """The payload of a commit's frame."""
    batches = [batch_bytes(output.records, 0, 0) for output in commit.outputs]
    outputs = [
        [*output.partition, output.since, len(batch)] for output, batch in zip(commit.outputs, batches, strict=True)
    ]
    offsets = [[*partition, offset] for partition, offset in commit.offsets.items()]
    return _with_json({"commit": commit.number, "offsets": offsets, "outputs": outputs}, batches)


def snapshot_payload(state: State) -> bytes:
    """The payload of a frame that stands for all commits so far, each of them done."""
    return commit_payload(Commit(state.number, state.offsets))


def done_payload(number: int) -> bytes:
    """The payload of the frame that says that a commit came to its end."""
    return _with_json({"done": number}, [])


def read_state(path: Path, seed: int) -> State:
    """What was committed, up to the last whole frame. Raises: CorruptData for a bad frame that was durable once."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return State()
    state = State()
    for frame in whole_frames(data, 0, seed):
        state = _after(state, _payload(data, frame), frame)
    if state.size < len(data) and is_damage(data, state.size, 0, seed):
        raise damaged(path, state.size, "a frame whose checksum does not fit, with others behind it")
    return state


def _after(state: State, payload: tuple[dict[str, Any], bytes], frame: Frame) -> State:
    found, rest = payload
    if "done" in found:
        return State(state.offsets, state.offsets, state.number, None, frame.end)
    commit = _commit(found, rest)
    offsets = {**state.offsets, **commit.offsets}
    if not commit.outputs:
        return State(offsets, offsets, commit.number, None, frame.end)
    return State(offsets, state.offsets, commit.number, commit, frame.end)


def _commit(found: dict[str, Any], rest: bytes) -> Commit:
    outputs, place = [], 0
    for topic, partition, since, length in found["outputs"]:
        outputs.append(Output(TopicPartition(topic, partition), since, outgoing_of(rest, place, partition)))
        place += length
    offsets = {TopicPartition(topic, partition): offset for topic, partition, offset in found["offsets"]}
    return Commit(found["commit"], offsets, outputs)


def _with_json(value: dict[str, Any], rest: Sequence[bytes]) -> bytes:
    text = json.dumps(value).encode()
    return b"".join((_JSON.pack(len(text)), text, *rest))


def _payload(data: bytes, frame: Frame) -> tuple[dict[str, Any], bytes]:
    (length,) = _JSON.unpack_from(data, frame.start)
    middle = frame.start + _JSON.size + length
    return json.loads(data[frame.start + _JSON.size : middle]), data[middle : frame.end]
