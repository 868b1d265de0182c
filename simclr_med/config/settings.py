"""Every setting: its default, help and check, and the modes in which it acts.

    config = make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/a", "steps": 500})

run.py derives one flag from each field. A field's default may depend on the mode.
"""

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import pathlib
import re
import shutil
import typing

from simclr_med import files
from simclr_med.config import recipes
from simclr_med.config.architectures import ENCODERS, SETTINGS, SMALL_IMAGE, has_small_stem
from simclr_med.errors import InputError, RunError

HEADS = ("linear_probe", "finetune")
TRAINING = ("pretrain", *HEADS)
AUGMENTING = ("pretrain", "finetune")  # they train an encoder
MODES = (*TRAINING, "evaluate", "export", "report")
IMPORTED = "imported"  # the mode in the config.json of a folder of tools/import_checkpoint.py


def setting(default, help, check=None, modes=TRAINING, by_mode=None, identity=True, step=None):
    """A field: `check` is a tuple of choices, or a pair (expected, predicate).

    Args:
      modes: where it acts; given elsewhere it is refused.
      by_mode: defaults that differ from `default`, by mode.
      identity: whether two runs that differ in it are different runs.
      step: of a recipe, without which it has no effect and is refused.
    """
    metadata = {"help": help, "check": check, "modes": modes, "identity": identity}
    metadata |= {"by_mode": by_mode or {}, "step": step}
    return dataclasses.field(default=default, metadata=metadata)


def heads(value):
    """`by_mode` for both kinds of heads."""
    return dict.fromkeys(HEADS, value)


POSITIVE = ("above 0", lambda value: value > 0)
NOT_NEGATIVE = ("0 or more", lambda value: value >= 0)
FRACTION = ("above 0, at most 1", lambda value: 0 < value <= 1)
SERVICE = r"grpc://[^:]+:\d+"  # a tf.data service's address
UP_TO_ONE = ("from 0 to 1", lambda value: 0 <= value <= 1)
SHARE = ("from 0 to below 1", lambda value: 0 <= value < 1)
LABELLED = ("train", "validation", "test", "external")
SPLITS = (*LABELLED, "unlabelled")


def each_of(splits, empty=False):
    """The check of a list of splits, which may be `empty`."""
    return (
        f"one or more of {', '.join(splits)}",
        lambda value: (value or empty) and set(value) <= set(splits),
    )


def _in_order(steps):
    found = re.fullmatch(r"(\d+),(\d+)", steps)
    return found and 1 <= int(found[1]) <= int(found[2])


