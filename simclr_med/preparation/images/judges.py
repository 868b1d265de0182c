"""What is wrong with an image that can be decoded, or has to be known of it.

Training reads JPEG, PNG, GIF and BMP by their content, keeps the high byte of 16 bits, and does
not turn an image by its EXIF; what that would harm is a problem here, the rest a note. A judge
takes a decoded Pillow image, the bytes of its file and its path, and returns (problem, note), each
"" where there is none.
"""

import os

from simclr_med.preparation.images.rewriting import DEEP

READ_BY_TRAINING = ("JPEG", "MPO", "PNG", "GIF", "BMP")
SMALLEST_SIDE = 8
EXIF_ORIENTATION = 0x0112
SUFFIXES = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png",)}


def judge_for_training(image, content, path):
    """Return problem and note of an image that training is to read as it is."""
    problem = _too_small(image) or _misread(image, content)
    if problem:
        return problem, ""
    turned = image.getexif().get(EXIF_ORIENTATION, 1) != 1
    notes = ["EXIF rotation, which training does not apply (--shortest_side does)"] * turned
    return "", "; ".join(notes + _notes(image, path))


def judge_for_rewriting(image, content, path):
    """Return problem and note of an image that `rewriting.rewrite` will make into another."""
    problem = _too_small(image)
    return problem, "" if problem else "; ".join(_notes(image, path))


def _too_small(image):
    if min(image.size) < SMALLEST_SIDE:
        return f"is {image.width} x {image.height}: a side below {SMALLEST_SIDE} pixels"
    return ""


def _misread(image, content):
    """Return why training would fail on the image or misread it, or ""."""
    if image.format not in READ_BY_TRAINING:
        return (
            f"is {image.format}: training reads JPEG, PNG, GIF and BMP; --shortest_side rewrites it"
        )
    if image.format == "BMP" and not _plain_bmp(content, image.mode):
        return "is a BMP that training misreads (palette, packed); --shortest_side rewrites it"
    if image.mode in DEEP:
        return "is 16-bit: training would keep its high byte alone; --shortest_side rewrites it"
    return ""


def _plain_bmp(content, mode):
    """Return whether TensorFlow's decoder, which knows no palette or packing, reads the bytes."""
    bits, compression = (int.from_bytes(content[i : i + 2], "little") for i in (28, 30))
    return compression in (0, 3) and (bits in (24, 32) or (bits == 8 and mode == "L"))


def _notes(image, path):
    notes = []
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        notes.append("transparent, which training takes for opaque (--shortest_side: on white)")
    if getattr(image, "n_frames", 1) > 1 and image.format == "GIF":
        notes.append("animated: the first frame counts")
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES.get(image.format, (suffix,)):
        notes.append(f"{image.format} with another suffix")
    return notes
