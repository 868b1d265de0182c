"""Faults of an image that can be decoded, and notes on it.

Training reads JPEG, PNG, GIF and BMP by their content, keeps the high byte of 16 bits, and does
not turn an image by its EXIF; what that would harm is a problem here, the rest a note. What judges
an image is what will read it: training's own decoder, or `rewriting`. A judge takes a decoded
Pillow image, the bytes of its file and its path, and returns (problem, note), each "" where there
is none.
"""

import os

import numpy as np
from PIL import Image

from simclr_med.preparation.images.depth import declared_bits
from simclr_med.preparation.images.rewriting import EXIF_ORIENTATION, plain_image

READ_BY_TRAINING = ("JPEG", "MPO", "PNG", "GIF", "BMP")
SMALLEST_SIDE = 8
APART = 8  # of 255, in the mean: decoders of JPEG differ by 2 at most, even on noise
ANIMATED = "animated: the first frame counts"
SUFFIXES = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png", ".apng")}


def judge_for_training(image, content, path):
    """Return problem and note of an image that training is to read as it is."""
    problem = _too_small(image)
    problem = problem or _of_another_kind(image, content) or _seen_otherwise(image, content)
    if problem:
        return problem, ""
    turned = image.getexif().get(EXIF_ORIENTATION, 1) != 1
    notes = ["EXIF rotation, which training does not apply (--shortest_side does)"] * turned
    return "", "; ".join(notes + _notes(image, path))


def judge_for_rewriting(image, content, path):
    """Return problem and note of an image that `rewriting.rewrite` will make into another."""
    problem = _too_small(image)
    if not problem and declared_bits(image, content) > 8:
        plain_image(image, content)  # raises where its values cannot be shown in 8 bits
    return problem, "" if problem else "; ".join(_notes(image, path))


def _too_small(image):
    if min(image.size) < SMALLEST_SIDE:
        return f"is {image.width} x {image.height}: a side below {SMALLEST_SIDE} pixels"
    return ""


def _of_another_kind(image, content):
    """Return the complaint on a format or depth that training does not read, or ""."""
    if image.format not in READ_BY_TRAINING:
        return (
            f"is {image.format}: training reads JPEG, PNG, GIF and BMP; --shortest_side rewrites it"
        )
    bits = declared_bits(image, content)
    if bits > 8:
        return f"is {bits}-bit: training would keep the high 8 alone; --shortest_side rewrites it"
    return ""


def _seen_otherwise(image, content):
    """Return why training's decoder refuses the file or sees another image in it, or ""."""
    from simclr_med.data.unreadable import decoded_or_why  # TensorFlow's start is seconds long

    seen, why = decoded_or_why(content)
    if why:
        return f"cannot be read by training ({why}); --shortest_side rewrites it"
    height, width = seen.shape[:2]
    if (width, height) != image.size:
        return f"is read by training as {width} x {height}; --shortest_side rewrites it"
    if not _is_transparent(image) and _apart(seen.numpy(), image) > APART:
        return "is misread by training, in other colours; --shortest_side rewrites it"
    return ""


def _apart(seen, image):
    """Return the mean difference, 0 to 255, of pixels as training and as Pillow see them."""
    step = max(1, min(image.size) // 64)
    pillow = np.asarray(image.convert("RGB"))[::step, ::step]
    return np.abs(seen[::step, ::step].astype(int) - pillow).mean()


def _is_transparent(image):
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def further_pages(image: Image.Image) -> str:
    """Return a note on an image's further pages or frames, "" where it has none."""
    if getattr(image, "n_frames", 1) < 2 or image.format == "MPO":  # whose others are previews
        return ""
    return "several pages: the first counts" if image.format == "TIFF" else ANIMATED


def _notes(image, path):
    notes = []
    if _is_transparent(image):
        notes.append("transparent, which training takes for opaque (--shortest_side: on white)")
    if further := further_pages(image):
        notes.append(further)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES.get(image.format, (suffix,)):
        notes.append(f"{image.format} with another suffix")
    return notes