INIT = (
    "random, imported:PATH or run:PATH",
    lambda value: value == "random" or re.fullmatch("(imported|run):.+", value),
)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What is read."""

    data_dir: str = setting(
        "",
        "data set folder",
        ("a folder", bool),
        modes=(*TRAINING, "evaluate"),
        identity=False,  # data.sha256 tells whether it is the same
    )
    splits: tuple = setting(
        (),
        "splits to train on; pretraining takes train and, where there is one, unlabelled",
        each_of(SPLITS, empty=True),
        by_mode=heads(("train",)),
    )
    label_fraction: float = setting(1.0, "share of the labelled cases", FRACTION, modes=HEADS)
    positives: str = setting(
        "augmentation",
        "a positive pair is two views of an image (augmentation: SimCLR) or of two images of a "
        "case (case: MICLe)",
        ("augmentation", "case"),
        modes=("pretrain",),
    )
    threads: int = setting(
        0, "threads that read images; 0 lets tf.data decide", NOT_NEGATIVE, identity=False
    )
    data_service: str = setting(
        "",
        "address of a tf.data service whose workers make the batches",
        ("grpc://HOST:PORT", lambda value: not value or re.fullmatch(SERVICE, value)),
        modes=AUGMENTING,
        identity=False,
    )
    skip_bad_images: int = setting(
        0,
        "unreadable images that others may stand in for, listed in skipped.csv; one more is fatal",
        NOT_NEGATIVE,
        modes=AUGMENTING,
        identity=False,
    )


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """From an image to what the encoder sees; see recipes.py."""

    image_size: int = setting(224, "side of the encoder's input, pixels", POSITIVE)
    augmentation: str = setting(
        "full",
        "recipe: full (SimCLR's), partial (its crop), chexpert, chexpert_pretrain, finetune, none "
        "(the evaluation view)",
        tuple(recipes.RECIPES),
        modes=AUGMENTING,
        by_mode={"finetune": "finetune"},
    )
    color_strength: float = setting(
        1.0, "strength of the colour jitter", NOT_NEGATIVE, modes=AUGMENTING, step="jitter"
    )
    crop_min_area: float = setting(
        0.08, "smallest crop, share of the image", FRACTION, modes=AUGMENTING, step="crop"
    )
    rotation: float = setting(
        20.0,
        "largest rotation, degrees",
        ("from 0 to 180", lambda value: 0 <= value <= 180),
        modes=AUGMENTING,
        step="rotate",
    )
    brightness: float = setting(
        0.2, "largest brightness added", UP_TO_ONE, modes=AUGMENTING, step="brightness"
    )
    contrast: float = setting(
        0.2, "range of the contrast's factor", UP_TO_ONE, modes=AUGMENTING, step="contrast"
    )
    contrast_reading: str = setting(
        "around_one",
        "that factor is 1 + s (around_one) or, as printed in the paper, s itself (literal)",
        ("around_one", "literal"),
        modes=AUGMENTING,
        step="contrast",
    )
    extra_layers: str = setting(
        "",
        'KerasCV layers that follow, as JSON: {"GridMask": {"ratio_factor": 0.3}}',
        modes=AUGMENTING,
    )
    augment_on: str = setting(
        "host",
        "where flips, colour and blur are computed: host (tf.data) or device (the train step)",
        ("host", "device"),
        modes=AUGMENTING,
        identity=False,
    )
    eval_crop: float = setting(
        0.875,
        "central crop of evaluation, and chexpert's window; share of the short side",
        FRACTION,
        step="window",
    )


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The ResNet."""

    encoder: str = setting("resnet50", "architecture", tuple(ENCODERS))
    width: float = setting(1.0, "width multiplier; fractions too", POSITIVE)
    bn_momentum: float = setting(0.9, "decay of batch normalisation's statistics", SHARE)
    resnet_d: bool = setting(
        False, "stem of three 3x3 convolutions and average pooling in shortcuts (ResNet-D)"
    )
    selective_kernels: bool = setting(
        False, "two 3x3 paths mixed by attention in each bottleneck (SimCLRv2, with --resnet_d)"
    )
    zero_init: bool = setting(True, "the last batch-norm scale of each block starts at 0")


