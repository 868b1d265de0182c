"""The page and the Markdown table."""

import json

import numpy as np
import pytest
from predictions_made import fake

from simclr_med import files
from simclr_med.config.making import make_config
from simclr_med.config.storage import to_json
from simclr_med.errors import InputError
from simclr_med.evaluation import bootstrap, predictions, report, scoring
from simclr_med.evaluation.bootstrap import Settings

DRAWN = Settings(replicates=200)
SETTINGS = {"title": "A page", "drawn": DRAWN}


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
    auc = bootstrap.evaluate(made, DRAWN)["metrics"]["auc"]
    assert f"{auc['value']:.3f}<small>[{auc['low']:.3f}, {auc['high']:.3f}]" in page
    assert "A is better than B in AUC: +" in page and ", significant" in page
    markdown = (tmp_path / "r.md").read_text()
    assert f"| {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}] |" in markdown
    assert "- A is better than B in AUC: +" in markdown
    swapped = page_of(tmp_path, ("B", folders[1]), ("A", folders[0]))
    assert "B is worse than A in AUC: -" in swapped


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
        value = scoring.score(made, np.ones(120))["average_top1_sensitivity"]
        assert f'<td class="best">{value:.3f}<small>' in page


def test_equal_runs_do_not_differ(tmp_path, folders):
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[0]))
    assert "no significant difference of A minus B in AUC" in page
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
    results = {name: bootstrap.evaluate(fake(), Settings(50)) for name in ("A", "B")}
    lines = report.markdown_table(results, ["A", "B"]).splitlines()
    auc = results["A"]["metrics"]["auc"]
    assert lines[0].startswith("| | top-1 accuracy |") and len(lines) == 4
    assert f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]" in lines[2]
    assert {line.count("|") for line in lines} == {7}
