"""The report's accuracies across, ours up: every family of a sweep has a colour of its own."""

from xml.etree import ElementTree

from edgekws.model import catalogue
from edgekws.report import against
from edgekws.report.against import Cell


def test_all_families_of_the_report_can_be_drawn_in_one_chart():
    families = list(dict.fromkeys(name.partition("/")[0] for name in catalogue.entries()))
    assert len(families) > len(against.COLOURS)
    cells = [Cell(name, name, "do50_bn", "DO .5+BN", 0.95, 0.9, (0.88, 0.92)) for name in families]
    ElementTree.fromstring(against.svg(cells))
    assert len({against._colour(number) for number in range(len(families))}) == len(families)
