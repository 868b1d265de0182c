"""Pictures of where a head looked, beside what it saw.

A picture is called by its number: names of files may lead elsewhere.
"""

import matplotlib
import numpy as np

from simclr_med.files import atomic
from simclr_med.preparation.images.rewriting import png
from simclr_med.serving.explain.gradcam import GradCam

FOLDER, TABLE = "gradcam", "gradcam.csv"


def write(folder, model, listing, count, batch_size, threads):
    """Write gradcam/NUMBER.png of the first images that can be read, and gradcam.csv.

    Args:
      folder: where to, a path.
      model: an `OfRun` of probabilities.
      listing: a `Listing`.
      count: of pictures, at most.
      batch_size, threads: as of `models.OfRun.answers`.
    """
    found, rows, number = model.trained, [], 0
    explain = GradCam(found.config, found.task, found.nets)
    for views, errors in model.views(listing, 0, batch_size, threads):
        maps, probabilities = explain(views, np.full(len(views), -1, np.int32))
        seen = zip(views, maps.numpy(), probabilities.numpy(), errors, strict=True)
        for view, heat, shares, error in seen:
            if not error and len(rows) < count:
                file, best = f"{FOLDER}/{number:06}.png", shares.argmax()
                atomic.write_bytes(folder / file, png(beside(view, heat)))
                rows.append((listing.images[number], file, model.classes[best], shares[best]))
            number += 1
        if len(rows) == count:
            break
    with atomic.csv_writer(folder / TABLE) as writer:
        writer.writerows([("image", "picture", "class", "probability"), *rows])


def beside(view, seen):
    """Return a view and, beside it, the view under its map: uint8 `[S, 2 S, 3]`.

    Args:
      view: float `[S, S, 3]` in [0, 1].
      seen: float `[S, S]` in [0, 1].
    """
    heat = matplotlib.colormaps["turbo"](seen)[..., :3]
    share = 0.6 * seen[..., None]  # what was not looked at stays as it is
    both = np.concatenate([view, (1 - share) * view + share * heat], axis=1)
    return np.round(255 * both).astype(np.uint8)
