"""An ONNX model of images to probabilities and features, checked in ONNX Runtime.

Its input is evaluation's views, float32 `[B, S, S, 3]` in [0, 1]: ONNX has no operators that
decode and turn files as preparation did. input.json beside it says how such images are made.
"""

import json
import pathlib

from simclr_med import packages
from simclr_med.serving.formats import evidence
from simclr_med.serving.formats.usage import ORIGINALS, VIEW, Usage, shown
from simclr_med.serving.formats.views_server import ViewsServer, refuse_bags
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained

FILE = "model.onnx"
ASK = """import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
names = [output.name for output in session.get_outputs()]
answer = dict(zip(names, session.run(names, {"images": views})))
"""
OPERATORS = 17  # the version of ONNX's operator set


def refuse(trained: Trained) -> None:
    """Raise `InputError` where a package is missing, or a case's answer is made of its bag."""
    refuse_bags("onnx", trained)
    _converter()


def usage(trained: Trained) -> Usage:
    """Return the way the model is asked in ONNX Runtime."""
    last = shown(trained, 'answer["probabilities"][0]', 'answer["features"][0]')
    return Usage(
        library="onnx",
        takes=f"{FILE} takes views, float32 [B, S, S, 3] in [0, 1], as `images`. {ORIGINALS}",
        gives="It gives `features`" + " and `probabilities`." * bool(trained.task),
        examples=(VIEW + ASK + last,),
    )


def write(folder: pathlib.Path, trained: Trained, sample: Sample) -> list[str]:
    """Write model.onnx into a new folder, with the evidence of its check.

    Args:
      folder: a path, which is there and empty.
      trained: a `Trained`.
      sample: a `Sample` of real images.

    Returns:
      Sentences for the user.

    Raises:
      InputError: tf2onnx or ONNX Runtime is not installed.
      RunError: the model does not give evaluation's numbers.
    """
    tf2onnx, runtime = _converter()
    server = ViewsServer(trained)
    tf2onnx.convert.from_function(
        server.function(),
        input_signature=[server.views()],
        opset=OPERATORS,
        output_path=str(folder / FILE),
    )
    _add_classes(folder / FILE, trained)
    session = runtime.InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    differences = {}
    for count in (len(sample.views), 1):
        found = dict(zip(names, session.run(None, {"images": sample.views[:count]}), strict=True))
        for name, expected in server.expected(sample).items():
            key = f"{name}, batch of {count}"
            differences[key] = evidence.largest_difference(found[name], expected[:count])
    evidence.refuse_differences(differences)
    evidence.write(folder, sample, differences, onnxruntime=runtime.__version__)
    return ["images in [0, 1] are made outside of it: input.json says how"]


def _add_classes(file, trained):
    """Write the classes' names into the model's metadata."""
    import onnx

    model = onnx.load(str(file))
    if trained.task:
        classes = {"task": trained.task.task, "classes": json.dumps(trained.task.classes)}
        onnx.helper.set_model_props(model, classes)
    onnx.save(model, str(file))


def _converter():
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise packages.missing("onnx", f"--export_format=onnx needs {error.name}") from None
    return tf2onnx, onnxruntime
