"""google-research/simclr: TF1 checkpoints, of names; TF2 checkpoints and SavedModels, of objects.

Both are read into one form: kernels and normalisations in the order in which the network creates
them, which is that of its forward pass but for each projection, which comes before its block.
"""

import dataclasses
import pathlib
import re

import numpy as np
import tensorflow as tf

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders.importers import Imported
from simclr_med.encoders.importers.refusals import (
    refusal_of,
    refuse_other_channels,
    refuse_unknown,
)
from simclr_med.encoders.importers.tensorflow_files import (
    DAMAGED,
    GRAPH,
    VARIABLES,
    object_nodes,
    open_checkpoint,
    read_floats,
)
from simclr_med.errors import InputError

PROJECT = "google-research/simclr"
NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclasses.dataclass(frozen=True)
class _Naming:
    """Patterns of names, less their `suffix`: of the encoder, the projection head, and the rest.

    The rest, which has no place in an encoder: classifier, optimizer, counters, v2's EMA copy.
    """

    suffix: str
    encoder: str
    head: str
    rest: str


BY_NAME = _Naming(  # TF1
    suffix="",
    encoder=r"base_model/(?P<object>(?:conv2d|(?:sync_)?batch_normalization)(?:_\d+)?)"
    r"/(?P<weight>\w+)",
    head=r"head_contrastive/nl_(?P<number>\d+)/(?:dense|(?:sync_)?batch_normalization)"
    r"/(?P<weight>\w+)",
    rest=r"global_step|ema_model/.+|head_supervised/.+|.+/(Momentum|Adam|Adam_1)|beta[12]_power"
    r"|.+/ExponentialMovingAverage",
)
BY_OBJECT = _Naming(  # TF2
    suffix="/.ATTRIBUTES/VARIABLE_VALUE",
    encoder=r"(?:model/)?resnet_model/(?P<object>.+)/(?P<weight>\w+)",
    head=r"(?:model/)?_projection_head/linear_layers/(?P<number>\d+)/(?:dense|bn_relu/bn)"
    r"/(?P<weight>\w+)",
    rest=r"global_step|save_counter|_CHECKPOINTABLE_OBJECT_GRAPH|optimizer/.+"
    r"|.+/\.OPTIMIZER_SLOT/.+|(?:model/)?supervised_head/.+",
)

# The attributes that hold the layers there. Keras's own, such as variables, hold them once more.
ATTRIBUTES = re.compile(
    r"\d+|model|resnet_model|initial_conv_relu_max_pool|block_groups|projection_layers"
    r"|shortcut_layers|conv2d_bn_layers|conv_relu_dropblock_layers|conv2d(_[01]|_fixed_padding)?"
    r"|batch_norm_relu(_1)?|bn|_projection_head|supervised_head|linear_layers?|dense|bn_relu"
    r"|kernel|bias|gamma|beta|moving_mean|moving_variance"
)

# The convolution of a strided shortcut where sk_ratio > 0: padding and pooling count before it. It
# alone tells such basic blocks for small images from plain ones. TF1's names do not, nor need they:
# the code that writes them fails to build such a network.
POOLED = re.compile(r"/shortcut_layers/2/conv2d/")


@dataclasses.dataclass
class _Parts:
    """Names in the file: `kernels` in order, `norms` in order with names by weight, `head`."""

    kernels: list
    norms: list
    head: dict  # (layer's number, weight) -> name
    left_out: list


