"""Pages from templates: whatever is shown is escaped, and what is forgotten is an error."""

import pathlib

import jinja2
import pytest

from simclr_med.files import html


def test_texts_are_escaped_in_the_frame_too():
    page = html.render("page.html", title='<script>"a" & b')
    assert "<script>" not in page and "&lt;script&gt;" in page and "&amp; b" in page


def test_a_value_that_no_page_was_given_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="title"):
        html.render("page.html")


def test_every_template_is_well_formed():
    root = pathlib.Path(html.__file__).parents[1]
    templates = [path.relative_to(root).as_posix() for path in root.rglob("*.html")]
    assert len(templates) >= 3
    for name in templates:
        html._templates().get_template(name)
