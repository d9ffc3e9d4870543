"""The cells of a CSV file, and the errors that name a place in it."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import math
import os
from collections.abc import Sequence

from ..ieee import shown
from .sets import DataError

MISSING = {"", "NA", "NaN", "nan", "null", "?"}
Records = list[tuple[int, list[str]]]


class Sheet:
    """The cells of a CSV file, and the errors that name a place in it."""

    def __init__(
        self, function: str, path: str | os.PathLike[str], delimiter: str | None
    ) -> None:  # fmt: skip
        self.where = f"{function}: {os.fsdecode(path)}"
        if delimiter is not None and (
            not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n" \0'
        ):
            raise ValueError(f"{function}: delimiter = {shown(delimiter)}; give ',', ';' or '\\t'")
        with open(os.fspath(path), "rb") as file:
            data = file.read().removeprefix(codecs.BOM_UTF8)
        try:
            content = data.decode("utf-8")
            at, what = data.find(b"\0"), "a NUL byte: not a text file, or one in UTF-16"
        except UnicodeDecodeError as error:
            at, what = error.start, f"byte 0x{data[error.start]:02x} is not UTF-8"
        if at >= 0:
            raise self.error(
                f"{what}; save the file as UTF-8", len((data[:at] + b".").splitlines())
            )
        records = self._parse(content, delimiter or max(",;\t", key=lambda d: _fit(content, d)))
        if not records:
            raise self.error("the file is empty; give a header line and rows")
        self.names, self.records = records[0][1], records[1:]
        if not self.records:
            raise self.error("there is a header but no row below it")
        self.place: dict[str, int] = {}
        for i, name in enumerate(self.names):
            if name and self.place.setdefault(name, i) < i:
                raise self.error(f"two columns have the name {shown(name)}; rename one")
        for line, cells in self.records:
            if len(cells) != len(self.names):
                raise self.error(f"{len(cells)} cells, but the header has {len(self.names)}", line)

    def _parse(self, content: str, delimiter: str) -> Records:
        records: Records = []
        line = 1
        lines = csv.reader(
            io.StringIO(content, newline=""),
            delimiter=delimiter, strict=True, skipinitialspace=True,
        )  # fmt: skip
        try:
            for row in lines:
                cells = [cell.strip() for cell in row]
                if row and (cells != [""] or (records and len(records[0][1]) == 1)):
                    records.append((line, cells))
                line = lines.line_num + 1
        except csv.Error as error:
            what = str(error)
            if "unexpected end" in what:
                what = "a quote that begins in this row is never closed"
            elif "limit" in what:
                what = f"a cell of more than {csv.field_size_limit()} characters; is a quote open?"
            raise self.error(what, line) from None
        return records

    def error(self, what: str, line: int = 0, column: str | None = None) -> DataError:
        place = (f", line {line}" if line else "") + (
            "" if column is None else f", column {shown(column)}"
        )
        return DataError(f"{self.where}{place}: {what}")

    def index(self, name: str) -> int:
        """Where the column is, or an error that says what there is."""
        if name in self.place:
            return self.place[name]
        there = ", ".join(shown(known) for known in [*self.place][:20])
        what = f"no column {shown(name)}; there are {there}"
        if len(self.place) > 20:
            what += f" and {len(self.place) - 20} more"
        import difflib

        folded = {known.casefold(): known for known in self.place}
        close = difflib.get_close_matches(name.casefold(), folded)
        if close:
            what += f"; did you mean {' or '.join(shown(folded[known]) for known in close)}?"
        if all(to_float(known) is not None for known in self.place):
            what += "; the first line must hold the names of the columns"
        raise self.error(what)

    def complete(self, needed: Sequence[str], more: Sequence[str] = ()) -> Records:
        """The rows in which no cell of the needed columns is missing, cut to needed and more."""
        at = [self.index(name) for name in [*needed, *more]]
        cut = [(line, [cells[i] for i in at]) for line, cells in self.records]
        kept = [(line, row) for line, row in cut if MISSING.isdisjoint(row[: len(needed)])]
        if not kept:
            missing = [sum(row[j] in MISSING for _, row in cut) for j in range(len(needed))]
            worst = max(range(len(needed)), key=lambda j: missing[j])
            raise self.error(
                f"no row is complete: {missing[worst]} of {len(cut)} cells are missing; "
                "fill them in, or drop the column", column=needed[worst],
            )  # fmt: skip
        return kept

    def number(self, cell: str, line: int, column: str) -> float:
        """The finite number a cell holds."""
        x = to_float(cell)
        if x is None:
            comma = to_float(cell.replace(",", ".", 1)) is not None
            raise self.error(
                f"{shown(cell)} is not a number; "
                + ("write the decimals after a point" if comma else "correct or empty the cell"),
                line, column,
            )  # fmt: skip
        if math.isinf(x):
            raise self.error(f"{shown(cell)} is infinite; correct or empty the cell", line, column)
        return x


def _fit(content: str, delimiter: str) -> tuple[int, int]:
    """How many of the first rows have as many cells as the header with this delimiter; how many."""
    lines = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, skipinitialspace=True)
    widths = []
    with contextlib.suppress(csv.Error):  # the strict reading says where
        for row in itertools.islice(lines, 20):
            widths += [len(row)] if row else []
    width = widths[0] if widths else 0
    return widths.count(width) if width > 1 else 0, width


def to_float(cell: str) -> float | None:
    """The number a cell holds, also an infinite one; None for text, nan and 1_000."""
    try:
        x = float(cell)
    except ValueError:
        return None
    return None if x != x or "_" in cell else x


def is_numeric(cells: Sequence[str]) -> bool:
    """Whether this is a column of numbers, perhaps with some wrong cells; see read_csv."""
    found = [to_float(cell.replace(",", ".", 1)) for cell in cells]
    numbers = [x for x in found if x is not None]
    codes = all(x.is_integer() for x in numbers) and 2 * len(set(cells)) <= len(cells)
    return 10 * len(numbers) >= 9 * len(cells) or (2 * len(numbers) > len(cells) and not codes)
