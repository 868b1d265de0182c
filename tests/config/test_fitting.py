"""Settings that fit: a table of examples, and what a given value keeps."""

import dataclasses

import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.config.fitting import LEAST_STEPS, Found, fitted, steps_in

LESIONS = Found(images=7399, cases=5540, side=120, grey=False, device="CPU")


def values(found, given=()):
    return {name: choice.value for name, choice in fitted(found, dict(given)).items()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"encoder": "resnet18", "image_size": 64, "batch_size": 128, "temperature": 0.5,
              "optimizer": "adam", "learning_rate_scaling": "none", "color_strength": 0.5}),
        ({"cases": 60}, {"batch_size": 16}),
        ({"cases": 3}, {"batch_size": 2}),
        ({"cases": 256}, {"batch_size": 128}),
        ({"side": 40}, {"image_size": 32}),
        ({"side": 20}, {"image_size": 32}),
        ({"grey": True}, {"augmentation": "chexpert_pretrain"}),
        ({"device": "GPU", "side": 600}, {"encoder": "resnet50", "image_size": 224,
                                          "batch_size": 256}),
        ({"device": "TPU", "side": 100}, {"encoder": "resnet50", "image_size": 96}),
    ],
)  # fmt: skip
def test_examples(changes, expected):
    found = dataclasses.replace(LESIONS, **changes)
    chosen = values(found)
    assert expected.items() <= chosen.items()
    assert chosen["batch_size"] <= max(2, found.cases)
    assert all(choice.reason for choice in fitted(found, {}).values())
    make_config("pretrain", {"data_dir": "d", "work_dir": "w", "steps": 100, **chosen})


@pytest.mark.parametrize(
    ("given", "absent"),
    [
        ({"encoder": "resnet34"}, {"encoder"}),
        ({"optimizer": "lars"}, {"optimizer", "learning_rate", "learning_rate_scaling"}),
        ({"augmentation": "none"}, {"augmentation", "color_strength", "crop_min_area"}),
        ({"init": "run:a"}, {"encoder", "image_size"}),
        ({"batch_size": 1024}, {"batch_size", "temperature"}),
        ({"temperature": 0.2}, {"temperature"}),
    ],
)
def test_what_is_given_wins_with_what_hangs_on_it(given, absent):
    chosen = values(LESIONS, given)
    assert not absent & set(chosen) and len(chosen) >= 5


@pytest.mark.parametrize(
    ("seconds", "each", "cases", "batch", "steps"),
    [
        (3600, 1.0, 5540, 128, 3600),
        (10, 1.0, 5540, 128, LEAST_STEPS),
        (10**9, 1.0, 100, 50, 2000),  # 1,000 epochs of two steps
        (10**9, 1.0, 2, 2, 1000),
    ],
)
def test_steps_of_a_time(seconds, each, cases, batch, steps):
    assert steps_in(seconds, each, cases, batch).value == steps
