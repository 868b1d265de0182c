"""Checkpoints of any variables: what is kept, what goes, what does not fit, what is damaged."""

import json
import os
import re
import types
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_med.encoders import checkpoint
from simclr_med.errors import InputError
from simclr_med.training.models.optimizer import LARS

VALUES = {
    "encoder/a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "encoder/b": np.float16([1.5, -2]),
    "head/c": np.array(7, np.int64),
}


def variables(**changes):
    """A variable of each value, of zeros."""
    made = {name: tf.Variable(np.zeros_like(value)) for name, value in VALUES.items()}
    return made | changes


def folder(work_dir, step):
    return work_dir / "checkpoints" / str(step)


def test_what_is_saved_comes_back_bit_by_bit(tmp_path):
    checkpoint.save(tmp_path, VALUES, 5, keep=1)
    with np.load(folder(tmp_path, 5) / "variables.npz") as plain:
        assert list(plain) == list(VALUES)
    there = variables()
    checkpoint.restore(folder(tmp_path, 5), there, only=("",))
    for name, value in VALUES.items():
        found = there[name].numpy()
        assert found.dtype == value.dtype and found.shape == value.shape
        np.testing.assert_array_equal(found, value)


def test_an_array_of_objects_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="[Oo]bject"):
        checkpoint.save(tmp_path, {"a": np.array([{}], object)}, 1, keep=1)
    assert checkpoint.steps(tmp_path) == [] and not list((tmp_path / "checkpoints").iterdir())


def model_within(name="whole"):
    """A Keras model that holds another, as a work folder's networks do."""
    inner = keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(4, name="a"), keras.layers.Dense(2, name="b")],
        name="inner",
    )
    layers = [keras.Input([3]), inner, keras.layers.BatchNormalization(name="bn")]
    return keras.Sequential(layers, name=name)


WITHIN = {
    "inner/a/kernel": (3, 4), "inner/a/bias": (4,), "inner/b/kernel": (4, 2), "inner/b/bias": (2,),
    "bn/gamma": (2,), "bn/beta": (2,), "bn/moving_mean": (2,), "bn/moving_variance": (2,),
}  # fmt: skip


def test_weights_are_named_by_the_layers_they_lie_in():
    named = checkpoint.named_variables(model_within(), "p")
    shapes = {name: tuple(variable.shape) for name, variable in named.items()}
    assert shapes == {f"p/{name}": shape for name, shape in WITHIN.items()}

    twice = keras.layers.Layer(name="twice")
    for _ in range(2):
        twice.add_weight(name="kernel", shape=[1])
    model = keras.Sequential([keras.Input([1]), keras.layers.Identity()])
    shim = types.SimpleNamespace(layers=[*model.layers, twice])
    with pytest.raises(ValueError, match="two weights would be called p/twice/kernel"):
        checkpoint.named_variables(shim, "p")


def test_a_compiled_model_goes_on_with_its_parts_and_what_its_optimizer_holds():
    model = model_within()
    model.compile(optimizer=LARS(0.1), loss="mse")
    named = checkpoint.named_training_variables(model)
    assert set(named) >= {f"whole/{name}" for name in WITHIN}
    slots = [name for name in named if name.startswith("optimizer/")]
    assert slots[0] == "optimizer/0000" and len(slots) >= 1 + len(model.trainable_variables)
    model.parts = lambda: {"x": model, "y": model.get_layer("inner")}
    parts = set(checkpoint.named_training_variables(model)) - set(slots)
    assert parts == {f"x/{name}" for name in WITHIN} | {
        name.replace("inner/", "y/") for name in WITHIN if "inner" in name
    }


def test_values_are_copies():
    there = variables()
    values = checkpoint.values_of(there)
    there["encoder/b"].assign([3, 4])
    np.testing.assert_array_equal(values["encoder/b"], [0, 0])


def test_the_newest_stay_and_one_that_is_there_is_not_written_again(tmp_path):
    for step in (2, 10, 9):
        checkpoint.save(tmp_path, VALUES, step, keep=9)
    (tmp_path / "checkpoints" / "7.damaged").mkdir()
    assert checkpoint.steps(tmp_path) == [2, 9, 10]
    checkpoint.save(tmp_path, {"other": np.zeros(1)}, 10, keep=2)
    assert checkpoint.steps(tmp_path) == [9, 10]
    assert list(checkpoint.saved_shapes(folder(tmp_path, 10))) == list(VALUES)
    checkpoint.save(tmp_path, VALUES, 11, keep=1)
    assert checkpoint.steps(tmp_path) == [11] and checkpoint.steps(tmp_path / "nowhere") == []


