"""Parameters, multiply-adds and training memory of encoders, and the steps a day they allow.

    simclr-med describe_encoder
    simclr-med describe_encoder --encoder=resnet152 --width=2 --image_size=448 --teraflops=100

Without --encoder: a table of all, and of the widths that are published. Everything is counted in
the network's own graph. Memory is that of weights, gradients, momenta and kept activations; the
kernels' working memory comes on top. --teraflops is the speed of a training step, 10^12 operations
a second; benchmarks/train_step.py measures it.
"""

from simclr_med import quiet
from simclr_med.command import parsing
from simclr_med.config.architectures import ENCODERS
from simclr_med.config.checks import check_value
from simclr_med.config.fields import FIELDS
from simclr_med.errors import InputError

SK = {"resnet_d": True, "selective_kernels": True}
WIDER = [
    ("resnet50", 2, {}), ("resnet50", 4, {}), ("resnet152", 2, {}),
    ("resnet50", 1, SK), ("resnet50", 2, SK), ("resnet101", 1, SK), ("resnet101", 2, SK),
    ("resnet152", 1, SK), ("resnet152", 2, SK), ("resnet152", 3, SK),
    ("bit_resnet50", 3, {}), ("bit_resnet101", 3, {}),
    ("bit_resnet152", 2, {}), ("bit_resnet152", 4, {}),
]  # fmt: skip
MOST = {"views": 100, "teraflops": 10**9}  # of a case; of any machine there is
DAY = 24 * 60 * 60
GIB = 2**30


def parse():
    """Return the parsed command line."""
    parser = parsing.parser(__doc__)
    add = parser.add_argument
    add("--encoder", choices=ENCODERS, help="one encoder, instead of the table of all")
    add("--width", type=float, default=1.0)
    add("--resnet_d", action="store_true")
    add("--selective_kernels", action="store_true")
    add("--image_size", type=int, default=224, help="pixels (default: 224)")
    add("--batch_size", type=int, default=64, help="cases a step (default: 64)")
    add(
        "--views",
        type=int,
        default=2,
        help="images a case: 2 (default) in pretraining, else 1",
    )
    add("--precision", choices=["float32", "mixed_bfloat16"], default="float32")
    add("--gradient_checkpointing", choices=["none", "stages", "blocks"], default="none")
    add("--teraflops", type=float, help="speed of a step in TFLOP/s: adds the steps a day")
    return parser.parse_args()


def refuse_unsound(flags):
    """Raise `InputError` for a number that no network, step or machine has."""
    for name in ("width", "image_size", "batch_size"):
        check_value(FIELDS[name][1], getattr(flags, name))
    for name, most in MOST.items():
        value = getattr(flags, name)
        if value is not None and not 0 < value <= most:
            raise InputError(f"--{name}={value}: expected above 0, at most {most}")


def chosen(flags):
    """Return (name, width, settings) of each encoder to describe."""
    if flags.encoder is None:
        return [(name, 1, {}) for name in ENCODERS] + WIDER
    settings = {name: True for name in SK if getattr(flags, name)}
    lacking = [name for name in settings if name not in ENCODERS[flags.encoder].settings]
    if lacking:
        raise InputError(f"--{lacking[0]} has no effect with --encoder={flags.encoder}")
    return [(flags.encoder, flags.width, settings)]


def main():
    """Print a row for each encoder as it is measured."""
    flags = parse()
    refuse_unsound(flags)
    rows = chosen(flags)
    quiet.import_tensorflow()
    from simclr_med.encoders.complexity import measure  # imports TensorFlow

    images = flags.batch_size * flags.views
    recompute = flags.gradient_checkpointing
    head = f"{'encoder':16} {'width':>5}  {'settings':14} {'parameters':>11} {'multiply-adds':>14}"
    head += f" {'memory':>10}"
    unit = f"{'':16} {'':5}  {'':14} {'million':>11} {'10^9 an image':>14} {'GiB':>10}"
    if flags.teraflops:
        head, unit = f"{head} {'steps':>12}", f"{unit} {'a day':>12}"
    print(f"{images} images of {flags.image_size} pixels a step, {flags.precision}")
    print(f"{head}\n{unit}")
    for name, width, settings in rows:
        cost = measure(name, width, flags.image_size, **settings)
        short = "D, SK" if settings == SK else ", ".join(settings)
        size = 2 if flags.precision == "mixed_bfloat16" else 4
        memory = cost.memory(images, size, recompute) / GIB
        line = f"{name:16} {width:5g}  {short:14} {cost.parameters / 1e6:11.2f}"
        line += f" {cost.multiply_adds / 1e9:14.2f} {memory:10.1f}"
        if flags.teraflops:
            steps = DAY * flags.teraflops * 1e12 / cost.step_flops(images, recompute)
            line += f" {steps:12,.0f}"
        print(line, flush=True)
