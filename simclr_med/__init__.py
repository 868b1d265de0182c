"""SimCLR and MICLe pretraining for medical images (Azizi et al. 2021).

For a Keras user's own `fit`, from the top, each with TensorFlow when it is first asked for:

    model = simclr_med.ContrastiveModel(encoder, projection, temperature=0.1)
    model.compile(optimizer=simclr_med.LARS(0.3))
    model.fit(pairs, callbacks=[simclr_med.RefuseDivergence(), simclr_med.RunLog("work/a")])
"""

import importlib
import os
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    error = ImportError(
        f"simclr_med needs Python 3.10 to 3.13, for which TensorFlow is made; this is Python "
        f"{sys.version_info.major}.{sys.version_info.minor}. "
        "Make an environment with: python3.13 -m venv .venv",
        name=__name__,  # of which runpy (python -m simclr_med.run) makes one line
    )

    def _say_in_one_line(kind, raised, trace, otherwise=sys.excepthook):
        # Whoever catches the error does not come here; a script that dies of it tells no traceback.
        if raised is error:
            print(f"error: {error}", file=sys.stderr)
        else:
            otherwise(kind, raised, trace)

    sys.excepthook = _say_in_one_line
    raise error

from simclr_med import onednn, quiet  # noqa: E402

onednn.switch_on()
quiet.when_tensorflow_is_imported()
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # Keras 3 would ask ~/.keras/keras.json

__version__ = "0.1.0"

# What a Keras user needs, and where it is: TensorFlow takes seconds, importing this does not.
_FROM = {
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


def __getattr__(name):
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FROM[name]}"), name)


def __dir__():
    return sorted([*globals(), *_FROM])
