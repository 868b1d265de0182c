"""The generated data set: reproducible, as documented, whole or not there."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from scipy import stats

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation import phantom
from simclr_med.preparation.labels.paper_conditions import PAPER

TOOL = ROOT / "tools" / "make_phantom.py"
LARGE = phantom.PhantomConfig(train=5000, validation=100, test=300, external=2000, unlabelled=50)


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def small(**sizes):
    none = dict.fromkeys(phantom.SPLITS, 0)
    return phantom.PhantomConfig(**none | {"train": 6, "image_size": 24} | sizes)


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers_and_sizes(tmp_path):
    phantom.generate(tmp_path / "a", small(test=3))
    phantom.generate(tmp_path / "b", small(test=3), workers=2)
    phantom.generate(tmp_path / "c", small(test=3, seed=1))
    phantom.generate(tmp_path / "d", small())
    a, b, c, d = (digests(tmp_path / name) for name in "abcd")
    assert a == b
    images = {name for name in d if name.endswith(".jpg")}
    assert images and all(a[name] == d[name] for name in images)
    assert all(a[name] != c[name] for name in images & c.keys())


def test_a_manifest_of_27_classes_that_reads(tmp_path):
    phantom.generate(tmp_path / "a", small())
    data = manifest.read(tmp_path / "a")
    assert len(data.info.classes) == 27 and data.info.other_class == "Other"
    cases = data.cases(["train"])
    assert len(cases) == 6
    assert Image.open(cases.paths[0]).size == (24, 24)


def test_a_seed_means_what_it_always_meant_so_that_runs_go_on_with_data_made_anew(tmp_path):
    phantom.generate(tmp_path / "a", small(test=20, external=20, image_size=16))
    found = digests(tmp_path / "a")
    expected = {
        "manifest.csv": "64dbb8fa59dc968d4a79bf1cb159671020b6c2172021776a44d2a2f2e94a107d",
        "dataset.json": "1ce380142575449d11693c0b927ea6aea4c250858b8268ef54b25e4cba78e7e4",
    }
    assert {name: found[name] for name in expected} == expected


def test_classes_are_the_paper_s():
    assert tuple(phantom.CLASS_FACTORS) == PAPER


def test_classes_are_skewed_as_the_paper_says():
    shares = phantom.class_shares()
    assert shares.sum() == pytest.approx(1)
    by_name = dict(zip(phantom.CONDITIONS, shares, strict=True))
    assert all(by_name[name] > 0.1 for name in phantom.HEAD)
    assert all(by_name[name] < 0.01 for name in phantom.TAIL)
    cases = phantom.cases_of(LARGE, "train")
    first = np.bincount([case.classes[0] for case in cases], minlength=27)
    assert np.abs(first - 5000 * shares).max() <= 1
    few = phantom.cases_of(phantom.PhantomConfig(train=100), "train")
    assert set(range(27)) == {case.classes[0] for case in few}


def test_shares_of_cases_images_skins_and_patients():
    cases = phantom.cases_of(LARGE, "train")
    images = np.bincount([case.images for case in cases], minlength=7)[1:]
    assert stats.chisquare(images, 5000 * np.array(phantom.IMAGES_A_CASE)).pvalue > 1e-3
    second = np.mean([len(case.classes) == 2 for case in cases])
    assert second == pytest.approx(phantom.SECOND_DIAGNOSIS * 0.79, abs=0.01)
    alone = phantom.cases_of(LARGE, "external")
    dark = [np.mean([case.skin >= 2 for case in c]) for c in (cases, alone)]
    assert dark[0] == pytest.approx(0.4, abs=0.03) and dark[1] == pytest.approx(0.15, abs=0.03)
    patients = {}
    for case in cases:
        patients.setdefault(case.patient_id, []).append(case.skin)
    assert {len(skins) for skins in patients.values()} == {1, 2}
    assert all(len(set(skins)) == 1 for skins in patients.values())
    assert not set(patients) & {case.patient_id for case in alone}


def test_images_of_a_case_share_the_lesion_and_the_skin_but_not_the_view():
    case = next(c for c in phantom.cases_of(LARGE, "train") if c.images >= 3)
    views = [phantom.view_of(case, image) for image in range(3)]
    for name in ("position", "scale", "angle", "brightness", "cast", "limb_angle", "key"):
        assert len({str(getattr(view, name)) for view in views}) == 3, name
    neutral = [phantom.render(case, phantom.View(), 48) for _ in range(2)]
    assert np.array_equal(*neutral)
    others = {phantom.skin_melanin(c) for c in phantom.cases_of(LARGE, "train")[:9]}
    assert len(others) == 9  # another case has another skin


def test_each_nuisance_shows_and_leaves_the_lesion_alone():
    case = next(c for c in phantom.cases_of(LARGE, "train") if c.body_part == "arm")
    plain = phantom.render(case, phantom.View(), 48).astype(int)
    changes = {
        "position": (0.2, 0.1), "scale": 0.3, "angle": 1.0, "tilt": 0.7, "brightness": 0.7,
        "perspective": (0.2, 0.0), "slope": (0.2, 0.0), "vignette": 0.3, "cast": (1.1, 1.0, 0.9),
        "saturation": 0.5, "contrast": 0.7, "curvature": 0.3, "texture": 1.0, "hairs": 10,
        "blur": 1.0, "noise": 0.03,
    }  # fmt: skip
    for name, value in changes.items():
        view = phantom.View(**{name: value})
        assert np.abs(phantom.render(case, view, 48) - plain).mean() > 0.05, name
    before = phantom.lesion(case, 48).copy()
    phantom.render(case, phantom.View(angle=2.0), 48)
    assert np.array_equal(before, phantom.lesion(case, 48))


def test_class_shows_in_the_lesion():
    """Neutral views of one class are nearer to each other than to those of another."""

    def mean_lesion(name):
        index = phantom.CONDITIONS.index(name)
        chosen = [c for c in phantom.cases_of(LARGE, "train") if c.classes == (index,)][:12]
        fields = [phantom.lesion(case, 24).mean((1, 2)) for case in chosen]
        return np.mean(fields, 0), np.std(fields, 0)

    for a, b in (("Melanoma", "Vitiligo"), ("Acne", "Cyst"), ("Psoriasis", "Lentigo")):
        (mean_a, spread_a), (mean_b, spread_b) = mean_lesion(a), mean_lesion(b)
        assert (np.abs(mean_a - mean_b) / np.maximum(spread_a, spread_b)).max() > 1, (a, b)


def test_the_external_split_is_shifted():
    def brightness(split):
        cases = phantom.cases_of(LARGE, split)[:150]
        return np.mean([phantom.view_of(case, 0).brightness for case in cases])

    assert brightness("external") < brightness("train") - 0.05


def tool(*arguments):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True
    )


def test_the_tool(tmp_path):
    zero = ("--validation=0", "--test=0", "--external=0", "--unlabelled=0")
    done = tool(f"--output={tmp_path / 'a'}", "--train=3", *zero, "--image_size=16", "--workers=0")
    assert done.returncode == 0 and "images" in done.stdout, done.stderr
    again = tool(f"--output={tmp_path / 'a'}", "--train=3")
    assert again.returncode == 2 and "is there already" in again.stderr
    nothing = tool(f"--output={tmp_path / 'b'}", "--train=0", *zero)
    assert nothing.returncode == 2 and "every split is empty" in nothing.stderr
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", ["train", "image_size", "seed", "workers"])
def test_a_number_of_twenty_digits_is_refused_in_one_line(name, tmp_path):
    done = tool(f"--output={tmp_path / 'a'}", f"--{name}={10**20}")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert f"{name}={10**20}: expected a whole number, " in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"train": -1}, {"image_size": 8}, {"seed": -1}, {"test": 1.5}])
def test_wrong_sizes_are_named(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        phantom.PhantomConfig(**wrong)
