"""The view of an image: place, light and camera, drawn anew for each, and the picture it gives.

pixels = render(case, view_of(case, image=0), size)

H, W: the image's sides, both `size`. x and y run from -1 to 1 over it.
"""

import dataclasses

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from simclr_med.preparation.phantom.cases import Purpose, generator
from simclr_med.preparation.phantom.lesion import EXTENT, lesion, skin_colour, smooth_noise

LIMB_WIDTH = {"arm": 1.15, "leg": 1.3, "hand": 1.0}  # in half images; other parts fill the image
MEAN_HAIRS = {"face": 1, "trunk": 3, "arm": 5, "leg": 6, "hand": 1}
MOST_HAIRS = 40
HAIR_COLOUR = np.array([0.12, 0.08, 0.06], np.float32)


@dataclasses.dataclass(frozen=True)
class View:
    """Everything but the lesion and the skin; the defaults are neutral. Lengths in half images."""

    position: tuple = (0.0, 0.0)
    scale: float = 0.48  # of the lesion's coordinates
    angle: float = 0.0
    tilt: float = 1.0  # foreshortening
    perspective: tuple = (0.0, 0.0)
    brightness: float = 1.0
    slope: tuple = (0.0, 0.0)  # of the light over the image
    vignette: float = 0.0
    cast: tuple = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    contrast: float = 1.0
    light_from: float = 0.8  # angle of the light that shades the relief
    limb_angle: float = 0.0
    curvature: float = 0.0
    backdrop: tuple = (0.2, 0.25, 0.3)  # colour beside a limb
    texture: float = 0.0  # of the skin
    hairs: int = 0
    blur: float = 0.0  # standard deviation at 96 pixels
    noise: float = 0.0
    jpeg_quality: int = 92
    key: tuple = (0,)  # of the random fields: skin texture, hairs, sensor noise


def view_of(case, image):
    """Return the view of one image of a case; the external split's camera and light are others."""
    draw, external = case.generator(Purpose.VIEW, image), case.split == "external"
    warm = (0.07, 0.0, -0.09) if external else (0.0, 0.0, 0.0)
    return View(
        position=tuple(draw.uniform(-0.3, 0.3, 2)),
        scale=float(np.exp(draw.uniform(-1.15, -0.45)) * (0.88 if external else 1)),
        angle=draw.uniform(0, 2 * np.pi),
        tilt=draw.uniform(0.7, 1),
        perspective=tuple(draw.uniform(-0.18, 0.18, 2)),
        brightness=draw.uniform(0.65, 1.0) if external else draw.uniform(0.75, 1.15),
        slope=tuple(draw.uniform(-0.18, 0.18, 2)),
        vignette=draw.uniform(0.15, 0.4) if external else draw.uniform(0, 0.15),
        cast=tuple(1 + draw.uniform(-0.08, 0.08, 3) + warm),
        saturation=draw.uniform(0.7, 0.95) if external else draw.uniform(0.85, 1.15),
        contrast=draw.uniform(0.8, 1.0) if external else draw.uniform(0.9, 1.15),
        light_from=draw.uniform(0, 2 * np.pi),
        limb_angle=draw.uniform(0, 2 * np.pi),
        curvature=draw.uniform(0, 0.35),
        backdrop=tuple(draw.uniform(0.03, 0.75) * draw.uniform(0.7, 1, 3)),
        texture=draw.uniform(0.3, 1),
        hairs=int(draw.poisson(MEAN_HAIRS[case.body_part] * draw.exponential())),
        blur=max(0.0, draw.uniform(-0.7, 1.0)) + (0.3 if external else 0),
        noise=draw.uniform(0.004, 0.025) + (0.01 if external else 0),
        jpeg_quality=int(draw.integers(55, 80) if external else draw.integers(75, 96)),
        key=(case.seed, *case.key(Purpose.SENSOR, image)),
    )