@dataclasses.dataclass(frozen=True)
class ProjectionConfig:
    """The projection head."""

    projection_layers: int = setting(2, "layers", (2, 3))
    projection_dim: int = setting(128, "outputs", POSITIVE)


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """The contrastive loss."""

    temperature: float = setting(0.1, "of NT-Xent", POSITIVE, modes=("pretrain",))


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """Where training starts, and what a head reads."""

    init: str = setting(
        "random",
        "start from: random; run:PATH, a work folder; imported:PATH, of tools/import_checkpoint.py",
        INIT,
    )
    head_input: str = setting(
        "encoder",
        "layer that the head reads",
        ("encoder", *(f"stage{i}" for i in range(1, 4)), *(f"projection{i}" for i in range(1, 4))),
        modes=HEADS,
    )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its schedule: linear warm-up, then cosine decay to 0."""

    optimizer: str = setting(
        "lars", "optimizer", ("lars", "sgd", "adam", "lamb"), by_mode=heads("sgd")
    )
    learning_rate: float = setting(
        0.3, "peak, before scaling", POSITIVE, by_mode={"linear_probe": 0.1, "finetune": 0.03}
    )
    learning_rate_scaling: str = setting(
        "linear",
        "none, linear (times batch / 256) or sqrt (times the root of the batch)",
        ("none", "linear", "sqrt"),
        by_mode=heads("none"),
    )
    momentum: float = setting(0.9, "momentum; Adam's and LAMB's beta 1", SHARE)
    weight_decay: float = setting(1e-6, "weight decay", NOT_NEGATIVE, by_mode=heads(0.0))
    trust_coefficient: float = setting(0.001, "of LARS", POSITIVE)
    warmup_fraction: float = setting(
        0.1, "share of the steps that warm up", SHARE, by_mode=heads(0.0)
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    batch_size: int = setting(
        512, "cases a step", POSITIVE, by_mode={"linear_probe": 256, "finetune": 64}
    )
    steps: int = setting(1000, "steps in all", POSITIVE)
    save_every: int = setting(200, "steps between checkpoints", POSITIVE, identity=False)
    keep_checkpoints: int = setting(2, "checkpoints kept", POSITIVE, identity=False)
    log_every: int = setting(1, "steps between rows of log.csv", POSITIVE, identity=False)
    gradient_checkpointing: str = setting(
        "none",
        "keep the outputs of stages or blocks alone for the backward pass, and compute the rest "
        "again: less memory, the same gradients",
        ("none", "stages", "blocks"),
        modes=AUGMENTING,
        identity=False,
    )
    micro_batch: int = setting(
        0,
        "cases at a time on each replica: the gradient of the whole batch in the memory of so "
        "many; batch normalisation sees these alone; 0 takes all",
        NOT_NEGATIVE,
        modes=AUGMENTING,
    )
    bn_statistics: str = setting(
        "batch",
        "what batch normalisation takes in training: batch, or frozen, the moving ones of --init",
        ("batch", "frozen"),
        modes=AUGMENTING,
    )
    precision: str = setting(
        "float32",
        "of the encoder's products; weights, normalisation, loss and optimizer are float32",
        ("float32", "mixed_bfloat16", "mixed_float16"),
        modes=AUGMENTING,
    )
    jit_compile: bool = setting(
        False,
        "compile the step by XLA (a TPU always does); for one GPU, since on a CPU it is slower",
        modes=AUGMENTING,
        identity=False,
    )


@dataclasses.dataclass(frozen=True)
class DistributeConfig:
    """Devices and machines."""

    strategy: str = setting(
        "one",
        "one device, mirrored (the GPUs of this machine), multi_worker (several machines, named in "
        "TF_CONFIG) or tpu",
        ("one", "mirrored", "multi_worker", "tpu"),
        modes=AUGMENTING,
        identity=False,
    )
    use_tpu: bool = setting(False, "the same as --strategy=tpu", modes=AUGMENTING, identity=False)
    tpu: str = setting(
        "",
        "name or grpc:// address of the TPU; local on a TPU VM",
        modes=AUGMENTING,
        identity=False,
    )
    tpu_zone: str = setting("", "zone of the TPU", modes=AUGMENTING, identity=False)
    gcp_project: str = setting("", "project of the TPU", modes=AUGMENTING, identity=False)
    cpu_devices: int = setting(
        1,
        "parts that the CPU is split into, to try mirrored without GPUs",
        POSITIVE,
        modes=AUGMENTING,
        identity=False,
    )


@dataclasses.dataclass(frozen=True)
class WatchConfig:
    """What can be seen of a run while it goes on."""

    monitor: str = setting(
        "none",
        "what is measured on the validation split: none, or knn, nearest neighbours in train",
        ("none", "knn"),
        modes=("pretrain",),
        identity=False,
    )
    monitor_every: int = setting(
        1000, "steps between two of the monitor's", POSITIVE, modes=("pretrain",), identity=False
    )
    profile_steps: str = setting(
        "",
        "FIRST,LAST: steps whose profile is written for TensorBoard",
        ("FIRST,LAST, two steps in order", lambda value: not value or _in_order(value)),
        modes=AUGMENTING,
        identity=False,
    )


EVALUATE, REPORT = ("evaluate",), ("evaluate", "report")


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Splits to predict, and the bootstrap."""

    eval_splits: tuple = setting(("test",), "labelled splits", each_of(LABELLED), modes=EVALUATE)
    eval_batch: int = setting(64, "images at a time", POSITIVE, modes=EVALUATE)
    bootstrap_replicates: int = setting(
        1000, "replicates; 40 or more", ("40 or more", lambda value: value >= 40), modes=REPORT
    )
    confidence: float = setting(
        0.95, "of the intervals", ("between 0 and 1", lambda value: 0 < value < 1), modes=REPORT
    )
    bootstrap_unit: str = setting("case", "what is resampled", ("case", "patient"), modes=REPORT)


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """The page."""

    runs: tuple = setting(
        (), "work folders, PATH or NAME=PATH", ("work folders", bool), ("report",)
    )
    title: str = setting("Comparison of runs", "heading", ("words", bool), ("report",))


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """The SavedModel."""

    export_version: int = setting(0, "number; 0 takes the next", NOT_NEGATIVE, ("export",))


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of one run."""

    mode: str
    work_dir: str
    seed: int = 0
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    encoder: EncoderConfig = EncoderConfig()
    projection: ProjectionConfig = ProjectionConfig()
    pretrain: PretrainConfig = PretrainConfig()
    head: HeadConfig = HeadConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    distribute: DistributeConfig = DistributeConfig()
    watch: WatchConfig = WatchConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    export: ExportConfig = ExportConfig()


SECTIONS = {
    field.name: field.type
    for field in dataclasses.fields(Config)
    if dataclasses.is_dataclass(field.type)
}
FIELDS = {  # flat name -> (section, field)
    field.name: (section, field)
    for section, kind in SECTIONS.items()
    for field in dataclasses.fields(kind)
}


def make_config(mode, given):
    """A checked `Config` from explicitly given values, flat names to values.

    Raises:
      InputError: names the flag.
    """
    given = dict(given)
    work_dir, seed = given.pop("work_dir", ""), given.pop("seed", 0)
    if mode not in MODES:
        raise InputError(f"--mode={mode} is not one of {', '.join(MODES)}")
    if not work_dir:
        raise InputError("--work_dir is missing: the folder that the run is written to")
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed={seed}: expected a whole number from 0 to {2**32 - 1}")
    for name in given:
        if name not in FIELDS:
            raise InputError(f"--{name} is not a known flag")
        modes = FIELDS[name][1].metadata["modes"]
        if mode not in modes:
            raise InputError(
                f"--{name} has no effect with --mode={mode}; it acts in {', '.join(modes)}"
            )
    if given.get("use_tpu") and given.setdefault("strategy", "tpu") != "tpu":
        raise InputError(f"--use_tpu and --strategy={given['strategy']} are two strategies")
    strengths = _recipe_strengths(mode, given)
    if str(given.get("init")).startswith(("run:", "imported:")):
        given |= _inherited(mode, given)
    if given.get("data_dir"):
        given["data_dir"] = os.path.abspath(given["data_dir"])
    sections = {}
    for section, kind in SECTIONS.items():
        values = {}
        for field in dataclasses.fields(kind):
            default = field.metadata["by_mode"].get(mode, field.default)
            default = strengths.get(field.name, default)
            value = given.get(field.name, default)
            if mode in field.metadata["modes"]:
                check_value(field, value)
            values[field.name] = value
        sections[section] = kind(**values)
    config = Config(mode=mode, work_dir=str(work_dir), seed=seed, **sections)
    _check_together(config)
    return config


def _augmentation(mode, given):
    field = FIELDS["augmentation"][1]
    return given.get("augmentation", field.metadata["by_mode"].get(mode, field.default))


def _recipe_strengths(mode, given):
    """The strengths that the recipe sets itself; refuses those of steps that it has not."""
    name = _augmentation(mode, given)
    check_value(FIELDS["augmentation"][1], name)
    for flag in given:
        step = FIELDS[flag][1].metadata["step"]
        if flag == "eval_crop" and (mode in HEADS or not recipes.RECIPES[name]):
            continue  # evaluation has one whatever the recipe, and "none" is its view
        if step and step not in recipes.RECIPES[name]:
            with_it = [other for other, steps in recipes.RECIPES.items() if step in steps]
            raise InputError(
                f"--{flag} has no effect with --augmentation={name}; it acts in "
                f"{', '.join(with_it)}"
            )
    return recipes.OWN_STRENGTHS.get(name, {})


def check_value(field, value):
    """Raises `InputError` where `value` does not pass the field's check."""
    check = field.metadata["check"]
    shown = ",".join(value) if isinstance(value, tuple) else value
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"--{field.name}={shown}: expected a finite number")
    if isinstance(value, tuple) and "" in value:
        raise InputError(f"--{field.name}={shown}: one entry is empty")
    if check is None:
        return
    if callable(check[-1]):
        expected, passes = check
        if not passes(value):
            given = (
                f"--{field.name}={shown}"
                if shown not in ("", None)
                else f"--{field.name} is missing"
            )
            raise InputError(f"{given}: expected {expected}")
    elif value not in check:
        raise InputError(f"--{field.name}={shown}: expected one of {', '.join(map(str, check))}")


