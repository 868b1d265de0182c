"""What benchmarks share: goals and exit codes, measuring in turns, the table of results."""

import argparse
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from benchmarks import apart, figures, machine, peer_parts, run_all, serving, table
from benchmarks.verdict import at_least, at_most, conclude, shown
from simclr_med.errors import InputError

GOALS = (at_least("speed", 1.0), at_most("memory", 1.4), shown("time", "of two"))
# A worker that answers with its own name and how often it was asked.
WORKER = """
import itertools, sys
from benchmarks.apart import serve
print("what a library prints")
count = itertools.count()
serve(lambda: {"name": sys.argv[1], "count": next(count)})
"""


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("ratios", "code", "verdicts"),
    [
        ({"speed": 1.0, "memory": 1.4, "time": 9.0}, 0, ["met", "met", ""]),
        ({"speed": 0.99, "memory": 1.4}, 1, ["MISSED", "met"]),
        ({"speed": 1.0, "memory": 1.41}, 1, ["met", "MISSED"]),
        ({"time": 9.0}, 0, [""]),
    ],
)
def test_a_missed_goal_is_printed_and_is_the_exit_code(ratios, code, verdicts, tmp_path, capsys):
    options = argparse.Namespace(json=tmp_path / "out.json")
    assert conclude(options, GOALS, ratios, seconds=[1.5]) == code
    result = json.loads(options.json.read_text())
    assert [row["verdict"] for row in result["rows"]] == verdicts
    assert result["seconds"] == [1.5] and result["ratios"] == ratios
    assert ("MISSED" in capsys.readouterr().out) == bool(code)


def test_the_machine_is_described_and_the_commit_named():
    assert f"{machine.cores()} cores" in machine.describe()
    head = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    assert machine.commit().rstrip("+") == head.stdout.strip()


def test_workers_take_turns_in_both_orders():
    asked = []

    class Noted(apart.Worker):
        def ask(self):
            answer = super().ask()
            asked.append(answer["name"])
            return answer

    def command(name):
        return [sys.executable, "-c", WORKER, name]

    with Noted(command("a"), environment()) as a, Noted(command("b"), environment()) as b:
        answers = apart.take_turns({"a": a, "b": b}, 3)
    assert asked == ["a", "b", "b", "a", "a", "b"]
    assert [answer["count"] for answer in answers["a"]] == [0, 1, 2]


def test_a_worker_that_fails_says_why():
    with (
        apart.Worker([sys.executable, "-c", "raise SystemExit('no memory')"], environment()) as one,
        pytest.raises(apart.Failed, match="no memory"),
    ):
        one.ask()


