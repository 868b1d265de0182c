"""Cases as bags: against NumPy written out; in training, evaluation and export alike."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import answers_here
from scipy.special import expit, softmax

import simclr_med
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.recipes import Recipe
from simclr_med.data import manifest
from simclr_med.data.batches import bag_batches, labelled_batches
from simclr_med.data.positions import Positions
from simclr_med.encoders import heads, networks
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.modes import evaluate
from simclr_med.serving import export
from simclr_med.serving.bulk import models
from simclr_med.serving.formats import saved_model
from simclr_med.training.heads import train_head, tuned_head
from simclr_med.training.models import bags, objective
from simclr_med.training.models.bag_model import BagModel

BAGS, TASKS, K = ("features", "probabilities", "attention"), ("multiclass", "multilabel"), 3
OWNER = np.array([0, 0, 0, 1, 2, 2])  # three cases
SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 16}

pytestmark = pytest.mark.usefixtures("shortest_encoder")


def outputs_of(bag, seed=0, images=6):
    draw = np.random.default_rng(seed)
    return draw.standard_normal([images, K + (bag == "attention")]).astype(np.float32) * 3


def expected_of(outputs, bag, task):
    """Return the probabilities of each case, written out."""
    answer = {"multiclass": lambda z: softmax(z, axis=-1), "multilabel": expit}[task]
    found = []
    for case in range(3):
        rows = outputs[case == OWNER].astype(float)
        if bag == "probabilities":
            found.append(answer(rows).mean(axis=0))
        elif bag == "features":
            found.append(answer(rows.mean(axis=0)))
        else:
            found.append(answer(softmax(rows[:, K]) @ rows[:, :K]))
    return np.array(found)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bag", BAGS)
def test_a_case_has_the_answer_of_its_images_together(bag, task):
    outputs = outputs_of(bag)
    logits = bags.case_logits(outputs, OWNER, 3, bag, task)
    found = objective.probabilities(logits, task)
    np.testing.assert_allclose(found, expected_of(outputs, bag, task), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bag", BAGS)
def test_neither_order_nor_images_that_do_not_count_change_an_answer(bag, task):
    outputs = outputs_of(bag)
    plain = bags.case_logits(outputs, OWNER, 3, bag, task)
    order = np.random.default_rng(1).permutation(len(OWNER) + 3)
    more = np.concatenate([outputs, 50 * outputs_of(bag, seed=2, images=3)])[order]
    owner, counted = np.r_[OWNER, 0, 1, 1][order], np.r_[np.ones(6, bool), np.zeros(3, bool)][order]
    variable = tf.Variable(more)
    with tf.GradientTape() as tape:
        found = bags.case_logits(variable, owner, 3, bag, task, counted)
        loss = objective.summed_loss(np.eye(3, K, dtype=np.float32), found, task)
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)
    slope = tape.gradient(loss, variable).numpy()
    assert np.isfinite(slope).all() and slope[counted].any() and not slope[~counted].any()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bag", BAGS)
def test_an_image_alone_says_what_it_says_by_itself(bag, task):
    outputs = outputs_of(bag) * 10  # beyond all doubt too
    found = bags.case_logits(outputs, np.arange(6), 6, bag, task)
    alone = objective.probabilities(outputs[:, :K], task)
    np.testing.assert_allclose(objective.probabilities(found, task), alone, rtol=1e-4, atol=1e-7)


def test_images_that_are_sure_of_the_wrong_answer_still_teach():
    logits = tf.Variable([[90.0, -90.0, 0.0], [80.0, -80.0, 0.0]])
    with tf.GradientTape() as tape:
        found = bags.case_logits(logits, [0, 0], 1, "probabilities", "multiclass")
        loss = objective.summed_loss(np.float32([[0, 1, 0]]), found, "multiclass")
    slope = tape.gradient(loss, logits).numpy()
    assert np.isfinite(slope).all() and slope[:, 1].min() < -0.1


def test_the_mean_of_logits_is_what_the_head_says_of_the_mean_of_features():
    draw = np.random.default_rng(0)
    head, attention = heads.build_classifier(5, K, init="normal"), heads.build_attention(5)
    attention.get_layer("attention_score").kernel.assign(draw.standard_normal([128, 1]))
    features = draw.standard_normal([6, 5]).astype(np.float32)
    means = np.stack([features[case == OWNER].mean(axis=0) for case in range(3)])
    found = bags.case_logits(head(features), OWNER, 3, "features", "multiclass")
    np.testing.assert_allclose(found, head(means), atol=1e-6)
    hidden = np.tanh(features @ attention.get_layer("attention_hidden").kernel.numpy())
    scores = hidden @ attention.get_layer("attention_score").kernel.numpy()
    weighted = np.stack(
        [softmax(scores[c == OWNER, 0]) @ features[c == OWNER] for c in range(3)]
    ).astype(np.float32)
    outputs = np.concatenate([head(features), attention(features)], axis=1)
    found = bags.case_logits(outputs, OWNER, 3, "attention", "multiclass")
    np.testing.assert_allclose(found, head(weighted), atol=1e-6)


def network_and_weights(bag):
    config = make_config(
        "finetune", {"data_dir": "a", "work_dir": "b", **SMALL, "bag": bag, "head_init": "normal"}
    )
    nets = networks.build(config, K)
    return keras.Model(nets.inputs.inputs, nets.answers(nets.inputs.outputs[0])), nets


@pytest.mark.parametrize("bag", BAGS)
def test_bags_of_one_image_train_as_single_images_do(bag):
    draw = np.random.default_rng(0)
    images = tf.constant(draw.random([6, 32, 32, 3]), tf.float32)
    targets = tf.one_hot(np.arange(6) % K, K)
    single, nets = network_and_weights("none")
    model = simclr_med.SupervisedModel(single)
    model.compile(keras.optimizers.SGD(0.1))
    model.train_step({"images": images, "targets": targets})
    network, of_bags = network_and_weights(bag)
    model = BagModel(network, bag=bag)
    model.compile(keras.optimizers.SGD(0.1))
    counted = tf.ones([6, 1], bool)
    model.train_step({"images": images[:, None], "counted": counted, "targets": targets})
    found = of_bags.variables()
    for name, value in nets.variables().items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_model_of_bags_is_what_it_was_when_it_is_loaded(tmp_path):
    network = keras.Sequential(
        [keras.Input([4, 4, 3]), keras.layers.Flatten(), keras.layers.Dense(K)]
    )
    model = BagModel(network, bag="probabilities")
    model.compile("sgd")
    model.save(tmp_path / "a.keras")
    copy = keras.models.load_model(tmp_path / "a.keras")
    draw = np.random.default_rng(0)
    batch = {
        "images": draw.random([5, 2, 4, 4, 3]).astype(np.float32),
        "counted": draw.random([5, 2]) < 0.5 + np.array([1, 0]),
        "targets": np.eye(K, dtype=np.float32)[np.arange(5) % K],
    }
    losses = [each.evaluate(batch, verbose=0) for each in (model, copy)]
    outputs = network(batch["images"].reshape(10, 4, 4, 3)).numpy()
    owner = np.repeat(np.arange(5), 2)
    p = softmax(outputs, axis=1)
    means = [p[(owner == case) & batch["counted"].ravel()].mean(axis=0) for case in range(5)]
    expected = -np.log(np.array(means)[np.arange(5), np.arange(5) % K]).mean()
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.fixture(scope="module")
def cases(data_dir):
    found = manifest.read(data_dir).cases(["train"])
    assert set(np.diff(found.offsets)) >= {1, 2, 3}
    return found


@pytest.mark.parametrize("images", [1, 2, 3, 5])
def test_a_bag_has_all_of_a_case_s_images_before_any_again(cases, images):
    positions = Positions(cases, batch_size=20, seed=0, images=images)
    sizes, first = np.diff(cases.offsets), []
    for _, drawn in positions.drawn(0, 6).as_numpy_iterator():
        (case,) = set(np.searchsorted(cases.offsets, drawn, side="right") - 1)
        assert len(set(drawn[: sizes[case]])) == min(sizes[case], images)
        first.append(drawn[0] - cases.offsets[case])
    assert set(first) >= {0, 1, 2}


def test_batches_of_bags_say_what_counts_and_of_one_are_those_of_single_images(cases):
    recipe = Recipe.named("finetune", 32)
    several = Positions(cases, batch_size=20, seed=0, images=3)
    batch = next(iter(bag_batches(several, recipe, steps=1)))
    assert batch["images"].shape == (20, 3, 32, 32, 3) and batch["targets"].shape == (20, 27)
    drawn = [images for _, images in several.drawn(0, 1).as_numpy_iterator()]
    numbers = [len(set(images)) for images in drawn]
    np.testing.assert_array_equal(batch["counted"].numpy().sum(axis=1), numbers)
    assert batch["counted"].numpy()[:, 0].all() and set(numbers) == {1, 2, 3}
    one = Positions(cases, batch_size=20, seed=0, images=1)
    bag, single = (
        next(iter(make(one, recipe, steps=1))) for make in (bag_batches, labelled_batches)
    )
    np.testing.assert_array_equal(bag["images"][:, 0], single["images"])
    np.testing.assert_array_equal(bag["targets"], single["targets"])


def test_a_step_has_no_more_images_of_a_case_than_there_are(cases):
    given = {"data_dir": "a", "work_dir": "b"}
    assert tuned_head.images_of_case(make_config("finetune", given).head, cases) == 1
    config = make_config("finetune", given | {"bag": "features", "bag_images": 2})
    assert tuned_head.images_of_case(config.head, cases) == 2
    config = make_config("finetune", given | {"bag": "features", "bag_images": 200})
    assert tuned_head.images_of_case(config.head, cases) == np.diff(cases.offsets).max()


@pytest.fixture(scope="module")
def tuned(data_dir, tmp_path_factory):
    """A head with attention, trained on the device's views of bags, evaluated."""
    work_dir = tmp_path_factory.mktemp("bags") / "run"
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL, "steps": 3}
    given |= {"bag": "attention", "bag_images": 2, "validate_every": 3, "learning_rate": 1.0}
    train_head.run(make_config("finetune", given | {"augment_on": "device", "head_init": "normal"}))
    splits = {"eval_splits": ("validation", "test"), "bootstrap_replicates": 40}
    evaluate(for_existing_run("evaluate", str(work_dir), splits))
    return work_dir


