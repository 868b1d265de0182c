"""What an encoder expects of its images: input.json in a run's folder or an imported one's.

contract = load("work/bit")
contract.size, contract.crop, contract.interpolation
"""

import dataclasses
import json
import pathlib

from simclr_med import files, stored
from simclr_med.config.architectures import ENCODERS

FILE = "input.json"
IN_JSON = {str: str, int: int, float: (int, float), tuple: list}  # what stands for each type


@dataclasses.dataclass(frozen=True)
class Contract:
    """The images of `load_encoder`'s model, and what it was trained or is evaluated with.

    Attributes:
      source: where the weights are from.
      size: side in pixels.
      crop: the central square's share of the short side, resized to `size`.
      interpolation: of that resizing.
      scale: what the first layer multiplies images in [0, 1] with, before it adds `offset`.
      offset: one number for each of red, green, blue.
    """

    source: str
    size: int
    crop: float
    interpolation: str
    scale: float
    offset: tuple

    def save(self, folder):
        """Write input.json."""
        content = {"channels": "RGB", "value_range": [0, 1], **dataclasses.asdict(self)}
        files.write_text(pathlib.Path(folder) / FILE, json.dumps(content, indent=1))


def of_run(config):
    """Return the `Contract` of a run of ours, from its `Config`."""
    # crops.evaluation_view's interpolation.
    return make(config, "trained by simclr_med", "bicubic")


def make(config, source, interpolation):
    """Return the `Contract` of the encoder, image size and crop of a `Config`."""
    scale, offset = ENCODERS[config.encoder.encoder].pixels
    size, crop = config.augment.image_size, config.augment.eval_crop
    return Contract(source, size, crop, interpolation, scale, offset)


def load(folder):
    """Return the `Contract` in a folder.

    Raises:
      InputError: it holds none, or a damaged one.
    """
    file = pathlib.Path(folder) / FILE
    kinds = {field.name: IN_JSON[field.type] for field in dataclasses.fields(Contract)}
    content = stored.read_json(file, kinds, "import the weights again")
    fields = {field.name: content[field.name] for field in dataclasses.fields(Contract)}
    return Contract(**fields | {"offset": tuple(fields["offset"])})
