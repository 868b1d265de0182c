"""Weights saved and restored: a folder a step, strict in both directions, never half-written.

    save(work_dir, values_of(variables), step=200, keep=2)
    step = restore_latest(work_dir, variables)  # 0 where there is none

`checkpoints/200/variables.npz` has an array a variable, under a stable name such as
encoder/stem_conv/kernel; variables.json their shapes, and the checksum of that file. The names are
ours and not Keras's object graph: a mismatch can be told by name and shape.
"""

import json
import pathlib
import shutil
import zipfile

import keras
import numpy as np

from simclr_med import compat, progress
from simclr_med.errors import InputError
from simclr_med.files import atomic
from simclr_med.runs import layout
from simclr_med.runs.checkpoints import DamagedError, saved_shapes, steps

LISTED = 20  # differing variables in a message


def named_variables(model, prefix):
    """Return every weight of a Keras model's layers, as `{prefix}/{layer}/{weight}`.

    The weights of a model within it have the inner model's name in their prefix.

    Raises:
      ValueError: two weights of a layer have one name.
    """
    named = {}
    for layer in model.layers:
        path = f"{prefix}/{layer.name}"
        if isinstance(layer, keras.Model):
            named |= named_variables(layer, path)
            continue
        for variable in layer.weights:
            short = variable.name.split("/")[-1].split(":")[0]
            if f"{path}/{short}" in named:
                raise ValueError(f"two weights would be called {path}/{short} in a checkpoint")
            named[f"{path}/{short}"] = variable
    return named


def named_optimizer_variables(optimizer):
    """Return the variables of a built optimizer, numbered: slots follow the variables' order."""
    variables = compat.optimizer_variables(optimizer)
    return {f"optimizer/{i:04d}": variable for i, variable in enumerate(variables)}


def named_training_variables(model):
    """Return all that a compiled model needs to go on: its weights, and its optimizer's variables.

    Args:
      model: of Keras; one with `parts` has the names of these, another its own name, as prefixes.
    """
    parts = model.parts() if hasattr(model, "parts") else {model.name: model}
    named = {}
    for prefix, part in parts.items():
        named |= named_variables(part, prefix)
    compat.build_optimizer(model.optimizer, model.trainable_variables)
    return named | named_optimizer_variables(model.optimizer)


def values_of(variables):
    """Return copies of variables, as arrays: `{name: array}` of `{name: variable}`.

    Of a variable that lies on several machines, all of them take part.
    """
    return {name: variable.numpy() for name, variable in variables.items()}  # which copies


def save(work_dir, values, step, keep):
    """Write `checkpoints/<step>/`, then delete all but the newest `keep`.

    Args:
      work_dir: folder of the run.
      values: name to array, see `values_of`.
      step: steps done; a checkpoint of it that is there already stays.
      keep: how many checkpoints stay, 1 or more.

    Raises:
      OSError: the folder cannot be written; what it held stays.
    """
    if step not in steps(work_dir):
        with atomic.new_folder(layout.checkpoint(work_dir, step)) as path:
            _write_npz(path / layout.WEIGHTS, values)
            content = {
                "sha256": atomic.sha256(path / layout.WEIGHTS),
                "shapes": {name: list(value.shape) for name, value in values.items()},
            }
            atomic.write_text(path / layout.SHAPES, json.dumps(content, indent=1))
    for old in steps(work_dir)[:-keep]:
        shutil.rmtree(layout.checkpoint(work_dir, old))


def _write_npz(path, values):
    """Write as `np.savez`, which leaves closing to a destructor, where a full disk fails unseen."""
    with open(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, value in values.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)


def restore_latest(work_dir, variables):
    """Restore every variable from the newest checkpoint that is whole; return its step, or 0.

    Newer ones, which are damaged, are named on stderr; see `set_aside_newer`.

    Raises:
      InputError: all are damaged, or the variables differ.
    """
    damaged = {}
    for step in steps(work_dir)[::-1]:
        try:
            restore(layout.checkpoint(work_dir, step), variables, only=("",))
        except DamagedError as error:
            damaged[step] = error
            continue
        for newer, why in damaged.items():
            progress.note(
                f"warning: {why}. The run goes on from step {step}, and the damaged folder is "
                f"kept as {newer}.damaged"
            )
        return step
    if damaged:
        listed = "\n  ".join(map(str, damaged.values()))
        raise InputError(f"no checkpoint is whole; give a new --work_dir:\n  {listed}")
    return 0


def set_aside_newer(work_dir, step):
    """Rename checkpoints that are newer than `step` to `<step>.damaged`; remove unfinished ones.

    One process of a run does so, after `restore_latest`, which has told why.
    """
    folder = pathlib.Path(work_dir) / layout.CHECKPOINTS
    if folder.exists():
        atomic.remove_unfinished(folder)  # of a save that was killed
    for newer in steps(work_dir):
        if newer > step:
            atomic.remove_folder(folder / f"{newer}.damaged")
            (folder / str(newer)).rename(folder / f"{newer}.damaged")


def refuse_differences(path, there, variables):
    """Raise `InputError` unless `variables` has the names and shapes that `path` has `there`.

    Args:
      path: of a checkpoint, for the message, which lists what differs.
      there: name to shape, a list.
      variables: name to variable.
    """
    here = {name: list(variable.shape) for name, variable in variables.items()}
    problems = [f"{name}: not in the checkpoint" for name in here if name not in there]
    problems += [f"{name}: not in the model" for name in there if name not in here]
    problems += [
        f"{name}: {there[name]} in the checkpoint, {here[name]} in the model"
        for name in here
        if name in there and here[name] != there[name]
    ]
    if problems:
        if len(problems) > LISTED:
            problems[LISTED:] = [f"... and {len(problems) - LISTED} more"]
        listed = "\n  ".join(problems)
        raise InputError(f"{path} does not fit the model; variables that differ:\n  {listed}")


def restore(path, variables, only):
    """Restore `variables` from the checkpoint folder `path`.

    Args:
      path: a folder `checkpoints/<step>`.
      variables: what to restore, all of which must be in the checkpoint.
      only: prefixes of names; whatever the checkpoint holds below them must be in `variables`.

    Raises:
      DamagedError: the files are not those that were written.
      InputError: a variable without counterpart on either side, or of another shape; all listed.
    """
    there = {n: shape for n, shape in saved_shapes(path).items() if n.startswith(tuple(only))}
    refuse_differences(path, there, variables)
    with np.load(path / layout.WEIGHTS) as saved:
        for name, variable in variables.items():
            variable.assign(saved[name])
