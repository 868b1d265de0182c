"""The report: several work folders compared on one self-contained page.

write_report([("SimCLR", "work/simclr"), ("MICLe", "work/micle")], "report.html", ...)
"""

import csv
import io
import itertools
import json
import pathlib

from simclr_med import files, pages
from simclr_med.config.fields import FIELDS
from simclr_med.config.splits import SPLITS
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.evaluation import metrics, predictions
from simclr_med.pages import escape, figure


def write_report(runs, output, *, title, replicates, confidence, unit, seed):
    """Writes the page, and its tables as Markdown beside it; returns the page's path.

    Args:
      runs: pairs (name, work folder of an evaluated head).
      output: the HTML file; the Markdown's name ends in .md.
      replicates, confidence, unit, seed: of the bootstrap, see `metrics.compare`.

    Raises:
      InputError: two runs of one name, or a folder that lacks what is compared.
    """
    names = [name for name, _ in runs]
    if len(set(names)) < len(names):
        raise InputError(f"--runs: two runs of one name: {', '.join(names)}; use NAME=PATH")
    folders = {name: pathlib.Path(folder) for name, folder in runs}
    config = {name: load_config(folder) for name, folder in folders.items()}
    made = {name: _predictions(folder) for name, folder in folders.items()}
    splits = [s for s in SPLITS if all(s in by_split for by_split in made.values())]
    if not splits:
        raise InputError("--runs: no split that all of them have predictions of")
    bootstrap = {
        "replicates": replicates,
        "confidence": confidence,
        "unit": unit,
        "seed": seed,
    }
    origins = {name: _origin(config[name]) for name in names}
    body = [f"<h1>{escape(title)}</h1>", _introduction(names, config)]
    markdown = []
    for split in splits:
        part = {name: made[name][split] for name in names}
        results = {name: metrics.evaluate(p, **bootstrap) for name, p in part.items()}
        differences = [
            (a, b, metrics.compare(part[a], part[b], **bootstrap, names=(a, b)))
            for a, b in itertools.combinations(names, 2)
        ]
        body += _split_section(split, results, differences, bootstrap)
        markdown += _markdown_section(split, results, differences, bootstrap)
    body += ["<h2>What differs between the runs</h2>", _settings(config, origins)]
    body += ["<h2>Learning curves</h2>", *_curves(folders, origins)]
    body += ["<h2>What the encoder saw</h2>", *_views(folders, origins)]
    output = pathlib.Path(output)
    files.write_text(output.with_suffix(".md"), "\n".join(markdown) + "\n")
    files.write_text(output, pages.page(title, body))
    return output


def _markdown_section(split, results, differences, bootstrap):
    cases = next(iter(results.values()))["cases"]
    yield f"## {split}: {cases} cases"
    yield ""
    yield markdown_table(results, list(results))
    yield ""
    yield (
        f"{100 * bootstrap['confidence']:g} % intervals, {bootstrap['replicates']} bootstrap "
        f"replicates of {bootstrap['unit']}s. Paired differences:"
    )
    yield ""
    for a, b, result in differences:
        for metric in metrics.main_metrics(result):
            yield f"- {metrics.statement(metric, result['metrics'][metric], a, b)}"
    yield ""


