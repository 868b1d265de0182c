"""Hints on the names of others' checkpoints: the way to a file that can be imported."""

import collections
import re
from collections.abc import Mapping

from simclr_med.encoders.torch_names import our_names

HEAD_OF_LAYERS = re.compile(r"(fc|head|classifier)\.(\d+\.)*(weight|bias)")


def of_torch(shapes: Mapping[str, tuple]) -> str:
    """Return a sentence on PyTorch's names, such as module.encoder_q.conv1.weight; "" of none."""
    prefix = _prefix(shapes)
    if prefix:
        return (
            f"{_count(shapes, prefix)} of {len(shapes)} names are torchvision's behind "
            f"{prefix!r}: save only these, without it:\n"
            f"  safetensors.torch.save_file({{k.removeprefix({prefix!r}): v for k, v in "
            f"state.items() if k.startswith({prefix!r})}}, NAME)"
        )
    _, unknown = our_names(shapes)
    head = sorted({name.split(".")[0] for name in unknown if HEAD_OF_LAYERS.fullmatch(name)})
    if head and all(HEAD_OF_LAYERS.fullmatch(name) for name in unknown):
        return (
            f"These are a head, which is not imported: save the state_dict without it:\n"
            f"  safetensors.torch.save_file({{k: v for k, v in state.items() if not "
            f"k.startswith({head[0] + '.'!r})}}, NAME)"
        )
    return ""


def of_keras(shapes: Mapping[str, tuple], unknown: list[str]) -> str:
    """Return a sentence on a Keras model's layers that keras.applications does not name.

    Args:
      shapes: of all variables by {layer}/{weight}.
      unknown: the names that keras.applications' ResNets do not have.
    """
    layers = list(dict.fromkeys(name.split("/")[0] for name in unknown))
    dense = [layer for layer in layers if len(shapes.get(f"{layer}/kernel", ())) == 2]
    if not layers or len(unknown) == len(shapes):
        return ""
    found = f"the layers of a head, {', '.join(dense)}" if dense else f"{len(layers)} more layers"
    return (
        f"Beside a ResNet's layers the model has {found}: save it without them:\n"
        '  keras.Model(model.input, model.get_layer("avg_pool").output).save("encoder.keras")'
    )


def _prefix(shapes):
    """Return the beginning, up to a dot, behind which most of torchvision's names stand."""
    counts = collections.Counter()
    for name in shapes:
        parts = name.split(".")
        for cut in range(1, len(parts)):
            known, _ = our_names([".".join(parts[cut:])])
            if known:
                counts[".".join(parts[:cut]) + "."] += 1
    # conv1.weight stands at the end of layer1.0.conv1.weight too: a prefix has a stem and a stage.
    whole = [
        prefix
        for prefix in counts
        if f"{prefix}conv1.weight" in shapes and f"{prefix}layer1.0.conv1.weight" in shapes
    ]
    return max(whole, key=counts.get, default="")


def _count(shapes, prefix):
    known, _ = our_names(n.removeprefix(prefix) for n in shapes if n.startswith(prefix))
    return len(known)
