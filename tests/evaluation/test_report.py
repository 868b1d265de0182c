"""The report: its page, and its tables in other forms."""

import dataclasses
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from predictions_made import fake
from runs_made import head_folder, run_folder

from simclr_med import modes
from simclr_med.config.checked_config import make_config
from simclr_med.config.sections.results import EvaluateConfig
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions, report
from simclr_med.evaluation.comparisons import over_seeds, paired
from simclr_med.evaluation.comparisons.shift import compare_splits
from simclr_med.evaluation.evaluate import write_evaluation
from simclr_med.evaluation.evaluated_runs import read_run
from simclr_med.evaluation.groups.subgroups import group_of_runs
from simclr_med.evaluation.intervals import bootstrap
from simclr_med.evaluation.intervals.bootstrap import Settings
from simclr_med.evaluation.metrics import agreement, calibration
from simclr_med.evaluation.metrics.scoring import score
from simclr_med.evaluation.report.mistakes import confident_mistakes
from simclr_med.files import atomic

DRAWN = Settings(replicates=200)
OPTIONS = report.Options("A page", DRAWN)


@pytest.fixture
def folders(tmp_path):
    a = head_folder(tmp_path / "a", fake(cases=120, skill=0.2))
    b = head_folder(tmp_path / "b", fake(cases=120, skill=4.0), learning_rate=0.5)
    return a, b


def page_of(tmp_path, *runs, **changes):
    options = dataclasses.replace(OPTIONS, **changes)
    paths = report.write_report(runs, tmp_path / "out", options)
    return paths[0].read_text(encoding="utf-8")


