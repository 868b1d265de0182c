"""Where images lie, read in Python and by TensorFlow: the same bytes."""

import pytest

from simclr_med.views import decode, places


def test_a_file_and_a_part_of_a_shard_are_read_as_tensorflow_reads_them(tmp_path):
    shard = tmp_path / "data @1+2 ä.tfrecord"
    shard.write_bytes(bytes(range(200)))
    part = places.in_shard(shard, 17, 40, 200)
    assert part == f"{shard}@17+40/200"
    assert places.read_bytes(part) == bytes(range(17, 57)) == decode.content(part).numpy()
    assert places.read_bytes(str(shard)) == decode.content(str(shard)).numpy()
    assert places.is_in_shard(part) and not places.is_in_shard(str(shard))


def test_what_is_missing_raises(tmp_path):
    for place in (f"{tmp_path}/a.png", f"{tmp_path}/a.tfrecord@1+2/9"):
        with pytest.raises(FileNotFoundError):
            places.read_bytes(place)
