"""Callbacks in anyone's `fit`: what they write, when they read, how they stop."""

import csv
import os
import signal
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from kill_runs import same, weights

import simclr_med
from simclr_med import compat, distribute
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.encoders import checkpoint
from simclr_med.errors import DivergedError, InputError, RunError
from simclr_med.training.loop import callbacks, checkpoints

STEPS = 7


def model():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, name="logits")])
    made = simclr_med.SupervisedModel(network)
    made.compile(optimizer=simclr_med.LARS(0.1))
    return made


def batches(broken=None):
    """Steps of two examples; those of `broken` are not finite."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal([STEPS, 2, 4]).astype(np.float32)
    if broken is not None:
        x[broken - 1] = np.inf
    y = np.eye(3, dtype=np.float32)[draw.integers(0, 3, [STEPS, 2])]
    return tf.data.Dataset.from_tensor_slices((x, y))


def rows(file):
    with open(file, newline="") as content:
        return list(csv.DictReader(content))


def at_step(number, act):
    def on_train_batch_end(batch, logs):
        if batch + 1 == number:
            act()

    return keras.callbacks.LambdaCallback(on_train_batch_end=on_train_batch_end)


@pytest.mark.parametrize("read_every", [1, 3, 100])
def test_each_row_has_its_own_step_whenever_it_is_read(read_every, tmp_path):
    trained, expected = model(), []
    noted = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: expected.append(trained.last_step.scalars())
    )
    log = simclr_med.RunLog(tmp_path, every=2, read_every=read_every)
    trained.fit(batches(), verbose=0, callbacks=[log, noted])
    found = rows(tmp_path / "log.csv")
    assert [row.pop("step") for row in found] == ["2", "4", "6"]
    for row, step in zip(found, expected[1::2], strict=True):
        assert row == {name: f"{value:.6g}" for name, value in step.items()}
    assert len({row["loss"] for row in found}) == 3 and "trust_median" in found[0]
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_the_device_is_read_every_so_many_steps():
    """Between two readings nothing of a step is made a number of."""

    class Step:
        names = ("loss",)

        def tensor(self):
            return tf.constant([1.0])

        def scalars(self, values):
            return {"loss": float(values[0])}

    class Noting(callbacks.DeferredReader):
        def take(self, step, scalars):
            taken.append(step)

    taken, moments = [], []
    noting = Noting(read_every=3)
    trained = keras.Sequential()
    trained.last_step = Step()
    noting.set_model(trained)
    noting.set_params({"start_step": 10})
    noting.on_train_begin()
    for batch in range(5):
        noting.on_train_batch_begin(batch)
        noting.on_train_batch_end(batch)
        moments.append(list(taken))
    noting.on_train_end()
    assert moments == [[], [11, 12], [11, 12], [11, 12], [11, 12, 13, 14, 15]]
    assert taken == [11, 12, 13, 14, 15]


def test_steps_are_counted_within_executions(tmp_path):
    trained = model()
    trained.compile("sgd", steps_per_execution=2)
    made = [
        simclr_med.RunLog(tmp_path, every=3),
        simclr_med.Monitor(tmp_path, lambda: {"number": 1.0}, every=3),
        simclr_med.Checkpoints(tmp_path, every=3, keep=9),
    ]
    trained.fit(batches().take(6), verbose=0, callbacks=made)
    # Of the multiples of 3 one lies within an execution, which is told when it is done.
    assert checkpoint.steps(tmp_path) == [4, 6] and int(trained.optimizer.iterations) == 6
    for file in ("log.csv", "monitor.csv"):
        assert [row["step"] for row in rows(tmp_path / file)] == ["4", "6"]


@pytest.mark.parametrize("replicas", [1, 2])
def test_callbacks_work_in_the_fit_of_any_model(replicas, tmp_path):
    settings = DistributeConfig(strategy="mirrored" if replicas > 1 else "one", cpu_devices=2)
    with distribute.strategy_of(settings).scope():
        other = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, activation="softmax")])
        other.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    log, divergence = simclr_med.RunLog(tmp_path, read_every=3), simclr_med.RefuseDivergence()
    monitor = simclr_med.Monitor(tmp_path, lambda: {"number": 1.0}, every=5)
    saves = simclr_med.Checkpoints(tmp_path, 4, before_save=(log.write, divergence.read))
    made = [log, divergence, simclr_med.StopOnSigterm(), monitor, saves]
    for _ in range(2):
        history = other.fit(batches(), verbose=0, callbacks=made).history
    found = rows(tmp_path / "log.csv")
    assert [row["step"] for row in found] == [f"{step}" for step in range(1, 2 * STEPS + 1)]
    np.testing.assert_allclose(float(found[-1]["loss"]), history["loss"][0], rtol=1e-4)
    assert [row["step"] for row in rows(tmp_path / "monitor.csv")] == ["5", "7", "10", "14"]
    assert checkpoint.steps(tmp_path) == [12, 14]
    with pytest.raises(RunError, match="the loss is nan at step 17"):
        other.fit(batches(broken=3), verbose=0, callbacks=made)
    saves.close()
    assert checkpoint.steps(tmp_path) == [14, 16]


def test_a_folder_of_a_longer_training_is_refused_and_stays(tmp_path):
    model().fit(batches(), verbose=0, callbacks=[simclr_med.Checkpoints(tmp_path, every=2)])
    before = weights(tmp_path)
    with pytest.raises(InputError, match=f"holds step {STEPS}, and training begins after step 0"):
        model().fit(batches(), verbose=0, callbacks=[simclr_med.Checkpoints(tmp_path, every=2)])
    assert same(before, weights(tmp_path)) and checkpoint.steps(tmp_path) == [6, STEPS]


def test_callbacks_serve_another_training_after_one_that_failed(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    stop, saves = simclr_med.StopOnSigterm(), simclr_med.Checkpoints(tmp_path / "a", every=2)

    def fail():
        raise KeyboardInterrupt

    divergence = simclr_med.RefuseDivergence(read_every=100)
    made = [divergence, stop, saves]
    with pytest.raises(KeyboardInterrupt):
        model().fit(batches(broken=1), verbose=0, callbacks=[*made, at_step(1, fail)])
    another = model()
    another.fit(batches().take(3), verbose=0, callbacks=made)
    assert signal.getsignal(signal.SIGTERM) == before
    variables = checkpoint.named_training_variables(another)
    assert checkpoint.steps(tmp_path / "a") == [2, 3]
    for name, value in weights(tmp_path / "a").items():
        np.testing.assert_array_equal(value, variables[name].numpy(), err_msg=name)


def test_divergence_names_its_step_and_is_never_saved(tmp_path):
    trained = model()
    log, divergence = simclr_med.RunLog(tmp_path), simclr_med.RefuseDivergence(read_every=100)
    saves = simclr_med.Checkpoints(tmp_path, 2, before_save=(log.write, divergence.read))
    with pytest.raises(RunError, match="the loss is nan at step 5; checkpoints before it"):
        trained.fit(batches(broken=5), verbose=0, callbacks=[log, divergence, saves])
    saves.close()
    assert checkpoint.steps(tmp_path) == [2, 4]
    assert all(np.isfinite(value).all() for value in weights(tmp_path).values())


def test_sigterm_ends_training_after_its_step_and_saves_it(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    trained, stop = model(), simclr_med.StopOnSigterm()
    kill = at_step(3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    saves = simclr_med.Checkpoints(tmp_path, every=100)
    measured = []

    def measure():
        measured.append(1)
        return {"number": 1.0}

    monitor = simclr_med.Monitor(tmp_path, measure, every=2)
    trained.fit(batches(), verbose=0, callbacks=[kill, stop, monitor, saves])
    assert stop.stopped and checkpoint.steps(tmp_path) == [3]
    assert len(measured) == 1  # at step 2, and not while somebody waits for the end
    assert signal.getsignal(signal.SIGTERM) == before
    trained.fit(batches(), verbose=0, callbacks=[stop, monitor])
    assert not stop.stopped and [row["step"] for row in rows(tmp_path / "monitor.csv")] == [
        *("2", "4", "6", "8", "10"),
    ]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_each_signal_that_is_asked_for_ends_training_and_is_given_back(sent, tmp_path):
    before = signal.signal(sent, signal.default_int_handler)
    try:
        stop = simclr_med.StopOnSigterm([signal.SIGTERM, signal.SIGINT])
        kill = at_step(3, lambda: os.kill(os.getpid(), sent))
        saves = simclr_med.Checkpoints(tmp_path, every=100)
        model().fit(batches(), verbose=0, callbacks=[kill, stop, saves])
        assert stop.stopped and stop.signal == sent and checkpoint.steps(tmp_path) == [3]
        assert signal.getsignal(sent) is signal.default_int_handler
        signal.signal(sent, signal.SIG_IGN)  # as of a background job of a shell
        model().fit(batches(), verbose=0, callbacks=[kill, stop])
        assert not stop.stopped and signal.getsignal(sent) is signal.SIG_IGN
    finally:
        signal.signal(sent, before)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_leaves_at_once(second):
    """Within the step, and whatever Python or TensorFlow are at."""
    code = f"""if True:
        import os, signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import keras
        from simclr_med import distribute
        from simclr_med.training.loop.callbacks import StopOnSigterm
        stop, other = StopOnSigterm([signal.SIGTERM, signal.SIGINT]), keras.Sequential()
        stop.set_model(other)
        stop.set_params({{"start_step": 0}})
        stop.on_train_begin()
        os.kill(os.getpid(), signal.SIGINT)
        print("going on", flush=True)
        os.kill(os.getpid(), {int(second)})
        print("too late")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == -second and done.stdout == "going on\n", done.stderr


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["loss", *callbacks.GRADIENTS])
def test_each_number_that_is_not_finite_stops_training(name, bad):
    divergence, fine = callbacks.RefuseDivergence(), dict.fromkeys(callbacks.GRADIENTS, 1.0)
    fine["loss"] = 1.0
    divergence.take(1, fine)
    with pytest.raises(DivergedError, match=f"the {name} is {bad} at step 2"):
        divergence.take(2, fine | {name: bad})
    # In float16 a step is skipped whose gradients overflow, until there is no scale to lower.
    scaled = fine | {name: bad, "loss_scale": 2.0}
    if name != "loss":
        divergence.take(3, scaled)
    with pytest.raises(DivergedError):
        divergence.take(4, scaled | {"loss_scale": 1.0})


