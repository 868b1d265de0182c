"""What can be seen of a run: TensorBoard's files, a profile, a monitor."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from sklearn.neighbors import KNeighborsClassifier

from simclr_med.config.checked_config import make_config
from simclr_med.data import manifest
from simclr_med.encoders import networks
from simclr_med.training import features, pretrain

pytestmark = pytest.mark.usefixtures("shortest_encoder")


@pytest.fixture(scope="module")
def watched(data_dir, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("watched") / "run"
    given = {
        "data_dir": str(data_dir), "work_dir": str(work_dir), "encoder": "resnet18",
        "width": 0.125, "image_size": 32, "batch_size": 8, "steps": 4, "profile_steps": "2,3",
        "monitor": "knn", "monitor_every": 2,
    }  # fmt: skip
    config = make_config("pretrain", given)
    pretrain.run(config)
    return config, work_dir


def table(file):
    with open(file, newline="") as content:
        return list(csv.DictReader(content))


def test_tensorboard_shows_what_the_log_has(watched):
    _, work_dir = watched
    (events,) = (work_dir / "tensorboard").glob("events*")
    scalars, images = {}, 0
    for event in tf.compat.v1.train.summary_iterator(str(events)):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "images":
                images += 1
            else:
                scalars[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    assert images == 1
    rows = table(work_dir / "log.csv")
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        step = int(row.pop("step"))
        for name, value in row.items():
            assert scalars[step, f"train/{name}"] == pytest.approx(float(value), rel=1e-4)
        assert 0 <= float(row["input_wait"]) <= 1
        assert float(row["trust_min"]) <= float(row["trust_median"]) <= float(row["trust_max"])
        assert float(row["gradient_norm"]) > 0
    measured = table(work_dir / "monitor.csv")
    assert len(measured) == 2
    for row in measured:
        assert scalars[int(row["step"]), "monitor/knn_auc"] == pytest.approx(
            float(row["knn_auc"]), rel=1e-4
        )


def test_profile(watched):
    _, work_dir = watched
    assert len(list((work_dir / "tensorboard").glob("plugins/profile/*/*.xplane.pb"))) == 1


def test_the_monitor_measures_the_encoder_as_it_is(watched, data_dir):
    config, work_dir = watched
    rows = table(work_dir / "monitor.csv")
    assert [row["step"] for row in rows] == ["2", "4"]
    monitor = features.knn_monitor(networks.load_encoder(work_dir), manifest.read(data_dir), config)
    for name, value in monitor().items():
        assert float(rows[-1][name]) == pytest.approx(value, abs=1e-5)


def test_neighbours_vote_as_scikit_learn_s():
    draw = np.random.default_rng(0)
    bank, found = draw.standard_normal([60, 8]), draw.standard_normal([40, 8])
    labels = np.eye(4)[draw.integers(0, 4, 60)]

    def weigh(distances):  # of cosine
        return np.exp((1 - distances) / 0.07)

    theirs = KNeighborsClassifier(20, weights=weigh, metric="cosine", algorithm="brute")
    theirs.fit(bank, labels.argmax(1))
    ours = features.neighbours_vote(found, bank, labels)
    np.testing.assert_allclose(ours, theirs.predict_proba(found), rtol=1e-6)


def test_unknown_labels_have_no_vote():
    bank, found = np.eye(3), np.array([[1.0, 1, 1]])  # as near to each
    labels = np.array([[1, np.nan], [0, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(features.neighbours_vote(found, bank, labels), [[0.5, 0.5]])
    labels[2] = [0, 1]
    np.testing.assert_allclose(features.neighbours_vote(found, bank, labels), [[1 / 3, 1]])