def test_all_that_differs_is_listed(tmp_path):
    checkpoint.save(tmp_path, VALUES, 1, keep=1)
    there = variables(more=tf.Variable([0.0]))
    del there["head/c"]
    there["encoder/b"] = tf.Variable(np.float16([0, 0, 0]))
    with pytest.raises(InputError) as caught:
        checkpoint.restore(folder(tmp_path, 1), there, only=("",))
    assert str(caught.value).splitlines()[1:] == [
        "  more: not in the checkpoint",
        "  head/c: not in the model",
        "  encoder/b: [2] in the checkpoint, [3] in the model",
    ]
    np.testing.assert_array_equal(there["encoder/a/kernel"], 0)  # nothing was restored
    only = {"encoder/a/kernel": there["encoder/a/kernel"]}
    checkpoint.restore(folder(tmp_path, 1), only, only=("encoder/a",))
    np.testing.assert_array_equal(only["encoder/a/kernel"], VALUES["encoder/a/kernel"])
    with pytest.raises(InputError, match="encoder/b: not in the model"):
        checkpoint.restore(folder(tmp_path, 1), only, only=("encoder/",))


@pytest.mark.parametrize(("count", "last"), [(20, "n19"), (21, "... and 1 more")])
def test_a_long_list_is_cut(count, last, tmp_path):
    checkpoint.save(tmp_path, {}, 1, keep=1)
    many = {f"n{i}": tf.Variable(0.0) for i in range(count)}
    with pytest.raises(InputError) as caught:
        checkpoint.restore(folder(tmp_path, 1), many, only=("",))
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + min(count, 21)
    assert lines[-1].strip().startswith(last)


def change_content(path, change):
    file = path / "variables.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: (path / "variables.npz").unlink(), "variables.npz: is missing, or no file"),
        (lambda path: (path / "variables.json").unlink(), "variables.json: No such file"),
        (lambda path: (path / "variables.json").write_text("[]"), "variables.json is not what was"),
        (lambda path: (path / "variables.json").write_text("{"), "variables.json is not what was"),
        (lambda path: change_content(path, lambda c: c.pop("shapes")), "variables.json is not"),
        (lambda path: change_content(path, lambda c: c.update(sha256="0")), "another checksum"),
        (lambda path: (path / "variables.npz").write_bytes(b"PK"), "another checksum than when"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_set_aside(damage, why, tmp_path, capsys):
    for step in (3, 4):
        checkpoint.save(tmp_path, {n: v + step for n, v in VALUES.items()}, step, keep=2)
    damage(folder(tmp_path, 4))
    with pytest.raises(checkpoint.DamagedError, match=re.escape(why)):
        checkpoint.restore(folder(tmp_path, 4), variables(), only=("",))
    there = variables()
    assert checkpoint.restore_latest(tmp_path, there) == 3
    assert int(there["head/c"]) == 10
    told = capsys.readouterr().err
    assert why in told and "goes on from step 3" in told and "kept as 4.damaged" in told
    (folder(tmp_path, "4.damaged") / "earlier").mkdir(parents=True)
    checkpoint.set_aside_newer(tmp_path, 3)
    assert checkpoint.steps(tmp_path) == [3]
    left = [path.name for path in folder(tmp_path, "4.damaged").iterdir()]
    assert left and set(left) <= {"variables.npz", "variables.json"}
    damage(folder(tmp_path, 3))
    with pytest.raises(InputError, match="no checkpoint is whole"):
        checkpoint.restore_latest(tmp_path, there)


def test_what_a_killed_save_left_goes(tmp_path):
    checkpoint.save(tmp_path, VALUES, 3, keep=1)
    folder(tmp_path, ".4.123.tmp").mkdir()
    checkpoint.set_aside_newer(tmp_path, 3)
    assert checkpoint.steps(tmp_path) == [3] and not folder(tmp_path, ".4.123.tmp").exists()


def test_a_weight_beyond_what_zip_s_first_format_holds_can_be_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)  # it is 2 GiB
    large = {"kernel": np.arange(999.0)}
    checkpoint.save(tmp_path, large, 1, keep=1)
    there = {"kernel": tf.Variable(np.zeros(999))}
    checkpoint.restore(folder(tmp_path, 1), there, only=("",))
    np.testing.assert_array_equal(there["kernel"], large["kernel"])


def test_a_run_without_a_checkpoint_begins_at_0(tmp_path):
    assert checkpoint.restore_latest(tmp_path, variables()) == 0
    checkpoint.set_aside_newer(tmp_path, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["variables.json", "variables.npz"])
def test_a_pipe_in_a_checkpoint_s_place_is_damage_and_never_waited_for(name, tmp_path):
    folder = tmp_path / "checkpoints" / "3"
    folder.mkdir(parents=True)
    for file in ("variables.json", "variables.npz"):
        (folder / file).write_text("{}")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(checkpoint.DamagedError, match=f"{name} is no file"):
        checkpoint.saved_shapes(folder)
