"""Export: a run's networks for other processes, in a version's folder, checked or not there.

run(for_existing_run("export", "work/probe", {"format": "savedmodel"}))
"""

import importlib
import json
import pathlib

from simclr_med import graphs, progress
from simclr_med.config.fields import Config
from simclr_med.errors import InputError
from simclr_med.files import atomic
from simclr_med.runs import layout
from simclr_med.serving import model_card, sample, trained
from simclr_med.serving.formats.writer import Writer

# --export_format to the folder in the work folder, and the `Writer` in formats/
FORMATS = {
    "savedmodel": ("export", "saved_model"),
    "onnx": ("onnx", "onnx_model"),
    "tflite": ("tflite", "tflite_models"),
    "safetensors": ("safetensors", "safetensors_model"),
}


@graphs.as_written
def run(config: Config) -> pathlib.Path:
    """Write `config.work_dir`'s export/<version>/, or another format's; return it, and tell it.

    Raises:
      InputError: the run has not been trained to the end, has that version already, its data are
        not there, or the format is not for it; or another process is exporting.
      RunError: the export does not give evaluation's numbers, or cannot be written; nothing is
        left of it then.
    """
    found = trained.load(config.work_dir)
    name, module = FORMATS[config.export.export_format]
    writer: Writer = importlib.import_module(f"simclr_med.serving.formats.{module}")
    writer.refuse(found)
    images = sample.draw(found, config.data.data_dir)
    folder = pathlib.Path(config.work_dir) / name
    with atomic.locked(folder / ".lock", folder):
        atomic.remove_unfinished(folder)
        path = _new_version(folder, config.export.export_version)
        with atomic.new_folder(path) as beside:
            notes = writer.write(beside, found, images)
            _save_contract(beside, found, writer.usage(found))
            model_card.write(beside, found, images.data, config.work_dir, writer.usage(found))
    for note in notes:
        progress.say(f"note: {note}")
    progress.say(f"exported to {path}")
    return path


def _save_contract(folder, found, usage):
    """Write input.json: the contract, its place in the model, the classes of the outputs."""
    found.contract.save(folder)
    file = folder / layout.INPUT
    content = json.loads(file.read_text(encoding="utf-8")) | usage.as_json()
    if found.task:
        content |= {"task": found.task.task, "classes": found.task.classes}
    atomic.write_text(file, json.dumps(content, indent=1, ensure_ascii=False))


def _new_version(folder, version):
    """Return the folder of a version, 0 for the next."""
    taken = layout.numbered(folder)
    version = version or max(taken, default=0) + 1
    if version in taken:
        raise InputError(f"--export_version={version}: {folder / str(version)} is there already")
    return folder / str(version)