# Flags that act with others alone: which, with what, and whether it is so.
ONLY_WITH = (
    (
        ("tpu", "tpu_zone", "gcp_project"),
        "--strategy=tpu",
        lambda config: config.distribute.strategy == "tpu",
    ),
    (
        ("cpu_devices",),
        "--strategy=mirrored",
        lambda config: config.distribute.strategy == "mirrored",
    ),
    (("jit_compile",), "--strategy=one", lambda config: config.distribute.strategy == "one"),
    (
        ("skip_bad_images",),
        "one machine, not --strategy=multi_worker",
        lambda config: config.distribute.strategy != "multi_worker",
    ),
    (
        ("monitor", "data_service"),
        "strategies other than tpu",
        lambda config: config.distribute.strategy != "tpu",
    ),
    (("monitor_every",), "--monitor=knn", lambda config: config.watch.monitor != "none"),
    (("bn_statistics",), "--init other than random", lambda config: config.head.init != "random"),
)


def _check_together(config):
    for names, others, act in ONLY_WITH:
        for name in names:
            section, field = FIELDS[name]
            value = getattr(getattr(config, section), name)
            if value != field.default and not act(config):
                raise InputError(f"--{name}={value} has no effect here; it acts with {others}")
    if config.distribute.strategy == "tpu" and config.train.precision == "mixed_float16":
        raise InputError("--precision=mixed_float16 is not for a TPU; expected mixed_bfloat16")
    batch, micro = config.train.batch_size, config.train.micro_batch
    if micro and batch % micro:
        raise InputError(f"--micro_batch={micro}: --batch_size={batch} does not divide by it")
    chosen = config.encoder
    for name in SETTINGS:
        default = FIELDS[name][1].default
        if name not in ENCODERS[chosen.encoder].settings and getattr(chosen, name) != default:
            having = ", ".join(key for key, row in ENCODERS.items() if name in row.settings)
            raise InputError(
                f"--{name}={getattr(chosen, name)} has no effect with --encoder={chosen.encoder}; "
                f"it acts with {having}"
            )
    if config.mode in HEADS and not set(config.data.splits) <= set(LABELLED):
        raise InputError(
            f"--splits={','.join(config.data.splits)}: a head learns from labels; expected "
            f"one or more of {', '.join(LABELLED)}"
        )
    if config.mode in HEADS and config.head.head_input.startswith("projection"):
        layer = int(config.head.head_input[-1])
        if layer > config.projection.projection_layers:
            raise InputError(
                f"--head_input={config.head.head_input}: the projection head has "
                f"{config.projection.projection_layers} layers"
            )


