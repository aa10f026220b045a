"""Charts of bars, drawn from the cells of a workbook."""

from __future__ import annotations

from typing import Any

import openpyxl
from openpyxl.chart import BarChart, Reference, Series
from openpyxl.chart.data_source import StrRef
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.series import SeriesLabel
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.text import CharacterProperties, ParagraphProperties
from openpyxl.utils import quote_sheetname
from openpyxl.utils.cell import coordinate_from_string
from openpyxl.worksheet.worksheet import Worksheet

from planner.workbook.findings import column_letters
from planner.workbook.layout import Bars, Layout
from planner.workbook.sizes import LINE_POINTS

_CHART_CM, _POINTS_PER_CM = (17.0, 9.4), 72 / 2.54
"""The width and height of a chart."""

_BAR_COLOURS, _GRID = ("1F4E79", "9DC3E6", "A6A6A6", "F4B183"), "D9D9D9"


def add_charts(book: openpyxl.Workbook, title: str, layout: Layout) -> None:
    """Put the charts below each other; where rows are higher than is known, they part."""
    sheet: Any = book[title]
    letters, row = coordinate_from_string(layout.charts_at)
    for bars in layout.charts:
        sheet.add_chart(_chart(book[bars.sheet], bars), f"{letters}{row}")
        room = _CHART_CM[1] * _POINTS_PER_CM + LINE_POINTS
        while room > 0:
            room -= sheet.row_dimensions[row].height or LINE_POINTS
            row += 1


def _chart(source: Worksheet, bars: Bars) -> Any:
    chart: Any = BarChart()
    chart.type, chart.title = "bar", bars.title
    chart.title.tx.rich.p[0].pPr = ParagraphProperties(defRPr=CharacterProperties(sz=1200, b=True))
    chart.width, chart.height = _CHART_CM
    chart.gapWidth = 40
    for column, colour in zip(bars.series, _BAR_COLOURS, strict=False):
        chart.series.append(_series(source, bars, column, colour))
    first, last = bars.rows
    chart.set_categories(Reference(source, min_col=bars.names, min_row=first, max_row=last))
    # The first row stands on top, and the values are still written below the bars.
    chart.x_axis.scaling.orientation = "maxMin"
    chart.y_axis.crosses = "max"
    chart.y_axis.number_format = bars.number_format
    chart.y_axis.scaling.min = 0
    chart.y_axis.majorGridlines.spPr = GraphicalProperties(ln=LineProperties(solidFill=_GRID))
    if bars.number_format.endswith("%"):
        chart.y_axis.scaling.max = 1
    # The library would leave both axes out.
    chart.x_axis.delete = chart.y_axis.delete = False
    if len(bars.series) > 1:
        chart.legend.position = "b"
    else:
        chart.legend = None
    return chart


def _series(source: Worksheet, bars: Bars, column: int, colour: str) -> Any:
    first, last = bars.rows
    series: Any = Series(Reference(source, min_col=column, min_row=first, max_row=last))
    header = f"{quote_sheetname(source.title)}!${column_letters(column)}$1"
    series.tx = SeriesLabel(strRef=StrRef(header))
    series.graphicalProperties.solidFill = colour
    if len(bars.series) == 1:
        series.dLbls = DataLabelList()
        series.dLbls.numFmt = bars.number_format
        series.dLbls.showVal = True
        for part in ("showSerName", "showCatName", "showLegendKey", "showPercent"):
            setattr(series.dLbls, part, False)
    return series
