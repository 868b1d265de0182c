"""What cannot fit into memory is refused by an estimate."""

import dataclasses
import math

import pytest

from simclr_med import devices
from simclr_med.config.checked_config import make_config
from simclr_med.encoders import complexity
from simclr_med.errors import InputError
from simclr_med.training import memory, pretrain


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("width", [0.5, 2.0])
def test_the_estimate_of_weights_is_near_their_number(name, width):
    chosen = dataclasses.replace(make("pretrain").encoder, encoder=name, width=width)
    counted = complexity.measure(name, width, 32).parameters
    assert math.isclose(memory.kernel_weights(chosen), counted, rel_tol=0.15)


def make(mode, **others):
    return make_config(mode, {"data_dir": "d", "work_dir": "w", **others})


def test_images_and_weights_are_held_against_the_machine(monkeypatch):
    config = make("pretrain", batch_size=100, image_size=1000, encoder="resnet18")
    images, weights = 12 * 200 * 1000**2, 12 * memory.kernel_weights(config.encoder)
    for there, fits in ((images + weights, True), (images + weights - 1, False)):
        monkeypatch.setattr(devices, "memory", lambda there=there: there)
        if fits:
            memory.refuse_beyond_memory(config, 200, "batch_size")
            continue
        with pytest.raises(InputError, match="--batch_size=100, --image_size=1000.* 200 images of"):
            memory.refuse_beyond_memory(config, 200, "batch_size")


def test_a_run_is_refused_before_it_leaves_anything(data_dir, tmp_path):
    given = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "run"), "batch_size": 60}
    given |= {"image_size": 4096, "encoder": "resnet152", "width": 16}
    config = make_config("pretrain", given)
    with pytest.raises(InputError, match="this machine has"):
        pretrain.run(config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", 1e6), ("image_size", 10**6), ("steps", 10**20), ("batch_size", 10**20),
     ("threads", 10**20), ("cpu_devices", 10**9), ("projection_dim", 10**20),
     ("save_every", 10**20), ("temperature", 1e20), ("cache_gib", 1e20)],
)  # fmt: skip
def test_a_number_that_no_run_has_is_refused_with_its_bound(name, value):
    others = {"strategy": "mirrored"} if name == "cpu_devices" else {}
    with pytest.raises(InputError, match=rf"--{name}=\S*: expected .*\d"):
        make("pretrain", **others, **{name: value})


def test_every_whole_number_has_a_bound():
    from simclr_med.config.fields import FIELDS

    for name, (_, field) in FIELDS.items():
        if field.type is int:
            check = field.metadata["check"]
            accepted = check[1](10**20) if callable(check[-1]) else 10**20 in check
            assert not accepted, name
