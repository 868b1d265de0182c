"""What is told of a run's settings: those that act in it."""

import pytest

from simclr_med.config import checks
from simclr_med.config.checked_config import make_config


def described(mode, **given):
    return checks.described(make_config(mode, {"data_dir": "d", "work_dir": "w"} | given))


@pytest.mark.parametrize(
    ("name", "mode", "idle", "acts"),
    [
        ("trust_coefficient", "pretrain", {"optimizer": "sgd"}, {"optimizer": "lars"}),
        ("rotation", "pretrain", {}, {"augmentation": "chexpert"}),
        ("label_seed", "linear_probe", {}, {"label_fraction": 0.5}),
        (
            "learning_rate",
            "linear_probe",
            {"solver": "lbfgs", "weight_decay": 0.1},
            {"solver": "sgd"},
        ),
    ],
)
def test_a_setting_is_told_where_it_acts_alone(name, mode, idle, acts):
    assert name not in described(mode, **idle) and name in described(mode, **acts)


def test_what_another_mode_has_and_what_changes_no_result_stays_out():
    found = described("pretrain")
    assert found["mode"] == "pretrain" and found["temperature"] == "0.1"
    assert not {"label_fraction", "threads", "data_dir", "init"} & found.keys()
