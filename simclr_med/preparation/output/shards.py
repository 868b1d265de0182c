"""A data set folder whose images lie in TFRecord shards, a case a record, written by Apache Beam.

    write("work/files", "work/shards", 64, shortest_side=256)

  shards/data-00000-of-00064.tfrecord   tf.train.Example: case_id, patient_id, split, labels or
                                        findings, groups, image (names) and encoded (files)
  shards/index.csv                      image, shard, offset, length: where an image's file starts
                                        in the shard, so that any can be read alone
  shards/checksums.json                 SHA-256, bytes, cases and images of each shard

Cases lie in the order of a hash of their names, so that each shard is a mix of all and its contents
depend on nothing but the data. A shard is written beside, then renamed, and never written again:
what was cut off goes on. Runners on other machines need `folder` and `output` on a file system that
all of them see under the same path.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil

import pandas as pd

from simclr_med import packages
from simclr_med.config.preparation import REWRITTEN
from simclr_med.data import manifest
from simclr_med.errors import InputError, RunError
from simclr_med.files import atomic, stored
from simclr_med.preparation.images.rewriting import rewrite
from simclr_med.preparation.images.stripping import without_metadata

FOLDER, INDEX, CHECKSUMS = "shards", "index.csv", "checksums.json"
REMEDY = "make the data set again"
HEADER_BYTES, FOOTER_BYTES = 12, 4  # of a TFRecord: length and its checksum; the data's checksum
LOCAL = ("--runner=DirectRunner", "--direct_running_mode=multi_threading",
         "--direct_num_workers=0")  # fmt: skip


def write(folder, output, count, *, shortest_side=None, beam_options=()):
    """Write the data set folder `folder`, of image files, as `output`, in `count` shards.

    Args:
      folder: a data set folder of files.
      output: the new one.
      count: number of shards.
      shortest_side: None leaves the pixels as they are, see `stripping.without_metadata`;
        otherwise see `rewriting.rewrite`.
      beam_options: flags of Apache Beam; without a --runner, threads of this machine.

    Raises:
      InputError: `output` is there, an image cannot be read, or Beam is not installed.
    """
    beam, pipeline_options = _beam()
    source, output = manifest.read(folder), pathlib.Path(output).absolute()
    if output.exists():
        raise InputError(f"--output={output} is there already")
    if source.info.shards:
        raise InputError(f"{folder} is in shards already")
    key = hashlib.sha256(f"{source.fingerprint} {count} {shortest_side}".encode()).hexdigest()
    options = list(beam_options)
    if not any(option.startswith("--runner") for option in options):
        options = [*LOCAL, *options]
    parts = _parts(source, count)
    with atomic.resumable_folder(output, key) as work:
        (work / FOLDER).mkdir(exist_ok=True)
        for kind in ("*.error", "*.failed"):
            for error in (work / FOLDER).glob(kind):
                error.unlink()
        paths = [work / FOLDER / f"data-{i:05d}-of-{count:05d}.tfrecord" for i in range(count)]
        plan = [(str(p), part, shortest_side) for p, part in zip(paths, parts, strict=True)]
        with beam.Pipeline(options=pipeline_options(options)) as pipeline:
            # Each shard is one element; without the reshuffle a runner may keep all on one worker.
            pipeline | beam.Create(plan) | beam.Reshuffle() | beam.Map(_write_shard)  # noqa: B018
        problems = [error.read_text() for error in sorted((work / FOLDER).glob("*.error"))]
        if problems:
            raise InputError("\n".join(problems))
        lost = [path for path in paths if not path.with_suffix(".json").exists()]
        if lost:
            failed = [error.read_text() for error in sorted((work / FOLDER).glob("*.failed"))]
            raise RunError("\n".join(failed) or f"{lost[0]} cannot be written; is the disk full?")
        _finish(work, source, paths, shortest_side)


def damaged(folder):
    """Return the names of a data set folder's shards whose bytes are not those written.

    Raises:
      DamagedError: the file of their checksums is not what was written.
    """
    folder = pathlib.Path(folder) / FOLDER
    written = stored.read_json(folder / CHECKSUMS, {"shards": dict}, REMEDY)["shards"]
    try:
        return [name for name, shard in written.items() if not _is(folder / name, shard["sha256"])]
    except (KeyError, TypeError):
        raise stored.DamagedError(
            f"{folder / CHECKSUMS}: a shard lacks its sha256; {REMEDY}"
        ) from None


def _is(path, sha256):
    """Return true where a file is there and has that checksum."""
    return path.exists() and atomic.sha256(path) == sha256


def _beam():
    try:
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise packages.missing("beam", "--shards needs Apache Beam") from None
    return apache_beam, PipelineOptions


def _parts(source, count):
    """Return `count` lists of like size of cases, dicts, in the order of their names' hashes."""
    table = source.table
    root = source.image_root
    findings = source.info.classes if source.info.task == "multilabel" else ("labels",)
    kept = ("patient_id", "split", *findings, *source.info.groups)
    cases = []
    for case_id, rows in table.groupby("case_id", sort=False):
        first = rows.iloc[0]
        cases.append(
            {"case_id": case_id}
            | {name: first[name] for name in kept}
            | {"image": rows["image"].tolist(), "path": [str(root / i) for i in rows["image"]]}
        )
    cases.sort(key=lambda case: hashlib.sha256(case["case_id"].encode()).digest())
    ends = [len(cases) * i // count for i in range(count + 1)]
    if count > len(cases):
        raise InputError(f"--shards={count}: there are but {len(cases)} cases")
    return [cases[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True)]


def _write_shard(work):
    """Write one shard and its sidecar, or why it cannot be written; skips one that is there."""
    import tensorflow as tf

    path, cases, shortest_side = work
    path = pathlib.Path(path)
    sidecar = path.with_suffix(".json")
    error, failed = path.with_suffix(".error"), path.with_suffix(".failed")
    try:
        inputs = _inputs(cases)
        if _written_before(sidecar, inputs, path):
            return
        with atomic.replacing(path) as beside:
            index = _records(beside, cases, shortest_side)
        known = {"inputs": inputs, "sha256": atomic.sha256(path), "bytes": path.stat().st_size}
        known |= {"cases": len(cases), "images": len(index), "index": index}
        atomic.write_text(sidecar, json.dumps(known))
    except ValueError as reason:  # an exception would reach the user as Beam's
        atomic.write_text(error, f"{reason}")
    except (OSError, tf.errors.OpError) as reason:  # a full disk, which may not hold this either
        named = getattr(reason, "filename", None)
        if named and pathlib.Path(named).parent != path.parent:  # an image
            atomic.write_text(error, f"{named}: {reason.strerror}")
            return
        with contextlib.suppress(OSError):
            atomic.write_text(failed, f"{path}: {getattr(reason, 'strerror', None) or reason}")


def _written_before(sidecar, inputs, path):
    """Return true where an earlier attempt has written the shard of the same inputs whole."""
    try:
        known = stored.read_json(sidecar, {"inputs": str, "sha256": str}, REMEDY)
    except InputError:  # none, or damaged: the shard is written again
        return False
    return known["inputs"] == inputs and _is(path, known["sha256"])


def _inputs(cases):
    """Return a digest of the images' paths, sizes and times, to compare with an earlier attempt."""
    stats = [(path, os.stat(path)) for case in cases for path in case["path"]]
    text = json.dumps([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
    return hashlib.sha256(text.encode()).hexdigest()


def _records(path, cases, shortest_side):
    """Write cases to `path`; return (image, offset, length) of each image's file in it."""
    import tensorflow as tf

    index, start = [], 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for case in cases:
            contents = [_content(file, shortest_side) for file in case["path"]]
            data = _example(case, contents).SerializeToString(deterministic=True)
            writer.write(data)
            place = 0
            for name, content in zip(case["image"], contents, strict=True):
                place = data.index(content, place)
                index.append((name, start + HEADER_BYTES + place, len(content)))
                place += len(content)
            start += HEADER_BYTES + len(data) + FOOTER_BYTES
    return index


def _content(path, shortest_side):
    try:
        if shortest_side is None:
            return without_metadata(pathlib.Path(path).read_bytes())
        return rewrite(path, shortest_side)[0]
    except ValueError as error:
        raise ValueError(f"cannot read image {path}: {error}") from None


def _example(case, contents):
    """Return a case and its images' files as a `tf.train.Example`."""
    import tensorflow as tf

    values = {
        name: [text.encode() for text in ([value] if isinstance(value, str) else value)]
        for name, value in case.items()
        if name != "path"
    }
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
        for name, value in (values | {"encoded": contents}).items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def _finish(work, source, paths, shortest_side):
    """Gather the sidecars, the manifest and the description into the folder."""
    rows, checksums = [], {}
    for path in paths:
        known = json.loads(path.with_suffix(".json").read_text())
        rows += [(image, path.name, *place) for image, *place in known.pop("index")]
        checksums[path.name] = {k: v for k, v in known.items() if k != "inputs"}
    index = pd.DataFrame(rows, columns=["image", "shard", "offset", "length"])
    atomic.write_text(work / FOLDER / INDEX, index.to_csv(index=False))
    atomic.write_text(work / FOLDER / CHECKSUMS, json.dumps({"shards": checksums}, indent=1))
    info = json.loads((source.folder / "dataset.json").read_text(encoding="utf-8"))
    info.pop("image_root", None)
    info["shards"] = FOLDER
    if shortest_side is not None:
        done = dataclasses.replace(
            source.info.preparation, images=REWRITTEN, shortest_side=shortest_side
        )
        info["preparation"] = done.as_json()
    text = json.dumps(info, indent=1, ensure_ascii=False)
    atomic.write_text(work / "dataset.json", text)
    for file in source.folder.iterdir():
        if file.is_file() and file.name != "dataset.json":
            shutil.copyfile(file, work / file.name)
    for sidecar in (work / FOLDER).glob("data-*.json"):
        sidecar.unlink()
