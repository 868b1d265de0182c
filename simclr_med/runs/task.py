"""Task of a head: its classes, in the order of its outputs; task.json in its work folder."""

import dataclasses
import json
import pathlib

from simclr_med.config.splits import TASKS
from simclr_med.errors import InputError
from simclr_med.files import atomic, stored
from simclr_med.runs import layout

SCHEMA = {
    "task": stored.one_of(*TASKS),
    "classes": stored.names(),
    "other_class": stored.optional(str),
}


@dataclasses.dataclass(frozen=True)
class Task:
    """Meaning of a head's outputs.

    Attributes:
      task: "multiclass" or "multilabel".
      classes: names, in the order of the outputs.
      other_class: the class that is left out of average sensitivities, or None.
    """

    task: str
    classes: tuple
    other_class: str | None

    @classmethod
    def of(cls, info) -> "Task":
        """Return the task of a data set's `DatasetInfo`."""
        return cls(info.task, tuple(info.classes), info.other_class)

    def save(self, work_dir):
        """Write task.json."""
        text = json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)
        atomic.write_text(pathlib.Path(work_dir) / layout.TASK, text)

    @classmethod
    def load(cls, work_dir) -> "Task":
        """Return the task of the head in `work_dir`.

        Raises:
          InputError: it holds no head, or task.json is damaged.
        """
        found = cls.found(work_dir)
        if found is None:
            raise InputError(
                f"{work_dir} has no head: train one with --mode=linear_probe or --mode=finetune"
            )
        return found

    @classmethod
    def found(cls, work_dir) -> "Task | None":
        """Return the task of the head in `work_dir`, None where it has no task.json."""
        file = pathlib.Path(work_dir) / layout.TASK
        if not file.exists():
            return None
        content = stored.read_json(file, SCHEMA, "put back a copy of it, or train the head again")
        return cls(content["task"], tuple(content["classes"]), content["other_class"])