def _inherited(mode, given):
    """The network's settings of what this run starts from, and its full path."""
    kind, _, path = given["init"].partition(":")
    path = os.path.abspath(path)
    source, taken = load(path), {"init": f"{kind}:{path}"}
    if (source.mode == IMPORTED) != (kind == IMPORTED):
        other = IMPORTED if source.mode == IMPORTED else "run"
        raise InputError(f"--init={given['init']}: expected {other}:{path}")
    size = taken["image_size"] = given.get("image_size", source.augment.image_size)
    small = has_small_stem(source.encoder.encoder, source.augment.image_size)
    if has_small_stem(source.encoder.encoder, size) != small:
        raise InputError(
            f"--image_size={size}: {path} has {source.augment.image_size}, and a stem for images "
            f"of {'at most' if small else 'more than'} {SMALL_IMAGE} pixels"
        )
    sections = ["encoder"]
    if source.projection.projection_layers:
        sections.append("projection")
    elif str(given.get("head_input")).startswith("projection"):
        raise InputError(f"--head_input={given['head_input']}: {path} has no projection head")
    # The share that an evaluation keeps is none for a window, which has to move.
    if "window" not in recipes.RECIPES[_augmentation(mode, given)]:
        taken["eval_crop"] = given.get("eval_crop", source.augment.eval_crop)
    for section in sections:
        for name, value in dataclasses.asdict(getattr(source, section)).items():
            taken[name] = given.get(name, value)
            if taken[name] != value and name != "bn_momentum":  # that is no architecture
                raise InputError(f"--{name}={given[name]}: {path} has {value}")
    return taken


