"""tools/compare.py: which runs it makes of its arms. Nothing is trained; the demo does that."""

import dataclasses
import re

import flag_files
import pytest
from conftest import ROOT
from runs_made import imported_folder

from simclr_med.command import compare
from simclr_med.config import sweeping
from simclr_med.config.checked_config import make_config
from simclr_med.config.storage import to_json
from simclr_med.errors import InputError
from simclr_med.files.atomic import write_text
from simclr_med.runs.lineage import start_of


@pytest.fixture
def made(monkeypatch):
    """Folder name to `Config` of all that a comparison runs, which leaves its config.json alone."""
    made = {}

    def run(mode, work_dir, *files, **flags):
        given = flag_files.of_command(mode, files, flags)
        config = make_config(mode, {"work_dir": str(work_dir), **given})
        made[work_dir.name] = config
        if mode == "sweep":
            for fraction in config.sweep.label_fractions:
                trial = sweeping.Trial(float(fraction), 0.1, 0.0, 0)
                for repeat in sweeping.repeats(config, trial):
                    (work_dir / "chosen" / repeat.name).mkdir(parents=True, exist_ok=True)
        write_text(work_dir / "config.json", to_json(config))

    monkeypatch.setattr(compare, "in_own_process", run)
    return made


def compared(tmp_path, *arguments):
    common = [f"--data_dir={tmp_path / 'data'}", f"--work_dir={tmp_path / 'work'}"]
    return compare.compare(compare.parse([*arguments, *common]))


def test_arms_differ_in_their_start_alone(made, tmp_path):
    pages = compared(tmp_path, "--label_fractions=0.1,1", "--pretrain_steps=9")
    assert [page.parent.name for page in pages] == [
        "report_10", "report_100",
    ]  # fmt: skip
    steps = {name: c.train.steps for name, c in made.items() if c.mode == "pretrain"}
    assert steps == {
        "pretrain_simclr": 9, "pretrain_micle": 9, "pretrain_simclr_then_micle": 6,
    }  # fmt: skip
    assert made["pretrain_simclr_then_micle"].head.init == f"run:{tmp_path}/work/pretrain_simclr"
    heads = [config for config in made.values() if config.mode == "sweep"]
    assert [start_of(config) for config in heads] == [
        "Random Initialization", "SimCLR in-domain", "MICLe alone in-domain", "MICLe in-domain",
    ]  # fmt: skip
    alike = {
        dataclasses.replace(config, work_dir="", head=dataclasses.replace(config.head, init=""))
        for config in heads
    }
    assert len(alike) == 1 and heads[0].sweep.seeds == 3
    assert len(heads[0].sweep.learning_rates) * len(heads[0].sweep.weight_decays) == 28


def test_a_report_has_every_seed_of_every_arm(made, tmp_path):
    compared(tmp_path, "--label_fractions=0.1,1", "--seeds=2", "--arms=SimCLR,Random")
    runs = made["report_10"].report.runs
    assert [run.partition("=")[0] for run in runs] == ["SimCLR", "SimCLR", "Random", "Random"]
    assert all("/chosen/labels_10_" in run for run in runs)
    assert len(set(runs)) == 4 and "pretrain_micle" not in made


def test_arms_may_begin_with_imported_weights(made, tmp_path):
    weights = imported_folder(
        tmp_path / "r50", "r50 (google-research/simclr, resnet50)", encoder="resnet50"
    )
    chains = "ImageNet,ImageNet then SimCLR,ImageNet then SimCLR then MICLe"
    compared(
        tmp_path, f"--starts=ImageNet=imported:{weights}", f"--arms={chains}", "--head=finetune",
        "--image_size=224", "--head_image_size=448", "--encoder=resnet18",
    )  # fmt: skip
    names = [start_of(made[f"finetune_{compare.slug(c.split(' then '))}"])
             for c in chains.split(",")]  # fmt: skip
    assert names == ["SimCLR ImageNet", "SimCLR ImageNet→in-domain", "MICLe ImageNet→in-domain"]
    sizes = {(config.mode, config.augment.image_size) for config in made.values()}
    assert sizes >= {("pretrain", 224), ("sweep", 448)}
    networks = {c.encoder.encoder for c in made.values() if c.mode != "report"}
    assert networks == {"resnet50"}


