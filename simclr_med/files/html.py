"""HTML pages from Jinja2 templates: self-contained, and whatever they show escaped.

    text = render("evaluation/report/report.html", title="A < B", comparisons=...)

A template stands beside the module that fills it and extends page.html, the frame and style of
every page.
"""

import base64
import functools

import jinja2


def render(template, **values):
    """Return the page that a template makes of values.

    Args:
      template: its path in this package.
      values: what it shows, by name; texts are escaped by the template.
    """
    return _templates().get_template(template).render(values)


@functools.cache
def _templates():
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("simclr_med", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["figure_title"] = _figure_title
    return environment


def _data_uri(content, mime_type):
    """Return bytes as an address that holds them, so that a page needs no other file."""
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"


def _figure_title(drawing):
    """Return the accessible name of an inline SVG, to stand above it too."""
    return drawing.partition("<title>")[2].partition("</title>")[0]
