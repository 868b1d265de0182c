"""Import weights that others have trained into a folder for --init=imported:FOLDER, load_encoder.

    simclr-med import_weights --source=bit --input=BiT-M-R101x3.npz --output=weights/bit

The architecture is read from the shapes. docs/weights.md has each source's formats.
"""

import pathlib

from simclr_med import quiet
from simclr_med.command import parsing
from simclr_med.files import paths

SOURCES = {
    "simclr": "google-research/simclr, TF1 or TF2: a checkpoint's prefix or folder, a SavedModel's",
    "bit": "google-research/big_transfer: an .npz",
    "keras": "keras.applications ResNet50, 101, 152: a model, or its weights (.h5, .weights.h5)",
    "torchvision": "ResNets, wide ones too: a .safetensors of the model's state_dict",
    "timm": "the same, as model hubs have them",
    "run": "a work folder of ours: its encoder and projection head, whatever its head",
}


def main():
    """Read the command line and import."""
    parser = parsing.parser(__doc__)
    parser.epilog = "sources:\n" + "\n".join(f"  {name:12}{text}" for name, text in SOURCES.items())
    parser.add_argument("--source", required=True, choices=SOURCES)
    parser.add_argument("--input", required=True, type=pathlib.Path, help="their file or folder")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="the new folder")
    parser.add_argument(
        "--check",
        type=pathlib.Path,
        help="an .npz of images and of their features in the weights' own framework: compared",
    )
    flags = parser.parse_args()
    if flags.input.exists():  # the beginning of a checkpoint's files is none
        paths.whole_folder_to_read(flags.input, "--input")
    paths.new_folder(flags.output, "--output")

    if flags.check is not None:
        paths.file_to_read(flags.check, "--check")

    quiet.import_tensorflow()
    from simclr_med.encoders import importers
    from simclr_med.encoders.importers import arithmetic

    imported = importers.load(flags.source).read(flags.input)
    difference = importers.write(imported, flags.output, flags.check)
    values = sum(array.size for array in imported.weights.values())
    print(
        f"{imported.source}: {imported.encoder.encoder}, width {imported.encoder.width:g}, "
        f"{values:,} values in {len(imported.weights)} variables"
    )
    if imported.left_out:
        listed = ", ".join(imported.left_out[:4]) + (", ..." if len(imported.left_out) > 4 else "")
        print(f"left out, {len(imported.left_out)} variables: {listed}")
    print(f"assumed: {arithmetic.describe(imported.encoder, imported.image_size)}")
    if difference is not None:
        print(f"checked: features differ by at most {difference:.1e} of the largest one")
    print(f"written: {flags.output}; start from it with --init=imported:{flags.output}")
