"""From images and tables on disk to a checked data set folder.

    prepare("pad_ufes", "PAD-UFES-20", "work/pad", Settings(top_conditions=5), options={})

A source reads its files into `Records`; pools of unlabelled images are joined; the images are
looked at; names are mapped; patients are dealt out to splits; what leaks is refused; conditions
become classes; and the folder is written.
"""

import dataclasses
import pathlib
from collections.abc import Callable

from simclr_med.data.info import read_info
from simclr_med.errors import InputError
from simclr_med.files import atomic, paths
from simclr_med.preparation import contradictions, leaks, pools, row_checks, sources
from simclr_med.preparation.labels import class_table
from simclr_med.preparation.labels.renaming import rename_labels
from simclr_med.preparation.output import folder_writer
from simclr_med.preparation.settings import Settings, refuse_idle, refuse_impossible, split_sizes
from simclr_med.preparation.source_table import join_spellings, tell_alike
from simclr_med.preparation.split_assignment import assign_splits

READS_ALL_BELOW = ("folders", "dicom")  # sources that would take their own output for images


def prepare(
    source_name: str,
    folder: str | pathlib.Path,
    output: str | pathlib.Path,
    settings: Settings,
    options: dict,
    progress: Callable | None = None,
) -> list[str]:
    """Write the data set folder `output`; return sentences on the work done.

    Args:
      source_name: a module of `sources`.
      folder: what the source reads.
      settings: `Settings`.
      options: the source's own, by name; its defaults stand for those that are not given.
      progress: called with (what, done, all) during long work, or None.

    Raises:
      InputError: the first thing that is wrong with the settings, or all that is wrong with the
        rows; these also stand in OUTPUT.problems.csv then, and nothing else is written.
    """
    folder, output = pathlib.Path(folder).absolute(), pathlib.Path(output).absolute()
    _refuse_texts(dataclasses.asdict(settings) | options)
    _refuse_paths(source_name, folder, output, settings)
    refuse_impossible(settings)
    with atomic.locked(output.with_name(f".{output.name}.lock"), output):
        paths.new_folder(output, "--output")  # another process may just have made it
        return _prepared(source_name, folder, output, settings, options, progress)


def _prepared(source_name, folder, output, settings, options, progress):
    source = sources.load(source_name)
    defaults = {name: flag.get("default", False) for name, flag in source.OPTIONS.items()}
    records = source.read(folder, defaults | options)
    row_checks.refuse_nothing_left(records, records.problems, folder, output)
    join_spellings(records)
    tell_alike(records)
    sizes = split_sizes(settings.splits, source, records)
    target = _target(settings.map_to, records.task)
    refuse_idle(settings, records, target)

    row_checks.refuse_without_labels(records, folder, output)
    pools.join_pools(records, settings.unlabelled)
    if settings.unlabelled:  # a patient may have another spelling there
        join_spellings(records)
    problems = row_checks.keep_sound_rows(records, settings, progress)
    row_checks.refuse_nothing_left(records, problems, folder, output)
    row_checks.refuse_problems(problems, settings.allow_problems, folder, output)
    with row_checks.something_left(records, problems, "has no label that maps", folder, output):
        unmapped = rename_labels(records, settings, target)
    if len(unmapped):
        unmapped = unmapped.assign(file=row_checks.without_place(unmapped["file"], folder))
    with row_checks.something_left(records, problems, "is in no split", folder, output):
        assign_splits(records, sizes, settings, target=target)
        dropped = leaks.remove_leaks(records, settings.on_leak)
    with row_checks.something_left(
        records, problems, "is in no class that is kept", folder, output
    ):
        info, prevalence = class_table.make_classes(records, settings, target)
    contradictory = contradictions.find_contradictions(records, dropped, info)
    contradictions.tell_or_refuse(records, contradictory, settings.on_contradiction)
    tables = {
        "problems.csv": row_checks.problem_table(problems, folder),
        "prevalence.csv": prevalence,
        contradictions.FILE: contradictory,
        "unmapped.csv": unmapped,
    }
    folder_writer.write(output, records, info, tables, settings, progress)
    cases = records.table["case_id"].nunique()
    return [f"{output}: {len(records.table)} images of {cases} cases", *records.notes]


def _refuse_texts(given):
    """Raise `InputError` where a setting or option, by name, is no text in UTF-8."""
    for name, value in given.items():
        if not paths.is_utf8(str(value)):
            raise InputError(f"--{name}={paths.escaped(str(value))}: is not text in UTF-8")


def _refuse_paths(source_name, folder, output, settings):
    paths.new_folder(output, "--output")
    paths.to_read(folder, "--input")
    if source_name in READS_ALL_BELOW:
        paths.refuse_inside(output, "--output", folder, "--input")
    for pool in settings.unlabelled:
        paths.folder_to_read(pool, "--unlabelled")
        paths.refuse_inside(output, "--output", pool, "--unlabelled")
    if settings.map_to:
        paths.folder_to_read(settings.map_to, "--map_to")
    if settings.mapping:
        paths.file_to_read(settings.mapping, "--mapping")
    if settings.classes not in ("", "paper"):
        paths.file_to_read(settings.classes, "--classes")


def _target(folder, task):
    """Return the description of the data set whose classes are taken, or None."""
    if not folder:
        return None
    target = read_info(pathlib.Path(folder) / "dataset.json")
    if target.task != task:
        raise InputError(f"--map_to={folder} is {target.task}, this set {task}")
    return target
