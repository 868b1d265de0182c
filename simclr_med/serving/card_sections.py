"""Sections of a model card: (heading, sentences, tables, examples)."""

from simclr_med.config import checks
from simclr_med.config.splits import SPLITS
from simclr_med.data.manifest import Manifest
from simclr_med.evaluation import predictions, wording
from simclr_med.evaluation.evaluate import former_results
from simclr_med.evaluation.groups import subgroups
from simclr_med.evaluation.intervals import bootstrap
from simclr_med.evaluation.text_table import Table
from simclr_med.runs import layout
from simclr_med.serving.formats.usage import Usage
from simclr_med.serving.trained import Trained

NOT_EVALUATED = "Not evaluated: its performance is not known."


def sections_of(trained: Trained, data: Manifest, work_dir: str, usage: Usage) -> list[tuple]:
    """Return the sections of a card, see `model_card.Section`.

    Args:
      trained: a `Trained`.
      data: a `Manifest`.
      work_dir: of the run.
      usage: the way an export of this format is asked.
    """
    return [
        ("Purpose", _purpose(trained)),
        ("Data", (data.info.source, _licence(data)), (_splits(data),)),
        ("Training", (), (_settings(trained.config),)),
        ("Performance", *_metrics(work_dir)),
        ("Intended use and limits", _limits(trained)),
        (
            "Input",
            (_view(trained.contract, usage),),
            (_preparation(trained),),
        ),
        ("Use", _asking(usage), (), usage.examples),
    ]


def _purpose(trained):
    config = trained.config
    encoder = f"The encoder is {config.encoder.encoder}, {config.encoder.width:g} times as wide."
    if trained.task is None:
        return ("It makes features of medical images, and has no classes.", encoder)
    listed = ", ".join(trained.task.classes)
    kind = "one class of" if trained.task.task == "multiclass" else "each finding of"
    return (f"It gives probabilities to {kind}: {listed}.", encoder)


def _licence(data):
    return f"Licence of the data: {data.info.licence or 'not stated'}."


def _splits(data):
    rows = []
    for split in SPLITS:
        part = data.table[data.table["split"] == split]
        if len(part):
            patients = part["patient_id"][part["patient_id"] != ""].nunique()
            counts = (len(part), part["case_id"].nunique(), patients or "unknown")
            rows.append((split, *map(str, counts)))
    return Table(f"Splits of {data.info.name}", ("split", "images", "cases", "patients"), rows)


def _settings(config):
    """Return the settings that act in the run; folders stay out."""
    kind = config.head.init.partition(":")[0]  # a path may name people
    rows = [*checks.described(config).items(), ("init", kind)]
    return Table("Settings", ("setting", "value"), rows)


def _metrics(work_dir):
    """Return sentences and tables: main metrics with intervals, and by subgroup."""
    results = former_results(work_dir)
    if not results:
        return (NOT_EVALUATED,), ()
    tables = []
    for split, result in results.items():
        rows = [
            (wording.label(name), wording.with_interval(each["value"], each["low"], each["high"]))
            for name in wording.main_metrics(result)
            if (each := result["metrics"].get(name))
        ]
        caption = f"{split}: {result['cases']} cases, value [interval]"
        tables.append(Table(caption, ("metric", "value"), rows))
        tables += _by_group(work_dir, split, result)
    return (), tuple(tables)


def _by_group(work_dir, split, result):
    made = predictions.read(layout.predictions(work_dir, split))
    metric = wording.main_metrics(result)[0]
    for group, levels in made.groups.items():
        if subgroups.has_groups(levels):
            found = subgroups.by_group(made, group, metric, bootstrap.Settings())
            rows = [
                (
                    level,
                    str(cell.cases),
                    wording.with_interval(cell.value, cell.low, cell.high) + " (few)" * cell.small,
                )
                for level, cell in found.levels.items()
            ]
            header = (group, "cases", wording.label(metric))
            yield Table(f"{split}, by {group}", header, rows)


def _limits(trained):
    meant = "For research. It is no medical device, and decides nothing about a person by itself."
    seen = (
        "It knows the kinds of patients, cameras and sites of its data alone: elsewhere it has to "
        "be evaluated first."
    )
    if trained.task is None:
        return (meant, seen)
    return (meant, seen, "A class that is not listed is given to one that is.")


def _view(contract, usage):
    inside = (
        ""
        if usage.normalises
        else (
            ", then multiplied by `scale` and added to `offset` of input.json: the model does not"
        )
    )
    return (
        f"RGB. The central square of {contract.crop:g} of the short side, resized to "
        f"{contract.size} x {contract.size} pixels ({contract.interpolation}, antialiased), in "
        f"[0, 1]{inside}. Of an original file, before that:"
    )


def _preparation(trained):
    meaning = trained.contract.preparation.meaning()
    rows = [(name.replace("_", " "), text) for name, text in meaning.items()]
    return Table("The input contract", ("of a file", "what is done"), rows)


def _asking(usage):
    return (usage.takes, usage.gives, "evidence.json says what was checked.")
