"""The paper's tables: its numbers as printed, and runs in their rows."""

import dataclasses
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from conftest import ROOT
from predictions_made import fake
from runs_made import head_folder, imported_folder, run_folder
from shell import run_here

from simclr_med.errors import InputError
from simclr_med.evaluation import paper, predictions
from simclr_med.evaluation.evaluated_runs import read_run
from simclr_med.evaluation.intervals.bootstrap import Settings, replicate
from simclr_med.evaluation.paper.figures import FINDINGS
from simclr_med.evaluation.paper.numbers import printed

TOOL = ROOT / "tools" / "paper_tables.py"
R50, R152 = "ResNet-50 (4×)", "ResNet-152 (2×)"
FIVE = (
    "top1_accuracy", "top3_accuracy", "average_top1_sensitivity", "average_top3_sensitivity", "auc",
)  # fmt: skip


def number(*key):
    return float(printed()[key].value)


def test_every_printed_number_is_there():
    tables = [key.table for key in printed()]
    assert {name: tables.count(name) for name in dict.fromkeys(tables)} == {
        "B.1": 10, "B.2": 24, "B.3": 75, "B.4": 40, "B.5": 96, "B.6": 60,
    }  # fmt: skip
    assert all(0.24 < float(number.value) < 0.98 for number in printed().values())


def test_rows_that_two_tables_share_are_the_same():
    for architecture in (R50, R152):
        for method in ("SimCLR Derm", "SimCLR ImageNet→Derm"):
            for metric in FIVE:
                row = (architecture, method, "", 1.0, metric)
                assert printed()[("B.3", *row)] == printed()[("B.4", *row)]


def test_the_caption_of_label_efficiency_is_a_row_of_b3():
    row = ("B.3", R50, "Supervised ImageNet", "", 1.0)
    assert (number(*row, "top1_accuracy"), number(*row, "top3_accuracy")) == (0.6236, 0.8886)


@pytest.mark.parametrize(
    "architecture, method, mean",
    [(R50, "SimCLR ImageNet→CheXpert", 0.7712), (R152, "Supervised ImageNet", 0.7648),
     ("ResNet-50 (1×)", "SimCLR ImageNet", 0.7641)],
)  # fmt: skip
def test_means_of_the_radiographs_aucs(architecture, method, mean):
    each = [number("B.6", architecture, method, "", 1.0, f"auc:{finding}") for finding in FINDINGS]
    assert round(np.mean(each), 4) == pytest.approx(mean, abs=1.01e-4)


def described(folder, made=None, mode="finetune", **given):
    return paper.describe(
        read_run(folder.name, head_folder(folder, made or fake(), mode=mode, **given))
    )


def test_a_run_is_named_as_in_the_paper(tmp_path):
    imagenet = imported_folder(tmp_path / "i", "r50 (google-research/simclr, resnet50)", width=4.0)
    simclr = run_folder(tmp_path / "s", "pretrain", init=f"imported:{imagenet}", steps=150_000)
    micle = run_folder(
        tmp_path / "m", "pretrain", init=f"run:{simclr}", positives="case", augmentation="partial"
    )
    keras = imported_folder(tmp_path / "k", "w.h5 (keras.applications' ResNet, resnet50_v1)",
                            encoder="resnet50_v1")  # fmt: skip
    bit = imported_folder(tmp_path / "b", "w.npz (google-research/big_transfer, r101)",
                          encoder="bit_resnet101", width=3.0)  # fmt: skip
    starts = {
        f"run:{micle}": (R50, "MICLe ImageNet→Derm", "partial", 150_000),
        f"run:{simclr}": (R50, "SimCLR ImageNet→Derm", "", 150_000),
        f"imported:{imagenet}": (R50, "SimCLR ImageNet", "", 0),
        f"imported:{keras}": ("ResNet-50 (1×)", "Supervised ImageNet", "", 0),
        f"imported:{bit}": ("ResNet-101 (3×)", "BiT Supervised", "", 0),
    }
    for number, (init, expected) in enumerate(starts.items()):
        run = described(tmp_path / f"head{number}", init=init)
        assert (run.architecture, run.method, run.augmentation, run.pretrain_steps) == expected
    assert described(tmp_path / "r").method == "Random Initialization"
    probe = described(tmp_path / "p", mode="linear_probe", init=f"run:{simclr}")
    assert probe.method == "SimCLR ImageNet→Derm (linear probe)"


