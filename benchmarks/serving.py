"""An exported head beside the Keras model that it was made of, and the cost of HTTP.

    python benchmarks/serving.py --json=serving.json

In one run, turn about, on the same images: `predict` of a Keras model and the SavedModel's
signature of views, at batches of 1, 8 and 32. Then JPEGs of 640 x 480: the SavedModel asked in this
process, and tools/serve.py asked by one client and by 8 at once; and --mode=predict beside
evaluation. The head is of random weights, which cost what trained ones do. Last, of a small head,
the memory that --mode=predict takes for few small images and for many.
"""

import base64
import concurrent.futures
import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.apart import pairwise_ratio, watched
from benchmarks.machine import ROOT
from benchmarks.pictures import photographs
from benchmarks.verdict import at_least, at_most, command_line, conclude, shown
from simclr_med import graphs
from simclr_med.errors import run_main

BATCHES = (1, 8, 32)
CLIENTS = 8
SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32}
MANY = 8  # times as many images
PERCENTILES = (50, 95, 99)
GOALS = (
    *(shown(f"exported / Keras, images a second, batch {batch}") for batch in BATCHES[:-1]),
    at_least(f"exported / Keras, images a second, batch {BATCHES[-1]}", 0.95),
    shown("HTTP / in process, seconds, one JPEG", "one client, one after the other"),
    *(shown(f"{CLIENTS} clients, milliseconds, p{p}") for p in PERCENTILES),
    shown(f"{CLIENTS} clients / in process, images a second", "answered together where they wait"),
    shown("predict / evaluation, images read a second", "without the network"),
    at_least("predict / evaluation, images a second", 0.95),
    at_most(f"predict, {MANY} times as many images, memory", 1.1),
)


def exported(settings, folder):
    """Export a head of random weights; return the Keras model of it, and its `Contract`.

    Args:
      settings: encoder, width and image_size, by name.
      folder: where to.
    """
    import keras

    from simclr_med.config.checked_config import make_config
    from simclr_med.encoders import networks
    from simclr_med.runs import input_contract
    from simclr_med.runs.task import Task
    from simclr_med.serving.formats import saved_model
    from simclr_med.serving.trained import Trained

    config = make_config("finetune", settings | {"data_dir": "data", "work_dir": "work"})
    classes = tuple(f"class {k}" for k in range(27))
    nets = networks.build(config, len(classes))
    task = Task("multiclass", classes, None)
    contract = input_contract.of_run(config)
    saved_model.save(folder, Trained(config, nets, contract, task))
    logits = nets.head(nets.inputs.output)
    return keras.Model(nets.inputs.input, keras.layers.Softmax()(logits)), contract


