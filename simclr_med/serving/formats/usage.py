"""Use of an export, for its model card and its input.json.

A snippet runs as it stands in the export's folder, beside an image a.png.
"""

import dataclasses
from typing import Any

VIEW = """import json
import numpy as np
from PIL import Image
expected = json.load(open("input.json", encoding="utf-8"))
image = Image.open("a.png").convert("RGB")
side = max(1, round(expected["crop"] * min(image.size)))
left, top = (image.width - side) // 2, (image.height - side) // 2
image = image.crop((left, top, left + side, top + side))
size, bicubic = (expected["size"], expected["size"]), Image.Resampling.BICUBIC
channels = [channel.convert("F").resize(size, bicubic) for channel in image.split()]
views = np.clip(np.stack(channels, axis=-1)[None] / 255, 0, 1, dtype=np.float32)  # [1, S, S, 3]
"""
ORIGINALS = "The code takes an upright image of 8 bits; the table of the input has the others."


@dataclasses.dataclass(frozen=True)
class Usage:
    """The way an export of one format is asked.

    Attributes:
      library: of a model hub's front matter.
      takes: the input, in words.
      gives: the output, in words.
      examples: blocks of code; the first is Python.
      normalises: True where the model itself applies `scale` and `offset` to images in [0, 1].
      channels_first: True where it takes `[B, 3, S, S]`, False for `[B, S, S, 3]`.
    """

    library: str
    takes: str
    gives: str
    examples: tuple[str, ...]
    normalises: bool = True
    channels_first: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the machine-readable part, for input.json."""
        return {
            "scale_and_offset": "inside the model" if self.normalises else "before the model",
            "axes": "B 3 S S" if self.channels_first else "B S S 3",
        }


def shown(trained: Any, answer: str, features: str) -> str:
    """Return the last line of a snippet: classes with probabilities, or the features' shape.

    Args:
      trained: a `Trained`.
      answer, features: expressions of `[K]` and of `[D]`.
    """
    if trained.task is None:
        return f"print(len({features}))"
    return f'print(dict(zip(expected["classes"], {answer})))'