def test_findings_are_chexperts_rows(tmp_path):
    simclr = run_folder(tmp_path / "s", "pretrain")
    run = described(tmp_path / "h", fake(task="multilabel"), init=f"run:{simclr}")
    assert (run.task, run.method) == ("multilabel", "SimCLR CheXpert")


def cells_of(parts, name, row):
    (part,) = [part for part in parts if part.name == f"Table {name}"]
    columns = part.header[-len(part.rows[0][1]) :]
    (found,) = [cells for names, cells in part.rows if names == row]
    return dict(zip(columns, found, strict=True))


def test_seeds_share_a_row_beside_the_papers(tmp_path):
    made = [fake(100, seed=seed) for seed in range(3)]
    runs = [
        described(tmp_path / f"r{seed}", each, encoder="resnet50", seed=seed)
        for seed, each in enumerate(made)
    ]
    cell = cells_of(paper.lay_tables(runs), "B.3", ("ResNet-50 (1×)", "Random Initialization"))[
        "AUC"
    ]
    values = [replicate(each, Settings(replicates=2)).values["auc"] for each in made]
    assert cell.ours == f"{np.mean(values):.4f}±{np.std(values, ddof=1):.4f}"
    assert cell.paper == "0.9147±0.0019" and cell.words == f"{cell.ours} ({cell.paper})"
    other = cells_of(paper.lay_tables(runs), "B.3", (R50, "SimCLR Derm"))["AUC"]
    assert other.words == "not run (0.9576±0.0013)"


def test_the_best_model_is_chosen_on_validation(tmp_path):
    runs = []
    for name, skills in {"a": (0.5, 3.0), "b": (3.0, 0.5)}.items():  # validation, test
        folder = tmp_path / name
        for split, skill in zip(("validation", "test"), skills, strict=True):
            head_folder(folder, fake(200, skill=skill), split, mode="finetune")
        runs.append(paper.describe(read_run(name, folder)))
    row = ("ResNet-50 (1×)", "Random Initialization")
    cell = cells_of(paper.lay_tables(runs), "B.1", row)["Top-1 Accuracy"]
    interval = replicate(fake(200, skill=0.5), Settings()).interval("top1_accuracy")
    half = (interval["high"] - interval["low"]) / 2
    assert cell.ours == f"{interval['value']:.4f}±{half:.4f}"
    (tmp_path / "a" / "predictions" / "validation.csv").unlink()
    runs = [paper.describe(read_run(name, tmp_path / name)) for name in "ab"]
    assert cells_of(paper.lay_tables(runs), "B.1", row)["Top-1 Accuracy"].ours == "needs validation"


def test_label_fractions_and_skin_types_are_drawn(tmp_path):
    skin = np.array(["white", "brown"] * 50)
    runs = [
        described(
            tmp_path / f"f{share}", fake(100, groups={"skin_type": skin}), label_fraction=share
        )
        for share in (0.1, 0.5, 1.0)
    ]
    figures = paper.lay_figures(runs)
    assert [part.name for part in figures] == [
        *("Figure B.4", "Figure B.5"), *["Figure B.6"] * 3, *["Figure B.7"] * 2, "Figure B.8",
        *["Figure B.9"] * 5,
    ]  # fmt: skip
    drawn = [part for part in figures if part.chart is not None]
    assert [part.name for part in drawn] == [*["Figure B.6"] * 3, *["Figure B.7"] * 2]
    for part in drawn:
        assert ET.fromstring(str(part.chart)).find("title").text.startswith("Figure B.")
    words = drawn[3].table().as_text()
    assert "no cases" in words and "50 cases" in words  # of beige, of white
    label = cells_of(paper.lay_tables(runs), "B.5", ("ResNet-50 (1×)", "Random Initialization"))
    assert label["Top-1 Accuracy 90%"].ours is None and label["Top-1 Accuracy 10%"].value > 0


