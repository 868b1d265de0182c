"""What a head started from has one name in metrics, reports and the paper's tables."""

import json
import shutil

import pytest
from predictions_made import fake
from runs_made import head_folder, imported_folder, run_folder

from simclr_med.config.sections.results import EvaluateConfig
from simclr_med.config.storage import load_config
from simclr_med.evaluation import paper
from simclr_med.evaluation.evaluate import write_evaluation
from simclr_med.evaluation.evaluated_runs import read_run
from simclr_med.evaluation.report.run_settings import compare_settings
from simclr_med.runs.lineage import start_of

SOURCES = {  # as tools/import_checkpoint.py leaves them
    "simclr": "r50_1x (google-research/simclr, resnet50)",
    "bit": "w.npz (google-research/big_transfer, bit_resnet50)",
    "keras": "w.h5 (keras.applications' ResNet, resnet50_v1)",
    "timm": "m.safetensors (timm, resnet50)",
}
POSITIVES = {"SimCLR": "augmentation", "MICLe": "case"}


def chained(folder, *chain):
    """A head after a chain of imports (names of SOURCES), pretrainings and heads."""
    init = "random"
    for number, part in enumerate(chain):
        here = folder / f"{number}"
        if part in SOURCES:
            imported_folder(here, SOURCES[part])
            init = f"imported:{here}"
            continue
        if part in ("finetune", "linear_probe"):
            run_folder(here, part, init=init)
        else:
            data = "imagenet" if part == "ImageNet" else "d"
            positives = POSITIVES.get(part, "augmentation")
            run_folder(here, "pretrain", init=init, data_dir=data, positives=positives)
        init = f"run:{here}"
    return head_folder(folder / "head", fake(), init=init)


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        ((), "Random Initialization"),
        (("keras",), "Supervised ImageNet"),
        (("bit",), "BiT Supervised"),
        (("simclr",), "SimCLR ImageNet"),
        (("ImageNet",), "SimCLR ImageNet"),
        (("timm",), "timm, resnet50"),
        (("SimCLR",), "SimCLR in-domain"),
        (("SimCLR", "SimCLR"), "SimCLR in-domain"),
        (("simclr", "SimCLR"), "SimCLR ImageNet→in-domain"),
        (("ImageNet", "SimCLR"), "SimCLR ImageNet→in-domain"),
        (("bit", "SimCLR"), "SimCLR BiT Supervised→in-domain"),
        (("SimCLR", "MICLe"), "MICLe in-domain"),
        (("simclr", "SimCLR", "MICLe"), "MICLe ImageNet→in-domain"),
        (("MICLe",), "MICLe alone in-domain"),
        (("simclr", "MICLe"), "MICLe alone ImageNet→in-domain"),
        (("MICLe", "SimCLR"), "MICLe then SimCLR in-domain"),
        (("SimCLR", "linear_probe"), "SimCLR in-domain"),
        (("SimCLR", "finetune"), "SimCLR then supervised in-domain"),
    ],
)
def test_a_start_has_one_name_everywhere(chain, name, tmp_path):
    head = chained(tmp_path, *chain)
    assert start_of(load_config(head)) == name
    run = read_run("a", head)
    assert compare_settings([run]).same["start"] == name
    row = paper.describe(run).method.removesuffix(" (linear probe)")
    assert row == name.replace("in-domain", "Derm")


def test_metrics_say_the_start_unless_it_is_gone(tmp_path):
    head = chained(tmp_path, "SimCLR", "MICLe")

    def written():
        write_evaluation(head, {"test": fake()}, EvaluateConfig(bootstrap_replicates=40), 0, {})
        return json.loads((head / "metrics.json").read_text())["splits"]["test"]

    assert written()["start"] == "MICLe in-domain"
    shutil.rmtree(tmp_path / "0")
    assert "start" not in written()
    run_folder(tmp_path / "0", "pretrain")
    (tmp_path / "0" / "config.json").write_text("{")
    assert "start" not in written()
    shutil.rmtree(tmp_path / "0")
    assert "start" not in compare_settings([read_run("a", head)]).same
