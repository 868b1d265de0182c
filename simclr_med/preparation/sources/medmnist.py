"""MedMNIST+: small images of many kinds, in one file of arrays."""

import numpy as np
import pandas as pd

from simclr_med.errors import InputError
from simclr_med.files import array_files, paths
from simclr_med.preparation.source_table import FILE, ROW, Records

TITLE = "MedMNIST+ (Yang et al. 2023)"
LOOKS_FOR = "an .npz file such as dermamnist_224.npz, or a folder that holds just one"
WHERE = "Zenodo, doi:10.5281/zenodo.10519652"
OPTIONS = {}

MOST_CLASSES = 10_000  # no set has as many
PARTS = {"train": "train", "val": "validation", "test": "test"}
CLASSES = {
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma",
        "benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi",
        "vascular lesions",
    ),
    "pneumoniamnist": ("normal", "pneumonia"),
    "breastmnist": ("malignant", "normal, benign"),
    "chestmnist": (
        "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia",
        "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia",
    ),
}  # fmt: skip


def read(folder, options):
    """Return the `Records`: a case is an image; its splits are kept."""
    file = _only_file(folder)
    parts = _arrays(file)
    width = next(iter(parts.values()))[1].shape[1]
    found = CLASSES.get(file.name.split(".")[0].split("_")[0], ())
    largest = max(labels.max(initial=0) for _, labels in parts.values())
    number = width if width > 1 else 1 + int(largest)
    classes = found if len(found) >= number else [f"class {i}" for i in range(number)]

    def render(image):
        name, number = image.removesuffix(".png").split("_")
        return parts[name][0][int(number)]

    missing = [PARTS[name] for name in PARTS if name not in parts]
    return Records(
        name=file.stem,
        task="multilabel" if width > 1 else "multiclass",
        table=_table(parts, classes).assign(patient_id="", **{FILE: str(file), ROW: 0}),
        classes=() if width > 1 else tuple(classes),
        image_root=file.parent,
        findings=tuple(classes) if width > 1 else (),
        licence="CC BY 4.0 (DermaMNIST: CC BY-NC 4.0)",
        source=TITLE,
        notes=["Neither patients nor cases are known: each image is its own."]
        + [f"The file has no {name} part, or an empty one." for name in missing],
        render=render,
    )


def _table(parts, classes):
    """Return a row for each image of all parts: findings where labels are wide, else classes."""
    tables = []
    for name, (images, labels) in parts.items():
        ids = [f"{name}_{i:06d}" for i in range(len(images))]
        table = pd.DataFrame({"image": [f"{i}.png" for i in ids], "case_id": ids})
        table["split"] = PARTS[name]
        if labels.shape[1] > 1:
            for column, finding in enumerate(classes):
                table[finding] = labels[:, column].astype(int).astype(str)
        else:
            table["labels"] = [classes[i] for i in labels[:, 0]]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _only_file(path):
    if path.is_file() and path.suffix == ".npz":
        return path
    found = sorted(file for file in path.glob("*.npz") if file.is_file())
    if len(found) != 1:
        raise InputError(
            f"--input={path}: not found: {LOOKS_FOR}; there are {len(found)}\n"
            f"{TITLE} comes from {WHERE}"
        )
    return paths.file_to_read(found[0])


def _arrays(file):
    """Return part to (images, labels), checked."""
    arrays = array_files.read_npz(file)
    parts = {}
    for name in PARTS:
        if f"{name}_images" not in arrays and f"{name}_labels" not in arrays:
            continue
        images, labels = arrays.get(f"{name}_images"), arrays.get(f"{name}_labels")
        sizes = [array.shape[:1] for array in (images, labels) if array is not None]
        if len(sizes) < 2 or sizes[0] != sizes[1] or not sizes[0]:
            raise InputError(f"{file}: {name}_images and {name}_labels are not of one length")
        if images.dtype != np.uint8 or not (
            images.ndim == 3 or images.ndim == 4 and images.shape[-1] == 3
        ):
            raise InputError(
                f"{file}: {name}_images is {images.dtype} {list(images.shape)}; expected uint8 "
                "[N, H, W] or [N, H, W, 3]"
            )
        whole = np.issubdtype(labels.dtype, np.integer) and labels.min(initial=0) >= 0
        if (
            labels.ndim != 2
            or not labels.shape[1]
            or not whole
            or labels.max(initial=0) >= MOST_CLASSES
        ):
            raise InputError(
                f"{file}: {name}_labels is {labels.dtype} {list(labels.shape)}; expected whole "
                f"numbers from 0 to {MOST_CLASSES - 1}, [N, 1] or [N, findings]"
            )
        if len(images):
            parts[name] = images, labels
    widths = {name: labels.shape[1] for name, (_, labels) in parts.items()}
    if len(set(widths.values())) > 1:
        raise InputError(f"{file}: its labels are of different widths: {widths}")
    if not parts:
        there = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise InputError(f"{file}: holds {there}; expected train_images and the like, with images")
    return parts
