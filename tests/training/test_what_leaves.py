"""What leaves the workplace names nobody and no place; damaged files of ours are named."""

import numpy as np
import pytest
from conftest import answers_here
from PIL import Image, PngImagePlugin

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.errors import InputError
from simclr_med.modes import evaluate
from simclr_med.preparation.inspection import write_page
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings
from simclr_med.serving import export
from simclr_med.serving.formats import saved_model
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head

pytestmark = pytest.mark.usefixtures("shortest_encoder")
SECRET = "Mueller"
# Of a work folder these name places: they are for the run itself, and docs/data.md says so.
KEPT_INSIDE = ("config.json", "skipped.csv", "tensorboard")
SMALL = {"image_size": 32, "batch_size": 4, "steps": 2}


def pictures(folder):
    """Photographs below folders of classes, each naming a person beyond its pixels."""
    rng = np.random.default_rng(0)
    for number in range(24):
        place = folder / "ab"[number % 2] / f"{number}.{('jpg', 'png', 'gif')[number % 3]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        exif, text = Image.Exif(), PngImagePlugin.PngInfo()
        exif[0x010E] = SECRET
        text.add_text("Patient", SECRET)
        picture = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
        picture.save(place, exif=exif, comment=SECRET, pnginfo=text)
    (folder / "a" / "damaged.jpg").write_bytes(b"\xff\xd8" + SECRET.encode())


def told(folder):
    """The files below a folder that name the secret, but for those that are kept inside."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not set(KEPT_INSIDE) & set(path.relative_to(folder).parts)
        and (path.is_file() and SECRET.encode() in path.read_bytes())
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set and the runs on it, all below a folder whose name is a person's."""
    home = tmp_path_factory.mktemp(f"home_{SECRET}")
    pictures(home / "in")
    settings = Settings(shortest_side=0, allow_problems=1, splits="train=0.5,test=0.5")
    prepare("folders", home / "in", home / "data", settings, {"path_pattern": ""})
    common = {"data_dir": str(home / "data")} | SMALL
    encoder = {"work_dir": str(home / "pretrained"), "encoder": "resnet18", "width": 0.125}
    pretrain.run(make_config("pretrain", common | encoder))
    head = {"work_dir": str(home / "head"), "init": f"run:{home / 'pretrained'}"}
    train_head.run(make_config("linear_probe", common | head))
    given = {"eval_splits": ("test",), "bootstrap_replicates": 50}
    evaluate(for_existing_run("evaluate", str(home / "head"), given))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "answers_alone", answers_here)
        export.run(for_existing_run("export", str(home / "head"), {}))
    return home


def test_nothing_that_is_passed_on_names_a_person_or_a_place(made):
    assert (made / "data" / "problems.csv").exists()
    write_page(made / "data", made / "data" / "inspection.html")
    assert told(made / "in")  # the originals do
    for folder in ("data", "pretrained", "head"):
        assert not told(made / folder), folder


def test_an_export_that_was_killed_is_cleared_by_the_next(made, monkeypatch):
    monkeypatch.setattr(saved_model, "write", lambda folder, trained, sample: [])
    left = made / "head" / "export" / ".7.4711.tmp"
    left.mkdir()
    export.run(for_existing_run("export", str(made / "head"), {}))
    names = {path.name for path in (made / "head" / "export").iterdir()}
    assert all(name.isdigit() for name in names) and len(names) >= 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{\0}\0", b"[]", b'{"task": "multiclass"}']
)
@pytest.mark.parametrize("name", ["config.json", "task.json", "metrics.json"])
def test_a_damaged_file_is_named_before_anything_is_written(name, content, made):
    file = made / "head" / name
    whole = file.read_bytes()
    test = made / "head" / "predictions" / "test.csv"
    test.write_text("as it was")
    try:
        file.write_bytes(content)
        with pytest.raises(InputError, match=f"{name} is"):
            evaluate(for_existing_run("evaluate", str(made / "head"), {"eval_splits": ("test",)}))
        assert test.read_text() == "as it was" and file.read_bytes() == content
    finally:
        file.write_bytes(whole)
