"""Settings of a preparation, and the refusal of those that contradict each other."""

import dataclasses

from simclr_med.config.splits import LABELLED
from simclr_med.data import splitting
from simclr_med.errors import InputError
from simclr_med.files.text import is_unknown

CHECKS = ("none", "exists", "decode")
SIDES = 8, 16_384  # pixels; smaller shows nothing, larger is none that is trained on
MOST_SHARDS = 100_000
MOST_BITS = 64  # half of 256 is what unlike images differ by


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a preparation; `tools/prepare_data.py` has a flag for each.

    Attributes:
      splits: "" for the source's own, a name in the source's SPLITS, or "train=0.7,test=0.3".
      seed: of the splits.
      check_images: how far images are looked at, "none", "exists" or "decode".
      allow_problems: rows that may be left out because something is wrong with them.
      on_leak: "refuse", or "drop": the cases on the side that is worth less (see `leaks.WORTH`).
      on_contradiction: "keep" and tell copies whose labels contradict, or "refuse" them.
      near_duplicates: images that show nearly the same, see `images.near_duplicates`, belong
        together: the bits of their hashes that differ at most; 0 looks for the same pixels alone.
      top_conditions: keep so many conditions of the highest prevalence in train, 0 for all.
      min_cases: each with so many training cases at least.
      other: the class of the rest; "" leaves cases of no class out.
      classes: "paper" or a file: these and no others.
      mapping: a file that renames conditions or findings.
      map_to: a data set folder whose classes these cases are given; all of them are external.
      uncertain: what -1 means: a policy, or "Edema:ones,Atelectasis:ignore".
      not_mentioned: what an empty finding means.
      unlabelled: folders whose images join the unlabelled split.
      shortest_side: None leaves images where and as they are; a number rewrites them at most so
        large, 0 at their own size.
      shards: number of TFRecord shards, 0 for files.
      beam_options: of Apache Beam, which writes the shards.
    """

    splits: str = ""
    seed: int = 0
    check_images: str = "decode"
    allow_problems: int = 0
    on_leak: str = "refuse"
    on_contradiction: str = "keep"
    near_duplicates: int = 20
    top_conditions: int = 0
    min_cases: int = 1
    other: str = "Other"
    classes: str = ""
    mapping: str = ""
    map_to: str = ""
    uncertain: str = ""
    not_mentioned: str = "negative"
    unlabelled: tuple = ()
    shortest_side: int | None = None
    shards: int = 0
    beam_options: tuple = ()


def refuse_impossible(settings):
    """Raise `InputError` where settings contradict each other whatever the data."""
    if settings.check_images not in CHECKS:
        raise InputError(f"--check_images={settings.check_images}: give one of {', '.join(CHECKS)}")
    near = settings.near_duplicates
    if near not in (0, Settings.near_duplicates) and settings.check_images != "decode":
        raise InputError(f"--near_duplicates={near} needs --check_images=decode")
    if settings.on_contradiction == "refuse" and settings.check_images == "none":
        raise InputError("--on_contradiction=refuse needs --check_images=exists or decode")
    least, most = SIDES
    if settings.shortest_side and not least <= settings.shortest_side <= most:
        raise InputError(
            f"--shortest_side={settings.shortest_side}: expected 0, or {least} to {most} pixels"
        )
    if settings.shards > MOST_SHARDS:
        raise InputError(f"--shards={settings.shards}: expected at most {MOST_SHARDS}")
    if "|" in settings.other or (settings.other and is_unknown(settings.other)):
        raise InputError(
            f"--other={settings.other}: expected the name of a class, without a |, that does not "
            "say unknown; empty leaves the other conditions out"
        )
    if not 0 <= near <= MOST_BITS:
        raise InputError(f"--near_duplicates={near}: expected 0 to {MOST_BITS} of 256 bits")


def refuse_idle(settings, records, target):
    """Raise `InputError` where a setting would change nothing.

    Args:
      settings: `Settings`.
      records: `Records`, of which the task counts.
      target: whether the classes are those of another data set; its description, or None.
    """
    if records.task == "multilabel":
        why = "conditions are gathered into classes; this set has findings"
        _refuse_set(settings, ("top_conditions", "min_cases", "other", "classes"), why)
    else:
        why = "is of findings; this set has conditions"
        _refuse_set(settings, ("uncertain", "not_mentioned"), why)
    if target:
        why = f"the classes are those of --map_to={settings.map_to}, and all cases external"
        _refuse_set(settings, ("top_conditions", "min_cases", "other", "classes", "splits"), why)
    if settings.classes:
        why = f"--classes={settings.classes} says which to keep"
        _refuse_set(settings, ("top_conditions", "min_cases"), why)


def _refuse_set(settings, names, why):
    for name in names:
        if getattr(settings, name) != getattr(Settings, name):
            raise InputError(f"--{name}={getattr(settings, name)}: {why}")


def split_sizes(text, source, records):
    """Return split to its share (float) or number (int) of the records' units.

    Args:
      text: of `Settings.splits`.
      source: the module that read `records`; its SPLITS are named ones.
      records: `Records`, whose sizes count where `text` is empty.

    Raises:
      InputError: it is not understood.
    """
    if not text:
        return records.sizes or splitting.SHARES
    named = getattr(source, "SPLITS", {})
    if text in named:
        return named[text]
    sizes = {}
    for part in text.split(","):
        split, _, size = part.partition("=")
        if split not in LABELLED or not size or split in sizes:
            also = "".join(f"{name}, " for name in named)
            raise InputError(
                f"--splits={text}: {part!r} is not understood; give {also}or shares or numbers of "
                f"{records.unit} such as train=0.7,validation=0.1,test=0.2"
            )
        try:
            sizes[split] = float(size) if "." in size else int(size)
        except ValueError:
            raise InputError(f"--splits={text}: {size!r} is not a number") from None
    return sizes
