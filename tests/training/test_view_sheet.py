"""The picture of a recipe's views, and the tool that draws it."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from simclr_med.config.recipes import Recipe
from simclr_med.data import manifest
from simclr_med.data.batches import contrastive_batches
from simclr_med.data.positions import Positions
from simclr_med.training import view_sheet

TOOL = ROOT / "tools" / "show_views.py"


@pytest.mark.parametrize(("positives", "cells"), [("augmentation", 5), ("case", 6)])
def test_rows_are_the_run_s_first_examples(positives, cells, data_dir):
    cases = manifest.read(data_dir).cases(["train"])
    positions = Positions(cases, batch_size=4, seed=2, positives=positives)
    recipe = Recipe.named("full", 32)
    picture = view_sheet.sheet(positions, recipe, rows=4, pairs=2)
    assert picture.shape == (2 * 32, 2 * cells * 32 + 4, 3)
    batch = next(iter(contrastive_batches(positions, recipe, steps=1)))
    left, right = picture[:, : cells * 32], picture[:, cells * 32 + 4 :]
    rows = [
        part.reshape(32, cells, 32, 3) for part in (left[:32], left[32:], right[:32], right[32:])
    ]
    for i, row in enumerate(rows):
        shown = [np.round(255 * batch[f"view{v}"][i]) for v in (1, 2)]
        np.testing.assert_allclose(row[:, 1], shown[0], atol=1)
        np.testing.assert_allclose(row[:, 3], shown[1], atol=1)
        original = Image.open(cases.paths[int(batch["image1"][i])]).convert("RGB")
        np.testing.assert_allclose(row[:, 0], np.asarray(original.resize([32, 32])), atol=4)
        assert np.abs(np.subtract(row[:, 1], row[:, 2], dtype=int)).mean() > 1  # drawn again
    if positives == "case":
        original = Image.open(cases.paths[int(batch["image2"][0])]).convert("RGB")
        np.testing.assert_allclose(rows[0][:, 5], np.asarray(original.resize([32, 32])), atol=4)


def test_finetuning_shows_one_view_of_each(data_dir):
    cases = manifest.read(data_dir).cases(["train"])
    positions = Positions(cases, batch_size=3, seed=2, images=1)
    picture = view_sheet.sheet(positions, Recipe.named("finetune", 32), rows=3)
    assert picture.shape == (2 * 32, 4 * 32 + 4, 3)
    assert (picture[32:, 2 * 32 + 4 :] == 255).all()  # the place of a fourth


def test_a_small_data_set_is_shown_whole(data_dir):
    cases = manifest.read(data_dir).cases(["train"]).take([0, 1, 2])
    positions = Positions(cases, batch_size=1, seed=2, images=1)
    assert view_sheet.sheet(positions, Recipe.named("partial", 16), rows=9).shape == (
        32,
        4 * 16 + 4,
        3,
    )


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--output=a.jpg"], "expected a PNG"),
        (["--output=a.png", "--views=3"], "even number"),
        (["--output=a.png", "--augmentation=cutout"], "--augmentation=cutout"),
        (["--output=a.png", "--rotation=9"], "--rotation has no effect"),
        (["--output=a.png", "--rows=0"], "1 or more"),
        (["--output=a.png", f"--rows={10**20}"], "at most 100,000,000 pixels"),
        (["--output=a.png", f"--views={10**20}"], "at most 100,000,000 pixels"),
        (["--output=a.png", f"--image_size={10**20}"], "expected from 1 to 4096"),
        (["--output=a.png", "--extra_layers={"], "not JSON"),
    ],
)
def test_wrong_flags(flags, problem, data_dir, tmp_path):
    command = [sys.executable, str(TOOL), f"--data_dir={data_dir}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and problem in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
