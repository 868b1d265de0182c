"""Images that are kept decoded give bitwise the crops of those that are decoded at each visit."""

import errno
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.data import originals
from simclr_med.errors import RunError
from simclr_med.views import augment, crops

SIDES = [(20, 30), (64, 64), (31, 17), (90, 120), (200, 150)]  # height, width
ALL = 10**6


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng, made = np.random.default_rng(0), []
    for number, (height, width) in enumerate(SIDES):
        for suffix in ("jpg", "png"):
            made.append(str(folder / f"{number}.{suffix}"))
            noise = rng.integers(0, 256, [height, width, 3], dtype=np.uint8)
            Image.fromarray(noise).save(made[-1])
    return np.array(made)


def crops_of_all(found, recipe, views=2):
    made = []
    for row in range(len(found.paths)):
        draws, _ = augment.draw(tf.constant([5, row], tf.int64), views)
        made.append(np.stack(found.crops(tf.constant(row, tf.int64), draws, recipe)))
    return made


@pytest.mark.parametrize("augmentation", ["full", "chexpert", "none"])
@pytest.mark.parametrize("room", [0, 100_000, ALL])  # none of them, some, all
def test_crops_are_those_of_a_fresh_decoding(paths, tmp_path, augmentation, room):
    recipe = Recipe.named(augmentation, 24)
    expected = crops_of_all(originals.Decoded(paths), recipe)
    for kept in (
        originals.keep_in_memory(paths, room),
        originals.keep_on_disk(paths, room, tmp_path / "kept"),
    ):
        for fresh, again in zip(expected, crops_of_all(kept, recipe), strict=True):
            np.testing.assert_array_equal(again, fresh)


def test_what_is_kept_is_not_read_again(paths, tmp_path):
    copies = [tmp_path / f"{number}.png" for number in range(3)]
    for copy in copies:
        shutil.copy(paths[3], copy)
    kept = originals.keep_in_memory(np.array(list(map(str, copies))), 2 * 64 * 64 * 3)
    for copy in copies:
        copy.unlink()
    recipe = Recipe.named("partial", 48)
    draws, _ = augment.draw(tf.constant([0, 0], tf.int64), 1)
    for row in range(2):
        kept.crops(tf.constant(row, tf.int64), draws, recipe)
    with pytest.raises(tf.errors.NotFoundError):  # there was no room for it
        kept.crops(tf.constant(2, tf.int64), draws, recipe)


def test_room_for_a_few_of_many_is_not_taken(paths):
    needed = 3 * 2 * sum(height * width for height, width in SIDES)
    some = originals.keep_in_memory(paths, int(originals.LEAST * needed) + 1)
    none = originals.keep_in_memory(paths, int(originals.LEAST * needed) - 1)
    assert np.count_nonzero(some.sizes) > 0
    assert np.count_nonzero(none.sizes) == 0


def test_large_images_shrink_as_they_would(paths):
    """Some crops of these are of a smaller decoding: the test above meets both ways."""
    recipe, seen = Recipe.named("full", 24), set()
    for row in range(20):
        draws, _ = augment.draw(tf.constant([5, row], tf.int64), 2)
        seen.add(bool(crops.shrinks(draws, tf.constant([200, 150]), recipe)))
    assert seen == {False, True}


def test_an_unreadable_image_is_met_by_its_visitor(tmp_path):
    names = np.array([str(tmp_path / "sound.png"), str(tmp_path / "broken.png")])
    Image.new("RGB", (30, 30)).save(names[0])
    (tmp_path / "broken.png").write_bytes(b"no image")
    kept = originals.keep_in_memory(names, ALL)
    assert kept.sizes.tolist() == [2700, 0]
    draws, _ = augment.draw(tf.constant([0, 0], tf.int64), 1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        kept.crops(tf.constant(1, tf.int64), draws, Recipe.named("full", 24))


def test_the_file_goes_with_the_run(paths, tmp_path):
    file = tmp_path / "run" / ".decoded-3.cache"
    given = {"data_dir": "none", "work_dir": str(tmp_path / "run"), "cache": "disk"}
    with originals.originals_of(make_config("pretrain", given), paths, worker=3) as kept:
        assert file.stat().st_size == kept.sizes.sum() + 1 > 1
    assert not file.exists()


def test_a_full_disk_is_named(paths, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(RunError, match=r"kept cannot be written: No space left.*--cache=none"):
        originals.keep_on_disk(paths, ALL, tmp_path / "kept")


def test_tensorflow_shares_the_buffer(tmp_path):
    """A gigabyte is not to be there twice."""
    file = tmp_path / "values"
    file.write_bytes(bytes(range(12)))
    buffer = np.memmap(file, np.uint8, "r+")
    kept = originals.Kept(np.array(["unread.png"]), [(2, 2)], buffer)
    shared = np.asarray(memoryview(kept.values.read_value()))
    assert shared.ctypes.data == buffer.ctypes.data
    buffer[0] = 99
    assert int(kept.values[0]) == 99