def seconds(call):
    """Return how long one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def beside_keras(model, signature, views, rounds):
    """Return images a second, exported to Keras, by batch: the median of pairs."""
    import tensorflow as tf

    ratios, rates = {}, {}
    for batch in BATCHES:
        parts = [views[i : i + batch] for i in range(0, len(views), batch)]

        def of_keras(batch=batch):
            return model.predict(views, batch_size=batch, verbose=0)

        def of_export(parts=parts):
            return [signature(images=tf.constant(part))["probabilities"].numpy() for part in parts]

        np.testing.assert_allclose(np.concatenate(of_export()), of_keras(), atol=1e-4)
        times = {of_keras: [], of_export: []}
        for number in range(rounds):
            for call in (of_keras, of_export)[:: -1 if number % 2 else 1]:
                times[call].append(seconds(call))
        ratios[batch] = pairwise_ratio(times[of_keras], times[of_export])
        rates[batch] = {
            "keras": len(views) / min(times[of_keras]),
            "exported": len(views) / min(times[of_export]),
        }
    return ratios, rates


def through_http(folder, contents, options):
    """Return the seconds of each request: of one client, of several, and of all of these in all."""
    import requests

    bodies = [{"instances": [{"b64": base64.b64encode(c).decode()}]} for c in contents]
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), str(folder), "--port=0"]
    with subprocess.Popen([*command, "--name=head"], stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[0] + "v1/models/head:predict"

            def post(session, body):
                session.post(address, json=body).raise_for_status()

            def asked(numbers):
                with requests.Session() as session:
                    return [seconds(partial(post, session, bodies[i])) for i in numbers]

            asked(range(len(bodies)))  # first calls
            alone = asked(range(len(bodies)))
            each = [range(len(bodies))] * CLIENTS
            begin = time.perf_counter()
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
                many = [t for times in clients.map(asked, each) for t in times]
            return alone, many, time.perf_counter() - begin
        finally:
            server.terminate()


def table_of(pictures, count):
    """Write a CSV of `count` images beside them, the same again and again; return its path."""
    rows = zip(itertools.cycle(pictures), range(count))
    file = pathlib.Path(pictures[0]).with_name(f"{count}.csv")
    file.write_text("image,case_id\n" + "".join(f"{path},{case}\n" for path, case in rows))
    return file


@graphs.as_written  # as both modes are
def in_bulk(pictures, count, model, contract, rounds):
    """Return images a second, predict's to evaluation's, reading alone and all: median of pairs.

    Reading is quick: of four times `count` images.
    """
    import tensorflow as tf

    from simclr_med.data.batches import evaluation_batches
    from simclr_med.serving.bulk.listing import listed
    from simclr_med.serving.bulk.models import views_of

    infer = tf.function(lambda views: model(views, training=False))
    given = {"size": contract.size, "proportion": contract.crop, "batch_size": BATCHES[-1]}

    def evaluation(asked):
        return evaluation_batches(asked.places, **given)

    def predict(asked):
        return (views for views, _ in views_of(contract, asked, 0, BATCHES[-1], threads=0))

    def measured(images, use):
        asked, times = listed(table_of(pictures, images)), {evaluation: [], predict: []}
        for number in range(rounds + 1):
            for arm in (evaluation, predict)[:: -1 if number % 2 else 1]:
                times[arm].append(seconds(lambda arm=arm: [use(views) for views in arm(asked)]))
        return pairwise_ratio(times[evaluation][1:], times[predict][1:])  # the first compiles

    read = measured(4 * count, lambda views: None)
    return read, measured(count, lambda views: infer(tf.constant(views)).numpy())


def peaks_of_predict(folder, few):
    """Return the MiB that --mode=predict holds at most, of `few` images and of `MANY` times those.

    None where there is no /proc to tell.
    """
    exported(SMALL, folder / "export" / "1")
    pictures = photographs(folder, 16, (64, 64))
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "simclr_med.run", "--mode=predict"]
    command.append(f"--model={folder / 'export'}")
    peaks = []
    for count in (few, MANY * few):
        flags = [f"--images={table_of(pictures, count)}", f"--work_dir={folder / str(count)}"]
        peaks.append(watched([*command, *flags], env)[1])
    return peaks


def main():
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("--encoder", default="resnet50")
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=32, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--few", type=int, default=2048, help="images, of the memory")
    options = parser.parse_args()
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        settings = {name: getattr(options, name) for name in SMALL}
        model, contract = exported(settings, folder / "1")
        signatures = tf.saved_model.load(str(folder / "1")).signatures
        side = options.image_size
        views = np.random.default_rng(0).random([options.images, side, side, 3], np.float32)
        speeds, rates = beside_keras(model, signatures["images"], views, options.rounds)
        (folder / "images").mkdir()
        photos = photographs(folder / "images", min(16, options.images), (640, 480))
        contents = [pathlib.Path(path).read_bytes() for path in photos]

        def in_process(content):
            signatures["serving_default"](images=tf.constant([content]))

        in_process(contents[0])
        direct = [seconds(lambda c=c: in_process(c)) for _ in range(2) for c in contents]
        alone, many, whole = through_http(folder / "1", contents, options)
        read, answered = in_bulk(photos, 4 * options.images, model, contract, options.rounds)
        (folder / "small").mkdir()
        peaks = peaks_of_predict(folder / "small", options.few)
    ratios = {f"exported / Keras, images a second, batch {b}": r for b, r in speeds.items()}
    one = statistics.median(direct)
    ratios["HTTP / in process, seconds, one JPEG"] = statistics.median(alone) / one
    for p in PERCENTILES:
        ratios[f"{CLIENTS} clients, milliseconds, p{p}"] = 1000 * float(np.percentile(many, p))
    ratios[f"{CLIENTS} clients / in process, images a second"] = len(many) / whole * one
    ratios["predict / evaluation, images read a second"] = read
    ratios["predict / evaluation, images a second"] = answered
    if all(peaks):
        ratios[GOALS[-1].ratio] = peaks[1] / peaks[0]
    for name, value in ratios.items():
        print(f"{name:50} {value:8.2f}")
    times = {"in process": direct, "one client": alone, "clients": many}
    return conclude(options, GOALS, ratios, images_per_second=rates, seconds=times, mib=peaks)


if __name__ == "__main__":
    sys.exit(run_main(main))
