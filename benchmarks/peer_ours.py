"""Our side of peers.py, the counterpart of peer_torch.py; and both sides of stacks.py.

python benchmarks/peer_ours.py step --network=resnet18 --image_size=64 --batch_size=64
python benchmarks/peer_ours.py run -- --mode=pretrain ...
python benchmarks/peer_ours.py pipeline --images=IMAGES
"""

import argparse
import json
import math
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.apart import serve

WARM_UP = 2  # steps


def step(options):
    """Answer with the seconds of one training step on images that are in memory."""
    from benchmarks.our_step import pretraining_step

    take, model = pretraining_step(
        encoder=options.network,
        image_size=options.image_size,
        batch_size=options.batch_size,
        precision=options.precision,
        optimizer="adam",
        learning_rate=1e-3,
    )

    def one():
        start = time.perf_counter()
        take()
        seconds = time.perf_counter() - start
        counts = [math.prod(weight.shape) for weight in model.trainable_variables]
        return {"seconds": seconds, "weights": sum(counts)}

    for _ in range(WARM_UP):
        one()
    serve(one)


def run(options):
    """Run the command of ours with `options.flags`; then print when each step ended."""
    from simclr_med import run as command
    from simclr_med.training.loop import trainer
    from simclr_med.training.loop.callbacks import StepCallback

    ended = {}

    class Clock(StepCallback):
        def after_step(self, step, logs):
            ended[step] = time.perf_counter()

    callbacks_of = trainer.callbacks_of
    trainer.callbacks_of = lambda *given: [*callbacks_of(*given), Clock()]
    sys.argv[1:] = options.flags
    try:
        command.entry_point()
    finally:
        print(json.dumps({"times": list(ended.values()), "steps": list(ended)}))


def pipeline(options):
    """Answer with the images a second of our pipeline on the host."""
    from benchmarks import input_pipeline

    paths = sorted(str(path) for path in pathlib.Path(options.images).glob("*.jpg"))
    cases = input_pipeline.cases_of(paths)
    batches = input_pipeline.ours(cases, threads=0, augment_on="host", keep=options.keep)

    def one():
        return {"rate": input_pipeline.rate(batches)}

    one()
    serve(one)


PARTS = {"step": step, "run": run, "pipeline": pipeline}


def main():
    """Measure the part that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--images", help="a folder")
    parser.add_argument("--keep", action="store_true", help="decoded images in memory, as a run")
    parser.add_argument("flags", nargs="*", help="of the command, after --")
    options = parser.parse_args()
    PARTS[options.part](options)


if __name__ == "__main__":
    main()