def render(case, view, size):
    """Return a picture of a case's lesion and skin in a view, uint8 `[H, W, 3]`."""
    draw = generator(*view.key)
    *change, height = _warp(lesion(case, size), view, size)
    x = np.linspace(-1, 1, size, dtype=np.float32)[None, :]
    y = x.T
    across = np.cos(view.limb_angle) * x + np.sin(view.limb_angle) * y  # 0 on a limb's axis
    shade = _shade(draw, view, height, across, size)
    tone = skin_colour(case).astype(np.float32)
    pixels = tone * np.exp(np.stack(change, -1)) * shade[..., None]
    if view.hairs:
        cover = _hairs(draw, view.hairs, size)[..., None]
        pixels += cover * (HAIR_COLOUR - pixels)
    width = LIMB_WIDTH.get(case.body_part)
    if width and view.curvature:
        beside = np.clip((np.abs(across) - width + 0.15) * size / 3, 0, 1)[..., None]
        pixels += beside * (np.float32(view.backdrop) - pixels)
    return _photograph(draw, pixels, view, x, y)


def _warp(fields, view, size):
    """Return the lesion's fields as the camera sees them, `[4, H, W]`."""
    n, cos, sin = fields.shape[-1], np.cos(view.angle), np.sin(view.angle)
    from_pixels = np.array([[2 / size, 0, -1], [0, 2 / size, -1], [0, 0, 1]])
    centre = np.array([[1, 0, -view.position[0]], [0, 1, -view.position[1]], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1 / view.tilt, 0], [*view.perspective, 1]])
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, view.scale]])
    to_canvas = np.array([[n / 2 / EXTENT, 0, n / 2], [0, n / 2 / EXTENT, n / 2], [0, 0, 1]])
    matrix = to_canvas @ turn @ tilt @ centre @ from_pixels
    matrix = (matrix / matrix[2, 2]).ravel()[:8]
    way = (Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BILINEAR)
    return np.stack([np.asarray(Image.fromarray(f).transform((size, size), *way)) for f in fields])


def _hairs(draw, count, size):
    """Return how much of each pixel hair covers, `[H, W]`."""
    mask = Image.new("L", (2 * size, 2 * size))
    pen, steps = ImageDraw.Draw(mask), np.linspace(-1, 1, 7)
    for _ in range(min(count, MOST_HAIRS)):
        (x, y), angle = draw.uniform(0, 2 * size, 2), draw.uniform(0, 2 * np.pi)
        length, bend = draw.uniform(0.2, 0.8) * size, draw.uniform(-0.4, 0.4)
        turns = angle + bend * steps
        points = np.stack([x + length * steps * np.cos(turns), y + length * steps * np.sin(turns)])
        pen.line(points.T.ravel().tolist(), fill=int(draw.integers(90, 200)), width=1 + size // 96)
    return np.asarray(mask.reduce(2), np.float32) / 255


def _shade(draw, view, height, across, size):
    """Return how bright the surface is by texture, relief and curvature, `[H, W]`."""
    texture = 0.025 * smooth_noise(draw, size // 2, size) + 0.04 * smooth_noise(draw, 5, size)
    shade = 1 + view.texture * texture
    down, right = np.gradient(height * (view.scale * size / 2))
    light = np.cos(view.light_from) * right + np.sin(view.light_from) * down
    shade *= 1 + 0.35 * np.clip(light, -1, 1)
    shade *= 1 - view.curvature * across**2
    return shade


def _photograph(draw, pixels, view, x, y):
    """Return pixels `[H, W, 3]` as uint8, after light and camera."""
    size = len(pixels)
    light = view.brightness + view.slope[0] * x + view.slope[1] * y
    light = light * (1 - view.vignette * (x * x + y * y))
    pixels = pixels * light[..., None] * np.float32(view.cast)
    grey = pixels.mean(-1, keepdims=True)
    pixels = grey + view.saturation * (pixels - grey)
    pixels = 0.5 + view.contrast * (pixels - 0.5)
    if view.noise:
        pixels = pixels + view.noise * draw.standard_normal(pixels.shape, np.float32)
    picture = Image.fromarray(np.uint8(np.clip(pixels, 0, 1) * 255 + 0.5))
    if view.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(view.blur * size / 96))
    return np.asarray(picture)
