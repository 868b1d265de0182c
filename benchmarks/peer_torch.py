"""The peers' side of peers.py, run by their environment's Python: PyTorch and lightly-train.

    python benchmarks/peer_torch.py step --network=resnet18 --image_size=64 --batch_size=64
    python benchmarks/peer_torch.py run --images=IMAGES --output=FOLDER --steps=10
    python benchmarks/peer_torch.py pipeline --images=IMAGES --output=FOLDER

`step` and `pipeline` answer when asked (`apart.serve`); `run` runs once and prints JSON last.
"""

import argparse
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import torch
import torchvision
from torch import nn

from benchmarks.apart import serve

WARM_UP = 2  # steps
DIM = 128
BEGUN = []  # seconds, of the steps of `run`


def nt_xent(projections, temperature=0.1):
    """Return the mean over the 2B anchors; `projections` holds one view, then the other."""
    z = nn.functional.normalize(projections)  # [2B, P]
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    partner = torch.arange(len(z)).roll(len(z) // 2)
    return nn.functional.cross_entropy(logits, partner)


def simclr(options):
    """Return torchvision's ResNet and a projection head, layer by layer as ours."""
    encoder = torchvision.models.get_model(options.network, weights=None)
    dim, encoder.fc = encoder.fc.in_features, nn.Identity()
    if options.small_stem:
        encoder.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        encoder.maxpool = nn.Identity()
    last = nn.BatchNorm1d(DIM)
    last.bias.requires_grad_(False)  # ours has no offset there
    return nn.Sequential(
        encoder,
        nn.Linear(dim, dim, bias=False),
        nn.BatchNorm1d(dim),
        nn.ReLU(inplace=True),
        nn.Linear(dim, DIM, bias=False),
        last,
    )


def step(options):
    """Answer with the seconds of one training step on images that are in memory."""
    torch.manual_seed(0)
    memory = torch.channels_last if options.channels_last else torch.contiguous_format
    model = simclr(options).to(memory_format=memory)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    adam = torch.optim.Adam(trained, lr=1e-3)
    shape = [2 * options.batch_size, 3, options.image_size, options.image_size]
    images = torch.rand(shape).to(memory_format=memory)

    def one():
        start = time.perf_counter()
        adam.zero_grad()
        loss = nt_xent(model(images))
        loss.backward()
        adam.step()
        loss.item()
        return {
            "seconds": time.perf_counter() - start,
            "weights": sum(weight.numel() for weight in trained),
        }

    for _ in range(WARM_UP):
        one()
    serve(one)


def transform_args(options):
    """Return lightly-train's settings of the views; its SimCLR's are ours but for the size."""
    return {"image_size": (options.image_size, options.image_size)}


def note_begin(*_):
    """Note that a step begins; a function with a name, since checkpoints hold the model's hooks."""
    BEGUN.append(time.time())


def run(options):
    """Print when each step of a whole run of lightly-train began."""
    import lightly_train

    encoder = torchvision.models.get_model(options.network, weights=None)
    encoder.conv1.register_forward_pre_hook(note_begin)
    lightly_train.pretrain(
        out=options.output,
        data=options.images,
        model=encoder,
        method="simclr",
        method_args={"hidden_dim": encoder.fc.in_features, "output_dim": DIM},
        epochs=options.epochs,
        batch_size=options.batch_size,
        num_workers=options.workers,
        accelerator="cpu",
        devices=1,
        precision="32-true",
        optim="adamw",
        optim_args={"lr": 1e-3},
        transform_args=transform_args(options),
        trainer_args={"max_steps": options.steps},
    )
    print(json.dumps({"times": BEGUN, "steps": list(range(len(BEGUN)))}))


def pipeline(options):
    """Answer with the images a second of lightly-train's loader and transform."""
    from lightly_train._commands import common_helpers, train_helpers

    args = train_helpers.get_transform_args("simclr", transform_args(options))
    given = {"out": options.output, "resume_interrupted": False, "overwrite": True}
    with common_helpers.get_dataset_temp_mmap_path(data=options.images, **given) as listing:
        dataset = common_helpers.get_dataset(
            data=options.images,
            transform=train_helpers.get_transform("simclr", args),
            num_channels=3,
            mmap_filepath=listing,
            out_dir=pathlib.Path(options.output),
            resume_interrupted=False,
            overwrite=True,
        )
        passes = torch.utils.data.ConcatDataset([dataset] * options.passes)
        batches = train_helpers.get_dataloader(
            passes, options.batch_size, options.workers, {"persistent_workers": True}
        )

        def one():
            for number, _ in enumerate(batches):
                if number == 0:
                    start = time.perf_counter()
            return {"rate": number * options.batch_size / (time.perf_counter() - start)}

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
    parser.add_argument("--small_stem", action="store_true")
    parser.add_argument("--channels_last", action="store_true")
    parser.add_argument("--images", help="a folder")
    parser.add_argument("--output", help="a folder for what is written")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    PARTS[options.part](options)


if __name__ == "__main__":
    main()
