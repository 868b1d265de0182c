"""Tables as text, Markdown and LaTeX."""

import pytest

from simclr_med.evaluation.text_table import Table, latex

BAD = r"50 % a|b & <i> _x_ $y$ {z} \cmd # ~ ^"
TABLE = Table(BAD, ("Run", "AUC"), [(BAD, "0.91±0.02"), ("漢字", "1")], ("A note.",))


def test_columns_are_aligned_where_characters_are_wide():
    lines = TABLE.as_text().splitlines()
    assert lines[0] == BAD and lines[1].index("AUC") == lines[3].index("0.91")
    assert lines[4].index("1") == lines[3].index("0.91") - 2  # two characters of two places
    assert lines[-1] == "A note."


def test_markdown_cells_hold_what_they_are_given():
    lines = TABLE.as_markdown().splitlines()
    row = next(line for line in lines if "0.91" in line)
    assert r"a\|b &amp; &lt;i> \_x\_" in row
    assert row.replace(r"\|", "").count("|") == 3


def test_markdown_makes_no_link_of_a_name():
    words = Table("t", ("Run", "AUC"), [("[a](b)", "0.9 [0.8, 1.0]")]).as_markdown()
    assert r"| [a\](b) | 0.9 [0.8, 1.0] |" in words


def test_latex_takes_nothing_for_a_command():
    words = TABLE.as_latex()
    assert (
        r"50 \% a|b \& \textless{}i\textgreater{} \_x\_ \$y\$ \{z\} \textbackslash{}cmd \#" in words
    )
    assert r"0.91$\pm$0.02 \\" in words and words.count(r"\begin") == words.count(r"\end") == 2


@pytest.mark.parametrize("character, expected", [("→", r"$\rightarrow$"), ("×", r"$\times$")])
def test_signs_of_the_papers_names_are_latexs(character, expected):
    assert latex(f"a{character}b") == f"a{expected}b"
