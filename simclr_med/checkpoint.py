"""Checkpoints: a folder a step, strict in both directions, never half-written.

    save(work_dir, variables, step=200, keep=2)
    step = restore_latest(work_dir, variables)  # 0 where there is none

`variables` maps stable names, such as encoder/stem_conv/kernel, to variables. The names are ours
and not Keras's object graph: a mismatch can be told by name and shape.
"""

import json
import pathlib
import shutil

import tensorflow as tf

from simclr_med import files
from simclr_med.errors import InputError

LISTED = 20  # differing variables in a message


def named_variables(model, prefix):
    """Every weight of a functional Keras model, as `{prefix}/{layer}/{weight}`."""
    named = {}
    for layer in model.layers:
        for variable in layer.weights:
            short = variable.name.split("/")[-1].split(":")[0]
            named[f"{prefix}/{layer.name}/{short}"] = variable
    return named


def named_optimizer_variables(optimizer):
    """The variables of a built optimizer, numbered: its slots follow the variables' order."""
    return {f"optimizer/{i:04d}": variable for i, variable in enumerate(optimizer.variables)}


def steps(work_dir):
    """The steps that have a checkpoint, ascending."""
    folder = pathlib.Path(work_dir) / "checkpoints"
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdigit())


def save(work_dir, variables, step, keep):
    """Writes `checkpoints/<step>/`, then deletes all but the newest `keep`."""
    folder = pathlib.Path(work_dir) / "checkpoints"
    if step not in steps(work_dir):
        with files.new_folder(folder / str(step)) as path:
            tf.train.Checkpoint(variables=variables).write(str(path / "variables"))
            shapes = {name: list(variable.shape) for name, variable in variables.items()}
            files.write_text(path / "variables.json", json.dumps(shapes, indent=1))
    for old in steps(work_dir)[:-keep]:
        shutil.rmtree(folder / str(old))


def restore_latest(work_dir, variables):
    """Restores every variable from the newest checkpoint; returns its step, or 0."""
    found = steps(work_dir)
    if found:
        restore(pathlib.Path(work_dir) / "checkpoints" / str(found[-1]), variables, only=("",))
        return found[-1]
    return 0


def saved_shapes(path):
    """What the checkpoint folder `path` holds: name to shape, a list."""
    try:
        return json.loads((path / "variables.json").read_text())
    except FileNotFoundError:
        raise InputError(f"{path} is not a checkpoint: it has no variables.json") from None


def refuse_differences(path, there, variables):
    """Raises `InputError` unless `variables` has the names and shapes that `path` has `there`.

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
    """Restores `variables` from the checkpoint folder `path`.

    Args:
      path: a folder `checkpoints/<step>`.
      variables: what to restore, all of which must be in the checkpoint.
      only: prefixes of names; whatever the checkpoint holds below them must be in `variables`.

    Raises:
      InputError: a variable without counterpart on either side, or of another shape; all listed.
    """
    there = {n: shape for n, shape in saved_shapes(path).items() if n.startswith(tuple(only))}
    refuse_differences(path, there, variables)
    try:
        status = tf.train.Checkpoint(variables=variables).read(str(path / "variables"))
        status.assert_existing_objects_matched().expect_partial()
    except (tf.errors.OpError, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from None
