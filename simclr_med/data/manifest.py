"""A data set folder: dataset.json and manifest.csv, read, checked, gathered into cases.

    manifest = read("my_data")
    cases = manifest.cases(["train", "unlabelled"])
    cases.paths[cases.offsets[3] : cases.offsets[4]]  # the images of the fourth case

A case is what one diagnosis belongs to; it may hold many images, and a patient many cases.
"""

import dataclasses
import hashlib
import json
import pathlib
import posixpath

import numpy as np
import pandas as pd

from simclr_med.data import splitting
from simclr_med.errors import InputError

SPLITS = ("train", "validation", "test", "external", "unlabelled")
TASKS = ("multiclass", "multilabel")
COLUMNS = ("image", "case_id", "patient_id", "split")
UNCERTAIN = {"ones": 1.0, "zeros": 0.0, "ignore": np.nan}
NOT_MENTIONED = {"negative": 0.0, "masked": np.nan}
LISTED_PROBLEMS = 20


@dataclasses.dataclass(frozen=True)
class Problem:
    """One wrong cell or file: `row` counts as a spreadsheet does, the header being row 1."""

    file: str
    row: int | None
    column: str | None
    value: str
    reason: str

    def __str__(self):
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}{row}{column}: {self.value!r} {self.reason}"


class DataError(InputError):
    """What is wrong with a data set folder; `problems` holds all of it."""

    def __init__(self, problems):
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:LISTED_PROBLEMS]]
        rest = len(self.problems) - len(lines)
        if rest:
            lines.append(f"... and {rest} more")
        super().__init__("\n".join(lines))


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """What dataset.json says.

    Attributes:
      name: of the data set.
      task: "multiclass" (one or more primary diagnoses a case) or "multilabel" (findings).
      classes: in the order of the outputs; empty where all images are unlabelled.
      image_root: folder of the manifest's images, absolute or relative to the data set folder.
      shards: folder of TFRecord shards that hold the images instead, see `shards`; or "".
      groups: manifest columns for subgroup analysis, such as skin_type.
      other_class: the class left out of average sensitivity, or None.
      uncertain: what -1 means, "ones", "zeros" or "ignore", by finding; multilabel only.
      not_mentioned: what an empty finding means, "negative" or "masked"; multilabel only.
      licence, source: free text.
    """

    name: str
    task: str
    classes: tuple
    image_root: str = "."
    shards: str = ""
    groups: tuple = ()
    other_class: str | None = None
    uncertain: dict = dataclasses.field(default_factory=dict)
    not_mentioned: str = "negative"
    licence: str = ""
    source: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Cases:
    """N cases with M images; case i owns `paths[offsets[i]:offsets[i + 1]]`.

    Attributes:
      case_ids, patient_ids: str `[N]`; an unknown patient is "".
      paths: absolute, str `[M]`; rows of one case stand together, in the manifest's order. An
        image in a shard is SHARD@OFFSET+LENGTH/SIZE, so many bytes of that file.
      offsets: int64 `[N + 1]`.
      targets: float32 `[N, K]`. Multiclass: 1 for each primary diagnosis. Multilabel: 1, 0, or
        NaN where the truth is unknown. All NaN for an unlabelled case.
      groups: column name to str `[N]`.
    """

    case_ids: np.ndarray
    patient_ids: np.ndarray
    paths: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    groups: dict

    def __len__(self):
        return len(self.case_ids)

    def take(self, index):
        """The cases at `index`, int `[n]`, in that order."""
        index = np.asarray(index, np.int64)
        sizes = np.diff(self.offsets)[index]
        rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in index]
        return Cases(
            self.case_ids[index],
            self.patient_ids[index],
            self.paths[np.concatenate(rows)] if rows else self.paths[:0],
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            self.targets[index],
            {name: values[index] for name, values in self.groups.items()},
        )

    def each_image_alone(self):
        """The same images, each a case of its own: SimCLR, which knows nothing of cases."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        return Cases(
            self.case_ids[owner],
            self.patient_ids[owner],
            self.paths,
            np.arange(len(self.paths) + 1, dtype=np.int64),
            self.targets[owner],
            {name: values[owner] for name, values in self.groups.items()},
        )


def label_fraction(cases, fraction, seed):
    """The part of `cases` whose labels may be used: stratified by first class, and nested.

    The cases are put in `splitting.interleaved`'s order, whose beginnings are nested.
    """
    if fraction >= 1:
        return cases
    first_class = np.argmax(np.nan_to_num(cases.targets), axis=1)
    order = splitting.interleaved(cases.case_ids, first_class, seed)
    kept = max(1, round(fraction * len(cases)))
    return cases.take(np.sort(order[:kept]))


@dataclasses.dataclass(frozen=True, eq=False)
class Manifest:
    """A checked manifest: `table` holds its rows as text."""

    folder: pathlib.Path
    info: DatasetInfo
    table: pd.DataFrame
    fingerprint: str

    def pretraining_splits(self):
        """Train and unlabelled, as far as they are there; train where neither is."""
        there = [s for s in ("train", "unlabelled") if (self.table["split"] == s).any()]
        return there or ["train"]

    def cases(self, splits):
        """The cases of `splits`, ordered by first appearance in the manifest.

        Raises:
          DataError: a split is empty, or its images are missing.
        """
        file = self.folder / "manifest.csv"
        rows = self.table[self.table["split"].isin(splits)]
        for split in splits:
            if not (rows["split"] == split).any():
                there = ", ".join(pd.unique(self.table["split"]))
                reason = f"is an empty split; the manifest has {there}"
                raise DataError([Problem(str(file), None, "split", split, reason)])
        code, case_ids = pd.factorize(rows["case_id"])
        order = np.argsort(code, kind="stable")
        rows = rows.iloc[order]
        if self.info.shards:
            paths = _in_shards(self.folder / self.info.shards, file, rows)
        else:
            _check_images(file, self.image_root, rows)
            paths = [str(self.image_root / image) for image in rows["image"]]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(code))]).astype(np.int64)
        heads = rows.iloc[offsets[:-1]]
        return Cases(
            np.asarray(case_ids, str),
            heads["patient_id"].to_numpy(str),
            np.asarray(paths, str),
            offsets,
            _targets(self.info, heads),
            {name: heads[name].to_numpy(str) for name in self.info.groups},
        )

    @property
    def image_root(self):
        return self.folder / self.info.image_root


def read(folder):
    """Reads and checks a data set folder; its images are looked at by `Manifest.cases`.

    Raises:
      DataError: with all that is wrong.
    """
    folder = pathlib.Path(folder).absolute()
    info = read_info(folder / "dataset.json")
    file = folder / "manifest.csv"
    try:
        table = pd.read_csv(
            file,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            header=None,
            index_col=False,
        )
        table = table.iloc[1:].reset_index(drop=True).set_axis(table.iloc[0].tolist(), axis=1)
    except FileNotFoundError:
        reason = "not found: a data set folder holds dataset.json and manifest.csv"
        raise DataError([Problem(str(file), None, None, file.name, reason)]) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        reason = f"is not a CSV table: {error}"
        raise DataError([Problem(str(file), None, None, file.name, reason)]) from None
    problems = list(check_table(info, table, str(file)))
    if problems:
        raise DataError(problems)
    digest = hashlib.sha256((folder / "dataset.json").read_bytes() + file.read_bytes())
    checksums = folder / info.shards / "checksums.json"
    if info.shards and checksums.exists():
        digest.update(checksums.read_bytes())
    return Manifest(folder, info, table, digest.hexdigest())


def read_info(file):
    """Reads dataset.json into a `DatasetInfo`."""

    def wrong(key, value, reason):
        return DataError([Problem(str(file), None, key, str(value), reason)])

    try:
        content = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise wrong(
            None, "dataset.json", "not found: a data set folder holds dataset.json and manifest.csv"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise wrong(None, "dataset.json", f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise wrong(None, type(content).__name__, "is not an object with name, task, classes")
    known = {field.name for field in dataclasses.fields(DatasetInfo)}
    for key in sorted(set(content) - known):
        raise wrong(key, content[key], f"is not a known key; expected {', '.join(sorted(known))}")
    if escapes(str(content.get("shards", ""))):
        raise wrong("shards", content["shards"], "leaves the data set folder")
    for key in ("name", "task", "classes"):
        if key not in content:
            raise wrong(key, "", "is missing")
    if content["task"] not in TASKS:
        raise wrong("task", content["task"], f"is not one of {', '.join(TASKS)}")
    for key in ("classes", "groups"):
        value = content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise wrong(key, value, "is not a list of names")
        content[key] = tuple(value)
    for key, kind in (
        ("image_root", str),
        ("shards", str),
        ("not_mentioned", str),
        ("uncertain", dict),
    ):
        if not isinstance(content.get(key, kind()), kind):
            expected = "a text" if kind is str else "an object of finding: policy"
            raise wrong(key, content[key], f"is not {expected}")
    for name in content["groups"]:
        if name in (*COLUMNS, "labels"):
            raise wrong("groups", name, "is a column of its own, not a group")
    classes = content["classes"]
    if len(set(classes)) < len(classes):
        raise wrong("classes", classes, "must be different names")
    for name in classes:
        if not name or "|" in name:
            raise wrong("classes", name, "is no name of a class: empty, or with a |")
    info = DatasetInfo(**content)
    if info.task == "multiclass" and len(classes) == 1:
        raise wrong("classes", classes, "must be two or more, or [] where nothing is labelled")
    if info.other_class is not None and info.other_class not in classes:
        raise wrong("other_class", info.other_class, "is not one of the classes")
    for finding, policy in info.uncertain.items():
        if finding not in classes or policy not in UNCERTAIN:
            raise wrong("uncertain", {finding: policy}, "must be finding: ones, zeros or ignore")
    if info.not_mentioned not in NOT_MENTIONED:
        raise wrong("not_mentioned", info.not_mentioned, "must be negative or masked")
    return info


def check_table(info, table, file):
    """Yields a `Problem` for each wrong row of a manifest's table."""
    finding_columns = info.classes if info.task == "multilabel" else ("labels",)
    wanted = (*COLUMNS, *finding_columns, *info.groups)
    twice = table.columns[table.columns.duplicated()].tolist()
    if twice:
        yield Problem(file, 1, None, twice[0], "stands in the header twice")
        return
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        there = ", ".join(table.columns)
        yield Problem(file, 1, None, ", ".join(missing), f"not in the header, which has {there}")
        return
    if not len(table):
        yield Problem(file, None, None, "manifest.csv", "has no rows")
        return

    def problems(bad, column, reason):
        for index in np.flatnonzero(bad):
            yield Problem(file, int(index) + 2, column, str(table[column].iloc[index]), reason)

    split = table["split"]
    yield from problems(~split.isin(SPLITS), "split", f"is not one of {', '.join(SPLITS)}")
    yield from problems(table["case_id"].str.strip() == "", "case_id", "is empty")
    yield from problems(table["image"].str.strip() == "", "image", "is empty")
    plain = table["image"].map(posixpath.normpath)
    yield from problems(plain.duplicated(), "image", "stands in an earlier row already")
    yield from problems(
        [escapes(image) for image in table["image"]], "image", "leaves the image root"
    )
    for column in ("case_id", "patient_id", *info.groups):
        yield from problems(table[column].str.contains("[\r\n]"), column, "has a line break")
        outer = table[column] != table[column].str.strip()
        yield from problems(outer, column, "begins or ends with a space")
    labelled = split != "unlabelled"
    if info.task == "multiclass":
        allowed = set(info.classes)
        values = table["labels"]
        sound = {text: set(text.split("|")) <= allowed for text in pd.unique(values)}
        reason = f"is not in dataset.json's classes: {', '.join(info.classes)}"
        yield from problems(labelled & ~values.map(sound) & (values != ""), "labels", reason)
        yield from problems(labelled & (values == ""), "labels", "is empty in a labelled split")
    else:
        for finding in info.classes:
            number = pd.to_numeric(table[finding], errors="coerce")
            bad = ~number.isin([0, 1, -1]) & (table[finding] != "")
            yield from problems(bad, finding, "is not 1, 0, -1 or empty")
    for column, what in (
        ("split", "two splits"),
        ("patient_id", "two patients"),
        *((name, "different labels") for name in finding_columns),
    ):
        yield from _differs_within(file, table, "case_id", column, f"this case has {what}")
    # Both are learnt from: a patient's unlabelled images beside labelled ones leak nothing.
    known_patient = table[table["patient_id"] != ""].replace({"split": {"unlabelled": "train"}})
    yield from _differs_within(
        file, known_patient, "patient_id", "split", "this patient stands in two splits"
    )


