"""A flag that changes nothing is refused: every flag, in every mode, under every condition."""

import itertools

import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import FIELDS, SECTIONS
from simclr_med.config.setting import MODES, acting_modes, default_in
from simclr_med.errors import InputError

DATA = {"data_dir": "d", "work_dir": "w"}
# Values of the settings that decide; choices are taken from the fields themselves.
SAMPLES = {
    "data_service": ["", "grpc://host:1"],
    "init": ["random"],  # a start from elsewhere is read from a folder, see below
    "extra_layers": ["", '{"GridMask": {}}'],
    "steps": [5, 50],
    "label_fraction": [0.5, 1.0],
    "validate_every": [0, 5],
    "encoder": ["resnet18", "bit_resnet50"],
}
# Of a flag under test, where its default is refused or would say nothing.
GIVEN = {"profile_steps": "10,20", "splits": ("train",), "runs": ("a",), "data_dir": "d"}
CONDITIONED = {name for name, (_, field) in FIELDS.items() if field.metadata["acts"]}


def value_of(name, mode):
    return GIVEN.get(name, default_in(mode, FIELDS[name][1]))


def cases(name):
    """Yield (mode, other settings) of all combinations of what decides whether a flag acts."""
    field = FIELDS[name][1]
    for mode, condition in itertools.product(field.metadata["modes"], field.metadata["acts"]):
        if mode in condition.modes:
            names = condition.deciding
            choices = [SAMPLES.get(other, FIELDS[other][1].metadata["check"]) for other in names]
            for values in itertools.product(*choices):
                yield mode, dict(zip(names, values, strict=True))


def settings_of(config):
    values = {n: getattr(getattr(config, section), n) for n, (section, _) in FIELDS.items()}
    return values | {"mode": config.mode}


def outcome(mode, given):
    """Return the message that a configuration is refused with, or None."""
    try:
        make_config(mode, given)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", sorted(CONDITIONED))
def test_a_flag_is_refused_exactly_where_its_conditions_do_not_hold(name):
    tried = set()
    for mode, others in cases(name):
        if "keep" in others:
            others["validate_every"] = 5
        if "solver" in others:
            others["weight_decay"] = 0.1
        if outcome(mode, DATA | others):
            continue  # what decides is itself refused here: no run has it
        given = DATA | others | {name: value_of(name, mode)}
        settings = settings_of(make_config(mode, DATA | others))
        failing = [
            each
            for each in FIELDS[name][1].metadata["acts"]
            if mode in each.modes and not each.holds(settings | {name: given[name]})
        ]
        said = outcome(mode, given)
        tried.add(bool(failing))
        if not failing:
            assert said is None or not said.startswith(f"--{name} has no effect"), said
            continue
        assert said and "\n" not in said
        shown = [f"--{other}={settings[other]}" for other in failing[0].deciding]
        assert said.startswith(f"--{name} has no effect with ")
        assert all(part in said for part in shown) and failing[0].expected in said
    acting_elsewhere = {"bn_statistics"}  # with --init=run:PATH
    assert tried == ({True} if name in acting_elsewhere else {True, False})


@pytest.mark.parametrize("mode", MODES)
def test_a_flag_of_another_mode_is_refused(mode):
    acting = set(acting_modes(mode, default_in(mode, FIELDS["head"][1])))
    for name, (_, field) in FIELDS.items():
        if not acting & set(field.metadata["modes"]):
            said = outcome(mode, {"work_dir": "w", name: value_of(name, mode)})
            assert said and said.startswith(f"--{name} has no effect with --mode={mode}")


@pytest.mark.parametrize(
    ("mode", "given", "because"),
    [
        ("linear_probe", {"trust_coefficient": 0.1}, "--optimizer=sgd"),
        ("finetune", {"trust_coefficient": 0.1, "optimizer": "adam"}, "--optimizer=adam"),
        ("finetune", {"projection_layers": 3}, "--head_input=encoder"),
        ("linear_probe", {"projection_dim": 8, "head_input": "projection1"}, "projection_layers=2"),
        ("pretrain", {"eval_crop": 0.5}, "--monitor=none"),
        ("pretrain", {"bn_statistics": "frozen"}, "--init=random"),
        ("finetune", {"bn_momentum": 0.5, "encoder": "bit_resnet50"}, "--encoder=bit_resnet50"),
        ("pretrain", {"augment_on": "device", "augmentation": "partial"}, "--augmentation=partial"),
        ("pretrain", {"profile_steps": "7,9", "steps": 5}, "--steps=5"),
        ("pretrain", {"cache_gib": 1.0, "cache": "none"}, "--cache=none"),
    ],
)
def test_what_makes_a_flag_idle_is_named(mode, given, because):
    said = outcome(mode, DATA | given)
    assert said.startswith(f"--{next(iter(given))} has no effect") and because in said


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        ("pretrain", {"eval_crop": 0.5, "monitor": "knn"}),
        ("pretrain", {"eval_crop": 0.5, "augmentation": "none"}),
        ("linear_probe", {"eval_crop": 0.5}),
        ("finetune", {"projection_dim": 8, "head_input": "projection2"}),
        ("finetune", {"bn_momentum": 0.5, "encoder": "bit_resnet50", "head_input": "projection1"}),
        ("linear_probe", {"trust_coefficient": 0.1, "optimizer": "lars"}),
        ("pretrain", {"bn_momentum": 0.5, "encoder": "bit_resnet50"}),  # of the projection head
    ],
)
def test_a_flag_that_acts_is_accepted(mode, given):
    settings = settings_of(make_config(mode, DATA | given))
    assert {name: settings[name] for name in given} == given


def test_no_two_settings_share_a_flag():
    names = [name for kind in SECTIONS.values() for name in kind.__dataclass_fields__]
    assert len(names) == len(set(names))


def test_conditions_name_settings_that_there_are():
    for section, kind in SECTIONS.items():
        for field in kind.__dataclass_fields__.values():
            for condition in field.metadata["acts"]:
                assert set(condition.deciding) <= set(FIELDS), (section, field.name)
