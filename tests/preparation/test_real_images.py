"""The whole way on small parts of real data: a folder of photographs and one of radiographs."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED

from simclr_med import modes
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.evaluation import predictions
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head

pytestmark = pytest.mark.usefixtures("shortest_encoder")


def whole_way(data, tmp_path, positives):
    pretrained, head = tmp_path / "pretrained", tmp_path / "head"
    given = {"data_dir": str(data), "steps": 3, "image_size": 40, "batch_size": 16}
    own = {"encoder": "resnet18", "width": 0.125, "splits": ("train",), "positives": positives}
    pretrain.run(make_config("pretrain", given | own | {"work_dir": str(pretrained)}))
    own = {"init": f"run:{pretrained}", "work_dir": str(head)}
    train_head.run(make_config("linear_probe", given | own))
    modes.evaluate(for_existing_run("evaluate", str(head), {"bootstrap_replicates": 50}))
    metrics = json.loads((head / "metrics.json").read_text())["splits"]["test"]
    return predictions.read(head / "predictions" / "test.csv"), metrics


def test_lesions_of_ham10000(ham10000, tmp_path):
    table = pd.read_csv(ham10000 / "HAM10000_metadata.csv", dtype=str)
    files = {path.stem: str(path.relative_to(ham10000)) for path in ham10000.glob("**/*.jpg")}
    several = table[table["lesion_id"].duplicated(keep=False)].sort_values(["dx", "lesion_id"])
    lesions = several["lesion_id"].unique()[:: len(several["lesion_id"].unique()) // 60][:60]
    part = several[several["lesion_id"].isin(lesions)]
    place = part["lesion_id"].map({lesion: i for i, lesion in enumerate(lesions)})
    manifest = pd.DataFrame(
        {
            "image": part["image_id"].map(files),
            "case_id": part["lesion_id"],
            "patient_id": "",
            "split": np.where(place % 3 == 0, "test", "train"),
            "labels": part["dx"],
        }
    )
    info = {"name": "part", "task": "multiclass", "classes": sorted(table["dx"].unique())}
    (tmp_path / "dataset.json").write_text(json.dumps(info | {"image_root": str(ham10000)}))
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    made, metrics = whole_way(tmp_path, tmp_path, "case")
    assert len(made.case_ids) == 20 and metrics["cases"] == 20
    assert set(made.case_ids) == set(lesions[::3])
    np.testing.assert_allclose(made.probabilities.sum(1), 1, atol=1e-5)
    assert 0 <= metrics["metrics"]["auc"]["value"] <= 1


def test_chest_radiographs_with_two_findings(tmp_path):
    folder = SHARED / "cxr"
    images = sorted(folder.glob("**/*.jp*g")) + sorted(folder.glob("**/*.png"))
    if not images:
        pytest.skip(f"the real images are not at {folder}")
    images = images[:60]
    number = np.arange(len(images))
    manifest = pd.DataFrame(
        {
            "image": [str(path.relative_to(folder)) for path in images],
            "case_id": number,
            "patient_id": "",
            "split": np.where(number % 3 == 0, "test", "train"),
            "Edema": np.where(number % 5 == 0, "-1", (number % 2).astype(str)),
            "Effusion": np.where(number % 4 == 0, "", (number % 3 == 1).astype(int).astype(str)),
        }
    )
    info = {"name": "chest", "task": "multilabel", "classes": ["Edema", "Effusion"]}
    (tmp_path / "dataset.json").write_text(json.dumps(info | {"image_root": str(folder)}))
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    made, metrics = whole_way(tmp_path, tmp_path, "augmentation")
    assert made.task == "multilabel" and np.isnan(made.truth).any()
    assert "auc:Edema" in metrics["metrics"]
