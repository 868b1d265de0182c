"""Makes a data set folder from HAM10000's table and images: a case is a lesion.

    python tools/prepare_ham10000.py --input=HAM10000 --output=work/ham10000

Lesions are split 60 / 10 / 30 into train, validation and test, stratified by diagnosis. The set
names no patients, so that two lesions of one patient may stand on both sides.
"""

import argparse
import hashlib
import json
import pathlib
import sys

import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from simclr_med import files
from simclr_med.errors import InputError, run_main

COLUMNS = ("lesion_id", "image_id", "dx", "age", "sex", "localization")
SHARES = (("train", 0.6), ("validation", 0.7), ("test", 1.0))  # upper ends


def prepare(source, output, seed):
    """Writes the folder `output`; its images stay in `source`."""
    table_file = source / "HAM10000_metadata.csv"
    if not table_file.exists():
        raise InputError(f"{table_file} not found: give the folder that holds it as --input")
    if output.exists():
        raise InputError(f"--output={output} is there already")
    table = pd.read_csv(table_file, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(f"{table_file}: no column {', '.join(missing)}")
    found = {path.stem: path for path in sorted(source.glob("**/*.jpg"))}
    unknown = [image for image in table["image_id"] if image not in found]
    if unknown:
        raise InputError(f"{table_file}: no image {unknown[0]}.jpg ({len(unknown)} are missing)")
    manifest = pd.DataFrame(
        {
            "image": [str(found[image].relative_to(source)) for image in table["image_id"]],
            "case_id": table["lesion_id"],
            "patient_id": "",
            "split": table["lesion_id"].map(split_lesions(table, seed)),
            "labels": table["dx"],
            "sex": table["sex"],
            "age": table["age"],
            "localization": table["localization"],
        }
    )
    info = {
        "name": "HAM10000",
        "task": "multiclass",
        "classes": sorted(table["dx"].unique()),
        "image_root": str(source.resolve()),
        "groups": ["sex"],
        "licence": "CC BY-NC 4.0",
        "source": f"HAM10000 (Tschandl et al. 2018); split by lesion, seed {seed}",
    }
    with files.new_folder(output) as folder:
        files.write_text(folder / "dataset.json", json.dumps(info, indent=1))
        files.write_text(folder / "manifest.csv", manifest.to_csv(index=False))
    print(f"{output}: {len(manifest)} images, {table['lesion_id'].nunique()} lesions")


def split_lesions(table, seed):
    """Lesion to split: a seeded order within each diagnosis, cut at the shares."""
    splits = {}
    for _, rows in table.drop_duplicates("lesion_id").groupby("dx"):
        key = {i: hashlib.sha256(f"{seed}\n{i}".encode()).digest() for i in rows["lesion_id"]}
        for place, lesion in enumerate(sorted(key, key=key.get)):
            share = (place + 0.5) / len(key)
            splits[lesion] = next(split for split, end in SHARES if share < end)
    return splits


def main():
    """Reads the command line and prepares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--seed", default=0, type=int)
    options = parser.parse_args()
    prepare(options.input, options.output, options.seed)


if __name__ == "__main__":
    sys.exit(run_main(main))
