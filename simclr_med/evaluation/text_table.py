"""One table in several forms: for a terminal, as Markdown, as LaTeX.

table = Table("Test", ("Run", "AUC"), [("SimCLR", "0.91 ± 0.01")])
print(table.as_text(), table.as_markdown(), table.as_latex())
"""

import dataclasses
import re
import unicodedata

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$", "×": r"$\times$",
    "→": r"$\rightarrow$", "−": "$-$", "–": "--", "…": r"\ldots{}", "≤": r"$\leq$",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Table:
    """Texts in rows.

    Attributes:
      caption: what the table shows.
      header: the columns' names.
      rows: sequences of texts, each as long as the header.
      notes: sentences below it.
    """

    caption: str
    header: tuple
    rows: list
    notes: tuple = ()

    def as_text(self):
        """Return the table for a terminal: columns aligned, numbers' columns to the right."""
        lines = [self.header, *self.rows]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(map(_padded, line, widths)).rstrip() for line in lines]
        rule = "-" * sum(widths, 2 * (len(widths) - 1))
        return "\n".join([self.caption, shown[0], rule, *shown[1:], *self.notes])

    def as_markdown(self):
        """Return the table as Markdown (GitHub's tables), its caption in bold above it."""
        lines = [f"**{_markdown(self.caption)}**", ""]
        lines.append("| " + " | ".join(map(_markdown, self.header)) + " |")
        lines.append("|---" * len(self.header) + "|")
        lines += ["| " + " | ".join(map(_markdown, row)) + " |" for row in self.rows]
        return "\n".join([*lines, *(f"\n{_markdown(note)}" for note in self.notes)])

    def as_latex(self):
        """Return a `table` of the booktabs package."""
        shown = [" & ".join(map(latex, row)) + r" \\" for row in (self.header, *self.rows)]
        lines = [
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{latex(self.caption)}}}",
            rf"\begin{{tabular}}{{{'l' * len(self.header)}}}",
            r"\toprule",
            shown[0],
            r"\midrule",
            *shown[1:],
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {latex(note)}" for note in self.notes),
            r"\end{table}",
        ]
        return "\n".join(lines)


FORMS = {"text": Table.as_text, "markdown": Table.as_markdown, "latex": Table.as_latex}


def latex(words):
    """Return words with LaTeX's commands escaped."""
    return "".join(_LATEX.get(character, character) for character in str(words))


def _markdown(words):
    """Return words that no cell, emphasis, link or HTML begins in."""
    words = re.sub(r"([\\|*_`]|\](?=\())", r"\\\1", str(words))
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"\s+", " ", words)


def _width(words):
    """Return the places that words take in a terminal; wide characters take two."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in words
        if not unicodedata.combining(character)
    )


def _padded(words, width):
    return words + " " * (width - _width(words))