def words_of(page):
    """A page's text without its elements."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def charts_of(page):
    return [ET.fromstring(drawn) for drawn in re.findall(r"<svg.*?</svg>", page, re.S)]


def test_differences_are_each_run_minus_the_baseline(tmp_path, folders):
    a, b = folders
    page = page_of(tmp_path, ("A", a), ("B", b))
    models = {name: fake(cases=120, skill=skill) for name, skill in {"A": 0.2, "B": 4.0}.items()}
    rows = paired.compare(models, DRAWN, "A")["differences"]
    (auc,) = [row for row in rows if row["metric"] == "auc"]
    assert auc["difference"] > 0
    shown = "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**auc)
    assert shown in words_of(page) and "Minus A" in page
    strips = [chart for chart in charts_of(page) if chart[0].text == "B minus A, AUC"]
    assert [strip[1].text for strip in strips] == [f"{shown}."]
    other = words_of(page_of(tmp_path, ("A", a), ("B", b), baseline="B"))
    (back,) = [r for r in paired.compare(models, DRAWN, "B")["differences"] if r["metric"] == "auc"]
    assert "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**back) in other
    assert back["difference"] < 0


def test_the_verdict_is_three_sentences(tmp_path, folders):
    a, b = folders
    page = page_of(tmp_path, ("A", a), ("B", b))
    found = re.search(r'id="verdict".*?</section>', page, re.S)[0]
    first, second, third = re.findall(r"<p>(.*?)</p>", found)
    assert first.startswith("Top-1 accuracy, 120 test cases: B is better than A; B +0.")
    assert second.startswith("5 of 5 comparisons with A on test favour the run, none A; ")
    assert third.startswith("Evaluated on test, without groups of cases")
    back = page_of(tmp_path, ("A", a), ("B", b), baseline="B")
    assert "A is worse than B; A -0." in back
    same = page_of(tmp_path, ("A", a), ("C", a))
    assert "no run differs significantly from A; C +0.000 [+0.000, +0.000]" in same
    assert "A alone: nothing is compared." in page_of(tmp_path, ("A", a))


@pytest.fixture
def seeds(tmp_path):
    """Pairs of two methods of several runs, and their `Predictions` by method."""
    made, pairs = {}, []
    for name, skills in {"A": (0.5, 0.6), "B": (4.0, 4.2, 4.1)}.items():
        made[name] = [fake(cases=120, skill=skill) for skill in skills]
        for seed, run_made in enumerate(made[name]):
            pairs.append((name, head_folder(tmp_path / f"{name}{seed}", run_made, seed=seed)))
    return pairs, made


def test_several_seeds_have_a_spread_beside_their_interval_and_are_compared_over_both(
    tmp_path, seeds
):
    pairs, made = seeds
    words = words_of(page_of(tmp_path, *pairs))
    expected = over_seeds.compare_methods(made, DRAWN, "A")
    for name in "AB":
        value = expected["models"][name]["metrics"]["auc"]
        assert value["sd"] == np.std(
            [bootstrap.replicate(part, DRAWN).values["auc"] for part in made[name]], ddof=1
        )
        assert "{value:.3f} ± {sd:.3f} [{low:.3f}, {high:.3f}]".format(**value) in words
    rows = [row for row in expected["differences"] if row["metric"] == "auc"]
    assert "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**rows[0]) in words
    assert "Top-1 accuracy, means over runs, 120 test cases: B is better than A" in words
    assert "± is one standard deviation over runs" in words and "Each run (5)" in words
    assert words.count("B, run 3") == words.count("A, run 1") > 1
    tables = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "{value:.3f} ± {sd:.3f} [{low:.3f}, {high:.3f}]".format(**value) in tables
    alone = words_of(page_of(tmp_path, *pairs[2:]))
    assert "{value:.3f} ± {sd:.3f} [{low:.3f}, {high:.3f}]".format(**value) in alone
    assert "B alone: nothing is compared." in alone


def test_figures_of_a_method_are_of_the_mean_of_its_runs(tmp_path, seeds):
    pairs, made = seeds
    page = page_of(tmp_path, *pairs)
    charts = {chart[0].text: chart for chart in charts_of(page)}
    roc = charts["ROC, mean over classes"]
    areas = [score(run_made, np.ones(120))["auc"] for run_made in made["B"]]
    assert f"B: area {np.mean(areas):.3f}" in roc[1].text
    thin = [line for line in roc.iter("polyline") if line.get("stroke-width") == "0.80"]
    assert len(thin) == 5  # A's two runs and B's three, beside two means and their legend
    matrix = charts["Confusion matrix of B, mean of 3 runs"]
    counts = np.mean([agreement.confusion(run_made) for run_made in made["B"]], axis=0)
    shown = [text.text for text in matrix.iter("text") if text.get("text-anchor") == "middle"]
    assert shown == [f"{count:.3g}" for count in counts.ravel() if count]
    assert "averaged over runs" in words_of(page)


def test_reliability_of_several_runs_is_of_all_that_they_stated():
    runs = [fake(200, skill=skill) for skill in (0.5, 3.0)]
    each = [calibration.reliability(run_made)["bins"] for run_made in runs]
    both = dataclasses.replace(
        runs[0],
        truth=np.concatenate([run_made.truth for run_made in runs]),
        probabilities=np.concatenate([run_made.probabilities for run_made in runs]),
    )
    for found, expected in zip(
        calibration.mean_bins(each), calibration.reliability(both)["bins"], strict=True
    ):
        assert found.pop("cases") == pytest.approx(expected.pop("cases") / 2)
        assert found == pytest.approx(expected)
    assert calibration.mean_bins(each[:1]) == each[0]


def test_groups_and_the_drop_of_a_method_are_its_mean(tmp_path):
    made, groups = {}, {"sex": np.array(["f", "m"] * 60)}
    for split, seed in (("test", 0), ("external", 1)):
        made[split] = [fake(120, seed=seed, skill=s, groups=groups) for s in (1.0, 2.0)]
    pairs = []
    for number in (0, 1):
        folder = tmp_path / f"A{number}"
        folder.mkdir()
        for split, runs in made.items():
            predictions.write(folder / f"{split}.csv", runs[number])
        pairs.append(("A", folder))
    words = words_of(page_of(tmp_path, *pairs))
    found = group_of_runs(made["test"], "sex", "top1_accuracy", DRAWN)
    for level in found.levels.values():
        assert f"{level.value:.3f} [{level.low:.3f}, {level.high:.3f}]" in words
    drop = compare_splits(made["test"], made["external"], DRAWN).drops["auc"]
    assert f"{drop.value:+.3f} [{drop.low:+.3f}, {drop.high:+.3f}]" in words
    assert words.count("intervals are over other runs and other cases together") >= 2


def test_seeds_are_given_by_one_name_on_the_command_line(tmp_path, seeds):
    pairs, _ = seeds
    given = {"runs": tuple(f"{name}={path}" for name, path in pairs), "baseline": "B"}
    given |= {"work_dir": str(tmp_path / "flag"), "bootstrap_replicates": 200}
    modes.report(make_config("report", given))
    page = (tmp_path / "flag" / "report.html").read_text(encoding="utf-8")
    assert "A is worse than B" in words_of(page)
    with pytest.raises(InputError, match="B has 1 run; seeds are resampled from two or more"):
        page_of(tmp_path, *pairs[:3])


def test_what_evaluation_had_to_say_of_the_cases_is_said_here_too(tmp_path):
    made = fake(cases=120, groups={"skin": np.array(["mixed", "light", "dark"] * 40)})
    a, b = (head_folder(tmp_path / name, made) for name in "ab")
    settings = EvaluateConfig(bootstrap_replicates=40)
    learnt = {"cases": 7, "by": {}, "unknown": ["<i>bit"]}
    write_evaluation(b, {"test": made}, settings, 0, {}, {"test": learnt})
    page = page_of(tmp_path, ("A", a), ("B", b))
    words = words_of(page)
    assert "B: no test: the head has learnt from 7 of these 120 cases." in words
    assert "B: skin is mixed in 40 of 120 cases" in words and "A: " not in words.split("Metric")[0]
    assert "B: what &lt;i&gt;bit learnt from is not known." in page
    assert "40 replicates" not in words  # those of the evaluation, not of this page


def test_a_verdict_of_too_few_cases_says_so(tmp_path):
    a = head_folder(tmp_path / "a", fake(cases=8, skill=0.0))
    b = head_folder(tmp_path / "b", fake(cases=8, skill=9.0))
    words = words_of(page_of(tmp_path, ("A", a), ("B", b)))
    assert "undecided" in words and " better " not in words
    assert re.search(
        r"test cases: no verdict on B \+[^]]*\] \(8 cases; a verdict needs 20\)\.", words
    )
    assert "shown to differ" not in words


def test_non_inferiority_is_said_where_a_margin_is_given(tmp_path, folders):
    a, b = folders
    assert "non-inferior" not in page_of(tmp_path, ("A", a), ("B", b))
    assert "non-inferior" in page_of(tmp_path, ("A", a), ("B", b), margin=0.1)
    given = {"runs": (f"A={a}", f"B={b}"), "work_dir": str(tmp_path / "flag"), "margin": 0.1}
    modes.report(make_config("report", given))
    assert "non-inferior" in (tmp_path / "flag" / "report.html").read_text(encoding="utf-8")
    worse = page_of(tmp_path, ("A", a), ("B", b), margin=0.1, baseline="B")
    assert "not shown to be non-inferior" in worse


def test_a_verdict_that_does_not_outlast_the_count_of_all_says_so(tmp_path):
    a = fake(200, 3, skill=3.0)
    right = a.probabilities.argmax(1) == a.truth.argmax(1)
    spoilt = a.probabilities.copy()  # 10 cases for A, 2 for B
    spoilt[np.flatnonzero(right)[:10]] = (1 - a.truth[np.flatnonzero(right)[:10]]) / 2
    spoilt[np.flatnonzero(~right)[:2]] = a.truth[np.flatnonzero(~right)[:2]]
    b = dataclasses.replace(a, probabilities=spoilt)
    folders = [head_folder(tmp_path / name, made) for name, made in (("a", a), ("b", b))]
    words = words_of(page_of(tmp_path, ("A", folders[0]), ("B", folders[1]), baseline="B"))
    assert re.search(
        r"A is better than B; A \+[^;]*; not significant after Holm(.|&#39;)s correction: A\.",
        words,
    )
    assert "better not significant" in words


def test_the_page_needs_no_network_and_no_script(tmp_path, folders):
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    assert "http" not in page and "<script" not in page and "url(" not in page
    assert set(re.findall(r'(?:src|href)="([^"]{1,5})', page)) <= {
        "#verd",
        "#test",
        "#trai",
        "#sett",
        "#orig",
    }
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert {"verdict", "test", "origins"} <= anchors <= set(re.findall(r'id="([^"]+)"', page))


def test_every_chart_has_a_name_and_says_what_it_shows(tmp_path, folders):
    charts = charts_of(page_of(tmp_path, ("A", folders[0]), ("B", folders[1])))
    assert len(charts) > 10
    for chart in charts:
        assert [child.tag for child in chart[:2]] == ["title", "desc"]
        assert chart[0].text and chart[1].text and chart.get("role") == "img"
    names = [chart[0].text for chart in charts]
    for begun in (
        "ROC, mean over classes",
        "Reliability",
        "Confusion matrix of A",
        "Head: training",
    ):
        assert any(name.startswith(begun) for name in names)


def test_what_differs_and_what_was_run(tmp_path, folders):
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    differing = page[page.index('id="settings"') : page.index("The same in all")]
    assert "learning_rate" in differing and "batch_size" not in differing
    assert "Without pretraining: A, B" in page
    assert "0123abcd" in page
    assert atomic.sha256(folders[0] / "predictions" / "test.csv") in page


def test_versions_of_the_training_are_shown_where_they_were_kept(tmp_path, folders):
    atomic.write_text(folders[0] / "versions.txt", "Python 3.11, TensorFlow 2.15.9\n")
    words = words_of(page_of(tmp_path, ("A", folders[0]), ("B", folders[1])))
    assert "Python 3.11, TensorFlow 2.15.9" in words and words.count("not recorded") == 1


def test_a_model_trained_elsewhere_is_reported_like_ours(tmp_path, folders):
    theirs = folders[1] / "predictions" / "test.csv"
    page = page_of(tmp_path, ("A", folders[0]), ("Theirs", theirs))
    assert "Theirs is better than A" in page and atomic.sha256(theirs) in page
    theirs = folders[0] / "predictions" / "test.csv"
    assert "no pictures: the run was trained elsewhere" in page_of(tmp_path, ("Theirs", theirs))


def test_the_page_names_the_versions_that_made_it(tmp_path, folders):
    import keras
    import tensorflow as tf

    page = page_of(tmp_path, ("A", folders[0]))
    assert f"TensorFlow {tf.__version__}, Keras {keras.__version__}, NumPy {np.__version__}" in page


def test_the_class_left_out_is_the_data_sets(tmp_path):
    for number, other in enumerate([None, "k1"]):
        made = fake(cases=120, other_class=other)
        page = page_of(tmp_path, ("A", head_folder(tmp_path / f"{number}", made)))
        value = bootstrap.replicate(made, DRAWN).values["average_top1_sensitivity"]
        assert f'<td class="best">{value:.3f}<small>' in page


def test_names_and_groups_are_escaped(tmp_path):
    levels = np.array(["<i>light", "<i>dark", ""] * 40)
    made = fake(cases=120, groups={"skin & hair": levels}, classes=3)
    made = dataclasses.replace(made, classes=("</svg><script>", "b", "c"))
    folder = head_folder(tmp_path / "a", made)
    page = page_of(tmp_path, ("a$x_$<b>", folder), title="1 < 2")
    assert not re.search(r"<(script|b|i)>", page) and "1 &lt; 2" in page
    assert "&lt;i&gt;light (40 cases)" in page and "unknown (40 cases)" in page
    assert "skin &amp; hair" in page and "a$x_$&lt;b&gt;" in page
    assert charts_of(page)


def test_groups_that_one_run_knows_alone_are_shown(tmp_path):
    skin = np.array(["light", "dark"] * 60)
    a = head_folder(tmp_path / "a", fake(cases=120))
    b = head_folder(tmp_path / "b", fake(cases=120, groups={"skin": skin}))
    page = page_of(tmp_path, ("A", a), ("B", b))
    assert "By skin: top-1 accuracy" in page and "A: largest difference" in page
    c = head_folder(tmp_path / "c", fake(cases=120, groups={"skin": skin[::-1]}))
    with pytest.raises(InputError, match="case 'c0' has skin 'light' in B and 'dark' in C"):
        page_of(tmp_path, ("B", b), ("C", c))


def test_the_drop_to_another_site_is_shown(tmp_path):
    folder = head_folder(tmp_path / "a", fake(cases=200, skill=4.0))
    predictions.write(folder / "predictions" / "external.csv", fake(cases=150, skill=0.5, seed=1))
    page = page_of(tmp_path, ("A", folder))
    assert "From test to external, A -0." in words_of(page)
    assert page.index('id="test"') < page.index('id="external"') < page.index('id="shift"')


def test_label_efficiency_has_one_kind_of_band(tmp_path):
    runs = []
    for share in (0.1, 1.0):
        for seed in (0, 1):
            folder = tmp_path / f"{share}_{seed}"
            made = fake(cases=120, skill=4 * share, probabilities=None)
            made = dataclasses.replace(
                made, probabilities=fake(120, skill=share + 1 + seed).probabilities
            )
            head_folder(folder, made, label_fraction=share, seed=seed)
            runs.append((folder.name, folder))
    assert "one standard deviation over runs of several seeds" in page_of(tmp_path, *runs)
    assert "bootstrap intervals over test cases" in page_of(tmp_path, *runs[::2])
    assert "No bands" in page_of(tmp_path, *runs[:3])
    assert "Label efficiency" not in page_of(tmp_path, *runs[:2])


def test_findings_have_rates_at_thresholds_from_validation(tmp_path):
    made = fake(cases=120, task="multilabel")
    folder = head_folder(tmp_path / "a", made)
    assert "specificity of k0" not in page_of(tmp_path, ("A", folder))
    predictions.write(
        folder / "predictions" / "validation.csv", fake(90, task="multilabel", seed=3)
    )
    page = page_of(tmp_path, ("A", folder))
    assert "specificity of k0" in page and "Confusion" not in page and "AUC of k0" in page


def by_image_folder(folder, skill):
    made = fake(80, 2, task="multilabel", skill=skill)
    head_folder(folder, made)
    images = fake(160, 2, task="multilabel", skill=skill, seed=1, patients=80)
    predictions.write(folder / "predictions" / "test_by_image.csv", images)
    return folder, images


def test_findings_are_calibrated_one_by_one(tmp_path):
    made = fake(cases=120, task="multilabel")
    rare = dataclasses.replace(made, probabilities=made.probabilities.copy())
    rare.probabilities[:, 1] = 1 - (1 - rare.probabilities[:, 1]) / 3  # far too high
    folders = [head_folder(tmp_path / name, each) for name, each in (("a", made), ("b", rare))]
    page = page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    charts = [chart for chart in charts_of(page) if chart[0].text.startswith("Reliability")]
    assert [chart[0].text for chart in charts] == [f"Reliability of {c}" for c in made.classes]
    section = re.search(r"<h3>Calibration of each finding.*?</table>", page, re.S)[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in section.split("<tr>")[2:]]
    assert [row[0] for row in rows[::2]] == [*made.classes]
    known = ~np.isnan(made.truth[:, 1])
    for row, each in zip(rows[2:4], (made, rare), strict=True):
        ratio = made.truth[known, 1].sum() / each.probabilities[known, 1].sum()
        assert row[2:4] == [str(known.sum()), f"{made.truth[known, 1].sum():g}"]
        assert row[6] == f"{ratio:.3f}"
    errors = [np.mean([float(row[7]) for row in rows[start::2]]) for start in (0, 1)]
    pooled = re.search(r"calibration error, mean over findings.*?</tr>", page, re.S)[0]
    shown = [float(value) for value in re.findall(r"<td>([\d.]+)", pooled)]
    np.testing.assert_allclose(shown, errors, atol=1e-3)


def test_findings_by_image_stand_beside_those_by_case(tmp_path):
    (a, images), (b, _) = (
        by_image_folder(tmp_path / name, skill) for name, skill in (("a", 1.0), ("b", 3.0))
    )
    page = page_of(tmp_path, ("A", a), ("B", b))
    value = bootstrap.replicate(images, DRAWN).interval("auc")
    shown = "{value:.3f} [{low:.3f}, {high:.3f}]".format(**value)
    assert shown in words_of(page) and "Metrics by image, test" in page
    assert atomic.sha256(a / "predictions" / "test_by_image.csv") in page
    tables = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert shown in tables and "test, by image: 160 images" in tables
    (b / "predictions" / "test_by_image.csv").unlink()
    assert "by image, test" not in page_of(tmp_path, ("A", a), ("B", b))


def test_training_curves_are_of_heads_and_of_what_they_share(tmp_path):
    before = run_folder(tmp_path / "pre", "pretrain")
    atomic.write_text(before / "monitor.csv", "step,knn_accuracy\n1,0.5\n2,0.75\n")
    runs = [
        (name, head_folder(tmp_path / name, fake(cases=120), init=f"run:{before}", seed=seed))
        for seed, name in enumerate("AB")
    ]
    charts = {chart[0].text: chart[1].text for chart in charts_of(page_of(tmp_path, *runs))}
    assert charts["Pretraining: loss"] == "A, B: from 2 to 0.4"
    assert charts["Pretraining: knn accuracy"] == "A, B: from 0.5 to 0.75"
    assert charts["Head: training loss"] == "A: from 2 to 0.4; B: from 2 to 0.4"
    atomic.write_text(before / "log.csv", "step,loss\n1,x\n")
    with pytest.raises(InputError, match=r"log\.csv"):
        page_of(tmp_path, *runs)


def data_folder(folder, cases):
    """A data set folder whose cases are those of `fake`, with an image each."""
    (folder / "images").mkdir(parents=True)
    classes = [f"k{k}" for k in range(5)]
    info = {"name": "d", "task": "multiclass", "classes": classes, "image_root": "images"}
    atomic.write_text(folder / "dataset.json", json.dumps(info))
    rows = "".join(f"c{i}.png,c{i},p{i},test,k0\n" for i in range(cases))
    atomic.write_text(folder / "manifest.csv", "image,case_id,patient_id,split,labels\n" + rows)
    for i in range(cases):
        Image.new("RGB", (300, 200), (i, 0, 0)).save(folder / "images" / f"c{i}.png")
    return folder


def test_the_most_confident_errors_are_shown_with_their_images(tmp_path):
    truth = np.eye(5, dtype=np.float32)[[0, 0, 0, 1]]
    scores = np.full((4, 5), 0.01, np.float32)
    scores[[0, 1, 2, 3], [0, 1, 2, 2]] = [0.96, 0.96, 0.96, 0.96]
    scores[[1, 3], 4] = [0.11, 0.06]
    scores[[1, 3], [1, 2]] = [0.86, 0.91]
    made = fake(4, truth=truth, probabilities=scores)
    data = data_folder(tmp_path / "data", 4)
    folder = head_folder(tmp_path / "a", made, data_dir=str(data))
    found = confident_mistakes(read_run("A", folder), "test", 2)
    assert [(m.case_id, m.truth, m.said) for m in found.mistakes] == [
        ("c2", "k0", "k2"), ("c3", "k1", "k2"),
    ]  # fmt: skip
    assert all(
        m.pictures[0].startswith(b"\xff\xd8") and len(m.pictures[0]) < 4000 for m in found.mistakes
    )
    assert page_of(tmp_path, ("A", folder), errors_shown=2).count("data:image/jpeg") == 2
    assert "data:image" not in page_of(tmp_path, ("A", folder), errors_shown=0)
    (data / "images" / "c2.png").unlink()
    words = words_of(page_of(tmp_path, ("A", folder)))
    assert "no pictures" in words and "k2 , 0.96 is k0" in words


def test_confident_errors_of_findings_are_of_either_kind(tmp_path):
    truth = np.array([[1, 0], [0, 1], [np.nan, 0]], np.float32)
    scores = np.array([[0.1, 0.3], [0.95, 0.9], [0.99, 0.2]], np.float32)
    made = fake(3, 2, task="multilabel", truth=truth, probabilities=scores)
    found = confident_mistakes(read_run("A", head_folder(tmp_path / "a", made)), "test", 5)
    assert [(m.case_id, m.truth, m.said) for m in found.mistakes] == [
        ("c1", "no k0", "k0"), ("c0", "k0", "no k0"),
    ]  # fmt: skip


def test_tables_are_written_in_the_forms_that_are_asked_for(tmp_path, folders):
    options = dataclasses.replace(OPTIONS, formats=("markdown", "latex"))
    runs = [("A", folders[0]), ("B_1", folders[1])]
    paths = report.write_report(runs, tmp_path / "out", options)
    assert [path.name for path in paths] == ["report.md", "report.tex"]
    assert not (tmp_path / "out" / "report.html").exists()
    value = bootstrap.replicate(fake(cases=120, skill=0.2), DRAWN).interval("auc")
    shown = "{value:.3f} [{low:.3f}, {high:.3f}]".format(**value)
    markdown, tex = (path.read_text(encoding="utf-8") for path in paths)
    assert shown in markdown and shown in tex
    assert r"B\_1" in markdown and r"B\_1" in tex and "each run minus A" in tex


def test_what_is_missing_is_said_and_nothing_is_written(tmp_path, folders):
    with pytest.raises(InputError, match="is given twice as a run of A"):
        page_of(tmp_path, ("A", folders[0]), ("A", folders[0]))
    with pytest.raises(InputError, match="nowhere"):
        page_of(tmp_path, ("A", tmp_path / "nowhere"))
    with pytest.raises(InputError, match="--baseline=C: expected one of the runs, A, B"):
        page_of(tmp_path, ("A", folders[0]), ("B", folders[1]), baseline="C")
    (folders[1] / "predictions" / "test.csv").rename(folders[1] / "predictions" / "external.csv")
    with pytest.raises(InputError, match="no split that all of them"):
        page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    (folders[1] / "predictions" / "external.csv").unlink()
    with pytest.raises(InputError, match="has no predictions"):
        page_of(tmp_path, ("A", folders[0]), ("B", folders[1]))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "apart", [(), ("test",), ("external",), ("test", "external"), ("validation",)], ids="-".join
)
def test_the_conclusion_on_groups_is_of_every_evaluated_split_and_never_of_validation(
    apart, tmp_path
):
    folder, skin = None, np.array(["light"] * 100 + ["dark"] * 100)
    for split in ("validation", "test", "external"):
        made = fake(cases=200, skill=3.0, groups={"skin": skin})
        if split in apart:  # of the second half nothing is right
            wrong = made.probabilities.copy()
            wrong[100:] = np.roll(made.truth[100:], 1, axis=1)
            made = dataclasses.replace(made, probabilities=wrong)
        if folder is None:
            folder = head_folder(tmp_path / "a", made)
        predictions.write(folder / "predictions" / f"{split}.csv", made)
    page = page_of(tmp_path, ("A", folder))
    verdict = words_of(re.search(r'id="verdict".*?</section>', page, re.DOTALL)[0])
    tested = [split for split in apart if split != "validation"]
    if tested:
        assert "Groups differ significantly: on " in verdict
        assert any(f"significantly: on {split}, A" in verdict for split in tested)
        assert "No groups differ" not in verdict
    else:
        assert "No groups differ significantly on test and external." in verdict
    assert "validation" not in verdict
