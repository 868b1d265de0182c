"""Export: a SavedModel from encoded images to class names and probabilities."""

import pathlib

import tensorflow as tf

from simclr_med import files
from simclr_med.data.batches import evaluation_view
from simclr_med.encoders import networks
from simclr_med.errors import InputError, RunError
from simclr_med.training import objective
from simclr_med.views.decode import decode


class Server(tf.Module):
    """JPEG or PNG strings `[B]` to {"classes": `[B, K]`, "probabilities": `[B, K]`}."""

    def __init__(self, config, task, nets):
        super().__init__()
        self.nets = (nets.inputs, nets.head)  # tracked, so that their weights are saved
        size, proportion = config.augment.image_size, config.augment.eval_crop

        def view(encoded):
            return evaluation_view(decode(encoded), size, proportion)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "images")])
        def serve(images):
            spec = tf.TensorSpec([size, size, 3], tf.float32)
            views = tf.map_fn(view, images, fn_output_signature=spec)
            probabilities = objective.probabilities(nets.logits(views), task.task)
            names = tf.tile(tf.constant([task.classes]), [tf.shape(images)[0], 1])
            return {"classes": names, "probabilities": probabilities}

        self.serve = serve


def run(config):
    """Write export/<version>/ into the work folder of a trained head, and print where.

    Raises:
      InputError: the folder has no head that is trained to the end, or that version already.
    """
    trained, task, nets = networks.load_trained(config.work_dir)
    folder = pathlib.Path(config.work_dir) / "export"
    with files.locked(folder / ".lock", folder):
        files.remove_unfinished(folder)
        _write_version(config, folder, Server(trained, task, nets))


def _write_version(config, folder, server):
    taken = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    version = config.export.export_version or max(taken, default=0) + 1
    if version in taken:
        raise InputError(f"--export_version={version}: {folder / str(version)} is there already")
    with files.new_folder(folder / str(version)) as path:
        try:
            tf.saved_model.save(server, str(path), signatures={"serving_default": server.serve})
        except tf.errors.OpError as error:  # a disk that is full
            raise RunError(f"{folder / str(version)} cannot be written: {error.message}") from None
    print(f"exported to {folder / str(version)}")