def test_a_checkpoint_of_fit_restores_the_model_and_its_optimizer(tmp_path):
    whole, resumed = model(), model()
    whole.fit(batches(), verbose=0, callbacks=[simclr_med.Checkpoints(tmp_path, every=4)])
    assert checkpoint.steps(tmp_path) == [4, 7]
    variables = checkpoint.named_training_variables(resumed)
    assert {"network/logits/kernel", "network/logits/bias"} < variables.keys()
    checkpoint.restore(tmp_path / "checkpoints" / "4", variables, only=("",))
    resumed.fit(batches().skip(4), verbose=0)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), weights(tmp_path)[name], err_msg=name)


def test_names_that_would_hide_a_weight_are_refused():
    attention = keras.layers.MultiHeadAttention(2, 3)
    x = keras.Input([5, 4])
    with pytest.raises(ValueError, match="two weights would be called"):
        checkpoint.named_variables(keras.Model(x, attention(x, x)), "model")


@pytest.fixture
def held(monkeypatch):
    """Saving waits until it is let go; what was given to it, and how many are at it."""
    go, given, original = threading.Event(), [], checkpoint.save

    def save(work_dir, values, step, keep):
        given.append(step)
        assert go.wait(60)
        original(work_dir, values, step, keep)

    monkeypatch.setattr(checkpoint, "save", save)
    yield go, given
    go.set()


