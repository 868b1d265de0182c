"""An ONNX model of images to probabilities and features, checked in ONNX Runtime.

Its input is what evaluation sees, float32 `[B, S, S, 3]` in [0, 1]: ONNX has no operators that
decode and turn files as preparation did. input.json beside it says how such images are made.
"""

from simclr_med.errors import InputError
from simclr_med.serving.formats import evidence
from simclr_med.serving.formats.views_server import ViewsServer

FILE = "model.onnx"
OPERATORS = 17  # the version of ONNX's operator set


def write(folder, trained, sample):
    """Write model.onnx into a new folder, with the evidence of its check.

    Args:
      folder: a path, which is there and empty.
      trained: a `Trained`.
      sample: a `Sample` of real images.

    Returns:
      Sentences on what a user should know.

    Raises:
      InputError: tf2onnx or ONNX Runtime is not installed.
      RunError: what was written does not say what evaluation says.
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
        raise InputError(
            f"--export_format=onnx needs {error.name}: pip install simclr_med[onnx]"
        ) from None
    return tf2onnx, onnxruntime