@pytest.mark.parametrize("file", sorted((ROOT / "flags").glob("*.args")), ids=lambda f: f.stem)
def test_the_paper_s_grids_are_runs(file, made, tmp_path):
    """Every command of a file of options, up to training: its flags are sound together."""
    weights = [imported_folder(tmp_path / "simclr", "r50 (google-research/simclr, resnet50)"),
               imported_folder(tmp_path / "keras", "w.h5 (keras.applications' ResNet, v1)",
                               encoder="resnet50_v1")]  # fmt: skip
    starts = "--starts=ImageNet=imported:{},Supervised=imported:{}".format(*weights)
    compared(tmp_path, f"@{file}", starts)
    sweeps = [config for config in made.values() if config.mode == "sweep"]
    assert len(sweeps) == 4
    for config in sweeps:
        assert config.train.steps == 30000 and config.sweep.head == "finetune"
        assert len(sweeping.grid(config)) == 28 * len(config.sweep.label_fractions)
        assert set(config.sweep.label_fractions) >= {"0.1", "0.5", "0.9", "1"}
    steps = {config.train.steps for config in made.values() if config.mode == "pretrain"}
    assert steps <= {100_000, 150_000}
    assert all(c.optimizer.optimizer == "lars" for c in made.values() if c.mode == "pretrain")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--arms=MoCo", "--arms: 'MoCo': expected Random, SimCLR, MICLe or a name of --starts"),
        ("--arms=Random then SimCLR", "'Random then SimCLR'"),
        ("--arms=SimCLR then Random", "'SimCLR then Random'"),
        ("--starts=SimCLR=imported:w", "expected NAME=imported:PATH"),
        ("--starts=a=run:w", "expected NAME=imported:PATH"),
        ("--head_flags=nowhere.cfg", "'nowhere.cfg': no such file"),
        ("--label_fractions=0.1,2", "expected numbers above 0, at most 1"),
        ("--eval_splits=unlabelled", "train, validation, test, external"),
        ("--pretrain_steps=1e5", "argument --pretrain_steps: '1e5': expected a number"),
        ("--head_steps=0", "argument --head_steps: --steps=0: expected from 1 to"),
        ("--learning_rates=0.1,x", "--learning_rates=0.1,x: expected numbers above 0"),
        ("--seeds=0", "--seeds=0: expected from 1 to 1000"),
        ("--encoder=resnet19", "--encoder=resnet19: expected one of resnet18"),
        ("--seed=-1", "argument --seed: '-1': expected 0 to 4294967295"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_trained(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        compare.parse(["--data_dir=d", "--work_dir=w", given])


def test_the_terminal_has_the_methods_and_not_each_of_their_runs(tmp_path):
    table = "\n\n| Run | AUC |\n|---|---|\n| {} | 0.5 |\n\nA note.\n"
    headings = ("**test: 9 cases**", "**test: 9 cases, each run**", "**test: each run minus A**")
    text = "\n".join(h + table.format(f"in {i}") for i, h in enumerate(headings))
    (tmp_path / "report.md").write_text(text)
    shown = compare.tables(tmp_path / "report.html")
    assert "test: 9 cases\n| Run | AUC |\n| in 0 | 0.5 |" in shown and "note" not in shown
    assert "in 1" not in shown and "test: each run minus A\n" in shown and "in 2" in shown


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--batch_size=91"], "pretrain_micle: --batch_size=91 exceeds the 90 cases"),
        (["--splits=train", "--batch_size=61"], "pretrain_micle: --batch_size=61 exceeds the 60"),
        (["--head_batch_size=500"], "linear_probe_random: --batch_size=500 exceeds the"),
        (["--head=finetune", "--head_batch_size=61"], "finetune_random: --batch_size=61 exceeds"),
        (["--label_fractions=0.1,1", "--head_batch_size=60"], "labelled images of a fraction of"),
        (["--eval_splits=test,external"], "external.*is an empty split"),
        (["--splits=external"], "external.*is an empty split"),
        (["--head_image_size=64", "--image_size=32"], "--image_size=64: .* has 32"),
    ],
)
def test_what_an_arm_cannot_do_is_told_before_the_first_begins(
    given, named, made, data_dir, tmp_path
):
    folder = tmp_path / "data"
    folder.mkdir()
    for path in data_dir.iterdir():
        if path.name != "manifest.csv":
            (folder / path.name).symlink_to(path)
    rows = (data_dir / "manifest.csv").read_text().splitlines(keepends=True)
    (folder / "manifest.csv").write_text("".join(r for r in rows if ",external," not in r))
    common = [f"--data_dir={folder}", f"--work_dir={tmp_path / 'work'}", "--image_size=32"]
    sizes = ["--batch_size=32", "--head_batch_size=32"]
    with pytest.raises(InputError, match=named):
        compare.run(compare.parse([*common, *sizes, *given]))
    assert not made and not (tmp_path / "work").exists()


def test_changed_settings_keep_what_they_do_not_touch(made, tmp_path):
    def folders(*arguments):
        made.clear()
        compared(tmp_path, "--arms=SimCLR,MICLe", *arguments)
        return {name for name, config in made.items() if config.mode != "report"}

    first = folders()
    heads = {"linear_probe_simclr", "linear_probe_micle"}
    assert first == heads | {"pretrain_simclr", "pretrain_micle"}
    changed = folders("--head_steps=7")
    assert changed == first - heads | {f"{name}_2" for name in heads}
    assert folders("--batch_size=64") == {f"{n}_2" for n in first - heads} | {
        f"{name}_3" for name in heads
    }
    assert folders("--head_steps=7") == changed and folders() == first
    assert folders("--arms=SimCLR") == {"pretrain_simclr", "linear_probe_simclr"}
