"""The page's conclusion in three sentences, with its evidence."""

from simclr_med.evaluation import verdicts
from simclr_med.evaluation.groups.group_levels import shown
from simclr_med.evaluation.wording import with_interval

CHOSEN_ON = "validation"  # the split that settings were chosen on: no result of it is a test


def conclusion(comparisons, groups, shifts):
    """Return the three lines at the top of the page.

    They speak of every evaluated split by name, but of validation only where there is no other.

    Args:
      comparisons: `Comparison`s; the first one's main metric decides.
      groups: split to (group to (run to `subgroups.Group`)).
      shifts: run to `shift.Shift`, empty where there is no external split.
    """
    tested = [each for each in comparisons if each.split != CHOSEN_ON] or list(comparisons)
    apart = {each.split: groups.get(each.split, {}) for each in tested}
    return [_who_is_better(tested[0]), _how_many(tested), _elsewhere(tested[0], apart, shifts)]


def _who_is_better(comparison):
    metric = comparison.main_metric
    label, where = comparison.columns[metric], f"{comparison.cases} {comparison.split} cases"
    label = label[0].upper() + label[1:] + (", means over runs" if comparison.seeded else "")
    if not comparison.others:
        return f"{label}, {where}: {comparison.baseline} {_alone(comparison, metric)}."
    found = comparison.of_main_metric()
    better = [each for each in found if each.sign > 0]
    worse = [each for each in found if each.sign < 0]
    undecided = [each for each in found if each.result["verdict"] == verdicts.UNDECIDED]
    why = f"no verdict on {_undecided(undecided)}" if undecided else ""
    told = [
        f"{_names(some)} {word} than {comparison.baseline}"
        for some, word in ((better, "better"), (worse, "worse"))
        if some
    ]
    if told:
        lost = [each.run for each in better + worse if not each.holds]
        alone = f"; not significant after Holm's correction: {_joined(lost)}" if lost else ""
        said = f"{' and '.join(told)}; {_numbers(better + worse)}{alone}"
    else:
        alike = [each for each in found if each not in undecided]
        said = f"no run differs significantly from {comparison.baseline}; {_numbers(alike)}"
        said = said if alike else ""
    return f"{label}, {where}: {'; '.join(filter(None, (said, why)))}."


def _undecided(differences):
    """Return the differences without a verdict, and why the first has none."""
    return f"{_numbers(differences)} ({differences[0].result['reason']})"


def _alone(comparison, metric):
    value = comparison.results[comparison.baseline]["metrics"][metric]
    if value["value"] is None:
        return "is not defined"
    return with_interval(value["value"], value["low"], value["high"], sd=value.get("sd"))


def _names(differences):
    names = [each.run for each in differences]
    verb = "is" if len(names) == 1 else "are"
    return f"{_joined(names)} {verb}"


def _numbers(differences):
    """Return each difference with its interval, of the first few runs."""
    parts = []
    for each in differences[:3]:
        r = each.result
        words = with_interval(r["difference"], r["low"], r["high"], "+")
        parts.append(f"{each.run} {words}")
    more = len(differences) - len(parts)
    return ", ".join(parts) + (f" and {more} more" if more else "")


def _how_many(comparisons):
    found = [each for comparison in comparisons for each in comparison.differences]
    baseline = comparisons[0].baseline
    if not found:
        return f"{baseline} alone: nothing is compared."
    better, worse = (sum(each.sign == sign for each in found) for sign in (1, -1))
    holding = sum(each.holds for each in found)
    undecided = sum(each.result["verdict"] == verdicts.UNDECIDED for each in found)
    splits = _joined([comparison.split for comparison in comparisons])
    favours = "favours" if better == 1 else "favour"
    said = (
        f"{better} of {len(found)} comparisons with {baseline} on {splits} {favours} the run, "
        f"{worse or 'none'} {baseline}"
    )
    if better + worse:
        stay = "stays" if holding == 1 else "stay"
        said += f"; {holding or 'none'} {stay} significant after Holm's correction"
    if undecided:
        said += f"; {undecided} undecided, for too few cases or replicates"
    return f"{said}."


def _elsewhere(comparison, groups, shifts):
    parts = ["Means over runs:"] if comparison.seeded and (shifts or any(groups.values())) else []
    losing = [
        f"{name} {with_interval(drop.value, drop.low, drop.high, '+')}"
        for name, shift in shifts.items()
        if (drop := shift.drops[comparison.main_metric]).value is not None and not shift.warning
    ]
    if losing:
        parts.append(f"From test to external, {_joined(losing[:3])}.")
    widest = [
        (gap, split, group, name)
        for split, by_group in groups.items()
        for group, by_run in by_group.items()
        for name, found in by_run.items()
        for gap in found.gaps[:1]
    ]
    apart = [entry for entry in widest if entry[0].excludes_zero]
    if apart:
        gap, split, group, name = max(apart, key=lambda entry: entry[0].value)
        parts.append(
            f"Groups differ significantly: on {split}, {name} is "
            f"{with_interval(gap.value, gap.low, gap.high)} higher for {group} "
            f"{shown(gap.high_level)} than for {shown(gap.low_level)}."
        )
    elif widest:
        splits = _joined(list(dict.fromkeys(split for _, split, *_ in widest)))
        parts.append(f"No groups differ significantly on {splits}.")
    evaluated = _joined(list(groups))
    return " ".join(parts) or (
        f"Evaluated on {evaluated}, without groups of cases: nothing is known of other images."
    )


def _joined(names):
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