def read(path: pathlib.Path) -> Imported:
    """Return the `Imported` of a SavedModel or checkpoint (.../model.ckpt-250228, or folder)."""
    prefix = _prefix(path)
    try:
        reader = open_checkpoint(prefix)
        keys, shapes = _keys(reader), reader.get_variable_to_shape_map()
        shapes = {name: shapes[key] for name, key in keys.items()}
        objects = any(name.endswith(BY_OBJECT.suffix) for name in shapes)

        def get(name, axes):
            return read_floats(path, reader, keys[name], axes)

        parts = _parts(path, shapes, BY_OBJECT if objects else BY_NAME)
        encoder, image_size = _architecture(path, {name: shapes[name] for name in parts.kernels})
        weights = _encoder_weights(path, encoder, image_size, parts, get)
        layers = 1 + max((number for number, _ in parts.head), default=-1)
        if len({number for number, _ in parts.head}) != layers:
            raise InputError(f"{path}: its projection head lacks some of its {layers} layers")
        weights |= _head_weights(parts.head, layers, get)
        refuse_other_channels(path, weights)
    except DAMAGED as error:
        raise refusal_of(path, "is damaged", error) from None
    last = parts.head.get((layers - 1, "kernel"))
    name = path.name if _saved_model(path) else pathlib.Path(prefix).name
    return Imported(
        source=f"{name} ({PROJECT}, {encoder.encoder})",
        encoder=encoder,
        weights=weights,
        left_out=tuple(parts.left_out),
        # data_util.py.
        image_size=image_size,
        crop=0.875 if image_size > 32 else 1.0,
        interpolation="bicubic",
        projection_layers=layers,
        projection_dim=shapes[last][-1] if last else 128,
    )


def _saved_model(path):
    return (path / f"{VARIABLES}.index").exists()


def _keys(reader):
    """Return a dict of the variables' names to their keys in the file.

    A key is the shortest path to an object: in a SavedModel that may be model/variables/3, which
    says nothing. A name is the path by `ATTRIBUTES`, where there is one; otherwise the key.
    """
    keys = dict.fromkeys(reader.get_variable_to_shape_map())
    if GRAPH not in keys:
        return {key: key for key in keys}
    nodes = object_nodes(reader)
    names, seen, ahead = {}, set(), [(0, "")]
    while ahead:
        number, path = ahead.pop()
        if number in seen:
            continue
        seen.add(number)
        node = nodes[number]
        for attribute in node.attributes:
            names[attribute.checkpoint_key] = path.removeprefix("/") + BY_OBJECT.suffix
        for child in node.children:
            block = child.local_name == "layers" and re.search(r"/block_groups/\d+$", path)
            if block or ATTRIBUTES.fullmatch(child.local_name):
                ahead.append((child.node_id, f"{path}/{child.local_name}"))
    return {names.get(key, key): key for key in keys}


def _prefix(path):
    if _saved_model(path):
        return str(path / VARIABLES)
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        latest = tf.train.latest_checkpoint(str(path))
        if latest is None and len(found) == 1:
            latest = str(found[0].with_suffix(""))
        if latest is None:
            raise InputError(f"{path} holds {len(found)} checkpoints: give one, such as .../ckpt-1")
        return latest
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if not prefix.with_name(prefix.name + ".index").exists():
        raise InputError(f"{path} is no checkpoint: there is no {prefix.name}.index")
    return str(prefix)


def _parts(path, shapes, naming):
    kernels, norms, head, left_out, unknown = {}, {}, {}, [], []
    for name in shapes:
        short = name.removesuffix(naming.suffix)
        if re.fullmatch(naming.rest, short):
            left_out.append(name)
        elif found := re.fullmatch(naming.head, short):
            head[int(found["number"]), found["weight"]] = name
        elif (found := re.fullmatch(naming.encoder, short)) and found["weight"] == "kernel":
            kernels[_creation(found["object"])] = name
        elif found and found["weight"] in NORM:
            norms.setdefault(_creation(found["object"]), {})[found["weight"]] = name
        else:
            unknown.append(name)
    refuse_unknown(path, unknown, PROJECT)
    in_order = [[part[key] for key in sorted(part)] for part in (kernels, norms)]
    return _Parts(*in_order, head, left_out)


def _creation(path):
    """Return a key that sorts the encoder's convolutions, or norms, as they are created."""
    if "/" not in path:  # conv2d, conv2d_1 ...
        number = re.search(r"_(\d+)$", path)
        return int(number[1]) if number else 0
    stem_first = 0 if path.startswith("initial_conv") else 1
    # First come a block's projection, and of a selective kernel its paths.
    path = re.sub("projection_layers|shortcut_layers|conv2d_fixed_padding", "", path)
    return stem_first, *(
        int(part) if part.isascii() and part.isdigit() else part for part in path.split("/")
    )


