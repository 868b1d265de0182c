"""Shards: the same examples in the same order, the same bytes from any writer, crash or not."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from simclr_med.config.recipes import Recipe
from simclr_med.data import manifest
from simclr_med.data.batches import contrastive_batches, evaluation_batches, labelled_batches
from simclr_med.data.positions import POSITIVES, Positions
from simclr_med.errors import InputError
from simclr_med.preparation import inspection
from simclr_med.preparation.output import shards
from simclr_med.views.decode import read

pytest.importorskip("apache_beam", reason="make extras installs beam")

THREADS = ["--runner=DirectRunner", "--direct_running_mode=multi_threading"]
PROCESSES = ["--runner=DirectRunner", "--direct_running_mode=multi_processing"]
FULL = Recipe.named("full", 16)


@pytest.fixture(scope="module")
def made(data_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("shards") / "s"
    shards.write(data_dir, output, 4)
    return output


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


def cases_of(folder, splits=("train", "unlabelled")):
    return manifest.read(folder).cases(list(splits))


@pytest.mark.parametrize("positives", POSITIVES)
def test_the_same_pairs_in_the_same_order(positives, data_dir, made):
    both = [
        list(
            contrastive_batches(
                Positions(cases_of(folder), batch_size=8, positives=positives, seed=3),
                FULL,
                start_step=7,
                steps=9,
            ).as_numpy_iterator()
        )
        for folder in (data_dir, made)
    ]
    assert len(both[0]) == 2
    for one, other in zip(*both, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_the_same_labelled_and_evaluation_batches(data_dir, made):
    for make in (
        lambda cases: labelled_batches(
            Positions(cases, batch_size=8, seed=3, images=1), FULL, steps=2
        ),
        lambda cases: evaluation_batches(cases.paths, batch_size=8, size=16),
    ):
        files, parts = (
            tf.nest.flatten(list(make(cases_of(f, ["train"])))) for f in (data_dir, made)
        )
        assert len(files) == len(parts) > 0
        for one, other in zip(files, parts, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_manifest_is_the_same(data_dir, made):
    assert manifest.read(made).table.equals(manifest.read(data_dir).table)
    assert not (made / "images").exists()


@pytest.mark.parametrize("options", [[*THREADS, "--direct_num_workers=3"],
                                     [*PROCESSES, "--direct_num_workers=2"]])  # fmt: skip
def test_the_same_bytes_whoever_writes_them(options, data_dir, made, tmp_path):
    shards.write(data_dir, tmp_path / "s", 4, beam_options=options)
    assert contents(tmp_path / "s") == contents(made)


def test_a_usual_reader_reads_every_case(data_dir, made):
    files = sorted(str(path) for path in (made / "shards").glob("*.tfrecord"))
    spec = {
        name: tf.io.RaggedFeature(tf.string)
        for name in ("case_id", "patient_id", "split", "labels", "image", "encoded")
    }
    seen = {}
    for record in tf.data.TFRecordDataset(files):
        example = tf.io.parse_single_example(record, spec)
        case_id = example["case_id"].numpy()[0].decode()
        assert case_id not in seen
        seen[case_id] = dict(zip(example["image"].numpy(), example["encoded"].numpy(), strict=True))
    found = manifest.read(data_dir)
    assert seen == {
        case_id: {name.encode(): (found.image_root / name).read_bytes() for name in rows["image"]}
        for case_id, rows in found.table.groupby("case_id")
    }
    sizes = [row["cases"] for row in json.loads(
        (made / "shards" / "checksums.json").read_text())["shards"].values()]  # fmt: skip
    assert sum(sizes) == len(seen) and max(sizes) - min(sizes) <= 1


def test_images_are_re_encoded_at_a_shortest_side(data_dir, tmp_path):
    shards.write(data_dir, tmp_path / "s", 2, shortest_side=20)
    assert read(cases_of(tmp_path / "s").paths[0]).shape == (20, 20, 3)


def test_damage_is_named(data_dir, tmp_path):
    shards.write(data_dir, tmp_path / "s", 3)
    assert not shards.damaged(tmp_path / "s")
    shard = sorted((tmp_path / "s" / "shards").glob("*.tfrecord"))[1]
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    assert shards.damaged(tmp_path / "s") == [shard.name]
    page = inspection.write_page(tmp_path / "s", tmp_path / "page.html").read_text()
    assert f"damaged, their checksums differ: {shard.name}" in page and "None found" not in page
    shard.unlink()
    with pytest.raises(InputError, match="is missing"):
        cases_of(tmp_path / "s")


def test_more_shards_than_cases_are_refused(data_dir, tmp_path):
    with pytest.raises(InputError, match="--shards=100000"):
        shards.write(data_dir, tmp_path / "s", 100000)


def copy_of(data_dir, folder):
    """A data set folder whose images may be spoilt."""
    import shutil

    shutil.copytree(data_dir, folder)
    return folder


def test_a_missing_image_is_named_and_what_was_done_is_kept(data_dir, made, tmp_path):
    source = copy_of(data_dir, tmp_path / "d")
    found = manifest.read(source)
    image = found.image_root / found.table["image"].iloc[0]
    content, times = image.read_bytes(), image.stat()
    image.unlink()
    with pytest.raises(InputError, match=image.name):
        shards.write(source, tmp_path / "s", 4)
    assert not (tmp_path / "s").exists()
    done = {p.name: p.stat().st_mtime_ns for p in (tmp_path / ".s.unfinished").rglob("*.tfrecord")}
    assert len(done) == 3
    image.write_bytes(content)
    os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
    shards.write(source, tmp_path / "s", 4)
    again = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.tfrecord")}
    assert done.items() <= again.items() and len(again) == 4
    assert contents(tmp_path / "s") == contents(made)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "s"]


def test_a_killed_run_is_completed_by_the_next(data_dir, made, tmp_path):
    code = (
        "import sys, time\nfrom simclr_med.preparation import shards\nrecords = shards._records\n"
        "def slowly(*given):\n    time.sleep(0.5)\n    return records(*given)\n"
        "shards._records = slowly\n"
        "shards.write(sys.argv[1], sys.argv[2], 4, beam_options=sys.argv[3:])\n"
    )
    options = [*THREADS, "--direct_num_workers=1"]
    command = [sys.executable, "-c", code, str(data_dir), str(tmp_path / "s"), *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if list(tmp_path.glob(".s.unfinished/shards/*.json")) or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "s").exists()
    shards.write(data_dir, tmp_path / "s", 4)
    assert contents(tmp_path / "s") == contents(made)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_other_settings_do_not_meet_the_leftovers(data_dir, made, tmp_path):
    leftover = tmp_path / ".s.unfinished" / "shards"
    leftover.mkdir(parents=True)
    (leftover.parent / "unfinished.key").write_text("another")
    (leftover / "data-00009-of-00010.tfrecord").write_bytes(b"old")
    shards.write(data_dir, tmp_path / "s", 4)
    assert contents(tmp_path / "s") == contents(made)
