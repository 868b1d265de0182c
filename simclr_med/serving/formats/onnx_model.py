"""An ONNX model of images to probabilities and features, checked in ONNX Runtime.

Its input is evaluation's views, float32 `[B, S, S, 3]` in [0, 1]: ONNX has no operators that
decode and turn files as preparation did. input.json beside it says how such images are made.
"""

import pathlib

from simclr_med import packages
from simclr_med.serving.formats import evidence
from simclr_med.serving.formats.views_server import ViewsServer, refuse_bags
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained

FILE = "model.onnx"
OPERATORS = 17  # the version of ONNX's operator set


def refuse(trained: Trained) -> None:
    """Raise `InputError` where a package is missing, or a case's answer is made of its bag."""
    refuse_bags("onnx", trained)
    _converter()


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


def _converter():
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise packages.missing("onnx", f"--export_format=onnx needs {error.name}") from None
    return tf2onnx, onnxruntime
