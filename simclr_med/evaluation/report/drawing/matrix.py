"""The confusion matrix as a picture."""

from simclr_med.evaluation.report.drawing import svg

LABEL = 18  # characters of a class's name that are shown


def confusion_chart(counts, classes, title):
    """Return the figure: a row for each true class, shaded by its share, with the counts.

    Args:
      counts: `[K, K]`, of cases by true class (rows) and predicted class.
      classes: K names.
      title: see `svg.figure`.
    """
    side = 32 if len(classes) <= 12 else 26
    left = 8 + svg.CHARACTER * min(LABEL, max(map(len, classes)))
    drawn = [_column_name(name, left + side * (k + 0.5), left) for k, name in enumerate(classes)]
    for k, (name, row) in enumerate(zip(classes, counts, strict=True)):
        y = left + side * k
        name = svg.shortened(name, LABEL)
        drawn.append(svg.text(left - 4, y + side / 2 + 4, name, "end"))
        total = max(sum(row), 1)
        drawn += [_cell(left + side * j, y, side, n, n / total, j == k) for j, n in enumerate(row)]
    size = left + side * len(classes) + 2
    return svg.figure(size, size, title, _described(counts, classes), *drawn)


def _column_name(name, x, y):
    name = svg.shortened(name, LABEL)
    return svg.text(0, 0, name, transform=f"translate({x + 4:.1f} {y - 5:.1f}) rotate(-90)")


def _cell(x, y, side, count, share, right):
    """Return one cell: right answers in the first colour, wrong ones in the second."""
    shade = svg.element(
        "rect",
        x=float(x),
        y=float(y),
        width=side,
        height=side,
        class_=svg.fill_class(0 if right else 1),
        fill_opacity=0.6 * share,
    ) + svg.element("path", d=f"M{x:.1f} {y + side:.1f}h{side}v-{side}", class_="line")
    if not count:
        return shade
    return shade + svg.text(x + side / 2, y + side / 2 + 4, _text(count), "middle")


def _text(count):
    """Return a count, which parts of cases or means over runs may make no whole number."""
    return f"{count:.0f}" if count >= 100 else f"{count:.3g}"


def _described(counts, classes):
    """Return in words which class is taken for which other most often."""
    wrong = [
        (count, true, predicted)
        for true, row in zip(classes, counts, strict=True)
        for predicted, count in zip(classes, row, strict=True)
        if true != predicted and count
    ]
    shown = sorted(wrong, key=lambda entry: -entry[0])[:5]
    words = "; ".join(
        f"{true} taken for {other}, {_text(count)} cases" for count, true, other in shown
    )
    return f"Rows are true classes, columns predicted ones. Most often: {words or 'no error'}."