def _differs_within(file, table, owner, column, reason):
    first = table.groupby(owner, sort=False)[column].transform("first")
    wrong = table[table[column] != first]
    for index in wrong.drop_duplicates(owner).index:
        row = wrong.loc[index]
        text = f"{reason}: {first.loc[index] or 'empty'} and {row[column] or 'empty'}"
        yield Problem(file, int(index) + 2, owner, row[owner], text)


def escapes(image):
    """Whether the path `image` may lead out of the folder that it is relative to."""
    path = pathlib.PurePosixPath(image.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def _check_images(file, root, rows):
    problems = []
    for index, image in zip(rows.index, rows["image"], strict=True):
        path = root / image
        size = path.stat().st_size if path.is_file() else None
        if not size:
            reason = f"is {'missing' if size is None else 'an empty file'} in {root}"
            problems.append(Problem(str(file), int(index) + 2, "image", image, reason))
    if problems:
        raise DataError(problems)


def _in_shards(folder, file, rows):
    """Where each row's image lies in the shards of `folder`."""
    index_file = folder / "index.csv"
    try:
        index = pd.read_csv(index_file, dtype=str, keep_default_na=False).set_index("image")
    except (OSError, ValueError, KeyError) as error:
        reason = f"is no index of shards: {error}"
        raise DataError([Problem(str(index_file), None, None, index_file.name, reason)]) from None
    problems = [
        Problem(str(file), int(row) + 2, "image", image, f"is not in {index_file}")
        for row, image in rows["image"][~rows["image"].isin(index.index)].items()
    ]
    sizes = {}
    for shard in pd.unique(index["shard"]):
        if (folder / shard).is_file():
            sizes[shard] = (folder / shard).stat().st_size
        else:
            problems.append(Problem(str(index_file), None, "shard", shard, "is missing"))
    if problems:
        raise DataError(problems)
    places = index.loc[rows["image"], ["shard", "offset", "length"]].to_numpy()
    return [f"{folder}/{name}@{start}+{length}/{sizes[name]}" for name, start, length in places]


def _targets(info, rows):
    unlabelled = (rows["split"] == "unlabelled").to_numpy()
    if info.task == "multiclass":
        number = {name: i for i, name in enumerate(info.classes)}
        targets = np.zeros([len(rows), len(info.classes)], np.float32)
        for i, text in enumerate(rows["labels"]):
            for name in text.split("|") if text and not unlabelled[i] else ():
                targets[i, number[name]] = 1
    else:
        columns = []
        for name in info.classes:
            uncertain = UNCERTAIN[info.uncertain.get(name, "ignore")]
            value = pd.to_numeric(rows[name]).fillna(NOT_MENTIONED[info.not_mentioned])
            columns.append(value.where(value != -1, uncertain).to_numpy(np.float32))
        targets = np.stack(columns, axis=1)
    targets[unlabelled] = np.nan
    return targets
