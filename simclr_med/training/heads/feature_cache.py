"""Features of images, computed once and kept, in a folder that may be deleted at any time.

    seen = kept_features.extract(nets.inputs, cases.paths, config)  # float32 [M, D]

A file is named by all that its features depend on: the weights, the network, the evaluation view,
and each image's path, size and time of change. So nothing kept is ever wrong, and nothing has to be
told when a checkpoint or an image changes.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re

import numpy as np

from simclr_med import progress
from simclr_med.errors import InputError
from simclr_med.files import array_files, atomic
from simclr_med.runs import layout
from simclr_med.training import features
from simclr_med.views.places import IN_SHARD

VERSION = 1  # to be raised where the same weights and images come to other features


def extract(model, paths, config):
    """Return the result of `features.extract`, from `config.data.features_dir` where it is there.

    Args:
      model: `Networks.inputs` of a `config`.
      paths: M addresses of images.
      config: a `Config`.

    Returns:
      float32 `[M, D]`.

    Raises:
      InputError: an image cannot be decoded; says which.
    """
    if not config.data.features_gib:
        return features.extract(model, paths, config)
    file = (
        folder_of(config.work_dir, config.data.features_dir) / f"{_key(model, paths, config)}.npy"
    )
    kept = _read(file, len(paths))
    if kept is not None:
        return kept
    found = features.extract(model, paths, config)
    try:
        _keep(file, found, config.data.features_gib * 2**30)
    except OSError as error:
        progress.note(f"warning: features are not kept in {file.parent}: {error}")
    return found


def folder_of(work_dir, features_dir):
    """Return the folder of kept features: `--features_dir`, or one in the work folder."""
    return pathlib.Path(features_dir or pathlib.Path(work_dir) / layout.FEATURES)


def _key(model, paths, config):
    digest = hashlib.sha256()
    sections = (config.encoder, config.projection, config.augment)
    network = [VERSION, config.head.head_input, *map(dataclasses.asdict, sections)]
    digest.update(json.dumps(network, sort_keys=True).encode())
    for weight in model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()))
    shards = {}  # each looked at once
    for place in paths:
        part = re.fullmatch(IN_SHARD, place)
        file = part[1] if part else place
        if file not in shards:
            state = os.stat(file)
            shards[file] = f"{state.st_size} {state.st_mtime_ns}"
        digest.update(f"{place}\n{shards[file]}\n".encode())
    return digest.hexdigest()


def _read(file, rows):
    """Return the array of `file`, None where it is missing or damaged."""
    try:
        found = array_files.read_npy(file)
        os.utime(file)  # the last to be used is the last to go
    except (OSError, InputError):
        return None
    return found if found.dtype == np.float32 and found.shape[:1] == (rows,) else None


def _keep(file, found, most):
    """Write an array, and delete those that were not used for longest beyond `most` bytes."""
    if found.nbytes > most:
        return
    with atomic.replacing(file) as beside, open(beside, "wb") as opened:
        np.save(opened, found)
    others = [(other.stat(), other) for other in file.parent.glob("*.npy") if other != file]
    left = most - file.stat().st_size
    for state, other in sorted(others, key=lambda pair: -pair[0].st_mtime_ns):
        left -= state.st_size
        if left < 0:
            other.unlink(missing_ok=True)
