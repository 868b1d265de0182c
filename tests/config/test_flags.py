"""Every flag changes what it says it changes."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from kill_runs import differ, same, weights
from predictions_made import fake
from runs_made import head_folder
from short_run import with_blocks

from simclr_med import modes
from simclr_med.config import architectures
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.fields import FIELDS
from simclr_med.data import batches, manifest, originals
from simclr_med.encoders import checkpoint, networks, recompute
from simclr_med.errors import InputError, RunError
from simclr_med.evaluation import predictions
from simclr_med.evaluation.intervals import bootstrap
from simclr_med.training import features, predict, pretrain
from simclr_med.training.heads import train_head
from simclr_med.training.loop import trainer

RUN = {"pretrain": pretrain.run, "finetune": train_head.run, "linear_probe": train_head.run}
SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "steps": 2, "batch_size": 8}
PRETRAINING = {  # values other than the test's base, by where a run's first steps show them
    "start": {
        "encoder": ["resnet34"],
        "width": [0.25],
        "zero_init": [False],
        "projection_layers": [3],
        "projection_dim": [16],
        "seed": [1],
    },
    "batches": {
        "splits": [("train",)],
        "positives": ["case"],
        "image_size": [40],
        "augmentation": ["partial", "chexpert", "chexpert_pretrain", "finetune", "none"],
        "extra_layers": ['{"RandomCutout": {"height_factor": 0.5, "width_factor": 0.5}}'],
        "color_strength": [0.0],
        "crop_min_area": [0.9],
        "batch_size": [4],
        "steps": [3],
        "seed": [1],
    },
    "steps": {
        "bn_momentum": [0.5],
        "temperature": [1.0],
        "optimizer": ["sgd", "adam", "lamb"],
        "learning_rate": [0.9],
        "learning_rate_scaling": ["none", "sqrt"],
        "schedule": ["constant"],
        "momentum": [0.1],
        "weight_decay": [10.0],
        "trust_coefficient": [0.1],
        "warmup_fraction": [0.9],
        "batch_size": [4],
        "precision": ["mixed_bfloat16", "mixed_float16"],
        "steps": [3],
    },
}
CHEXPERT = {  # values other than the recipe's own
    "rotation": [0.0, 90.0],
    "brightness": [0.5],
    "contrast": [0.9],
    "contrast_reading": ["literal"],
    "window": [0.4],
}
HEAD = {
    "label_fraction": [0.5],
    "label_smoothing": [0.3],
    "class_weights": ["balanced", "sqrt"],
    "head_input": ["stage1", "stage2", "stage3", "projection1", "projection2"],
    "eval_crop": [0.5],
    "init": ["random"],
}
LOOP = {"micro_batch", "save_every", "keep_checkpoints", "log_every", "threads"}
LOOP |= {"gradient_checkpointing"}
OF_SOME = {"resnet_d", "selective_kernels"}  # in encoders, or at sizes, other than the base's
ELSEWHERE = {
    "skip_bad_images", "data_service",  # test_unreadable, test_service
    "augment_on", "bn_statistics", "jit_compile", "cache", "cache_gib",  # below
    "tf32",  # test_devices
    "cases",  # test_any_images
    "strategy", "use_tpu", "tpu", "tpu_zone", "gcp_project", "cpu_devices",  # test_distribute
    "monitor", "monitor_every", "profile_steps",  # test_watching
    "label_seed",  # below
    "validate_every", "keep", "choose_by", "patience",  # test_validation
    "solver",  # test_probes
    "head_init", "head_rate", "layer_decay",  # test_tuned_rates
    "focal_gamma",  # test_head_loss
    "targets",  # test_label_weights
    "bag", "bag_images",  # test_bags
    "weight_averaging", "ema_decay", "swa_start",  # test_averaging
    "features_dir", "features_gib",  # test_kept_features
    "head", "learning_rates", "weight_decays", "label_fractions", "seeds",  # test_sweep
    "model", "images", "image_column", "dicom_ids", "salt", "features_format",  # test_bulk
    "nearest", "gradcam",  # test_explaining
    "halving",  # test_halving
}  # fmt: skip
LATER = {
    "eval_splits", "eval_batch", "bootstrap_replicates", "confidence", "bootstrap_unit",
    "bootstrap_interval", "allow_seen",
    "runs", "title", "baseline", "format", "margin", "errors_shown",
    "export_version", "export_format",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("short_encoders")


def test_no_flag_is_forgotten():
    pretraining = [name for values in PRETRAINING.values() for name in values]
    tested = {*pretraining, *CHEXPERT, *HEAD, *LOOP, *OF_SOME, *ELSEWHERE, *LATER} - {"seed"}
    assert tested == set(FIELDS) - {"data_dir"}  # without it nothing runs


def each_value(flags):
    return [(name, value) for name, values in flags.items() for value in values]


def start(model, variables, batches_from):
    """The weights before the first step."""
    return {name: value.numpy() for name, value in variables.items()}


def batches_seen(model, variables, batches_from):
    """All batches of the run."""
    found = enumerate(batches_from(0))
    return {f"{i}/{name}": v.numpy() for i, batch in found for name, v in batch.items()}


def steps_taken(batches=None):
    """All that a checkpoint would hold after steps on batches, by default the run's own."""

    def seen(model, variables, batches_from):
        for batch in batches or batches_from(0):
            model.train_step(batch)
        return start(
            model, variables | checkpoint.named_optimizer_variables(model.optimizer), batches_from
        )

    return seen


