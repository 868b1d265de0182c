"""The page, the Markdown table and the paired bootstrap's command."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from predictions_made import fake

from simclr_med import files
from simclr_med.config.making import make_config
from simclr_med.config.storage import to_json
from simclr_med.errors import InputError
from simclr_med.evaluation import bootstrap, metrics, predictions, report

TOOL = ROOT / "tools" / "bootstrap.py"
SETTINGS = {"title": "A page", "replicates": 100, "confidence": 0.95, "unit": "case", "seed": 0}


def run_folder(folder, made, **given):
    """A work folder as training and evaluation leave it."""
    config = make_config("linear_probe", {"data_dir": "d", "work_dir": folder, **given})
    files.write_text(folder / "config.json", to_json(config))
    rows = "".join(f"{step},{2 / step}\n" for step in range(1, 6))
    files.write_text(folder / "task.json", json.dumps({"other_class": made.other_class}))
    files.write_text(folder / "log.csv", "step,loss\n" + rows)
    predictions.write(folder / "predictions" / "test.csv", made)
    return folder


@pytest.fixture
def folders(tmp_path):
    a = run_folder(tmp_path / "a", fake(cases=120, skill=4.0))
    b = run_folder(tmp_path / "b", fake(cases=120, skill=0.2), learning_rate=0.5)
    return a, b


def page_of(tmp_path, *runs, **changes):
    return report.write_report(runs, tmp_path / "r.html", **SETTINGS | changes).read_text()


def test_numbers_are_those_of_metrics(tmp_path, folders):
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    made = predictions.read(folders[0] / "predictions" / "test.csv")
    auc = bootstrap.evaluate(made, replicates=100)["metrics"]["auc"]
    assert f"{auc['value']:.3f}<small>[{auc['low']:.3f}, {auc['high']:.3f}]" in page
    assert "A is better than B in AUC by" in page and ": significant" in page
    markdown = (tmp_path / "r.md").read_text()
    assert f"| {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}] |" in markdown
    assert "- A is better than B in AUC by" in markdown
    swapped = page_of(tmp_path, ("B", folders[1]), ("A", folders[0]))
    assert "A is better than B in AUC by" in swapped


def test_the_page_is_self_contained_and_says_what_differs(tmp_path, folders):
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    assert "http" not in page and "<script" not in page and page.count("data:image/png") == 1
    differing = page[page.index("What differs") : page.index("<details>")]
    assert "learning_rate" in differing and "batch_size" not in differing
    assert "Without pretraining: A, B" in page


def test_the_page_names_the_versions_that_made_it(tmp_path, folders):
    import keras
    import tensorflow as tf

    page = page_of(tmp_path, ("A", folders[0]))
    assert f"TensorFlow {tf.__version__}, Keras {keras.__version__}, NumPy {np.__version__}" in page


def test_the_class_left_out_is_the_data_sets(tmp_path):
    for number, other in enumerate([None, "k1"]):
        made = fake(cases=120, other_class=other)
        page = page_of(tmp_path, ("A", run_folder(tmp_path / f"{number}", made)))
        value = metrics.score(made, np.ones(120))["average_top1_sensitivity"]
        assert f'<td class="best">{value:.3f}<small>' in page


def test_equal_runs_do_not_differ(tmp_path, folders):
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[0]))
    assert "no significant difference between A and B in AUC" in page
    assert "is better" not in page and "No setting differs" in page


def test_names_and_groups_are_escaped(tmp_path):
    levels = np.array(["<i>light", ""] * 60)
    made = fake(cases=120, groups={"skin & hair": levels})
    page = page_of(tmp_path, ("<b>", run_folder(tmp_path / "a", made)), title="1 < 2")
    assert "&lt;b&gt;" in page and "<b>" not in page and "1 &lt; 2" in page
    assert "&lt;i&gt;light (60)" in page and "unknown (60)" in page and "skin &amp; hair" in page


def test_what_is_missing_is_said(tmp_path, folders):
    with pytest.raises(InputError, match="two runs of one name"):
        page_of(tmp_path, ("A", folders[0]), ("A", folders[1]))
    with pytest.raises(InputError, match="not the work folder of a run"):
        page_of(tmp_path, ("A", tmp_path / "nowhere"))
    (folders[1] / "predictions" / "test.csv").rename(folders[1] / "predictions" / "external.csv")
    with pytest.raises(InputError, match="no split that all of them"):
        page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    (folders[1] / "predictions" / "external.csv").unlink()
    with pytest.raises(InputError, match="has no predictions"):
        page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    assert not (tmp_path / "r.html").exists()


def test_markdown_table():
    results = {name: bootstrap.evaluate(fake(), replicates=50) for name in ("A", "B")}
    lines = report.markdown_table(results, ["A", "B"]).splitlines()
    auc = results["A"]["metrics"]["auc"]
    assert lines[0].startswith("| | top-1 accuracy |") and len(lines) == 4
    assert f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]" in lines[2]
    assert {line.count("|") for line in lines} == {7}


def tool(*arguments):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True
    )


def test_bootstrap_prints_the_paired_difference(tmp_path, folders):
    a, b = (folder / "predictions" / "test.csv" for folder in folders)
    done = tool(a, b, "--replicates=100", f"--json={tmp_path / 'out.json'}")
    assert done.returncode == 0, done.stderr
    expected = bootstrap.compare(predictions.read(a), predictions.read(b), replicates=100)
    assert json.loads((tmp_path / "out.json").read_text()) == expected
    auc = expected["metrics"]["auc"]
    assert f"{auc['difference']:+.4f}   [{auc['low']:+.4f}, {auc['high']:+.4f}]" in done.stdout
    assert "A is better than B in AUC by" in done.stdout
    other = tool(a, b, "--replicates=100", "--seed=3", "--confidence=0.5", "--unit=patient")
    assert "50 % intervals, patients resampled" in other.stdout and other.stdout != done.stdout


def test_bootstrap_refuses_other_cases(tmp_path, folders):
    other = tmp_path / "other.csv"
    predictions.write(other, fake(cases=119))
    done = tool(folders[0] / "predictions" / "test.csv", other)
    assert done.returncode == 2 and "must hold the same cases" in done.stderr
    nan = dataclasses.replace(fake(), probabilities=np.full((60, 5), np.nan))
    predictions.write(other, nan)
    done = tool(other, other)
    assert done.returncode == 2 and "row 2, column probability:k0: 'nan'" in done.stderr
