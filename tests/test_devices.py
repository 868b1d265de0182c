"""What a training takes on each kind of device where nothing else is asked for."""

import pytest
import tensorflow as tf
from kill_runs import differ, weights

from simclr_med import devices, modes
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.config.setting import BULK, MODES
from simclr_med.config.storage import load_config, to_json
from simclr_med.errors import InputError
from simclr_med.serving import export
from simclr_med.serving.bulk import run as bulk
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head
from simclr_med.training.sweep import train_sweep

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "steps": 2, "batch_size": 8}
pytestmark = pytest.mark.usefixtures("shortest_encoder")


def is_a_cpu(monkeypatch, vendor, flags):
    """Has this machine be another one."""
    lines = {"vendor_id": vendor, "flags": flags}
    monkeypatch.setattr(devices, "cpu", lambda name: lines[name].split())


@pytest.mark.parametrize(
    ("vendor", "flags", "precision"),
    [
        ("AuthenticAMD", "avx2", "float32"),  # it would imitate bfloat16
        ("GenuineIntel", "avx2 avx512f avx512_vnni", "float32"),
        ("AuthenticAMD", "avx2 avx512f avx512_bf16", "mixed_bfloat16"),
        ("GenuineIntel", "avx2 avx512f avx512_bf16", "float32"),  # at float32's rate
        ("GenuineIntel", "avx512f avx512_bf16 amx_tile amx_bf16", "mixed_bfloat16"),
        ("", "", "float32"),  # no /proc tells
    ],
)
def test_a_cpu_takes_bfloat16_only_where_it_is_faster(monkeypatch, vendor, flags, precision):
    is_a_cpu(monkeypatch, vendor, flags)
    config = make_config("pretrain", {"data_dir": "d", "work_dir": "nowhere"})
    assert config.train.precision == "auto"
    assert devices.with_defaults(config).train.precision == precision


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "report"])
def test_tf32_is_off_in_every_mode_unless_it_is_asked_for(mode, asked, monkeypatch):
    seen = []

    def note(config):
        seen.append(tf.config.experimental.tensor_float_32_execution_enabled())

    for module in (pretrain, train_head, train_sweep, export, bulk):
        monkeypatch.setattr(module, "run", note)
    monkeypatch.setattr(modes, "evaluate", note)
    given = {"work_dir": "w", "model": "m", "images": "i"}
    if mode not in BULK:
        given = {"work_dir": "w", "data_dir": "d"}
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    try:
        tf.config.experimental.enable_tensor_float_32_execution(not asked)
        modes.compute(make_config(mode, given | ({"tf32": True} if asked else {})))
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
    assert seen == [asked]


def test_evaluation_takes_its_own_tf32_not_that_of_the_training(tmp_path):
    given = {"data_dir": "d", "work_dir": str(tmp_path)}
    (tmp_path / "config.json").write_text(to_json(make_config("finetune", given | {"tf32": True})))
    for asked in (False, True):
        config = for_existing_run("evaluate", str(tmp_path), {"tf32": True} if asked else {})
        assert config.distribute.tf32 == asked


def test_without_onednn_bfloat16_is_imitated(monkeypatch):
    is_a_cpu(monkeypatch, "AuthenticAMD", "avx512_bf16")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert devices.kind_of_device(DistributeConfig()) == "CPU"


def test_a_tpu_is_one_and_xla_is_for_it_alone():
    kind = devices.kind_of_device(DistributeConfig(strategy="tpu"))
    assert kind == "TPU"
    assert [kind for kind, row in devices.DEFAULTS.items() if row.jit_compile] == ["TPU"]


def test_what_is_asked_for_holds(monkeypatch):
    is_a_cpu(monkeypatch, "GenuineIntel", "amx_bf16")
    given = {"data_dir": "d", "work_dir": "nowhere", "precision": "float32"}
    assert devices.with_defaults(make_config("pretrain", given)).train.precision == "float32"


def test_a_run_keeps_its_precision_wherever_it_goes_on(data_dir, tmp_path, monkeypatch):
    given = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "run"), **SMALL}
    is_a_cpu(monkeypatch, "AuthenticAMD", "avx512_bf16")
    pretrain.run(make_config("pretrain", given))
    assert load_config(tmp_path / "run").train.precision == "mixed_bfloat16"
    is_a_cpu(monkeypatch, "", "")
    pretrain.run(make_config("pretrain", given))  # its steps are done: nothing is refused
    with pytest.raises(InputError, match="--precision: there mixed_bfloat16, now float32"):
        pretrain.run(make_config("pretrain", given | {"precision": "float32"}))
    pretrain.run(make_config("pretrain", given | {"work_dir": str(tmp_path / "plain")}))
    assert load_config(tmp_path / "plain").train.precision == "float32"
    assert differ(weights(tmp_path / "run"), weights(tmp_path / "plain"))
