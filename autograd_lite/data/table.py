"""CSV files as rows of floats.

A column of numbers is one feature, a column of text one feature for each category, 1 or 0. The
cells '', NA, NaN, nan, null and ? are missing; a row that misses a needed cell is left out and
counted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..ieee import shown, text
from .scale import bad_state
from .sets import DataError
from .sheet import MISSING, Records, Sheet, is_numeric, to_float

MOST_CATEGORIES = 50
KINDS = ("regression", "classification")


class Encoder(NamedTuple):
    """How the columns of a CSV file become numbers; made by read_csv, applied to the next file.

    target    name of the target's column
    kind      "regression" or "classification"
    classes   the sorted classes, text or numbers; [] for a regression
    columns   for each feature's column its name, and its sorted categories or None for numbers
    """

    target: str
    kind: str
    classes: list[Any]
    columns: list[tuple[str, list[str] | None]]

    @property
    def names(self) -> list[str]:
        """The name of each feature: the column's, or column=category.

        >>> Encoder("y", "regression", [], [("a", None), ("b", ["x", "z"])]).names
        ['a', 'b=x', 'b=z']
        """
        return [
            name if known is None else f"{name}={category}"
            for name, known in self.columns
            for category in (known or [""])
        ]

    def read(self, path: str | os.PathLike[str], *, delimiter: str | None = None) -> Table:
        """The Table of another file with the same columns, in any order, with or without targets.

        The errors are those of read_csv, and DataError for a category that is not known.
        """
        sheet = Sheet("Encoder.read", path, delimiter)
        names = [name for name, _ in self.columns]
        given = [self.target] if self.target in sheet.names else []
        return self._table(sheet, sheet.complete(names, given))

    def _table(self, sheet: Sheet, records: Records) -> Table:
        rows, targets = [], []
        for line, cells in records:
            row: list[float] = []
            for (name, known), cell in zip(self.columns, cells):
                if known is None:
                    row.append(sheet.number(cell, line, name))
                elif cell in known:
                    row += [float(cell == category) for category in known]
                else:
                    raise sheet.error(
                        f"unknown category {shown(cell)}; known are "
                        f"{', '.join(map(shown, known))}", line, name,
                    )  # fmt: skip
            rows.append(row)
            targets += [self._label(sheet, line, cell) for cell in cells[len(self.columns) :]]
        lines = [line for line, _ in records]
        if all(y is None for y in targets):
            targets = []
        return Table(self.names, rows, targets, lines, len(sheet.records) - len(rows), self)

    def _label(self, sheet: Sheet, line: int, cell: str) -> Any:
        if cell in MISSING:
            return None
        if self.classes and isinstance(self.classes[0], str):
            return cell
        try:
            x = sheet.number(cell, line, self.target)
        except DataError:  # no answer that could be predicted, such as "to be done"
            return None
        return int(x) if self.classes and x.is_integer() else x

    def state(self) -> dict[str, Any]:
        """What JSON can hold and from_state takes."""
        columns = [[name, known and [*known]] for name, known in self.columns]
        return {**self._asdict(), "classes": [*self.classes], "columns": columns}

    @classmethod
    def from_state(cls, state: Any) -> Encoder:
        """The Encoder whose state() it is. Raises DataError for anything else.

        >>> state = {"target": "y", "kind": "regression", "classes": [], "columns": [["x", None]]}
        >>> Encoder.from_state(state).names
        ['x']
        """
        try:
            columns = [(name, known) for name, known in state["columns"]]
            encoder = cls(**{**state, "columns": columns})
            classes = encoder.classes
            good = (
                len(columns) > 0
                and _distinct([encoder.target, *(name for name, _ in columns)], str)
                and all(known is None or _distinct(known, str) for _, known in columns)
                and encoder.kind == KINDS[1 if classes else 0]
                and (classes == [] or _distinct(classes, str) or _distinct(classes, int, float))
                and len(classes) != 1
            )
        except (TypeError, KeyError, ValueError):
            good = False
        if not good:
            raise bad_state("Encoder", state)
        return encoder


class Table(NamedTuple):
    """A CSV file as numbers.

    names      name of each feature, after the encoding
    rows       one list of floats for each complete row of the file
    targets    floats, or classes as they stand in encoder.classes; from Encoder.read: None where
               the cell is missing, [] without the column, and classes not seen before are kept
    lines      the line of the file in which each row begins
    left_out   number of rows left out because a cell is missing
    encoder    reads the next file in the same way
    """

    names: list[str]
    rows: list[list[float]]
    targets: list[Any]
    lines: list[int]
    left_out: int
    encoder: Encoder

    @property
    def kind(self) -> str:
        """What the target asks for, "regression" or "classification"."""
        return self.encoder.kind

    @property
    def classes(self) -> list[Any]:
        """The sorted classes; [] for a regression."""
        return self.encoder.classes


def read_csv(
    path: str | os.PathLike[str],
    target: str,
    *,
    columns: Sequence[str] | None = None,
    task: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """The Table of a CSV file in UTF-8 whose first line holds the names of the columns.

    target      name of the column to predict
    columns     names of the columns to predict it from; None: all others
    task        "regression", "classification", or None: a target of text means classification,
                one of whole numbers too if they are at most 10 different ones and fewer than a
                tenth of the rows, else regression
    delimiter   None: the one of , ; and tab with which the most of the first rows have as many
                cells as the header

    A column that holds numbers and text is a wrong column of numbers if at least nine tenths of
    its cells are numbers, or more than half while they do not look like codes (whole and
    repeated). Raises DataError that names line, column and cell; OSError for a file that cannot
    be opened.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pets.csv")
    ...     _ = path.write_text("kg,ears,pet\\n4.5,up,cat\\n30,down,dog\\nNA,up,cat\\n")
    ...     table = read_csv(path, "pet")
    >>> table.names, table.rows, table.targets, table.left_out
    (['kg', 'ears=down', 'ears=up'], [[4.5, 0.0, 1.0], [30.0, 1.0, 0.0]], ['cat', 'dog'], 1)
    """
    if task not in (None, *KINDS):
        raise ValueError(f"read_csv: task = {shown(task)}; use {' or '.join(map(repr, KINDS))}")
    sheet = Sheet("read_csv", path, delimiter)
    features = _features(sheet, text(target, "target", "read_csv"), columns)
    records = sheet.complete([*features, target])
    lines = [line for line, _ in records]
    *xs, ys = zip(*(cells for _, cells in records), strict=True)
    encoder = Encoder(target, task or KINDS[1], [], [
        (name, None if is_numeric(cells) else _categories(sheet, name, lines, cells))
        for name, cells in zip(features, xs, strict=True)
    ])  # fmt: skip
    classes: list[Any] = sorted(set(ys))
    if task == KINDS[0] or (all(to_float(y) is not None for y in ys) if task else is_numeric(ys)):
        numbers = [sheet.number(y, line, target) for line, y in zip(lines, ys, strict=True)]
        values = set(numbers)
        few = len(values) <= 10 and 10 * len(values) < len(numbers)
        if task == KINDS[0] or not (task or (few and all(x.is_integer() for x in values))):
            return encoder._replace(kind=KINDS[0])._table(sheet, records)
        classes = sorted(int(x) if x.is_integer() else x for x in values)
    if len(classes) < 2:
        raise sheet.error(f"{shown(classes[0])} is the only class; give rows of two or more, or "
                          "task='regression' for numbers", column=target)  # fmt: skip
    return encoder._replace(classes=classes)._table(sheet, records)


def _features(sheet: Sheet, target: str, columns: Sequence[str] | None) -> list[str]:
    sheet.index(target)
    if columns is None:
        features = [name for name in sheet.names if name != target]
        if "" in features:
            raise sheet.error(
                f"column {sheet.names.index('') + 1} has no name; name it, or choose with columns= "
                "(pandas writes no such column with index=False)"
            )
    elif isinstance(columns, (list, tuple)):
        features = [text(name, "columns", "read_csv") for name in columns]
    else:
        raise TypeError(f"read_csv: columns must be a list of names, not {shown(columns)}")
    if not features or target in features or len(set(features)) < len(features):
        raise sheet.error(
            f"columns = {shown(features)} for the target {shown(target)}; "
            "give one column or more, each once, and not the target"
        )
    return features


def _categories(
    sheet: Sheet, name: str, lines: Sequence[int], cells: Sequence[str]
) -> list[str]:  # fmt: skip
    found = sorted(set(cells))
    if len(found) > MOST_CATEGORIES:
        raise sheet.error(
            f"{len(found)} different texts such as {shown(cells[0])} in line {lines[0]}, more than "
            f"{MOST_CATEGORIES} categories; drop the column (--drop, or columns= with the others)",
            column=name,
        )
    return found


def _distinct(xs: Any, *kinds: type) -> bool:
    """Whether xs is a list of different things of these types; numbers must be finite."""
    return (
        isinstance(xs, list) and bool(xs) and len(set(map(type, xs)) - {*kinds}) == 0
        and len(set(xs)) == len(xs) and all(isinstance(x, str) or abs(x) < math.inf for x in xs)
    )  # fmt: skip
