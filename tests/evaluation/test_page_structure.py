"""What a page owes to who reads it by keyboard, by ear or on paper, told from its HTML alone."""

import html.parser

import numpy as np
import pytest
from predictions_made import fake
from runs_made import head_folder

from simclr_med.evaluation import paper, predictions, report
from simclr_med.evaluation.evaluated_runs import read_run
from simclr_med.evaluation.intervals.bootstrap import Settings

VOID = ("meta", "img", "br", "line", "path", "rect", "circle", "polyline", "polygon")


class Page(html.parser.HTMLParser):
    """Elements in their order, each a dict: attributes, "tag", "inside" (its holders), "words"."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = dict(attributes) | {"tag": tag, "inside": list(self.open), "words": ""}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        while tag not in VOID and self.open and self.open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self.open:
            element["words"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    def within(self, holder):
        return [part for part in self.elements if any(part_ is holder for part_ in part["inside"])]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The report of seeds with groups, an external split and findings by image; the paper's."""
    folder, runs = tmp_path_factory.mktemp("pages"), []
    skin = {"skin": np.array(["light", "dark"] * 45)}
    for name in "AB":
        for seed in (0, 1):
            made = fake(90, 3, skill=1 + seed, groups=skin)
            path = head_folder(folder / f"{name}{seed}", made, seed=seed, mode="finetune")
            predictions.write(path / "predictions" / "external.csv", fake(90, 3, seed=1))
            runs.append((name, path))
    findings = head_folder(folder / "f", fake(90, 2, task="multilabel"))
    by_image = fake(180, 2, task="multilabel", patients=90)
    predictions.write(findings / "predictions" / "test_by_image.csv", by_image)
    made = {}
    options = report.Options("A page", Settings(60), formats=("html",))
    for name, given in {"seeds": runs, "findings": [("F", findings)]}.items():
        (file,) = report.write_report(given, folder / name, options)
        made[name] = file.read_text(encoding="utf-8")
    described = [paper.describe(read_run("A", runs[0][1]))]
    made["paper"] = paper.page(
        described, paper.lay_tables(described) + paper.lay_figures(described)
    )
    return {name: Page(text) for name, text in made.items()}


@pytest.fixture(params=["seeds", "findings", "paper"])
def page(request, pages):
    return pages[request.param]


def test_one_heading_of_the_page_and_no_level_is_skipped(page):
    levels = [int(heading["tag"][1]) for heading in page.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:], strict=False))
    assert page.all("html")[0]["lang"] == "en" and len(page.all("main")) == 1


def test_tables_have_a_caption_and_headings_of_rows_and_columns(page):
    tables = page.all("table")
    assert tables
    for table in tables:
        parts = page.within(table)
        assert parts[0]["tag"] == "caption" and parts[0]["words"].strip()
        scopes = {part.get("scope") for part in parts if part["tag"] == "th"}
        assert scopes <= {"col", "row", "rowgroup"} and {"col", "row"} <= scopes
    captions = [caption["words"] for caption in page.all("caption")]
    assert len(set(captions)) == len(captions)


def test_every_picture_is_named(page):
    for drawing in page.all("svg"):
        name, told = page.within(drawing)[:2]
        assert (name["tag"], told["tag"], drawing["role"]) == ("title", "desc", "img")
        assert name["words"] and told["words"]
    assert all(image["alt"] for image in page.all("img"))


def test_what_scrolls_takes_the_focus_by_name_and_nothing_leaves_the_order(page):
    reached = [element for element in page.elements if "tabindex" in element]
    assert reached
    for element in reached:
        assert element["tabindex"] == "0" and element["role"] == "region"
        assert element["aria-label"]
    for table in page.all("table"):
        assert any("tabindex" in holder for holder in table["inside"])
    assert ":focus-visible" in page.all("style")[0]["words"]


def test_links_lead_somewhere_on_the_page_and_what_folds_says_what_it_holds(page):
    ids = [element["id"] for element in page.elements if "id" in element]
    assert len(set(ids)) == len(ids)
    assert {link["href"] for link in page.all("a")} <= {f"#{name}" for name in ids}
    for folded in page.all("details"):
        first = page.within(folded)[0]
        assert first["tag"] == "summary" and first["words"].strip()


def test_the_report_begins_with_the_way_past_its_contents(pages):
    first = next(e for e in pages["seeds"].elements if e["tag"] == "a" or "tabindex" in e)
    assert first["href"] == "#verdict" and first["words"]


def test_paper_shows_what_is_folded(page):
    style = page.all("style")[0]["words"]
    printed = style[style.index("@media print { html") :]
    assert "details::details-content { content-visibility: visible" in printed
