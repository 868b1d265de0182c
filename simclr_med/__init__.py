"""SimCLR and MICLe pretraining for medical images (Azizi et al. 2021).

    run = simclr_med.pretrain("my_images", work_dir="work/a", steps=500)
    head = simclr_med.linear_probe("my_data", work_dir="work/b", init=run)
    print(simclr_med.evaluate(head).metrics)

For a Keras user's own `fit`, from the top, each with TensorFlow when it is first asked for:

    model = simclr_med.ContrastiveModel(encoder, projection, temperature=0.1)
    model.compile(optimizer=simclr_med.LARS(0.3))
    model.fit(pairs, callbacks=[simclr_med.RefuseDivergence(), simclr_med.RunLog("work/a")])
"""

import importlib
import os
import sys
from typing import Any

if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    raise ImportError(
        f"simclr_med needs Python 3.10 to 3.13, for which TensorFlow is made; this is Python "
        f"{sys.version_info.major}.{sys.version_info.minor}. "
        "Make an environment with: python3.13 -m venv .venv",
        name=__name__,  # of which runpy (python -m simclr_med.run) makes one line
    )

from simclr_med import onednn  # noqa: E402

# All that importing the package changes in a process, both in the environment and documented.
onednn.switch_on()
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # Keras 3 would ask ~/.keras/keras.json

__version__ = "0.1.0"

# Names from the top, and their modules: TensorFlow takes seconds, importing this does not.
VERBS = (
    "prepare", "pretrain", "linear_probe", "finetune", "sweep", "evaluate", "report", "predict",
    "embed", "export", "bootstrap", "compare", "load_run",
)  # fmt: skip
_FROM = dict.fromkeys(VERBS, "api.verbs") | {
    "InputError": "errors",
    "RunError": "errors",
    "load_encoder": "encoders.networks",
    "ContrastiveModel": "training.models.contrastive",
    "SupervisedModel": "training.models.supervised",
    "LARS": "training.models.optimizer",
    "WarmUpCosine": "training.models.schedule",
    "Checkpoints": "training.loop.checkpoints",
    "Monitor": "training.loop.run_log",
    "RefuseDivergence": "training.loop.callbacks",
    "RunLog": "training.loop.run_log",
    "StopOnSigterm": "training.loop.callbacks",
    "ViewSheet": "training.view_sheet",
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FROM[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FROM])
