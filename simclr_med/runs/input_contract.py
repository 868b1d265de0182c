"""Input contract of an encoder, the images that it expects: input.json of a run or an import.

contract = load("work/bit")
contract.size, contract.crop, contract.interpolation
"""

import dataclasses
import json
import pathlib

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.fields import Config
from simclr_med.config.preparation import SCHEMA as PREPARATION
from simclr_med.config.preparation import Preparation
from simclr_med.files import atomic, stored
from simclr_med.runs import layout

UNRECORDED = Preparation()


def _by_channel(value):
    return isinstance(value, list) and len(value) == 3 and all(stored.fits(v, float) for v in value)


SCHEMA = {
    "source": str,
    "size": stored.between(1, 2**16),
    "crop": stored.Rule("above 0, at most 1", lambda v: stored.fits(v, float) and 0 < v <= 1),
    "interpolation": str,
    "scale": stored.Rule(
        "a number, or three", lambda value: stored.fits(value, float) or _by_channel(value)
    ),
    "offset": stored.Rule("three numbers", _by_channel),
    "preparation": stored.Absent(PREPARATION),
}


@dataclasses.dataclass(frozen=True)
class Contract:
    """Images that `load_encoder`'s model expects.

    Attributes:
      source: where the weights are from.
      size: side in pixels.
      crop: the central square's share of the short side, resized to `size`.
      interpolation: of that resizing.
      scale: what the first layer multiplies images in [0, 1] with, before it adds `offset`; one
        number, or one for each of red, green, blue.
      offset: one number for each of red, green, blue.
      preparation: what was done to the files that it was trained on; files are served alike.
    """

    source: str
    size: int
    crop: float
    interpolation: str
    scale: float | tuple
    offset: tuple
    preparation: Preparation = UNRECORDED

    def save(self, folder):
        """Write input.json."""
        content = {"channels": "RGB", "value_range": [0, 1], **dataclasses.asdict(self)}
        content["preparation"] = self.preparation.as_json()
        atomic.write_text(pathlib.Path(folder) / layout.INPUT, json.dumps(content, indent=1))


def of_run(config: Config, preparation: Preparation = UNRECORDED) -> Contract:
    """Return the `Contract` of a run of ours, from its `Config` and its images' `Preparation`."""
    # crops.evaluation_view's interpolation.
    contract = make(config, "trained by simclr_med", "bicubic")
    return dataclasses.replace(contract, preparation=preparation)


def make(config: Config, source: str, interpolation: str) -> Contract:
    """Return the `Contract` of the encoder, image size and crop of a `Config`."""
    scale, offset = ENCODERS[config.encoder.encoder].pixels
    size, crop = config.augment.image_size, config.augment.eval_crop
    return Contract(source, size, crop, interpolation, scale, offset)


def load(folder: str | pathlib.Path) -> Contract:
    """Return the `Contract` in a folder.

    Raises:
      InputError: it holds none, or a damaged one.
    """
    file = pathlib.Path(folder) / layout.INPUT
    content = stored.read_json(file, SCHEMA, "import the weights again")
    fields = {name: content[name] for name in SCHEMA if name != "preparation"}
    fields["offset"] = tuple(content["offset"])
    if isinstance(content["scale"], list):
        fields["scale"] = tuple(content["scale"])
    return Contract(**fields, preparation=Preparation.read(content.get("preparation", {})))
