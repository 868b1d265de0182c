"""How far a task is, as files and terminals see it."""

import io
import sys

import pytest

from simclr_med import progress


@pytest.fixture
def clock(monkeypatch):
    """The time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def told(capsys):
    return capsys.readouterr().err.splitlines()


def test_where_nobody_watches_lines_come_ever_more_seldom(clock, capsys):
    shown = progress.shown("run", "step", 1000, done=10)
    moments = []
    for step in range(11, 1001):
        clock[0] += 1
        shown.to(step, note=lambda: "loss 1.5")
        if line := told(capsys):
            moments.append(clock[0])
            assert len(line) == 1
    assert moments[:4] == [15, 30, 45, 60] and moments[-1] - moments[-2] > 100
    clock[0] = 3725
    shown.close()
    shown.close()
    assert told(capsys) == ["run: step 1000 of 1000, in 1:02:05"]


def test_a_line_says_what_is_left_at_the_speed_since_the_first(clock, capsys):
    shown = progress.shown("run", "step", 100)
    clock[0] = 10.0
    shown.to(1)  # has compiled
    clock[0] = 20.0
    shown.to(11, note=lambda: "loss 1.5")
    assert told(capsys) == ["run: step 11 of 100, loss 1.5, 0:20 gone, 1:29 left"]


def test_what_is_short_and_leaves_nothing_says_nothing(clock, capsys):
    assert list(progress.followed("abc", "features", "batch", 3)) == ["a", "b", "c"]
    assert told(capsys) == []
    for done, _ in enumerate(progress.followed("abc", "features", "batch", 3), 1):
        clock[0] = 20.0 * done
    assert told(capsys)[0] == "features: batch 1 of 3, 0:20 gone"


def test_a_terminal_has_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.shown("run", "step", 4) as shown:
        shown.to(2)
        shown.to(4)
        shown.close(note=lambda: "loss 1.5")
    assert "\r" in terminal.getvalue() and "loss 1.5" in terminal.getvalue()
