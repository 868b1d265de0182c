"""Originals as people have them, prepared, and runs on what preparation made of them."""

import numpy as np
import tensorflow as tf
from PIL import Image

from simclr_med.config.checked_config import make_config
from simclr_med.config.setting import HEADS
from simclr_med.config.storage import to_json
from simclr_med.encoders import checkpoint, networks
from simclr_med.preparation.images.rewriting import EXIF_ORIENTATION
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings
from simclr_med.runs.task import Task
from simclr_med.training.heads import train_head

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32}
PATTERN = r"(?P<case>[^/]+)_\d+\.[a-z]+$"


def picture(seed, size=(120, 90)):
    """A smooth picture of random colours."""
    values = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def turned(number):
    tags = Image.Exif()
    tags[EXIF_ORIENTATION] = number
    return tags


def write_kinds(folder, seed):
    """Write an original of each kind, the case's name its kind."""
    folder.mkdir(parents=True)
    image = picture(seed)
    grey = image.convert("L")
    for number in range(1, 9):
        picture(seed + number).save(folder / f"turned{number}_0.jpg", exif=turned(number))
    image.save(folder / "plain_0.png")
    image.quantize(9).save(folder / "palette_0.png")
    Image.merge("RGBA", (*image.split(), grey)).save(folder / "clear_0.png")
    image.convert("CMYK").save(folder / "cmyk_0.jpg")
    deep = (np.asarray(image, np.uint16) * 15 + 100).astype(np.uint16)  # 12 bits of values
    (folder / "deep_0.png").write_bytes(tf.io.encode_png(deep).numpy())
    (folder / "deepgrey_0.png").write_bytes(tf.io.encode_png(deep[..., :1]).numpy())
    for i in range(3):
        picture(seed + 20 + i).save(folder / f"several_{i}.jpg", exif=turned(3 * i + 1))


def prepared(folder, **settings):
    """Write originals and the data set of them below a folder; return both."""
    for i in range(12):
        for name in ("bright", "dark"):
            path = folder / "originals" / "train" / name / f"{name}{i}_0.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = picture(100 * (name == "dark") + i, (60, 50))
            image.point(lambda v, d=name == "dark": v // 2 if d else v).save(path)
    write_kinds(folder / "originals" / "test" / "bright", 500)
    picture(7).save(folder / "originals" / "train" / "dark" / "photo_0.jpg")
    options = {"path_pattern": PATTERN}
    prepare("folders", folder / "originals", folder / "data", Settings(**settings), options)
    return folder / "originals", folder / "data"


def trained(data, work_dir):
    """Train a probe on an encoder of random weights; return its work folder."""
    given = SMALL | {"data_dir": str(data), "work_dir": str(work_dir), "batch_size": 8}
    train_head.run(make_config("linear_probe", given | {"steps": 60, "learning_rate": 0.5}))
    return work_dir


def untrained(mode, data, work_dir, **given):
    """Write the work folder of a run that ended with the weights it began with."""
    given = SMALL | {"data_dir": str(data), "work_dir": str(work_dir), "steps": 1} | given
    config, classes = make_config(mode, given), ("a", "b")
    nets = networks.build(config, len(classes) if mode in HEADS else None)
    checkpoint.save(work_dir, checkpoint.values_of(nets.variables()), step=1, keep=1)
    (work_dir / "config.json").write_text(to_json(config))
    if mode in HEADS:
        Task("multiclass", classes, None).save(work_dir)
    return work_dir
