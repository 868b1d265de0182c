"""Settings of a pretraining that fit the images, the machine and the time: pure functions.

    chosen = fitted(Found(images=800, cases=800, side=320, grey=False, device="CPU"), {"steps": 99})
    chosen["batch_size"]  # Choice(128, "the largest power of two ... ")

The paper's settings (LARS, batch 512, 224 pixels) need tens of thousands of steps on accelerators.
These learn in the minutes of one processor; docs/results.md has the measurements.
"""

import dataclasses
import math
from typing import Any

PAPER, PRESETS = "paper", ("fitted", "paper")
LEAST_STEPS = 50  # fewer teach nothing
MOST_EPOCHS = 1000  # the paper's longest pretraining on dermatology images
FEW_NEGATIVES = 512  # cases in a batch, below which a higher temperature was measured to be better


@dataclasses.dataclass(frozen=True)
class Found:
    """Images and machine that a pretraining has.

    Attributes:
      images, cases: their numbers.
      side: the median of the images' shorter sides, pixels.
      grey: True where the images are grey, as radiographs are.
      device: "CPU", "GPU" or "TPU".
    """

    images: int
    cases: int
    side: int
    grey: bool
    device: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """A value of a setting, and the reason for it, a sentence without its stop."""

    value: Any
    reason: str


def fitted(found: Found, given: dict[str, Any]) -> dict[str, Choice]:
    """Return the settings to use in place of the flags' defaults, but for the number of steps.

    What is given wins, and so does all that depends on it: of another optimizer the rate is the
    flag's default, of another recipe the strengths.

    Args:
      found: the images and the machine.
      given: explicitly given values by flat name.
    """
    chosen = {}
    if not str(given.get("init", "random")).startswith(("run:", "imported:")):
        chosen |= _network(found)
    chosen["batch_size"] = _batch(found)
    batch = given.get("batch_size", chosen["batch_size"].value)
    if "augmentation" not in given:
        chosen |= _views(found)
    if "optimizer" not in given:
        chosen["optimizer"] = Choice("adam", "LARS needs large batches and many steps")
        chosen["learning_rate"] = Choice(0.001, "Adam's usual rate")
        chosen["learning_rate_scaling"] = Choice("none", "Adam's rate does not grow with the batch")
    if batch < FEW_NEGATIVES:
        chosen["temperature"] = Choice(
            0.5, f"a batch below {FEW_NEGATIVES} cases has few negatives (docs/results.md)"
        )
    return {name: choice for name, choice in chosen.items() if name not in given}


def steps_in(seconds: float, each: float, cases: int, batch: int) -> Choice:
    """Return the number of steps for a time, at least 50 and at most 1,000 epochs.

    Args:
      seconds: that the training may take.
      each: seconds of a step, measured.
      cases: of the data set.
      batch: cases in a step.
    """
    most = max(LEAST_STEPS, math.ceil(MOST_EPOCHS * cases / batch))
    steps = int(seconds / each)
    rate = f"a step takes {each:.2g} s here"
    if steps > most:
        return Choice(most, f"{MOST_EPOCHS} epochs; {rate}")
    if steps < LEAST_STEPS:
        return Choice(LEAST_STEPS, f"fewer teach nothing; {rate}, so that it takes longer")
    return Choice(steps, f"{rate}")


def _network(found):
    if found.device == "CPU":
        encoder = Choice("resnet18", "a processor trains it at a useful rate")
        most = 64
    else:
        encoder, most = Choice("resnet50", f"the paper's, which a {found.device} trains"), 224
    size = max(32, min(most, found.side // 32 * 32))
    why = "the images' shorter side" if size < most else f"enough for a {found.device}'s time"
    return {"encoder": encoder, "image_size": Choice(size, why)}


def _batch(found):
    most = 128 if found.device == "CPU" else 256
    batch = max(2, min(most, 2 ** int(math.log2(max(2, found.cases // 2)))))
    if batch < most:
        return Choice(batch, f"the largest power of two within half of {found.cases} cases")
    return Choice(batch, f"as many negatives as a {found.device} has time for")


def _views(found):
    if found.grey:
        return {"augmentation": Choice("chexpert_pretrain", "the images are grey")}
    why = "milder than SimCLR's, measured on lesions"
    return {"color_strength": Choice(0.5, why), "crop_min_area": Choice(0.2, why)}