def markdown_table(results, names):
    """`metrics.evaluate`'s results, one run a row, as a Markdown table."""
    columns = metrics.main_metrics(next(iter(results.values())))
    lines = ["| | " + " | ".join(metrics.label(c) for c in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name in names:
        values = [results[name]["metrics"][column] for column in columns]
        lines.append(f"| {name} | " + " | ".join(_text(value) for value in values) + " |")
    return "\n".join(lines)


def _text(value):
    if value["value"] is None:
        return "not defined"
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _predictions(folder):
    found = sorted((folder / "predictions").glob("*.csv"))
    if not found:
        raise InputError(
            f"{folder} has no predictions: run --mode=evaluate --work_dir={folder} first"
        )
    task = folder / "task.json"
    other = json.loads(task.read_text(encoding="utf-8"))["other_class"]
    return {path.stem: predictions.read(path, other) for path in found}


def _origin(config):
    """The work folder of the pretraining that a head started from, or None."""
    init = config.head.init
    return pathlib.Path(init.removeprefix("run:")) if init.startswith("run:") else None


def _introduction(names, config):
    heads = {c.mode.replace("_", " ") for c in config.values()}
    return (
        f"<p>This page compares {escape(', '.join(names))} "
        f"({escape(' and '.join(sorted(heads)))}) on the same cases. Predictions of a case's "
        "images are averaged. Each run was trained once: the intervals cover which cases happened "
        "to be tested, not what another seed of training would have given.</p>"
    )


def _split_section(split, results, differences, bootstrap):
    first = next(iter(results.values()))
    percent = f"{100 * bootstrap['confidence']:g} %"
    yield f"<h2>Split “{escape(split)}”: {first['cases']} cases</h2>"
    yield _table(results, metrics.main_metrics(first))
    yield (
        f'<p class="note">{percent} percentile intervals from {bootstrap["replicates"]} bootstrap '
        f"replicates, resampling {bootstrap['unit']}s. Bold is the highest value, which says "
        "nothing of significance: see the differences.</p>"
    )
    if differences:
        yield from _differences(differences, bootstrap)
    for group, levels in first["groups"].items():
        yield f"<h3>By {escape(group)}</h3>"
        yield _group_table(group, levels, results)


def _table(results, columns):
    best = {}
    for column in columns:
        values = [r["metrics"][column]["value"] for r in results.values()]
        best[column] = max((v for v in values if v is not None), default=None)
    head = "".join(f"<th>{escape(metrics.label(column))}</th>" for column in columns)
    rows = []
    for name, result in results.items():
        cells = [_cell(result["metrics"][column], best[column]) for column in columns]
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def _cell(value, best=None):
    if value["value"] is None:
        return "<td>not defined</td>"
    mark = ' class="best"' if value["value"] == best else ""
    interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
    return f"<td{mark}>{value['value']:.3f}<small>{interval}</small></td>"


def _differences(differences, bootstrap):
    rows, count, strict = [], 0, []
    for a, b, result in differences:
        for metric in metrics.main_metrics(result):
            row = result["metrics"][metric]
            count += row["difference"] is not None
            sentence = metrics.statement(metric, row, a, b)
            mark = ' class="yes"' if row["significant"] else ""
            rows.append(f"<li{mark}>{escape(sentence)}</li>")
            strict.append(row["p_value"])
    limit = (1 - bootstrap["confidence"]) / max(1, count)
    kept = sum(p is not None and p <= limit for p in strict)
    reachable = 2 / (bootstrap["replicates"] + 1) <= limit
    yield "<h3>Paired differences</h3><ul>" + "".join(rows) + "</ul>"
    yield (
        f'<p class="note">{count} comparisons were made on this split; at '
        f"{100 * bootstrap['confidence']:g} % about {count * (1 - bootstrap['confidence']):.1f} "
        "would come out significant by chance alone if nothing differed. "
        + (
            f"With the level divided by their number (Bonferroni, p ≤ {limit:.4f}) {kept} remain "
            "significant.</p>"
            if reachable
            else f"{bootstrap['replicates']} replicates are too few for a level divided by their "
            f"number (p ≤ {limit:.4f}).</p>"
        )
    )


def _group_table(group, levels, results):
    metric = metrics.main_metrics(next(iter(results.values())))[0]
    head = "".join(
        f"<th>{escape(level or 'unknown')} ({part['cases']})</th>" for level, part in levels.items()
    )
    rows = []
    for name, result in results.items():
        parts = [result["groups"][group][level]["metrics"][metric] for level in levels]
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(map(_cell, parts))}</tr>")
    return (
        f'<p class="note">{escape(metrics.label(metric))}; number of cases in brackets.</p>'
        f'<div class="wide"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'
    )


def _settings(config, origins):
    """A table of what differs, and the rest under a fold.

    Pretraining's settings are compared among the runs that were pretrained.
    """
    names = list(config)
    described = {name: _flat(config[name], origins[name]) for name in names}
    keys = list(dict.fromkeys(key for flat in described.values() for key in flat))
    differing, common = [], []
    for key in keys:
        values = {name: described[name].get(key) for name in names}
        there = [value for value in values.values() if value is not None]
        if len(set(there)) > 1:
            cells = "".join(f"<td>{escape(value or '–')}</td>" for value in values.values())
            differing.append(f"<tr><th>{escape(key)}</th>{cells}</tr>")
        else:
            common.append(f"{escape(key)} {escape(there[0])}")
    table = "<p>No setting differs.</p>"
    if differing:
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        rows = "".join(differing)
        table = f'<div class="wide"><table><tr><th></th>{head}</tr>{rows}</table></div>'
    without = [name for name in names if config[name].head.init == "random"]
    if without:
        table += f'<p class="note">Without pretraining: {escape(", ".join(without))}.</p>'
    return f"{table}<details><summary>The same in all</summary><p>{'; '.join(common)}</p></details>"


def _flat(config, origin):
    """Every setting that acts, name to text; those of the pretraining with its name before."""
    flat = {"mode": config.mode, "seed": str(config.seed)}
    for name, (section, field) in FIELDS.items():
        if config.mode in field.metadata["modes"] and field.metadata["identity"]:
            value = getattr(getattr(config, section), name)
            flat[name] = ", ".join(value) if isinstance(value, tuple) else str(value)
    kind, _, path = config.head.init.partition(":")
    if path:  # whole, it would say more of the machine than of the run
        flat["init"] = f"{kind}:{pathlib.Path(path).name}"
    if origin is not None:
        before = _flat(load_config(origin), None)
        flat |= {f"pretraining: {key}": value for key, value in before.items()}
    return flat


def _curves(folders, origins):
    pretraining = {name: path for name, path in origins.items() if path is not None}
    by_path = {}
    for name, path in pretraining.items():
        by_path.setdefault(path, []).append(name)
    pretraining = {", ".join(names): path for path, names in by_path.items()}
    captions = (
        "NT-Xent of each step's batch. Pairs from two images of a case are harder than two views "
        "of one image: levels of different kinds of pairs do not compare.",
        "Training loss of each step's batch.",
    )
    for title, group, caption in (
        ("Pretraining loss", pretraining, captions[0]),
        ("Head's loss", folders, captions[1]),
    ):
        lines = {name: _read_log(folder / "log.csv") for name, folder in group.items()}
        lines = {name: line for name, line in lines.items() if line}
        if lines:
            yield figure(_chart(lines, title), caption)
        else:
            yield f"<p>{title}: no log.csv among the runs.</p>"


def _read_log(path):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]


def _chart(lines, title):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1.3)
    axes.set(xlabel="step", ylabel="loss", title=title)
    axes.legend(frameon=False)
    axes.grid(alpha=0.25)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _views(folders, origins):
    shown = {}  # path to caption: runs may share a pretraining
    for name, path in origins.items():
        if path is not None:
            shown.setdefault(path / "views.png", f"{name}: the first pairs of its pretraining")
    for name, path in folders.items():
        shown[pathlib.Path(path) / "views.png"] = f"{name}: the first examples of its fine-tuning"
    shown = {path: caption for path, caption in shown.items() if path.exists()}
    if not shown:
        yield "<p>None of the runs has a picture of its views.</p>"
    for path, caption in shown.items():
        yield figure(path.read_bytes(), f"{caption}; the original, its views, a second original.")