def test_a_ratio_is_of_pairs():
    # The machine was half as fast in the second round: the ratios of the rounds are 2, 2 and 3.
    assert apart.pairwise_ratio([2.0, 4.0, 3.0], [1.0, 2.0, 1.0]) == 2.0


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="no /proc")
def test_memory_is_that_of_all_processes_and_shared_pages_count_once():
    code = (
        "import os, sys, time\n"
        "held = b'x' * (200 << 20)\n"
        "for _ in range(2):\n"
        "    if os.fork() == 0: break\n"
        "own = bytes([7]) * (50 << 20)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    with process:
        for _ in range(3):
            process.stdout.readline()
        mebibytes = apart.session_kib(process.pid) / 1024
        process.stdin.close()
    # 200 shared by three, 50 of each, and three interpreters of some 10.
    assert 345 < mebibytes < 420


def test_a_command_that_was_watched_hands_back_what_it_printed():
    printed, peak = apart.watched([sys.executable, "-c", "import time; time.sleep(1); print(7)"],
                                  environment())  # fmt: skip
    assert printed == "7\n"
    assert peak is None or 1 < peak < 200
    with pytest.raises(apart.Failed, match="broken"):
        apart.watched([sys.executable, "-c", "raise SystemExit('broken')"], environment())


def test_the_rate_counts_from_the_second_step_on():
    # A slow first step; then 3 steps of 10 images in 6 s.
    assert peer_parts.rate({"steps": [1, 2, 3, 5], "times": [0.0, 50.0, 52.0, 56.0]}, 10) == 5.0


def result(*rows):
    return json.dumps({"rows": rows, "machine": "two cores", "date": "2026-01-02", "commit": "abc"})


def test_the_table_has_every_benchmark(tmp_path):
    rows = (at_least("speed", 1.0).row(0.5), shown("time", "of two").row(2.0))
    (tmp_path / "startup.json").write_text(result(*rows))
    text = table.of_results(tmp_path, run_all.BENCHMARKS)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(any(line.startswith(f"| {name} ") for line in lines) for name in run_all.BENCHMARKS)
    assert "| speed | 0.5 | >= 1 | **MISSED** | two cores | 2026-01-02 | abc |" in text
    assert "| time (1) | 2 |" in text and "\n1. of two\n" in text
    assert text.count("not measured yet") == len(run_all.BENCHMARKS) - 1


def test_the_table_is_of_all_scripts_that_measure():
    files = (ROOT / "benchmarks").glob("*.py")
    scripts = {file.stem for file in files if "def main(" in file.read_text()}
    sides = {"peer_ours", "peer_torch", "run_all"}
    assert {script for script, *_ in run_all.BENCHMARKS.values()} == scripts - sides


def test_every_benchmark_says_in_a_sentence_what_it_measures():
    for script, *_ in run_all.BENCHMARKS.values():
        assert table.title(script).endswith("."), script


def test_figures_in_documents_are_those_of_the_results():
    texts = {path: path.read_text(encoding="utf-8") for path in figures.documents()}
    assert sum(len(figures.FIGURE.findall(text)) for text in texts.values()) > 50
    for path, text in texts.items():
        assert figures.filled(text) == text, f"{path}: run python benchmarks/figures.py"


def test_a_stale_figure_is_written_anew_and_an_unknown_one_is_an_error(tmp_path):
    (tmp_path / "memory.json").write_text('{"arms": [{"mib": 812.4}]}')
    text = "takes <!--= memory; arms > 0 > mib; .0f -->7<!--/--> MiB"
    assert "-->812<!--/--> MiB" in figures.filled(text, tmp_path)
    with pytest.raises(KeyError):
        figures.filled(text.replace("mib", "gib"), tmp_path)


def run_all_command(tmp_path, monkeypatch, *flags):
    given = [f"--results={tmp_path}", f"--table={tmp_path / 'README.md'}", *flags]
    monkeypatch.setattr(sys, "argv", ["run_all.py", *given])
    return run_all.main()


def test_what_fails_or_takes_too_long_keeps_its_last_row(tmp_path, monkeypatch, capfd):
    (tmp_path / "peers_run.json").write_text(result(at_least("speed", 1.0).row(2.0)))
    (tmp_path / "startup.json").write_text(result(shown("time").row(3.0)))
    scripts = {
        "peers_run": ("peers", "--parts=run", f"--peers={tmp_path}"),
        "startup": ("startup", "--repeats=100000"),
        "phantom": ("phantom", "--cases=4", "--workers=0"),
    }
    monkeypatch.setattr(run_all, "BENCHMARKS", scripts)
    # It would take days.
    assert run_all_command(tmp_path, monkeypatch, "--minutes=0.02", "--only=startup") == 1
    assert run_all_command(tmp_path, monkeypatch, "--only=peers_run,phantom") == 1
    printed = capfd.readouterr()
    assert "startup was not done in time" in printed.out
    assert "peers_run cannot run here" in printed.out and "make peers" in printed.err
    text = (tmp_path / "README.md").read_text()
    assert "| speed | 2 |" in text and "| time | 3 |" in text
    assert "generated / JPEG encoding alone" in text


def test_an_unknown_benchmark_is_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="phantoms"):
        run_all_command(tmp_path, monkeypatch, "--only=phantoms")


@pytest.mark.slow  # a model is exported and served
def test_serving_is_measured(tmp_path):
    pytest.importorskip("starlette", reason="the extra serving is missing")
    sizes = ["--encoder=resnet18", "--width=0.125", "--image_size=32", "--images=4", "--rounds=1",
             "--few=32"]  # fmt: skip
    command = [sys.executable, ROOT / "benchmarks" / "serving.py", *sizes]
    done = subprocess.run(
        [*command, f"--json={tmp_path / 'a.json'}"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode in (0, 1), done.stderr  # of so small a network the ratio says nothing
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert len(rows) == len(serving.GOALS) and all(row["value"] > 0 for row in rows)