def test_cases_are_evaluated_and_validated_as_they_are_trained(tuned, data_dir):
    config, task, nets = networks.load_trained(tuned)
    cases = manifest.read(data_dir).cases(["validation"])
    made = predictions.read(tuned / "predictions" / "validation.csv")
    rows = [line.split(",") for line in (tuned / "log.csv").read_text().splitlines()]
    told = dict(zip(rows[0], rows[3], strict=True))
    right = made.truth[np.arange(len(made.truth)), made.probabilities.argmax(axis=1)]
    assert float(told["validation_top1_accuracy"]) == pytest.approx(right.mean(), abs=1e-5)
    chance = (made.truth / made.truth.sum(axis=1, keepdims=True) * np.log(made.probabilities)).sum()
    assert float(told["validation_loss"]) == pytest.approx(-chance / len(cases), rel=1e-4)
    scores = nets.attention.get_layer("attention_score").kernel.numpy()
    assert scores.any()  # or attention would be the mean


def test_an_export_answers_for_cases_as_evaluation_does(tuned, data_dir, monkeypatch):
    monkeypatch.setattr(saved_model, "answers_alone", answers_here)
    export.run(for_existing_run("export", str(tuned), {}))
    served = tf.saved_model.load(str(tuned / "export" / "1")).signatures
    cases = manifest.read(data_dir).cases(["test"]).take(np.arange(6))
    contents = [pathlib.Path(path).read_bytes() for path in cases.paths]
    owner = np.repeat(np.arange(6), np.diff(cases.offsets))
    assert len(owner) > 6
    numbers = tf.constant([*owner, 0], tf.int64)
    found = served["cases"](images=tf.constant([*contents, b""]), cases=numbers)
    made = predictions.read(tuned / "predictions" / "test.csv")
    np.testing.assert_allclose(found["probabilities"], made.probabilities[:6], atol=1e-5)
    assert found["images"].numpy().tolist() == np.diff(cases.offsets).tolist()
    unread = served["cases"](images=tf.constant([b""]), cases=tf.constant([4], tf.int64))
    assert (unread["probabilities"].numpy() == -1).all()
    for folder in (tuned, tuned / "export" / "1"):
        with pytest.raises(InputError, match=f"--model={folder} answers for a case otherwise"):
            models.load(folder, models.PROBABILITIES)
        assert models.load(folder, models.FEATURES).classes == ()
    with pytest.raises(InputError, match="--export_format=onnx .* --bag=attention, whose cases"):
        export.run(for_existing_run("export", str(tuned), {"export_format": "onnx"}))
