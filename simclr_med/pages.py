"""The frame of every HTML page that is written: self-contained, and whatever it shows escaped."""

import base64
import html

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2733; background: #fff }
h1 { font-size: 1.7rem } h2 { font-size: 1.25rem; margin-top: 2.2rem; color: #0b4a6f }
table { border-collapse: collapse; font-size: .9rem } .wide { overflow-x: auto }
th, td { padding: .35rem .8rem; border-bottom: 1px solid #d7dee5; text-align: left }
td small { color: #64727f; white-space: nowrap; display: block }
.best { font-weight: 600 } .note { color: #4c5965; font-size: .9rem } img { max-width: 100% }
.yes { color: #0a6b3d; font-weight: 600 }
"""


def page(title, body, style=""):
    """A whole page: `body` is a list of HTML, `style` what it needs beyond the common style."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        '</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{style}</style></head>\n<body>{chr(10).join(body)}</body></html>\n"
    )


def escape(value):
    """Any value as text that may stand in HTML, in attributes too."""
    return html.escape(str(value))


def figure(png, caption):
    """A PNG with a caption, inside the page."""
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f'<figcaption class="note">{escape(caption)}</figcaption></figure>'
    )
