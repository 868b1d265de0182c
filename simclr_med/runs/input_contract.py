"""What an encoder expects of its images: input.json in a run's folder or an imported one's.

contract = load("work/bit")
contract.size, contract.crop, contract.interpolation
"""

import dataclasses
import json
import pathlib

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.preparation import Preparation
from simclr_med.errors import InputError
from simclr_med.files import atomic, stored

FILE = "input.json"
UNRECORDED = Preparation()
IN_JSON = {  # what stands for each type
    str: str, int: int, float: (int, float), tuple: list, float | tuple: (int, float, list)
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Contract:
    """The images of `load_encoder`'s model, and what it was trained or is evaluated with.

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
        atomic.write_text(pathlib.Path(folder) / FILE, json.dumps(content, indent=1))


def of_run(config, preparation=UNRECORDED):
    """Return the `Contract` of a run of ours, from its `Config` and its images' `Preparation`."""
    # crops.evaluation_view's interpolation.
    contract = make(config, "trained by simclr_med", "bicubic")
    return dataclasses.replace(contract, preparation=preparation)


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
    required = [field for field in dataclasses.fields(Contract) if field.type in IN_JSON]
    kinds = {field.name: IN_JSON[field.type] for field in required}
    content = stored.read_json(file, kinds, "import the weights again")
    fields = {name: content[name] for name in kinds} | {"offset": tuple(content["offset"])}
    if isinstance(content["scale"], list):
        fields["scale"] = tuple(content["scale"])
    try:
        return Contract(**fields, preparation=Preparation.read(content.get("preparation", {})))
    except ValueError as error:
        raise InputError(f"{file} is damaged: preparation {error}") from None