def to_json(config):
    """The configuration as JSON text, nested by section."""
    content = dataclasses.asdict(config)
    del content["work_dir"]  # a folder may be moved
    return json.dumps(content, indent=1, ensure_ascii=False)


def from_json(text, work_dir, source="config.json"):
    """The `Config` of `to_json`'s text.

    Raises:
      InputError: not JSON, or a key that is not known or missing.
    """
    try:
        content = json.loads(text)
        sections = {}
        for section, kind in SECTIONS.items():
            values = content.pop(section)
            for field in dataclasses.fields(kind):
                if typing.get_origin(field.type) is tuple or field.type is tuple:
                    values[field.name] = tuple(values[field.name])
            sections[section] = kind(**values)
        return Config(work_dir=str(work_dir), **content, **sections)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{source} is not a configuration of this version: {error}") from None


def load(work_dir):
    """The configuration in a work folder."""
    if not work_dir:
        raise InputError("--work_dir is missing: the folder of the run")
    file = pathlib.Path(work_dir) / "config.json"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        raise InputError(f"{work_dir} is not the work folder of a run: no config.json") from None
    return from_json(text, work_dir, file)


@contextlib.contextmanager
def claimed_work_dir(config, data_fingerprint, writes=True):
    """Holds a new work folder, or one that holds the same run, while that run is written.

    What fails before the first checkpoint leaves no folder.

    Args:
      config: a `Config`; written as config.json.
      data_fingerprint: of the data set; written as data.sha256.
      writes: False for a worker that leaves all this to another.

    Raises:
      InputError: lists each setting that differs from the run that the folder holds; or another
        process is writing it.
    """
    if not writes:
        yield
        return
    folder = pathlib.Path(config.work_dir)
    new = not (folder / "config.json").exists()
    if new:
        there = [p.name for p in folder.iterdir()] if folder.exists() else []
        there = [name for name in there if name != "data.sha256" and not name.startswith(".")]
        if there:
            raise InputError(
                f"--work_dir={folder} holds {there[0]} and is no run's: give a new folder"
            )
        files.write_text(folder / "data.sha256", data_fingerprint + "\n")
        files.write_text(folder / "config.json", to_json(config))
    else:
        _refuse_another_run(config, data_fingerprint)
    try:
        with open(folder / ".lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it at the end
            except BlockingIOError:
                new = False  # it is another's
                raise InputError(f"another process is writing {folder}") from None
            yield
    except (InputError, RunError):
        if new and not (folder / "checkpoints").exists():
            shutil.rmtree(folder)
        raise


def identity(config):
    """(name, value) of all settings in which two runs of a mode differ, if they do."""
    pairs = [("mode", config.mode), ("seed", config.seed)]
    for name, (section, field) in FIELDS.items():
        if field.metadata["identity"] and config.mode in field.metadata["modes"]:
            pairs.append((name, getattr(getattr(config, section), name)))
    return pairs


def _refuse_another_run(config, data_fingerprint):
    there = load(config.work_dir)
    old = dict(identity(dataclasses.replace(there, mode=config.mode))) | {"mode": there.mode}
    differing = [
        f"--{name}: there {old[name]}, now {new}"
        for name, new in identity(config)
        if old[name] != new
    ]
    if differing:
        listed = "\n  ".join(differing)
        raise InputError(
            f"{config.work_dir} holds another run; give another --work_dir, or the same "
            f"settings to go on:\n  {listed}"
        )
    file = pathlib.Path(config.work_dir) / "data.sha256"
    if not file.exists() or file.read_text().strip() != data_fingerprint:
        raise InputError(
            f"{config.work_dir} was started on other data: dataset.json or manifest.csv in "
            f"{config.data.data_dir} has changed since; give another --work_dir"
        )


def for_existing_run(mode, work_dir, given):
    """The configuration of a trained run, with the settings of `mode` (evaluate, export)."""
    stored = load(work_dir)
    own = dict(given)
    if mode == "evaluate":
        own.setdefault("data_dir", stored.data.data_dir)
    asked = make_config(mode, {"seed": stored.seed, "work_dir": work_dir, **own})
    data = dataclasses.replace(stored.data, data_dir=asked.data.data_dir or stored.data.data_dir)
    return dataclasses.replace(
        stored, mode=mode, data=data, seed=asked.seed, evaluate=asked.evaluate, export=asked.export
    )
