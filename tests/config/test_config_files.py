"""--config: settings in YAML, TOML and JSON, and the config.json of an earlier run."""

import sys

import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.config.config_files import read
from simclr_med.config.fields import FIELDS, flat
from simclr_med.config.setting import acting_modes, default_in
from simclr_med.config.storage import to_json
from simclr_med.errors import InputError

GIVEN = {
    "pretrain": {"steps": 7, "augmentation": "chexpert_pretrain", "weight_decay": 1e-5},
    "finetune": {"splits": ("train", "external"), "label_fraction": 0.5, "focal_gamma": 0.0},
    "linear_probe": {"solver": "lbfgs", "weight_decay": 0.01, "steps": 100},
    "sweep": {"head": "finetune", "learning_rates": ("0.1", "0.2"), "seeds": 2, "steps": 9},
}


@pytest.mark.parametrize("mode", GIVEN)
def test_a_run_s_config_is_the_same_again(mode, tmp_path):
    given = {"data_dir": str(tmp_path), "work_dir": "a", "seed": 3, **GIVEN[mode]}
    config = make_config(mode, given)
    file = tmp_path / "config.json"
    file.write_text(to_json(config))
    found, values = read(file, "")
    again = make_config(found, {**values, "work_dir": "a"})
    assert again == config
    other = make_config(found, {**values, "work_dir": "b", "seed": 1})
    assert other.seed == 1 and flat(other) == flat(config)


TEXTS = {
    ".yaml": "mode: pretrain\nsteps: 7\nweight_decay: 1e-5\nsplits: [train, unlabelled]\n"
    "use_tpu: true\nencoder: resnet18\n",
    ".toml": 'mode = "pretrain"\nsteps = 7\nweight_decay = 1e-5\nencoder = "resnet18"\n'
    'splits = ["train", "unlabelled"]\nuse_tpu = true\n',
    ".json": '{"mode": "pretrain", "steps": 7, "weight_decay": 1e-5, "use_tpu": true,\n'
    '"encoder": "resnet18", "splits": "train,unlabelled"}',
}


@pytest.mark.parametrize("kind", TEXTS)
def test_every_kind_has_the_flags_names(kind, tmp_path):
    if kind == ".toml" and sys.version_info < (3, 11):
        pytest.skip("Python reads TOML from 3.11 on")
    file = tmp_path / f"run{kind}"
    file.write_text(TEXTS[kind])
    assert read(file, "") == (
        "pretrain",
        {"steps": 7, "weight_decay": 1e-5, "splits": ("train", "unlabelled"), "use_tpu": True,
         "encoder": "resnet18"},
    )  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_read(name, tmp_path):
    field = FIELDS[name][1]
    mode = field.metadata["modes"][0]
    value = default_in(acting_modes(mode, "finetune")[-1], field)
    shown = list(value) if isinstance(value, tuple) else value
    import json

    file = tmp_path / "run.json"
    file.write_text(json.dumps({name: shown}))
    assert read(file, mode) == (mode, {name: value})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "step: 3", "step is not a known setting"),
        ("a.yaml", "steps: many", "steps: 'many'; expected int"),
        ("a.yaml", "steps: true", "steps: True; expected int"),
        ("a.yaml", "- steps", "expected names of settings"),
        ("a.yaml", "steps: [", "not YAML"),
        ("a.json", "{", "not JSON"),
        ("a.ini", "steps=3", "ends in .json"),
        ("a.yaml", "mode: train", "mode: 'train' is not one of"),
    ],
)
def test_what_is_wrong_is_named(name, text, said, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said.replace("[", r"\[")) as caught:
        read(tmp_path / name, "")
    assert name in str(caught.value)
    with pytest.raises(InputError, match="--config=.* not found"):
        read(tmp_path / "nowhere.yaml", "")
