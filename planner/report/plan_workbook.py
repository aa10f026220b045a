"""plan.xlsx: a plan written for people, and read back exactly, also after people edited it."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from models.network import Network
from models.plan import Plan
from planner.report import phase_pages
from planner.report.done import Done
from planner.report.overview import COMPARISON, OVERVIEW, RUN, SUMMARY, listed_sheets, overview
from planner.report.plan_rows import PlanReader, read_rows
from planner.report.sheet_rows import PLAN_SHEETS
from planner.report.stale import CHECKED, stale
from planner.report.summary_pages import SCENARIO, comparison, run_record, summary
from planner.report.tables import page
from planner.workbook.excel import SHA256, Workbook, read_sheets
from planner.workbook.excel_writing import write_workbook
from planner.workbook.findings import Finding

READ_SHEETS = CHECKED | {OVERVIEW, RUN}
"""What a plan, the list of its sheets and the figures to be checked are read from."""

_ARCHIVE_END, _ARCHIVE_END_BYTES = b"PK\x05\x06", 22
"""The last record of a workbook without an archive comment, and its length."""
_SECONDS = re.compile(rb"<row [^>]*>(?:(?!</row>).)*?<t[^>]*>time: .*?</row>", re.DOTALL)
"""A row of Run that holds seconds."""


@dataclass(frozen=True)
class PlanFile:
    """A plan as read from a workbook.

    Errors are cells that could not be used, which the plan therefore lacks. Warnings are figures
    that no longer agree with the rest, as after an edit; nothing is computed from them.
    `workbook_sha256` is that of the workbook the plan was made for, and `scenario` as which it was
    read; each is empty if it does not say.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    workbook_sha256: str
    scenario: str = ""


def write_plan(path: Path, done: Done) -> Path:
    """Write the plan of the job and return the path really written.

    Sheets and columns without any value are left out; Run stands last, for it holds the clock.
    Raises ValueError if there is no plan.
    """
    final = done.final
    if final is None:
        raise ValueError(f"there is no plan to write: {done.result.status}")
    currency = final.network.settings.currency
    pages = {SUMMARY: summary(done, final)}
    if done.scores:
        pages[COMPARISON] = comparison(final, done.scores)
    pages.update(phase_pages.pages(done))
    for sheet in PLAN_SHEETS:
        rows = [(found.phase, row) for found in done.evaluations for row in sheet.rows(found)]
        if rows:
            pages[sheet.title] = page(sheet, rows, currency)
    pages[RUN] = run_record(done, final)
    pages = {OVERVIEW: overview(done, final, pages), **pages}
    return write_workbook(
        path,
        {title: found.rows for title, found in pages.items()},
        {title: found.layout for title, found in pages.items()},
    )


def read_plan(path: Path, network: Network) -> PlanFile:
    """Return the plan in the workbook, with a finding for every cell that cannot be used.

    Raises InputError if the file is no workbook.
    """
    workbook = read_sheets(path, READ_SHEETS)
    findings = list(workbook.findings)
    by_title = {sheet.title: sheet for sheet in workbook.sheets}
    reader = PlanReader(network, findings)
    listed = listed_sheets(by_title[OVERVIEW]) if OVERVIEW in by_title else set()
    for sheet in PLAN_SHEETS:
        if not sheet.decides:
            continue
        if sheet.title not in by_title:
            # A sheet that would have been empty was never written, and is not on the first page.
            if sheet.title in listed or not listed:
                findings.append(_missing(sheet.title, has_list=bool(listed)))
            continue
        for row in read_rows(by_title[sheet.title], sheet.row_class, findings):
            reader.add(row)
    plan = reader.plan()
    if network.phases and "" in plan.phases:
        findings.append(_without_phase(plan))
    if not any(finding.is_error for finding in findings):
        findings.extend(stale(network, plan, by_title))
    made_for = _run_item(workbook, SHA256), _run_item(workbook, SCENARIO)
    return PlanFile(plan, tuple(findings), *made_for)


def plan_hash(path: Path) -> str:
    """Return the SHA-256 of a written plan without its seconds; empty if it is no such file.

    Seconds differ from run to run, and stand on the sheet Run alone. Whoever else saves the file
    changes some other part of it, or leaves bytes behind its end.
    """
    digest = hashlib.sha256()
    try:
        data = path.read_bytes()
        if len(data) - data.rfind(_ARCHIVE_END) != _ARCHIVE_END_BYTES:
            return ""
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = sorted(package.namelist())
            run_part = _run_part(names)
            for name in names:
                content = package.read(name)
                if name == run_part:
                    content = _SECONDS.sub(b"", content)
                digest.update(f"{name} {len(content)} ".encode() + content)
    except (OSError, zipfile.BadZipFile):
        return ""
    return digest.hexdigest()


def _run_part(names: Collection[str]) -> str:
    """Return the part that holds the last sheet."""
    prefix, suffix = "xl/worksheets/sheet", ".xml"
    numbers = [
        int(number)
        for name in names
        if name.startswith(prefix)
        and name.endswith(suffix)
        and (number := name[len(prefix) : -len(suffix)]).isdigit()
    ]
    return f"{prefix}{max(numbers, default=0)}{suffix}"


def _missing(title: str, *, has_list: bool) -> Finding:
    way_out = "add it again, with its headers only if it is to be empty"
    if not has_list:
        way_out += f"; {OVERVIEW}, which lists the sheets of the plan, is missing or lists none"
    return Finding(title, "", f"the sheet {title} is missing", way_out)


def _without_phase(plan: Plan) -> Finding:
    """Return that rows name no phase although the workbook has some."""
    if len(plan.phases) == 1:
        text = "the plan names no phase: it is judged as if the workbook had none"
        return Finding("", "", text, "solve again for a plan in phases", level="warning")
    text = "some rows name a phase and others none"
    return Finding("", "", text, "fill in phase in every row of every sheet")


def _run_item(workbook: Workbook, item: str) -> str:
    for sheet in workbook.sheets:
        if sheet.title == RUN:
            for number in sheet.rows:
                if sheet.cell(number, 1).value == item:
                    return str(sheet.cell(number, 2).value or "")
    return ""
