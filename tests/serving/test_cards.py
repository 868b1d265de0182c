"""Cards of every export format: their snippets run as printed, and give evaluation's answer.

PyTorch is not installed here: a stand-in takes what the snippet gives it.
"""

import json
import re
import sys
import types
import zipfile

import numpy as np
import pytest
from conftest import answers_here
from originals import picture, untrained
from PIL import Image

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data.batches import evaluation_batches
from simclr_med.errors import InputError
from simclr_med.runs import input_contract
from simclr_med.serving import export, trained
from simclr_med.serving.formats import saved_model
from simclr_med.training.heads import train_head
from simclr_med.training.models import objective

FOLDERS = {name: folder for name, (folder, _) in export.FORMATS.items()}


@pytest.fixture(scope="module")
def found(data_dir, tmp_path_factory):
    """A run of torchvision's arithmetic, exported in every format there is the extra for."""
    work_dir = tmp_path_factory.mktemp("cards") / "probe"
    given = {"encoder": "resnet18_torchvision", "image_size": 64, "width": 0.125, "steps": 20}
    given |= {"data_dir": str(data_dir), "work_dir": str(work_dir), "batch_size": 16}
    train_head.run(make_config("linear_probe", given))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "answers_alone", answers_here)
        for name in FOLDERS:
            try:
                given = {"export_format": name, "data_dir": str(data_dir)}
                export.run(for_existing_run("export", str(work_dir), given))
            except InputError as error:
                assert "pip install" in str(error)
    for folder in FOLDERS.values():
        if (work_dir / folder / "1").exists():
            picture(3, (90, 70)).save(work_dir / folder / "1" / "a.png")
    return work_dir


def folder_of(found, name):
    folder = found / FOLDERS[name] / "1"
    if not folder.exists():
        pytest.skip(f"the extra {name} is missing")
    return folder


def snippet(folder):
    """The first block of code of a card."""
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    return re.search(r"## Use\n.*?```\n(.*?)```", card, re.DOTALL)[1]


def view_of(file):
    (view,) = evaluation_batches([str(file)], batch_size=1, size=64)
    return view.numpy()


class Torch:
    """A stand-in for PyTorch and torchvision: notes the inputs, and gives logits of 0."""

    def __init__(self, monkeypatch):
        self.made, self.loaded, self.inputs = None, None, None
        torch = types.ModuleType("torch")
        torch.no_grad = lambda: __import__("contextlib").nullcontext()
        torch.from_numpy = lambda array: array
        vision = types.ModuleType("torchvision")
        vision.models = types.SimpleNamespace(resnet18=self.resnet18)
        safe = types.ModuleType("safetensors.torch")
        safe.load_file = lambda name: name
        modules = {"torch": torch, "torchvision": vision, "safetensors.torch": safe}
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(sys.modules["safetensors"], "torch", safe, raising=False)

    def resnet18(self, **given):
        self.made = given
        return self

    def load_state_dict(self, weights):
        self.loaded = weights

    def eval(self):
        pass

    def __call__(self, inputs):
        self.inputs = inputs

        class Outputs:
            count = self.made["num_classes"]

            def softmax(self, axis):
                return np.full([1, self.count], 0.5)

        return Outputs()


@pytest.mark.parametrize("name", FOLDERS)
def test_the_snippet_runs_as_printed_and_gives_evaluation_s_answer(
    found, name, monkeypatch, capsys
):
    folder = folder_of(found, name)
    torch = Torch(monkeypatch) if name == "safetensors" else None
    monkeypatch.chdir(folder)
    exec(compile(snippet(folder), "snippet", "exec"), {})
    answer = eval(capsys.readouterr().out, {"np": np})
    run, view = trained.load(found), view_of(folder / "a.png")
    assert tuple(answer) == run.task.classes
    if torch:
        contract = run.contract
        expected = view * np.array(contract.scale, np.float32) + np.array(contract.offset)
        assert torch.made == {"num_classes": len(answer)} and torch.loaded == "model.safetensors"
        assert torch.inputs.dtype == np.float32 and torch.inputs.flags["C_CONTIGUOUS"]
        np.testing.assert_allclose(torch.inputs, expected.transpose(0, 3, 1, 2), atol=0.01)
    else:
        expected = objective.probabilities(run.nets.logits(view), "multiclass").numpy()[0]
        np.testing.assert_allclose(list(answer.values()), expected, atol=1e-3)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_card_speaks_of_its_own_format_alone(found, name):
    folder = folder_of(found, name)
    own = {"savedmodel": "serving_default", "onnx": "onnxruntime", "tflite": "tf.lite",
           "safetensors": "torchvision"}  # fmt: skip
    for file in ("model_card.md", "model_card.html"):
        text = (folder / file).read_text(encoding="utf-8").replace("\\_", "_")
        use = re.split(r"Use", text)[-1]
        assert [form for form, word in own.items() if word in use] == [name]
    text = (folder / "model_card.md").read_text(encoding="utf-8")
    assert ("multiplied by" in text) == (name == "safetensors")
    libraries = {"savedmodel": "tf-keras", "safetensors": "timm"}
    assert f'library_name: "{libraries.get(name, name)}"' in text


@pytest.mark.parametrize("name", FOLDERS)
def test_classes_and_the_place_of_scale_and_offset_are_machine_readable(found, name):
    folder = folder_of(found, name)
    content = json.loads((folder / "input.json").read_text(encoding="utf-8"))
    place = "before the model" if name == "safetensors" else "inside the model"
    assert content["scale_and_offset"] == place
    assert content["axes"] == ("B 3 S S" if name == "safetensors" else "B S S 3")
    classes = list(trained.load(found).task.classes)
    assert content["classes"] == classes and content["task"] == "multiclass"
    assert input_contract.load(folder).size == 64  # read back as ever
    assert inside(folder, name) == classes


def inside(folder, name):
    """The classes that stand in the model's own file."""
    if name == "onnx":
        import onnx

        model = onnx.load(str(folder / "model.onnx"))
        return json.loads({p.key: p.value for p in model.metadata_props}["classes"])
    if name == "tflite":
        files = sorted(folder.glob("*.tflite"))
        found = {zipfile.ZipFile(file).read("labels.txt") for file in files}
        assert len(files) == 3 and len(found) == 1
        return found.pop().decode().splitlines()
    if name == "safetensors":
        from safetensors import safe_open

        with safe_open(folder / "model.safetensors", "np") as file:
            return json.loads(file.metadata()["classes"])
    return (folder / "assets" / "labels.txt").read_text().splitlines()


@pytest.mark.parametrize("name", ["onnx", "tflite", "safetensors"])
def test_what_a_format_cannot_hold_is_refused_before_the_long_part_and_leaves_nothing(
    data_dir, tmp_path, monkeypatch, name
):
    given = {"encoder": "resnet18"} if name == "safetensors" else {"bag": "attention"}
    work_dir = untrained("linear_probe", data_dir, tmp_path / "run", **given)
    before = sorted(path.name for path in work_dir.rglob("*"))
    monkeypatch.setattr(export.sample, "draw", lambda *_: pytest.fail("images were drawn"))
    with pytest.raises(InputError, match=f"--export_format={name}"):
        given = {"export_format": name, "data_dir": str(data_dir)}
        export.run(for_existing_run("export", str(work_dir), given))
    assert sorted(path.name for path in work_dir.rglob("*")) == before


def test_the_picture_is_one_that_the_snippets_crop(found):
    with Image.open(folder_of(found, "savedmodel") / "a.png") as image:
        assert image.width != image.height