def begun(look, data_dir, work_dir, mode="pretrain", **changes):
    """What `look` sees of what the command gives to its loop, of which no step is then taken."""
    seen = []

    def train(model, variables, batches_from, **others):
        seen.append(look(model, variables, batches_from))

    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL, **changes}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "train", train)
        RUN[mode](make_config(mode, given))
    return seen[0]


def pretrained(data_dir, work_dir, **changes):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL, **changes}
    pretrain.run(make_config("pretrain", given))
    return weights(work_dir)


@pytest.fixture
def one_block(monkeypatch):
    """The smallest network, where another would show the same."""
    monkeypatch.setitem(architectures.ENCODERS, "resnet18", with_blocks("resnet18", (1,)))


@pytest.fixture(scope="module")
def base(data_dir, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("base") / "run"
    pretrained(data_dir, work_dir)
    return work_dir


@pytest.fixture(scope="module")
def looks(data_dir, tmp_path_factory):
    """What to look at, by name, and what is seen of the base; its steps are on its batches."""
    own = begun(lambda *given: list(given[2](0)), data_dir, tmp_path_factory.mktemp("own") / "run")
    found = {"start": start, "batches": batches_seen, "steps": steps_taken(own)}
    folder = tmp_path_factory.mktemp("looks")
    return {name: (look, begun(look, data_dir, folder / name)) for name, look in found.items()}


def test_a_run_is_the_steps_that_its_loop_is_given(base, looks):
    """What is looked at instead of whole runs is what a whole run does."""
    _, stepped = looks["steps"]
    assert not differ(weights(base), stepped)
    for name, value in weights(base).items():
        np.testing.assert_allclose(stepped[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("seen", "name", "value"),
    [(seen, *each) for seen in ("start", "steps") for each in each_value(PRETRAINING[seen])],
)
def test_pretraining(seen, name, value, looks, data_dir, tmp_path):
    look, usual = looks[seen]
    assert differ(usual, begun(look, data_dir, tmp_path / "run", **{name: value}))


@pytest.mark.parametrize(("name", "value"), each_value(PRETRAINING["batches"]))
def test_what_pretraining_sees(name, value, looks, one_block, data_dir, tmp_path):
    _, usual = looks["batches"]
    assert differ(usual, begun(batches_seen, data_dir, tmp_path / "run", **{name: value}))


def test_a_step_has_its_micro_batches(one_block, data_dir, tmp_path, monkeypatch):
    """What becomes of them, test_train_step shows."""
    seen = []

    def spy(model, strategy, micro_batches, jit_compile):
        seen.append(micro_batches)
        return lambda parts: seen.append([len(part["view1"]) for part in parts])

    monkeypatch.setattr(trainer, "compiled_step", spy)
    pretrained(data_dir, tmp_path / "run", micro_batch=4)
    assert seen == [2, [4, 4], [4, 4]]


def test_settings_that_some_encoders_have(monkeypatch):
    monkeypatch.setitem(architectures.ENCODERS, "resnet50", with_blocks("resnet50", (1, 1)))
    given = {"data_dir": "x", "work_dir": "y", **SMALL, "encoder": "resnet50", "image_size": 40}
    names = {
        flag: set(networks.build(make_config("pretrain", given | {flag: True})).variables())
        for flag in OF_SOME
    }
    assert "encoder/stem_conv2/kernel" in names["resnet_d"] - names["selective_kernels"]
    mixing = "encoder/stage2_block1_mix_a/kernel"
    assert mixing in names["selective_kernels"] - names["resnet_d"]
    given |= {"encoder": "resnet18"}
    with pytest.raises(InputError, match="--selective_kernels=True has no effect with --encoder=r"):
        make_config("pretrain", given | {"selective_kernels": True})
    given |= {"encoder": "bit_resnet50"}
    with pytest.raises(
        InputError, match="--zero_init=False has no effect .*; it acts with resnet18"
    ):
        make_config("pretrain", given | {"zero_init": False})


def test_gradient_checkpointing_changes_memory_alone(base, looks, data_dir, tmp_path, monkeypatch):
    seen, original = [], recompute._recomputed

    def spy(segment, of_batch):
        seen.append(segment.layers[-1].name)
        return original(segment, of_batch)

    monkeypatch.setattr(recompute, "_recomputed", spy)
    look, usual = looks["steps"]
    after = begun(look, data_dir, tmp_path / "run", gradient_checkpointing="blocks")
    assert set(seen) >= {"stage1_block1_out", "stage1", "stage4", "features"}
    for name, value in usual.items():
        np.testing.assert_allclose(after[name], value, atol=1e-5, err_msg=name)
    del seen[:]
    given = {"init": f"run:{base}", "head_input": "stage2", "gradient_checkpointing": "stages"}
    begun(steps_taken(), data_dir, tmp_path / "tuned", "finetune", steps=1, **given)
    assert {"stage1", "stage2"} <= set(seen) and not {"stage1_block1_out", "stage3"} & set(seen)


@pytest.fixture(scope="module")
def chexpert(data_dir, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("chexpert") / "run"
    return begun(batches_seen, data_dir, work_dir, augmentation="chexpert")


@pytest.mark.parametrize(("name", "value"), each_value(CHEXPERT))
def test_pretraining_with_chexpert_s_recipe(name, value, chexpert, one_block, data_dir, tmp_path):
    given = {"augmentation": "chexpert", name: value}
    assert differ(chexpert, begun(batches_seen, data_dir, tmp_path / "run", **given))


@pytest.mark.parametrize("mode", ["pretrain", "finetune"])
def test_views_may_be_made_on_the_device(mode, one_block, data_dir, tmp_path):
    """Another order of sums gives other bits, not other views."""

    def first_views(model, variables, batches_from):
        batch = next(iter(batches_from(0)))
        return model.views(batch), [name for name in batch if name.startswith("draws")]

    (host, no_draws), (device, draws) = (
        begun(first_views, data_dir, tmp_path / place, mode, augment_on=place)
        for place in ("host", "device")
    )
    assert draws and not no_draws
    np.testing.assert_allclose(host, device, atol=1e-4)


def test_recipes_have_strengths_of_their_own_and_refuse_those_of_others():
    given = {"data_dir": "a", "work_dir": "b"}
    own = make_config("pretrain", given | {"augmentation": "chexpert_pretrain"}).augment
    assert (own.rotation, own.color_strength) == (45.0, 0.5)
    assert make_config("finetune", given).augment.augmentation == "finetune"
    assert make_config("finetune", given | {"rotation": 5.0}).augment.rotation == 5.0
    for name, value in (("rotation", 181.0), ("brightness", 1.5), ("contrast", -0.1)):
        with pytest.raises(InputError, match=f"--{name}"):
            make_config("pretrain", given | {"augmentation": "chexpert", name: value})


def test_frozen_statistics_stay(base, looks, data_dir, tmp_path):
    look, _ = looks["steps"]
    for statistics in ("batch", "frozen"):
        given = {"init": f"run:{base}", "bn_statistics": statistics}
        after = begun(look, data_dir, tmp_path / statistics, **given)
        moving = {name: value for name, value in weights(base).items() if "moving" in name}
        assert moving and same(moving, {name: after[name] for name in moving}) == (
            statistics == "frozen"
        )


def test_jit_compile_reaches_what_compiles_the_step(one_block, data_dir, tmp_path, monkeypatch):
    """That it does the same by XLA, test_train_step shows."""
    seen = []

    def spy(model, strategy, micro_batches, jit_compile):
        seen.append(jit_compile)
        raise RunError("seen")  # what follows would take its time

    monkeypatch.setattr(trainer, "compiled_step", spy)
    for jit_compile in (True, False):
        with pytest.raises(RunError, match="seen"):
            pretrained(data_dir, tmp_path / "run", jit_compile=jit_compile)
    assert seen == [True, False]


def test_a_layer_that_kerascv_has_not_leaves_nothing_behind(data_dir, tmp_path):
    with pytest.raises(InputError, match="KerasCV has no layer Cutout"):
        pretrained(data_dir, tmp_path / "run", extra_layers='{"Cutout": {}}')
    assert not (tmp_path / "run").exists()


def test_pretraining_goes_on_from_another_run(base, data_dir, tmp_path):
    after = begun(start, data_dir, tmp_path / "run", init=f"run:{base}", seed=1)
    assert after and same(after, {name: weights(base)[name] for name in after})


@pytest.fixture(scope="module")
def probe(base, tmp_path_factory):
    """The settings of a probe on the base; features that two have in common are kept."""
    return {"init": f"run:{base}", "features_dir": str(tmp_path_factory.mktemp("features"))}


@pytest.fixture(scope="module")
def head(probe, data_dir, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("head") / "run"
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL, **probe}
    train_head.run(make_config("linear_probe", given))
    return work_dir


def test_the_cases_of_a_fraction_follow_the_label_seed_alone(
    one_block, data_dir, tmp_path, monkeypatch
):
    seen = []

    def spy(model, paths, config):
        seen.append(set(paths))
        raise RunError("seen")  # what follows would take its time

    monkeypatch.setattr(features, "extract", spy)
    for seeds in ({}, {"seed": 1}, {"label_seed": 1}):
        with pytest.raises(RunError, match="seen"):
            given = {"label_fraction": 0.5, **seeds}
            begun(start, data_dir, tmp_path / "run", "linear_probe", **given)
    assert seen[0] == seen[1] != seen[2] and len(seen[2] & seen[0]) > 0
    with pytest.raises(InputError, match="--label_seed has no effect .* --label_fraction b"):
        make_config("linear_probe", {"data_dir": "a", "work_dir": "b", "label_seed": 1})


@pytest.mark.parametrize(("name", "value"), [("seed", 0), *each_value(HEAD)])
def test_head(name, value, probe, head, data_dir, tmp_path):
    changes = probe | {name: value}
    changed = begun(steps_taken(), data_dir, tmp_path / "run", "linear_probe", **changes)
    assert differ(weights(head), changed) == (name != "seed")


def test_finetuning_augments(one_block, data_dir, tmp_path):
    full, partial, none = (
        begun(batches_seen, data_dir, tmp_path / name, "finetune", augmentation=name)
        for name in ("full", "partial", "none")
    )
    assert differ(full, partial) and differ(full, none) and differ(partial, none)


def test_saving_and_logging(one_block, data_dir, tmp_path):
    given = {"steps": 7, "save_every": 2, "keep_checkpoints": 3, "log_every": 3}
    pretrained(data_dir, tmp_path / "run", **given)
    assert checkpoint.steps(tmp_path / "run") == [4, 6, 7]
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "3", "6", "7"]  # the last, always


@pytest.fixture
def kept(monkeypatch):
    """(images, whether on disk) of each place where pixels are kept."""
    found, original = [], originals.Kept

    def spy(paths, shapes, buffer):
        found.append((len(shapes), isinstance(buffer, np.memmap)))
        return original(paths, shapes, buffer)

    monkeypatch.setattr(originals, "Kept", spy)
    return found


@pytest.mark.parametrize("cache", ["none", "memory", "disk"])
def test_cache_changes_where_pixels_come_from_alone(
    cache, looks, one_block, data_dir, tmp_path, kept
):
    images = len(manifest.read(data_dir).cases(["train", "unlabelled"]).paths)
    _, usual = looks["batches"]
    seen = begun(batches_seen, data_dir, tmp_path / "run", cache=cache)
    assert kept == {"none": [], "memory": [(images, False)], "disk": [(images, True)]}[cache]
    assert same(usual, seen)
    assert not list((tmp_path / "run").glob("*.cache"))


def test_cache_gib_bounds_what_is_kept(looks, one_block, data_dir, tmp_path, kept):
    _, usual = looks["batches"]
    gib = 80 * 32 * 32 * 3 / 2**30
    assert same(usual, begun(batches_seen, data_dir, tmp_path / "run", cache_gib=gib))
    assert [images for images, _ in kept] == [80]
    with pytest.raises(InputError, match="--cache_gib has no effect with --cache=none"):
        pretrained(data_dir, tmp_path / "other", cache="none", cache_gib=2.0)


def test_threads_reach_tf_data(looks, one_block, data_dir, tmp_path, monkeypatch):
    seen, original = [], batches._batches

    def spy(*arguments, threads, **running):
        seen.append(threads)
        return original(*arguments, threads=threads, **running)

    monkeypatch.setattr(batches, "_batches", spy)
    _, usual = looks["batches"]
    assert same(usual, begun(batches_seen, data_dir, tmp_path / "run", threads=3))
    assert set(seen) == {3}


# Evaluation, report, export


def evaluated(head, data_dir, tmp_path, **given):
    copy = tmp_path / f"head{len(list(tmp_path.iterdir()))}"
    shutil.copytree(head, copy)
    given = {"data_dir": str(data_dir), "bootstrap_replicates": 40, **given}
    modes.evaluate(for_existing_run("evaluate", str(copy), given))
    return copy, json.loads((copy / "metrics.json").read_text())["splits"]


def test_evaluation(head, data_dir, tmp_path, monkeypatch):
    copy, usual = evaluated(head, data_dir, tmp_path)
    _, splits = evaluated(head, data_dir, tmp_path, eval_splits=("validation", "external"))
    assert set(usual) == {"test"} and set(splits) == {"validation", "external"}
    made = predictions.read(copy / "predictions" / "test.csv")
    drawn = {json.dumps(usual["test"]["metrics"])}
    # What follows draws again, from predictions that stay the same.
    given = {"data_dir": str(data_dir)}
    predicted = predict.predict_splits(for_existing_run("evaluate", str(copy), given))
    monkeypatch.setattr(networks, "load_trained", lambda work_dir: None)
    monkeypatch.setattr(predict, "predict_splits", lambda config, head: predicted)
    for given, settings in (
        ({"confidence": 0.5}, {"confidence": 0.5}),
        ({"bootstrap_replicates": 80}, {"replicates": 80}),
        ({"bootstrap_unit": "case"}, {"unit": "case"}),
        ({"bootstrap_interval": "bca"}, {"interval": "bca"}),
        ({"seed": 5}, {"seed": 5}),
    ):
        _, found = evaluated(head, data_dir, tmp_path, **given)
        expected = bootstrap.evaluate(made, bootstrap.Settings(**{"replicates": 40} | settings))
        assert found["test"]["metrics"] == expected["metrics"], given
        drawn.add(json.dumps(expected["metrics"]))
    assert len(drawn) == 6


def test_what_was_learnt_from_is_not_evaluated_unless_it_is_asked_for(head, data_dir, tmp_path):
    """The other data folder has train and test swapped; the unlabelled pool trained the encoder."""
    swapped = shutil.copytree(data_dir, tmp_path / "swapped")
    text = (swapped / "manifest.csv").read_text()
    for old, new in ((",train,", ",new,"), (",test,", ",train,"), (",new,", ",test,")):
        text = text.replace(old, new)
    (swapped / "manifest.csv").write_text(text)
    with pytest.raises(InputError, match="learnt from 60 of the 60 cases of test .*60 by case"):
        evaluated(head, swapped, tmp_path)
    copy = tmp_path / "head1"
    assert not (copy / "metrics.json").exists() and not (copy / "predictions").exists()
    _, told = evaluated(head, swapped, tmp_path, allow_seen=True)
    assert told["test"]["learnt_from"]["cases"] == 60
    _, usual = evaluated(head, data_dir, tmp_path)
    assert usual["test"]["learnt_from"] == {
        "cases": 0, "by": {"case": 0, "patient": 0, "image": 0}, "unknown": [],
    }  # fmt: skip


def test_the_encoder_s_cases_count_as_the_head_s_and_by_their_images_too(
    head, data_dir, tmp_path, capsys
):
    other = shutil.copytree(data_dir, tmp_path / "other")
    table = pd.read_csv(other / "manifest.csv", dtype=str, keep_default_na=False)
    pool = table["split"] == "unlabelled"
    labels = table.loc[table["split"] == "train", "labels"].iloc[0]
    table = table[pool].assign(split="test", labels=labels, patient_id="")
    table["case_id"] = "renamed " + table["case_id"]
    table.to_csv(other / "manifest.csv", index=False)
    count = table["case_id"].nunique()
    with pytest.raises(
        InputError, match=f"{count} of the {count} cases of test .{count} by image;"
    ):
        evaluated(head, other, tmp_path)
    evaluated(head, other, tmp_path, allow_seen=True)
    assert f"no test: the head has learnt from {count} of these {count}" in capsys.readouterr().out


def test_a_case_is_evaluated_the_same_whatever_the_batch(head, data_dir, tmp_path, monkeypatch):
    sizes, original = [], features.evaluation_batches

    def spy(paths, *, batch_size, **settings):
        sizes.append(batch_size)
        return original(paths, batch_size=batch_size, **settings)

    monkeypatch.setattr(features, "evaluation_batches", spy)
    made = []
    for given in ({"eval_batch": 7}, {}):
        copy, _ = evaluated(head, data_dir, tmp_path, **given)
        made.append(predictions.read(copy / "predictions" / "test.csv").probabilities)
    assert sizes == [7, 64] and np.ptp(made[0], axis=0).max() > 1e-2
    np.testing.assert_allclose(*made, atol=1e-5)


def test_report(tmp_path):
    copy = head_folder(tmp_path / "head", fake(40, 3, patients=30))
    base = {"runs": (f"Ours={copy}", f"Same={copy}"), "work_dir": str(tmp_path / "page")}
    pages, intervals = {}, {}
    for changes in (
        {}, {"title": "A & B"}, {"bootstrap_replicates": 200}, {"confidence": 0.5},
        {"bootstrap_unit": "case"}, {"bootstrap_interval": "bca"}, {"seed": 7},
        {"runs": (f"Mine={copy}",)}, {"baseline": "Same"}, {"errors_shown": 1},
    ):  # fmt: skip
        modes.report(make_config("report", {"bootstrap_replicates": 40, **base, **changes}))
        pages[str(changes)] = page = (tmp_path / "page" / "report.html").read_text()
        intervals[str(changes)] = tuple(re.findall(r"\[0\.\d+, [01]\.\d+\]", page)[:20])
    assert len(set(pages.values())) == len(pages)
    # What draws changes the numbers too, and nothing else does.
    drawing = [text for text in pages if re.search("bootstrap|confidence|seed", text)]
    assert len(drawing) == 5 and len({intervals[text] for text in ("{}", *drawing)}) == 6
    assert intervals["{}"] == intervals["{'title': 'A & B'}"] and len(intervals["{}"]) == 20
    assert "A &amp; B" in pages["{'title': 'A & B'}"]
    work_dir = str(tmp_path / "tables")
    changes = {**base, "format": ("latex", "markdown"), "work_dir": work_dir}
    modes.report(make_config("report", {"bootstrap_replicates": 40, **changes}))
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        "report.md",
        "report.tex",
    ]


def test_export_version(head, tmp_path, monkeypatch):
    """Without one the next; the tests of exports ask for one."""
    from simclr_med.serving import export
    from simclr_med.serving.formats import saved_model

    monkeypatch.setattr(saved_model, "write", lambda folder, trained, sample: [])
    copy = tmp_path / "head"
    shutil.copytree(head, copy)
    (copy / "export" / "7").mkdir(parents=True)
    export.run(for_existing_run("export", str(copy), {}))
    assert sorted(path.name for path in (copy / "export").iterdir()) == ["7", "8"]
    with pytest.raises(InputError, match="export_version=7"):
        export.run(for_existing_run("export", str(copy), {"export_version": 7}))


def test_a_loss_that_diverges_stops_the_run(one_block, data_dir, tmp_path):
    changes = {"optimizer": "sgd", "learning_rate": 1e30, "warmup_fraction": 0.0, "steps": 20}
    with pytest.raises(RunError, match="the loss is"):
        pretrained(data_dir, tmp_path / "run", **changes)