def test_findings_are_by_image_where_a_run_has_them_so(tmp_path):
    findings = [fake(90, task="multilabel", seed=seed) for seed in (0, 1)]
    findings = [dataclasses.replace(made, classes=FINDINGS) for made in findings]
    for name in "ab":
        head_folder(tmp_path / name, findings[0], mode="finetune")
    predictions.write(tmp_path / "a" / "predictions" / "test_by_image.csv", findings[1])
    row, cells = ("ResNet-50 (1×)", "Random Initialization"), []
    for names in ("a", "b", "ab"):
        runs = [paper.describe(read_run(name, tmp_path / name)) for name in names]
        tables = paper.lay_tables(runs)
        cells.append(cells_of(tables, "B.6", row)["Edema"].value)
    for cell, made in zip(cells[:2], findings[::-1], strict=True):
        assert cell == replicate(made, Settings(2)).values["auc:Edema"]
    assert "By image, as in the paper: 1 of 2 runs; the others by case." in tables[-1].notes


def test_what_no_row_can_be_told_of_is_refused(tmp_path):
    head = head_folder(tmp_path / "a", fake())
    with pytest.raises(InputError, match="has no config.json"):
        paper.describe(read_run("a", head / "predictions" / "test.csv"))


def test_the_tool_prints_writes_and_refuses(tmp_path, monkeypatch, capsys):
    def tool(*arguments):
        code = run_here([TOOL, *arguments], monkeypatch)
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    head = head_folder(tmp_path / "a", fake(), mode="finetune", encoder="resnet50")
    before = run_folder(tmp_path / "s", "pretrain")
    done = tool(f"mine={head}", before, "--only=B.3")
    assert done.returncode == 0 and f"left out: {before} (pretrain)" in done.stderr
    row = next(line for line in done.stdout.splitlines() if "Random Initialization" in line)
    assert row.split("  ")[0] == "ResNet-50 (1×)" and "(0.5170±0.0062)" in row
    assert "not run" not in row and done.stdout.count("not run") == 14 * 5
    for form, sign in (("markdown", "| ResNet-50 (1×) |"), ("latex", r"ResNet-50 (1$\times$) &")):
        assert sign in tool(head, "--only=B.3", f"--format={form}").stdout
    done = tool(head, "--format=html", f"--output={tmp_path / 'p.html'}")
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert done.returncode == 0 and "Table B.1" in page and "Figure B.9" in page
    assert "http" not in page and "<script" not in page
    (tmp_path / "f").mkdir()
    done = tool(head, "--format=html", f"--output={tmp_path / 'f'}")
    assert done.returncode == 2 and "f is a folder; expected a file" in done.stderr
    done = tool(head, "--only=B.7x")
    assert done.returncode == 2 and "--only=B.7x: expected some of B.1, B.2" in done.stderr
    done = tool(before)
    assert done.returncode == 2 and "no run of --mode=finetune" in done.stderr
    done = tool(tmp_path / "nowhere")
    assert done.returncode == 2 and "is not there" in done.stderr
    sweep = run_folder(tmp_path / "sweep", "sweep", head="finetune")
    for seed in (0, 1):
        head_folder(sweep / "chosen" / f"seed_{seed}", fake(seed=0), mode="finetune", seed=seed)
    assert "Runs a row: 2" in tool(sweep, "--only=B.3").stdout
