"""Draws a recipe's views of a data set's images, beside the originals.

    simclr-med show_views --data_dir=my_data --output=views.png
    simclr-med show_views --data_dir=my_data --output=pairs.png --positives=case --views=4
    simclr-med show_views --data_dir=my_data --output=x.png --augmentation=finetune

The flags of the recipe are those of pretraining, and the first views of each row are those of its
first step. Pretraining and fine-tuning draw the same picture into their work folder, where the
report finds it.
"""

from simclr_med import quiet
from simclr_med.command import parsing
from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import FIELDS
from simclr_med.errors import InputError
from simclr_med.files import paths

OTHERS = ("splits", "positives")
MOST_PIXELS = 100_000_000


def parse():
    """Return the command line's values: the recipe's flags, and those of the picture."""
    parser = parsing.parser(__doc__)
    add = parser.add_argument
    add("--data_dir", required=True, help="data set folder")
    add("--output", required=True, help="PNG to write")
    add("--rows", type=int, default=8, help="examples shown")
    add("--views", type=int, default=4, help="of each, an even number")
    add("--seed", type=int, default=0)
    for name, (section, field) in FIELDS.items():
        if section == "augment" or name in OTHERS:
            kind = (lambda text: tuple(text.split(","))) if field.type is tuple else field.type
            add(f"--{name}", type=kind, help=field.metadata["help"].replace("%", "%%"))
    return parser.parse_args()


def refuse_no_picture(rows, views, size):
    """Raise `InputError` where a picture would be empty, or larger than viewers open."""
    if rows < 1 or views < 2 or views % 2:
        raise InputError(
            f"--rows={rows}, --views={views}: expected 1 or more, and an even number of 2 or more"
        )
    if rows * views * size**2 > MOST_PIXELS:
        raise InputError(
            f"--rows={rows}, --views={views}, --image_size={size}: expected a picture of at most "
            f"{MOST_PIXELS:,} pixels"
        )


def main():
    """Draw and write."""
    flags = vars(parse())
    rows, views, output = (flags.pop(name) for name in ("rows", "views", "output"))
    if not output.lower().endswith(".png"):
        raise InputError(f"--output={output}: expected a PNG")
    paths.file_to_write(output, "--output")
    given = {name: value for name, value in flags.items() if value is not None}
    given |= {"work_dir": "unused", "batch_size": 2}  # whatever the batch, the order is the same
    config = make_config("pretrain", given)
    refuse_no_picture(rows, views, config.augment.image_size)
    quiet.import_tensorflow()
    from simclr_med.config.recipes import Recipe
    from simclr_med.data import manifest
    from simclr_med.data.unreadable import naming_unreadable
    from simclr_med.training import pretrain, view_sheet

    quiet.first_compilation()
    data = manifest.read(config.data.data_dir)
    cases = data.cases(config.data.splits or data.pretraining_splits())
    positions = pretrain.positions_of(config, cases)
    with naming_unreadable(cases.paths):
        picture = view_sheet.sheet(positions, Recipe.of(config.augment), rows, views // 2)
    view_sheet.save(output, picture)
    print(output)
