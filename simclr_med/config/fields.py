"""Every setting of a run, by section: its default, help and check, and the modes in which it acts.

run.py derives one flag from each field. A field's default may depend on the mode.
"""

import dataclasses
import re

from simclr_med.config import recipes
from simclr_med.config.architectures import ENCODERS
from simclr_med.config.conditions import (
    BATCH_NORM,
    BY_STEPS,
    CHANGING,
    CHOSEN,
    CUT,
    EVALUATION_VIEW,
    INITIALISED,
    PROFILED,
    PROJECTION_END,
    PROJECTION_READ,
    READ_HERE,
    VALIDATED,
    when,
    with_step,
)
from simclr_med.config.setting import (
    AUGMENTING,
    BULK,
    FRACTION,
    HEADS,
    INIT,
    MOST_CASES,
    MOST_STEPS,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    TRAINING,
    UP_TO_ONE,
    any_of,
    between,
    each_number,
    for_heads,
    setting,
    some_of,
    up_to,
)
from simclr_med.config.splits import LABELLED, SPLITS

ON_TPU = when("strategy", "tpu")
SWEEP = ("sweep",)
SERVICE = r"grpc://[^:]+:\d+"  # a tf.data service's address


def _in_order(steps):
    found = re.fullmatch(r"(\d+),(\d+)", steps)
    return found and 1 <= int(found[1]) <= int(found[2])


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What is read."""

    data_dir: str = setting(
        "",
        "data set folder",
        ("a folder", bool),
        modes=(*TRAINING, "evaluate", "export"),
        identity=False,  # data.sha256 tells whether it is the same
    )
    splits: tuple = setting(
        (),
        "splits to train on; pretraining takes train and, where there is one, unlabelled",
        any_of(SPLITS),
        by_mode=for_heads(("train",)),
    )
    label_fraction: float = setting(
        1.0,
        "share of the labelled cases: stratified, and the smaller within the larger",
        FRACTION,
        modes=HEADS,
    )
    label_seed: int = setting(
        0,
        "which cases --label_fraction takes, whatever --seed is",
        between(0, 2**32 - 1),
        modes=HEADS,
        acts=(CUT,),
    )
    features_dir: str = setting(
        "",
        "folder that keeps a probe's features, and may be deleted; several runs may share one; by "
        "default features/ of the work folder",
        modes=("linear_probe",),
        identity=False,
    )
    features_gib: float = setting(
        2.0,
        "GiB that they may take, beyond which the oldest go; 0 keeps none",
        NOT_NEGATIVE,
        modes=("linear_probe",),
        identity=False,
    )
    positives: str = setting(
        "augmentation",
        "a positive pair is two views of an image (augmentation: SimCLR) or of two images of a "
        "case (case: MICLe)",
        ("augmentation", "case"),
        modes=("pretrain",),
    )
    threads: int = setting(
        0,
        "threads that read images; 0 lets tf.data decide",
        between(0, 1024),
        modes=(*TRAINING, *BULK),
        identity=False,
    )
    data_service: str = setting(
        "",
        "address of a tf.data service whose workers make the batches",
        ("grpc://HOST:PORT", lambda value: not value or re.fullmatch(SERVICE, value)),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one", "mirrored", "multi_worker"),),
    )
    cache: str = setting(
        "memory",
        "where decoded images are kept, since a run sees each many times: memory, disk (the work "
        "folder) or none; the same views come of it",
        ("none", "memory", "disk"),
        modes=AUGMENTING,
        identity=False,
        acts=(READ_HERE,),
    )
    cache_gib: float = setting(
        0.125,
        "GiB that they may take, at most half of the memory; the first images that fit are kept, "
        "none where under a quarter of them would",
        up_to(10**6),
        modes=AUGMENTING,
        identity=False,
        acts=(READ_HERE, when("cache", "memory", "disk")),
    )
    skip_bad_images: int = setting(
        0,
        "unreadable images that others may stand in for, listed in skipped.csv; one more is fatal",
        between(0, 10**9),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one", "mirrored", "tpu"),),
    )


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """From an image to what the encoder sees; see config/recipes.py."""

    image_size: int = setting(224, "side of the encoder's input, pixels", between(1, 4096))
    augmentation: str = setting(
        "full",
        "recipe: full (SimCLR's), partial (its crop), chexpert, chexpert_pretrain, finetune, none "
        "(the evaluation view)",
        tuple(recipes.RECIPES),
        modes=AUGMENTING,
        by_mode={"finetune": "finetune"},
    )
    color_strength: float = setting(
        1.0,
        "strength of the colour jitter",
        between(0, 10),
        modes=AUGMENTING,
        acts=(with_step("jitter"),),
    )
    crop_min_area: float = setting(
        0.08,
        "smallest crop, share of the image",
        FRACTION,
        modes=AUGMENTING,
        acts=(with_step("crop"),),
    )
    rotation: float = setting(
        20.0,
        "largest rotation, degrees",
        ("from 0 to 180", lambda value: 0 <= value <= 180),
        modes=AUGMENTING,
        acts=(with_step("rotate"),),
    )
    brightness: float = setting(
        0.2,
        "largest brightness added",
        UP_TO_ONE,
        modes=AUGMENTING,
        acts=(with_step("brightness"),),
    )
    contrast: float = setting(
        0.2,
        "range of the contrast's factor",
        UP_TO_ONE,
        modes=AUGMENTING,
        acts=(with_step("contrast"),),
    )
    contrast_reading: str = setting(
        "around_one",
        "that factor is 1 + s (around_one) or, as printed in the paper, s itself (literal)",
        ("around_one", "literal"),
        modes=AUGMENTING,
        acts=(with_step("contrast"),),
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
        acts=(CHANGING,),
    )
    window: float = setting(
        0.875,
        "side of the square that chexpert cuts out, share of the short side",
        FRACTION,
        modes=AUGMENTING,
        acts=(with_step("window"),),
    )
    eval_crop: float = setting(
        0.875,
        "side of the central square that evaluation sees, share of the short side",
        FRACTION,
        acts=(EVALUATION_VIEW,),
    )


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The ResNet."""

    encoder: str = setting("resnet50", "architecture", tuple(ENCODERS))
    width: float = setting(1.0, "width multiplier; fractions too", up_to(16))
    bn_momentum: float = setting(
        0.9,
        "decay of batch normalisation's statistics",
        SHARE,
        modes=AUGMENTING,
        acts=(when("bn_statistics", "batch"), BATCH_NORM),
    )
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

    projection_layers: int = setting(2, "layers", (2, 3), acts=(PROJECTION_READ,))
    projection_dim: int = setting(128, "outputs", between(1, 65536), acts=(PROJECTION_END,))


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """The contrastive loss."""

    temperature: float = setting(0.1, "of NT-Xent", up_to(100), modes=("pretrain",))


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
    head_init: str = setting(
        "zeros",
        "what the head's kernel starts at: zeros, or normal, drawn with deviation 0.01 (SimCLR's)",
        ("zeros", "normal"),
        modes=("finetune",),
    )
    bag: str = setting(
        "none",
        "how a case's images are trained on and answered for: none, each by itself, and their "
        "probabilities averaged; or together, by the mean of features, of probabilities, or of "
        "features weighted by attention",
        ("none", "features", "probabilities", "attention"),
        modes=("finetune",),
    )
    bag_images: int = setting(
        4,
        "images of a case in a step, at most; others in turn where it has more",
        between(1, 256),
        modes=("finetune",),
        acts=(when("bag", "features", "probabilities", "attention"),),
    )
    targets: str = setting(
        "primary",
        "what a case's diagnosis is to the loss: its primary ones alike, or weighted, as the "
        "manifest's column label_weights spreads it",
        ("primary", "weighted"),
        modes=HEADS,
    )
    label_smoothing: float = setting(
        0.0,
        "share of each target that is spread over all classes, or over present and absent",
        SHARE,
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    class_weights: str = setting(
        "none",
        "what each class, or a finding's presence and absence, counts in the loss: none, the same; "
        "balanced, the inverse of its share of the labels learnt from; sqrt, the root of that",
        ("none", "balanced", "sqrt"),
        modes=HEADS,
    )
    focal_gamma: float = setting(
        0.0,
        "of the focal loss of findings (Lin et al. 2017); 0 for plain cross-entropy",
        between(0, 10),
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    solver: str = setting(
        "sgd",
        "how a probe is trained: sgd, or lbfgs, the exact solution with --weight_decay above 0, "
        "in at most --steps iterations",
        ("sgd", "lbfgs"),
        modes=("linear_probe",),
    )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its schedule."""

    optimizer: str = setting(
        "lars",
        "optimizer",
        ("lars", "sgd", "adam", "lamb"),
        by_mode=for_heads("sgd"),
        acts=(BY_STEPS,),
    )
    learning_rate: float = setting(
        0.3,
        "peak, before scaling",
        POSITIVE,
        by_mode={"linear_probe": 0.1, "finetune": 0.03},
        acts=(BY_STEPS,),
    )
    learning_rate_scaling: str = setting(
        "linear",
        "none, linear (times batch / 256) or sqrt (times the root of the batch)",
        ("none", "linear", "sqrt"),
        by_mode=for_heads("none"),
        acts=(BY_STEPS,),
    )
    head_rate: float = setting(
        1.0,
        "the head's learning rate, as a multiple of --learning_rate",
        up_to(10**6),
        modes=("finetune",),
    )
    layer_decay: float = setting(
        1.0,
        "what the learning rate is multiplied with once a stage, from the head's down to the stem",
        FRACTION,
        modes=("finetune",),
    )
    momentum: float = setting(0.9, "momentum; Adam's and LAMB's beta 1", SHARE, acts=(BY_STEPS,))
    weight_decay: float = setting(1e-6, "weight decay", NOT_NEGATIVE, by_mode=for_heads(0.0))
    trust_coefficient: float = setting(
        0.001, "of LARS", POSITIVE, acts=(when("optimizer", "lars"),)
    )
    schedule: str = setting(
        "cosine",
        "of the learning rate after a linear warm-up: cosine, decaying to 0 at the last step, or "
        "constant, by which a run that has ended may go on with more --steps",
        ("cosine", "constant"),
        acts=(BY_STEPS,),
    )
    warmup_fraction: float = setting(
        0.1, "share of the steps that warm up", SHARE, by_mode=for_heads(0.0), acts=(BY_STEPS,)
    )

    def warmup_steps(self, steps):
        """Return how many steps warm up, of a run of so many."""
        return round(self.warmup_fraction * steps)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    batch_size: int = setting(
        512,
        "cases a step",
        between(1, MOST_CASES),
        by_mode={"linear_probe": 256, "finetune": 64},
        acts=(BY_STEPS,),
    )
    steps: int = setting(1000, "steps in all", between(1, MOST_STEPS))
    save_every: int = setting(
        200, "steps between checkpoints", between(1, MOST_STEPS), identity=False
    )
    keep_checkpoints: int = setting(2, "checkpoints kept", between(1, MOST_STEPS), identity=False)
    log_every: int = setting(
        1, "steps between rows of log.csv", between(1, MOST_STEPS), identity=False
    )
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
        between(0, MOST_CASES),
        modes=AUGMENTING,
    )
    bn_statistics: str = setting(
        "batch",
        "what batch normalisation takes in training: batch, or frozen, the moving ones of --init",
        ("batch", "frozen"),
        modes=AUGMENTING,
        acts=(INITIALISED, BATCH_NORM),
    )
    precision: str = setting(
        "float32",
        "of the encoder's products; weights, normalisation, loss and optimizer are float32; auto "
        "is mixed_bfloat16 on a CPU that multiplies it itself, else float32, see devices.py",
        ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
        modes=AUGMENTING,
        by_mode=dict.fromkeys(AUGMENTING, "auto"),
    )
    weight_averaging: str = setting(
        "none",
        "of which weights the head is known: none, each step's own; ema, their exponential moving "
        "average; swa, their mean over the last steps (Izmailov et al. 2018)",
        ("none", "ema", "swa"),
        modes=("finetune",),
    )
    ema_decay: float = setting(
        0.999,
        "what is left of a step's weight in the moving average a step later",
        SHARE,
        modes=("finetune",),
        acts=(when("weight_averaging", "ema"),),
    )
    swa_start: float = setting(
        0.75,
        "share of the steps before those whose mean is taken",
        SHARE,
        modes=("finetune",),
        acts=(when("weight_averaging", "swa"),),
    )
    jit_compile: bool = setting(
        False,
        "compile the step by XLA (a TPU always does); on a CPU it is slower, see devices.py",
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one"),),
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
        acts=(ON_TPU,),
    )
    tpu_zone: str = setting("", "zone of the TPU", modes=AUGMENTING, identity=False, acts=(ON_TPU,))
    gcp_project: str = setting(
        "", "project of the TPU", modes=AUGMENTING, identity=False, acts=(ON_TPU,)
    )
    cpu_devices: int = setting(
        1,
        "parts that the CPU is split into, to try mirrored without GPUs",
        between(1, 256),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "mirrored"),),
    )
    tf32: bool = setting(
        False,
        "let NVIDIA GPUs (Ampere and later) multiply float32 with 10 bits of mantissa: faster, and "
        "other numbers",
        modes=(*TRAINING, "evaluate", "export", *BULK),
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
        acts=(when("strategy", "one", "mirrored", "multi_worker"),),
    )
    monitor_every: int = setting(
        1000,
        "steps between two of the monitor's",
        between(1, MOST_STEPS),
        modes=("pretrain",),
        identity=False,
        acts=(when("monitor", "knn"),),
    )
    validate_every: int = setting(
        0,
        "steps between two looks at the validation split, into log.csv, and one at the last step; "
        "0 for none",
        between(0, MOST_STEPS),
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    keep: str = setting(
        "last",
        "the step whose weights are evaluated and exported: last, or best on validation",
        ("last", "best"),
        modes=HEADS,
        acts=(VALIDATED,),
    )
    choose_by: str = setting(
        "auc",
        "what is best on validation",
        (
            "auc",
            "loss",
            "top1_accuracy",
            "top3_accuracy",
            "average_top1_sensitivity",
            "average_top3_sensitivity",
        ),
        modes=HEADS,
        acts=(CHOSEN,),
    )
    patience: int = setting(
        0,
        "looks at validation without a better one that end the training; 0 for all its steps",
        between(0, MOST_STEPS),
        modes=HEADS,
        acts=(when("keep", "best"),),
    )
    profile_steps: str = setting(
        "",
        "FIRST,LAST: steps whose profile is written for TensorBoard",
        ("FIRST,LAST, two steps in order", lambda value: not value or _in_order(value)),
        modes=AUGMENTING,
        identity=False,
        acts=(PROFILED,),
    )


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """The grid of a sweep, and what is made of the setting that it chooses."""

    head: str = setting("linear_probe", "what each run of a sweep is", HEADS, modes=SWEEP)
    learning_rates: tuple = setting(
        ("0.000316", "0.001", "0.00316", "0.01", "0.0316", "0.1", "0.316"),
        "of the grid; by default the paper's, 10^-3.5 to 10^-0.5",
        each_number(*POSITIVE),
        modes=SWEEP,
    )
    weight_decays: tuple = setting(
        ("0", "0.00001", "0.0001", "0.001"),
        "of the grid; by default the paper's",
        each_number(*NOT_NEGATIVE),
        modes=SWEEP,
    )
    label_fractions: tuple = setting(
        ("1",),
        "shares of the labelled cases, each with a choice of its own",
        each_number(*FRACTION),
        modes=SWEEP,
    )
    halving: int = setting(
        0,
        "the best one in so many of a fraction's settings go on to so many times the steps, and so "
        "on (successive halving, Jamieson and Talwalkar 2016); 0 for all to the end, as in the "
        "paper",
        ("0, or from 2 to 64", lambda value: value == 0 or 2 <= value <= 64),
        modes=SWEEP,
        acts=(when("head", "finetune"),),
    )
    seeds: int = setting(
        5, "runs of the chosen setting, of --seed and on", between(1, 1000), modes=SWEEP
    )


EVALUATE, REPORT = ("evaluate", "sweep"), ("evaluate", "sweep", "report")


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Splits to predict, and the bootstrap."""

    eval_splits: tuple = setting(("test",), "labelled splits", some_of(LABELLED), modes=EVALUATE)
    allow_seen: bool = setting(
        False,
        "evaluate cases, patients and images that were trained on as well; the results say so",
        modes=EVALUATE,
    )
    eval_batch: int = setting(
        64, "images at a time", between(1, MOST_CASES), modes=(*EVALUATE, *BULK)
    )
    bootstrap_replicates: int = setting(1000, "replicates", between(40, 10**6), modes=REPORT)
    confidence: float = setting(
        0.95,
        "of the intervals",
        ("from 0.5 to below 1, such as 0.95", lambda value: 0.5 <= value < 1),
        modes=REPORT,
    )
    bootstrap_unit: str = setting(
        "auto",
        "what is resampled; auto: patients where one has several cases",
        ("auto", "case", "patient"),
        modes=REPORT,
    )
    bootstrap_interval: str = setting(
        "auto",
        "kind of interval, see docs/statistics.md",
        ("auto", "percentile", "bca", "stratified"),
        modes=REPORT,
    )


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """The page."""

    runs: tuple = setting(
        (),
        "work folders or files of predictions, PATH or NAME=PATH; of one NAME: seeds of a method",
        ("work folders", bool),
        ("report",),
    )
    title: str = setting("Comparison of runs", "heading", ("words", bool), ("report",))
    baseline: str = setting(
        "",
        "name of the run or method that the others are compared with; the first by default",
        None,
        ("report",),
    )
    format: tuple = setting(
        ("html", "markdown"),
        "what is written: html, the page; markdown and latex, its tables",
        some_of(("html", "markdown", "latex")),
        ("report",),
    )
    margin: float = setting(
        0.0,
        "what a run may lose against the baseline and still count as non-inferior; 0 for none",
        UP_TO_ONE,
        ("report",),
    )
    errors_shown: int = setting(
        8,
        "most confident errors of each run on the page, with pictures; 0 for none",
        between(0, 1000),
        ("report",),
    )


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What is written for other processes, and how it is checked."""

    export_format: str = setting(
        "savedmodel",
        "what is written: savedmodel (TensorFlow Serving), onnx, tflite, or safetensors "
        "(torchvision's names)",
        ("savedmodel", "onnx", "tflite", "safetensors"),
        ("export",),
    )
    export_version: int = setting(0, "number; 0 takes the next", between(0, 2**63 - 1), ("export",))


@dataclasses.dataclass(frozen=True)
class BulkConfig:
    """What predict and embed are asked, and what explains an answer."""

    model: str = setting(
        "",
        "what answers: the work folder of a run, imported weights, or an export",
        ("a folder", bool),
        BULK,
    )
    images: str = setting(
        "",
        "what is asked about: a folder of images or DICOM files, or a CSV with a column image, "
        "and perhaps case_id and patient_id",
        ("a folder or a CSV", bool),
        BULK,
    )
    features_format: str = setting(
        "npz", "how features are written", ("npz", "csv", "parquet"), ("embed",)
    )
    nearest: int = setting(
        0,
        "training cases that resemble each image most, into nearest.csv",
        between(0, 1000),
        ("predict",),
    )
    gradcam: int = setting(
        0,
        "how many images gradcam/ shows with where the head looked: the first; of evaluation how "
        "many cases of each split, those that the head is most confidently wrong about",
        between(0, 10**6),
        ("predict", "evaluate"),
    )


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
    sweep: SweepConfig = SweepConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    export: ExportConfig = ExportConfig()
    bulk: BulkConfig = BulkConfig()


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
