"""A model card beside an export, as Markdown for people and hubs, and as a page.

model_card.write(folder, trained, data, work_dir)
"""

import json
import pathlib
from typing import NamedTuple

from simclr_med.data.manifest import Manifest
from simclr_med.files import atomic, html
from simclr_med.serving import card_sections
from simclr_med.serving.formats.usage import Usage
from simclr_med.serving.trained import Trained

FILES = ("model_card.md", "model_card.html")


class Section(NamedTuple):
    """A part of a card.

    Attributes:
      heading: its title.
      sentences: paragraphs.
      tables: `text_table.Table`s.
      examples: blocks of code.
    """

    heading: str
    sentences: tuple = ()
    tables: tuple = ()
    examples: tuple = ()


def write(
    folder: pathlib.Path, trained: Trained, data: Manifest, work_dir: str, usage: Usage
) -> None:
    """Write model_card.md and model_card.html into an export's folder.

    Args:
      folder: of the export.
      trained: a `Trained`.
      data: the `Manifest` of the images that it was checked with.
      work_dir: of the run, whose metrics.json is read where it has been evaluated.
      usage: the way an export of this format is asked.
    """
    title = f"{data.info.name}: {trained.config.encoder.encoder}"
    sections = [
        Section(*part) for part in card_sections.sections_of(trained, data, work_dir, usage)
    ]
    page = html.render("serving/model_card.html", title=title, sections=sections)
    atomic.write_text(pathlib.Path(folder) / FILES[1], page)
    text = _front_matter(trained, data, usage.library) + _markdown(title, sections)
    atomic.write_text(pathlib.Path(folder) / FILES[0], text)


def _front_matter(trained, data, library):
    """Return the YAML that a model hub reads; values are written as JSON, which is YAML too."""
    task = "image-classification" if trained.task else "image-feature-extraction"
    fields = {
        "library_name": library,
        "pipeline_tag": task,
        "tags": ["medical-imaging", "simclr", trained.config.encoder.encoder],
        "datasets": [data.info.name],
        "license": "other",
        "license_name": data.info.licence or "not stated",
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---", "", ""])


def _markdown(title, sections):
    parts = [f"# {_plain(title)}"]
    for section in sections:
        parts.append(f"## {section.heading}")
        parts += [_plain(sentence) for sentence in section.sentences]
        parts += [table.as_markdown() for table in section.tables]
        parts += [f"```\n{code.rstrip()}\n```" for code in section.examples]
    return "\n\n".join(parts) + "\n"


def _plain(text):
    """Escape a text for Markdown: names come from other people's files."""
    for mark in "\\`*_[]<>#|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