def _architecture(path, kernels):
    """Return the `EncoderConfig` and image size of kernels' shapes by name, in creation order."""
    shapes = list(kernels.values())
    try:
        three_by_three = [shape[0] == 3 for shape in shapes[:3]]
        resnet_d = all(three_by_three)
        stem = 3 if resnet_d else 1
        small = not resnet_d and three_by_three[0]
        bottleneck = shapes[stem + 1][0] == 1
        selective = bottleneck and shapes[stem + 2][-1] == 2 * shapes[stem + 2][-2]
    except IndexError:
        raise InputError(f"{path} has no encoder of {PROJECT}") from None
    a_block = (5 if selective else 3) if bottleneck else 2
    blocks = (len(shapes) - stem - 4) / a_block
    for name, row in ENCODERS.items():
        simclrs = row.family == "resnet" and (
            row.project_first or (row.bottleneck and not row.stride_first)
        )
        if simclrs and row.bottleneck == bottleneck and sum(row.blocks) == blocks:
            return EncoderConfig(
                encoder=name,
                width=shapes[stem - 1][-1] / 64,
                resnet_d=resnet_d or selective or any(map(POOLED.search, kernels)),
                selective_kernels=selective,
            ), (32 if small else 224)
    raise InputError(f"{path}: {len(shapes)} convolutions are no architecture of {PROJECT}")


def _in_order(encoder, image_size):
    """Return our convolutions and norms in the order of creation there.

    A selective kernel's two paths are one convolution there: such an entry has two names.
    """
    row = ENCODERS[encoder.encoder]
    convs, norms = [], []

    def both(prefix, which):
        convs.append([f"{prefix}_conv{which}"])
        norms.append([f"{prefix}_bn{which}"])

    if encoder.resnet_d and image_size > 32:
        both("stem", 1)
        both("stem", 2)
    both("stem", "")
    for stage, count in enumerate(row.blocks, 1):
        for block in range(1, count + 1):
            prefix = f"stage{stage}_block{block}"
            if block == 1:
                both(f"{prefix}_shortcut", "")
            both(prefix, 1)
            if encoder.selective_kernels:
                convs.append([f"{prefix}_conv2a", f"{prefix}_conv2b"])
                norms.append([f"{prefix}_bn2a", f"{prefix}_bn2b"])
                both(prefix, "_mix")
                convs.append([f"{prefix}_mix_a", f"{prefix}_mix_b"])
            else:
                both(prefix, 2)
            if row.bottleneck:
                both(prefix, 3)
    return convs, norms


def _encoder_weights(path, encoder, image_size, parts, get):
    convs, norms = _in_order(encoder, image_size)
    if len(norms) != len(parts.norms):
        raise InputError(
            f"{path} has {len(parts.norms)} normalisations in its encoder; {encoder.encoder} has "
            f"{len(norms)}"
        )
    weights = {}
    for layers, name in zip(convs, parts.kernels, strict=True):
        for layer, array in zip(layers, np.split(get(name, 4), len(layers), axis=-1), strict=True):
            weights[f"encoder/{layer}/kernel"] = array
    for layers, names in zip(norms, parts.norms, strict=True):
        for weight, name in names.items():
            for layer, array in zip(layers, np.split(get(name, 1), len(layers)), strict=True):
                weights[f"encoder/{layer}/{weight}"] = array
    return weights


def _head_weights(head, layers, get):
    weights = {}
    for (number, weight), name in head.items():
        layer = f"projection{number + 1}"
        if weight in ("kernel", "bias"):
            layer += "_dense"
        elif number + 1 < layers:
            layer += "_bn"
        weights[f"projection/{layer}/{weight}"] = get(name, 2 if weight == "kernel" else 1)
    return weights
