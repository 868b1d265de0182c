"""The verbs of the command, in the groups of its overview."""

import dataclasses
import difflib
import importlib
import sys

from simclr_med.config.fields import FIELDS, Config
from simclr_med.config.setting import HEADS, MODES
from simclr_med.errors import InputError
from simclr_med.runs import layout


@dataclasses.dataclass(frozen=True)
class Verb:
    """A verb of the command.

    Attributes:
      does: a sentence for the overview, without its stop.
      module: in `command`, whose `main` runs it; "" where the verb is a mode of run.py.
      given: of a mode, the flags that arguments without a name stand for, in order; one that ends
        with "..." takes all that are left.
    """

    does: str
    module: str = ""
    given: tuple[str, ...] = ()


GROUPS = {
    "Data": {
        "prepare": Verb("make a data set folder of images and tables", "prepare_data"),
        "inspect": Verb("show a data set: counts, sizes, pictures, problems", "inspect_data"),
        "show_views": Verb("draw the augmented views of some images", "show_views"),
        "phantom": Verb("generate a data set that looks like dermatology", "make_phantom"),
    },
    "Training": {
        "pretrain": Verb("pretrain an encoder on unlabelled images", given=("data_dir",)),
        "linear_probe": Verb("train a classifier on a frozen encoder", given=("data_dir",)),
        "finetune": Verb("train a classifier and its encoder", given=("data_dir",)),
        "sweep": Verb("try many settings of a classifier, keep the best", given=("data_dir",)),
        "compare": Verb("compare ways to pretrain, from images to a report", "compare"),
        "import_weights": Verb("import weights that others have trained", "import_weights"),
    },
    "Results": {
        "evaluate": Verb("metrics of a classifier, with intervals", given=("work_dir",)),
        "report": Verb("a page that compares runs", given=("runs...",)),
        "bootstrap": Verb("compare files of predictions, of any program", "compare_predictions"),
        "power": Verb("how many cases a difference needs", "sample_size"),
        "paper_tables": Verb("the tables of the paper, filled from runs", "paper_tables"),
    },
    "Use": {
        "predict": Verb("predict new images", given=("model", "images")),
        "embed": Verb("write the features of new images", given=("model", "images")),
        "export": Verb("export for TensorFlow Serving, ONNX, TFLite, torch", given=("work_dir",)),
        "serve": Verb("answer over HTTP on this machine", "serve"),
        "share": Verb("copy a run without ids, names and pictures", "share_run"),
    },
    "More": {
        "demo": Verb("compare ways to pretrain on generated images", "demo"),
        "describe_encoder": Verb("size and cost of encoders", "describe_encoder"),
        "data_service": Verb("let other machines prepare the batches", "data_service"),
    },
}
VERBS = {name: verb for group in GROUPS.values() for name, verb in group.items()}
EXAMPLES = (
    "simclr-med pretrain my_images --work_dir=work/a --steps=2000 --batch_size=64",
    "simclr-med compare --data_dir=my_data --work_dir=work/compare",
)


def overview() -> str:
    """Return the page of all verbs, which fits a screen."""
    lines = ["SimCLR and MICLe for medical images.", ""]
    for title, verbs in GROUPS.items():
        lines.append(title)
        lines += [f"  {name:17}{verb.does}" for name, verb in verbs.items()]
    lines += ["", "Settings of one: simclr-med VERB --help. Examples:"]
    return "\n".join([*lines, *(f"  {example}" for example in EXAMPLES)])


def main(verb: str) -> int:
    """Run a verb that has a module; it reads the rest of `sys.argv`.

    Raises:
      InputError: see the module.
    """
    module = importlib.import_module(f"simclr_med.command.{VERBS[verb].module}")
    return module.main() or 0


def as_flags(verb: str, arguments: list[str]) -> list[str]:
    """Return the flags of run.py for a verb that is a mode, and its arguments.

    Raises:
      InputError: there are more arguments without a name than the verb takes.
    """
    expected, found, plain = VERBS[verb].given, [f"--mode={verb}"], []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            plain.append(argument)
            continue
        found.append(argument)
        if _takes_next(argument) and rest:
            found.append(rest.pop(0))
    if expected and expected[0].endswith("..."):
        return found + [f"--{expected[0][:-3]}={','.join(plain)}"] * bool(plain)
    if len(plain) > len(expected):
        raise InputError(
            f"unexpected {plain[len(expected)]!r}: simclr-med {verb} takes "
            f"{' and '.join(name.upper() for name in expected)}, then flags as --NAME=VALUE"
        )
    return found + [f"--{name}={value}" for name, value in zip(expected, plain, strict=False)]


def what_next(config: Config) -> str:
    """Return the command that would follow a mode that has ended, "" where none is obvious."""
    work_dir, data_dir = config.work_dir, config.data.data_dir
    if config.mode == "pretrain":
        return (
            f"simclr-med linear_probe {data_dir} --work_dir={work_dir}_probe --init=run:{work_dir} "
            f"(with labels), or simclr-med embed {work_dir} IMAGES --work_dir={work_dir}_features"
        )
    if config.mode in HEADS:
        return f"simclr-med evaluate {work_dir}"
    if config.mode == "sweep":
        return f"simclr-med report {work_dir}/{layout.CHOSEN}/* --work_dir={work_dir}_report"
    if config.mode == "evaluate":
        return f"simclr-med report {work_dir} --work_dir={work_dir}_report"
    if config.mode == "export" and config.export.export_format == "savedmodel":
        return f"simclr-med serve {work_dir}/export"
    return ""


def _takes_next(argument):
    """Return true where a flag without "=" has its value in the next argument."""
    name = argument.lstrip("-")
    if name in ("work_dir", "seed", "flagfile", "config", "preset", "hours"):
        return True
    return name in FIELDS and FIELDS[name][1].type is not bool


def refuse_unknown(word: str) -> None:
    """Raise `InputError` for a word that is no verb, with the nearest one.

    Raises:
      InputError: always.
    """
    near = difflib.get_close_matches(word, [*VERBS, *MODES], 1)
    meant = f"; did you mean {near[0]}?" if near else ": simclr-med alone lists them"
    raise InputError(f"{word!r} is no verb of simclr-med{meant}")


def chosen() -> str:
    """Return the verb that the command line begins with, "" where it begins with a flag."""
    return sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""
