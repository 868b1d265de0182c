"""Small pictures of every kind that people have, some of them damaged."""

import numpy as np
from PIL import Image

from simclr_med.preparation.images.image_faults import EXIF_ORIENTATION

RNG = np.random.default_rng(0)
SMOOTH = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize(
    (64, 48), Image.Resampling.BICUBIC
)
DEEP = (np.arange(64 * 48).reshape(48, 64) + 100).astype(np.uint16)


def exif(orientation):
    tags = Image.Exif()
    tags[EXIF_ORIENTATION] = orientation
    tags[0x9286] = "secret"
    return tags


def write_pictures(folder):
    """Write the pictures into a folder; return it."""

    def save(name, image, **more):
        image.save(folder / name, **more)

    save("plain.jpg", SMOOTH, quality=95)
    save("mit Umlaut ä und Leerzeichen.png", SMOOTH)
    save("grey.png", SMOOTH.convert("L"))
    save("bits.png", SMOOTH.convert("1"))
    save("palette.png", SMOOTH.quantize(64))
    save("picture.gif", SMOOTH.quantize(64))
    save("moving.gif", SMOOTH.quantize(8), save_all=True, append_images=[SMOOTH.quantize(4)])
    save("windows.bmp", SMOOTH)
    save("cmyk.jpg", SMOOTH.convert("CMYK"), quality=95)
    save("named.png", SMOOTH, format="JPEG", quality=94)
    save("turned.jpg", SMOOTH, exif=exif(6))
    save("clear.png", Image.merge("RGBA", (*SMOOTH.split(), SMOOTH.convert("L"))))
    save("deep.png", Image.fromarray(DEEP))
    save("scan.tif", SMOOTH)
    save("deep.tif", Image.fromarray(DEEP.astype(np.float32)))
    save("web.webp", SMOOTH)
    save("palette.bmp", SMOOTH.quantize(64))
    save("bits.bmp", SMOOTH.convert("1"))
    save("grey.bmp", SMOOTH.convert("L"))
    save("clear.bmp", SMOOTH.convert("RGBA"))
    save("tiny.png", SMOOTH.resize((7, 30)))
    content = (folder / "moving.gif").read_bytes()
    (folder / "cut.gif").write_bytes(content[: len(content) // 3])
    content = (folder / "plain.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
    (folder / "copy.jpg").write_bytes(content)
    (folder / "text.jpg").write_bytes(b"no image, but as long as you like")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


def names_of(folder):
    return sorted(path.name for path in folder.iterdir())
