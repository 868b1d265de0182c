"""config.json is read as flags are: what no flag could have given is refused."""

import json

import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.config.storage import from_json, to_json
from simclr_med.errors import InputError

WHOLE = json.loads(to_json(make_config("pretrain", {"data_dir": "d", "work_dir": "w"})))


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("augment", "image_size", -5),
        ("augment", "image_size", 64.5),
        ("augment", "image_size", 10**20),
        ("augment", "augmentation", "fully"),
        ("encoder", "resnet_d", "true"),
        ("encoder", "width", "1.0"),
        ("encoder", "width", float("nan")),
        ("encoder", "encoder", "resnet19"),
        ("train", "steps", True),
        ("train", "batch_size", None),
        ("data", "splits", [1]),
        ("data", "splits", ["trian"]),
        ("head", "init", "elsewhere"),
        ("train", "precision", "float64"),
    ],
)
def test_a_wrong_value_is_refused_by_name(section, name, value):
    content = json.loads(json.dumps(WHOLE))
    content[section][name] = value
    with pytest.raises(InputError, match=f"run/config.json .*--{name}=.*expected"):
        from_json(json.dumps(content), "w", "run/config.json")


@pytest.mark.parametrize("text", ["[" * 100_000, f'{{"seed": {"9" * 5000}}}', "[]", "{", "null"])
def test_what_is_no_configuration_is_named(text):
    with pytest.raises(InputError, match="run/config.json is not a configuration of this version"):
        from_json(text, "w", "run/config.json")


@pytest.mark.parametrize(("name", "value"), [("mode", "train"), ("seed", -1), ("seed", "0")])
def test_mode_and_seed_are_checked(name, value):
    with pytest.raises(InputError, match=f"{name}.*expected"):
        from_json(json.dumps(WHOLE | {name: value}), "w")


def test_settings_that_contradict_each_other_are_refused():
    encoder = WHOLE["encoder"] | {"encoder": "bit_resnet50", "resnet_d": True}
    with pytest.raises(InputError, match="--resnet_d=True has no effect with --encoder=bit_resne"):
        from_json(json.dumps(WHOLE | {"encoder": encoder}), "w")


def test_a_setting_that_came_later_has_its_default():
    older = json.loads(json.dumps(WHOLE))
    del older["optimizer"]["schedule"], older["distribute"]["tf32"]
    assert from_json(json.dumps(older), "w") == from_json(json.dumps(WHOLE), "w")
