"""A small generated data set, made once, and silence on import."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import simclr_med  # noqa: F401, isort: skip  # before TensorFlow: it turns oneDNN on
import pytest
import short_run
import tensorflow as tf

from simclr_med import devices
from simclr_med.config import architectures
from simclr_med.preparation import phantom

# Two devices, so that replicas can be tried. What takes one takes the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def plain_cpu():
    """A processor without bfloat16, whose default precision the tests' tolerances are made for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "cpu", lambda name: [])
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Features are kept nowhere that outlives the tests; Matplotlib's fonts stay where they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", str(pathlib.Path.home() / ".cache" / "matplotlib"))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def short_encoders():
    """The ResNets that most tests train, in this process, with every kind of block and few of them.

    What takes the time of a short run is to trace them.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, blocks in (("resnet18", (2, 1, 1, 1)), ("resnet34", (2, 1, 1, 2))):
            patch.setitem(architectures.ENCODERS, name, short_run.with_blocks(name, blocks))
        yield


@pytest.fixture(scope="module")
def shortest_encoder():
    """The ResNet-18 of `short_run`, in this process, for tests of what surrounds a network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(architectures.ENCODERS, "resnet18", short_run.ROW)
        yield


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "phantom"
    config = phantom.PhantomConfig(
        train=60, validation=20, test=40, external=20, unlabelled=30, image_size=32
    )
    phantom.generate(folder, config)
    return folder


def answers_here(folder, sample):
    """Answer as `saved_model.answers_alone`, in this process: TensorFlow is imported already."""
    from simclr_med.serving.formats import saved_model_client

    return saved_model_client.answers(str(folder), sample.contents, sample.owners, sample.views)


@pytest.fixture(scope="session")
def exported_probe(data_dir, tmp_path_factory):
    """The work folder of a head on `data_dir`, exported as version 3."""
    from simclr_med.config.checked_config import for_existing_run, make_config
    from simclr_med.serving import export
    from simclr_med.serving.formats import saved_model
    from simclr_med.training.heads import train_head

    work_dir = tmp_path_factory.mktemp("exported") / "probe"
    given = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "steps": 20, "batch_size": 16}
    given |= {"data_dir": str(data_dir), "work_dir": str(work_dir)}
    train_head.run(make_config("linear_probe", given))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "answers_alone", answers_here)
        export.run(for_existing_run("export", str(work_dir), {"export_version": 3}))
    return work_dir


@pytest.fixture(scope="session")
def ham10000():
    folder = SHARED / "ham10000"
    if not folder.exists():
        pytest.skip(f"the real images are not at {folder}")
    return folder


def pytest_runtest_teardown(item):
    """Hand the number of inputs of a fuzz test to the process that prints the summary."""
    strategies = sys.modules.get("strategies")
    if strategies is not None:
        tried = strategies.TRIED.pop(item.function.__name__, 0)
        item.user_properties.append(("inputs", tried))


def pytest_terminal_summary(terminalreporter):
    """End `make fuzz` with a line that counts the inputs that were tried."""
    reports = [r for kind in terminalreporter.stats.values() for r in kind if hasattr(r, "when")]
    ends = [report for report in reports if report.when == "teardown"]
    tried = sum(value for end in ends for key, value in end.user_properties if key == "inputs")
    if tried:
        faults = sum(report.failed for report in reports)
        terminalreporter.write_line(f"fuzz: {tried:,} inputs, {faults} faults found")
