"""tools/bootstrap.py: any number of files, a table, JSON and LaTeX, and what it refuses."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from conftest import ROOT
from predictions_made import fake

from simclr_med.evaluation import evaluated_runs, predictions, wording
from simclr_med.evaluation.comparisons import comparison_tables, over_seeds, paired
from simclr_med.evaluation.intervals.bootstrap import Settings

TOOL = ROOT / "tools" / "bootstrap.py"


@pytest.fixture
def made(tmp_path):
    paths = []
    for name, skill in (("a", 4.0), ("b", 0.2), ("c", 0.2)):
        paths.append(tmp_path / name / "predictions" / "test.csv")
        predictions.write(paths[-1], fake(cases=120, skill=skill))
    return paths


def tool(*arguments):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True
    )


def test_a_table_json_and_latex_of_three_models(tmp_path, made):
    outputs = [f"--{kind}={tmp_path / file}" for kind, file in
               (("json", "o.json"), ("latex", "o.tex"), ("forest", "o.svg"))]  # fmt: skip
    done = tool(*made, "--replicates=200", "--seed=3", *outputs)
    assert done.returncode == 0, done.stderr
    models = {path.parts[-3]: predictions.read(path) for path in made}
    expected = paired.compare(models, Settings(200, seed=3))
    assert json.loads((tmp_path / "o.json").read_text()) == expected
    auc = next(row for row in expected["differences"] if row["metric"] == "auc")
    assert (
        "a is better than b in AUC: {difference:+.4f} [{low:+.4f}, {high:+.4f}]".format(**auc)
        in done.stdout
    )
    told = ET.fromstring((tmp_path / "o.svg").read_text(encoding="utf-8"))[1].text
    assert "AUC, a minus b: {difference:+.3f} [{low:+.3f}, {high:+.3f}].".format(**auc) in told
    assert told.count(" minus ") == 3 * 5
    latex = (tmp_path / "o.tex").read_text()
    assert latex.count(r" \\") == 1 + 3 * 5 and "a & b & top-1 accuracy & " in latex
    head, *rows = [line.split(" & ") for line in latex.splitlines() if line.endswith(r" \\")]
    column = head.index("Holm's $p$")
    main = wording.main_metrics(expected)
    shown = [row for row in expected["differences"] if row["metric"] in main]
    for cells, row in zip(rows, shown, strict=True):
        assert cells[:2] == [row["model"], row["baseline"]]
        p = row["p_holm"]
        assert cells[column] == ("--" if p is None else f"{p:.4f}")


def test_a_p_value_of_nothing_is_written_as_small(made):
    models = {path.parts[-3]: predictions.read(path) for path in made[:2]}
    comparison = paired.compare(models, Settings(50))
    for row in comparison["differences"]:
        row |= {"p_value": 1e-9, "p_holm": 4e-5, "p_delong": 0.0}
    metrics = wording.main_metrics(comparison)
    assert "0.0000" not in comparison_tables.latex(comparison, metrics).replace("+0.0000", "")
    assert "$<0.0001$ & $<0.0001$ & " in comparison_tables.latex(comparison, metrics)
    said = comparison_tables.terminal(comparison, metrics)
    assert "(p <0.0001, Holm <0.0001, DeLong <0.0001)" in said


def test_dots_in_names_of_folders_are_kept(tmp_path):
    for name in ("probe_0.1", "probe_0.5"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.csv").touch()
    for ends in ("", ".csv"):
        given = [str(tmp_path / f"{name}{ends}") for name in ("probe_0.1", "probe_0.5")]
        names = [name for name, _ in evaluated_runs.named(given)]
        assert names == ["probe_0.1", "probe_0.5"]


def test_names_and_a_baseline(made):
    a, b, _ = made
    done = tool(f"Ours & more={a}", f"Base={b}", "--baseline=Ours & more", "--replicates=20")
    assert "Base minus Ours & more: -" in done.stdout
    assert "no verdict: 20 replicates; a verdict needs 199" in done.stdout
    again = tool(f"X={a}", f"X={b}")
    assert again.returncode == 2 and "two models are called the same" in again.stderr


def test_every_metric_and_thresholds_of_validation(tmp_path):
    for name in ("a", "b"):
        predictions.write(tmp_path / f"{name}.csv", fake(task="multilabel"))
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    done = tool(*files, "--all", "--replicates=20", "--validation", *files)
    assert "specificity of k4" in done.stdout and "average precision of k0" in done.stdout
    done = tool(*files, "--validation", files[0])
    assert done.returncode == 2 and "1 files for 2 models" in done.stderr


def test_settings_are_used(made, tmp_path):
    a, b, _ = made
    models = {path.parts[-3]: predictions.read(path) for path in (a, b)}
    lows = set()
    for option in ({}, {"seed": 3}, {"confidence": 0.5}, {"interval": "bca"}, {"unit": "patient"}):
        given = [f"--{name}={value}" for name, value in option.items()]
        done = tool(a, b, "--replicates=100", f"--json={tmp_path / 'o.json'}", *given)
        assert done.returncode == 0, done.stderr
        expected = paired.compare(models, Settings(**{"replicates": 100} | option))
        assert json.loads((tmp_path / "o.json").read_text()) == expected
        lows.add(tuple(row["low"] for row in expected["differences"]))
    assert len(lows) == 4  # each patient has one case: by patient or by case is the same
    assert "kappa" in tool(a, b, "--replicates=2", "--all").stdout


def test_margin(made):
    done = tool(*made[:2], "--replicates=200", "--margin=0.5")
    assert "significant alone, not after Holm; non-inferior" in done.stdout
    assert "200 replicates are too few" not in done.stdout


def test_what_is_wrong_ends_with_code_2(tmp_path, made):
    other = tmp_path / "other.csv"
    predictions.write(other, fake(cases=119))
    done = tool(made[0], other)
    assert done.returncode == 2 and "in predictions alone" not in done.stderr
    assert "must hold the same cases" in done.stderr and "'c119'" in done.stderr
    done = tool(made[0])
    assert done.returncode == 2 and "two models or more" in done.stderr
    done = tool(*made[:2], "--replicates=0")
    assert done.returncode == 2 and "replicates is 0" in done.stderr
    assert not done.stdout
    for nothing in ("A=", "A=.", "."):
        done = tool(nothing, made[0])
        assert done.returncode == 2 and done.stderr == "error: . is a folder; expected a file\n"


@pytest.fixture
def seeds(tmp_path):
    """Files of two methods of three and of two runs, on the same findings."""
    truth = fake(cases=120, task="multilabel").truth
    paths = {}
    for number, (run, skill) in enumerate(
        [("a1", 2.0), ("a2", 2.02), ("a3", 2.04), ("b1", 0.1), ("b2", 0.12)]
    ):
        paths[run] = tmp_path / f"{run}.csv"
        scores = skill * np.nan_to_num(truth)
        scores += np.random.default_rng(number).normal(size=truth.shape)
        chances = 1 / (1 + np.exp(-scores))
        made = fake(cases=120, task="multilabel", truth=truth, probabilities=chances)
        predictions.write(paths[run], made)
    return paths


def test_runs_of_methods(tmp_path, seeds):
    of = {"A": [seeds[f"a{i}"] for i in (1, 2, 3)], "B": [seeds["b1"], seeds["b2"]]}
    files = [",".join(map(str, paths)) for paths in of.values()]
    given = [f"{name}={text}" for name, text in zip(of, files, strict=True)]
    outputs = [f"--json={tmp_path / 'o.json'}", f"--forest={tmp_path / 'o.svg'}"]
    done = tool("--runs", *given, "--replicates=200", *outputs)
    assert done.returncode == 0, done.stderr
    expected = over_seeds.compare_methods(
        {name: [predictions.read(path) for path in paths] for name, paths in of.items()},
        Settings(200),
    )
    assert json.loads((tmp_path / "o.json").read_text()) == expected
    auc = expected["models"]["A"]["metrics"]["auc"]
    assert "A, 3 runs" in done.stdout and "B, 2 runs" in done.stdout
    assert "{value:.4f} +/- {sd:.4f}  [{low:.4f}, {high:.4f}]".format(**auc) in done.stdout
    assert "A is better than B in AUC: " in done.stdout
    told = ET.fromstring((tmp_path / "o.svg").read_text(encoding="utf-8"))[1].text
    assert "AUC, A minus B" in told
    done = tool("--runs", *given, "--replicates=20", "--all", "--validation", *files)
    assert "specificity of k4" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["A={a1},{a2}", "{b1},{b2}"], "expected METHOD=FILE.csv,FILE.csv"),
        (["A={a1},{a2}", "A={b1},{b2}"], "each method once"),
        (["A={a1},{a2}", "B={b1},{a1}"], "a1.csv is given twice"),
        (["A={a1},{a2}", "B={b1}"], "B has 1 run"),
        (["A={a1},{a2}", "B={b1},{b2}", "--validation", "{a1},{a2}", "{b1}"],
         "2 + 1 files for 2 + 2 runs"),
        (["A={a1},{a2}", "B={b1},{b2}", "--forest={b2}"], "is read, and would be replaced"),
    ],
)  # fmt: skip
def test_runs_that_are_refused(seeds, given, message):
    done = tool("--runs", *(text.format(**seeds) for text in given))
    assert done.returncode == 2 and message in done.stderr


def test_it_imports_nothing_slow(made):
    code = f"""if True:
        import runpy, sys
        sys.argv = ["bootstrap.py", {str(made[0])!r}, {str(made[1])!r}, "--replicates=5"]
        try:
            runpy.run_path({str(TOOL)!r}, run_name="__main__")
        except SystemExit:
            pass
        slow = {{"pandas", "scipy.stats", "sklearn", "tensorflow", "matplotlib", "keras"}}
        print("slow:", sorted(slow & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("slow: []\n"), done.stdout + done.stderr