def test_training_goes_on_while_a_checkpoint_is_written(held, tmp_path):
    go, given = held
    trained, at_two, seen = model(), {}, []

    def note():
        at_two.update({compat.path(v): v.numpy() for v in trained.weights})

    def look():
        seen.append((list(given), checkpoint.steps(tmp_path)))
        go.set()

    saves = simclr_med.Checkpoints(tmp_path, every=2, keep=9)
    actions = [at_step(2, note), saves, at_step(3, look)]
    trained.fit(batches().take(5), verbose=0, callbacks=actions)
    assert seen == [([2], [])]  # step 3 is done, step 2 not yet written
    assert checkpoint.steps(tmp_path) == [2, 4, 5]
    with np.load(tmp_path / "checkpoints" / "2" / "variables.npz") as saved:
        kernel = saved["network/logits/kernel"]
    np.testing.assert_array_equal(kernel, at_two[compat.path(trained.network.layers[0].kernel)])
    assert np.abs(kernel - trained.network.layers[0].kernel.numpy()).max() > 1e-4


def test_a_second_checkpoint_waits_for_the_first(held, tmp_path):
    go, given = held
    trained = model()
    thread = threading.Thread(
        target=trained.fit,
        args=[batches()],
        kwargs={"verbose": 0, "callbacks": [simclr_med.Checkpoints(tmp_path, every=2, keep=9)]},
    )
    thread.start()
    while int(trained.optimizer.iterations) < 4:
        thread.join(0.05)
    thread.join(0.5)  # if it did not wait, it would go on
    assert given == [2] and int(trained.optimizer.iterations) == 4 and thread.is_alive()
    go.set()
    thread.join()
    assert given == [2, 4, 6, 7] == checkpoint.steps(tmp_path)


def test_a_failed_write_is_told_at_a_later_step_or_at_the_end(monkeypatch, tmp_path):
    def full(work_dir, values, step, keep):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    for every, named in ((2, 2), (100, STEPS)):
        trained, saves = model(), simclr_med.Checkpoints(tmp_path, every)
        with pytest.raises(RunError, match=f"step {named} cannot be saved in .*: No space left"):
            trained.fit(batches(), verbose=0, callbacks=[saves])
        assert int(trained.optimizer.iterations) in ((STEPS,) if every > STEPS else (3, 4))
        saves.close()


def test_a_fault_of_ours_is_not_taken_for_a_full_disk(monkeypatch, tmp_path):
    def broken(work_dir, values, step, keep):
        raise ZeroDivisionError

    monkeypatch.setattr(checkpoint, "save", broken)
    writer = checkpoints.BackgroundWriter(tmp_path, 1)
    writer.begin({}, 1)
    with pytest.raises(ZeroDivisionError):
        writer.wait()
    writer.wait()  # told once
