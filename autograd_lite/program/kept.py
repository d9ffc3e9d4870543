"""A Program as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..ieee import shown

KEYS = ["program", "inputs", "instructions", "outputs", "guards"]


def written(
    inputs: Sequence[str],
    instructions: Sequence[tuple[str, Sequence[Any]]],
    outputs: Sequence[Any],
    guards: Sequence[tuple[int, bool]],
) -> str:
    """The parts of a program as text; see Program.to_json."""

    def item(x: int | float) -> Any:
        if isinstance(x, int):
            return f"%{x}"
        return x if math.isfinite(x) else repr(x)

    found: dict[str, Any] = {
        "program": 1,
        "inputs": [*inputs],
        "instructions": [[op, *map(item, args)] for op, args in instructions],
        "outputs": [*map(item, outputs)],
    }
    if guards:
        found["guards"] = [(item(slot), outcome) for slot, outcome in guards]
    return json.dumps(found, ensure_ascii=False)


def read(text: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Inputs, instructions, outputs and guards of a text; see Program.from_json."""
    if not isinstance(text, (str, bytes, bytearray)):
        raise TypeError(f"Program.from_json: text must be a str, not {shown(text)}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Program.from_json: this is no JSON: {error}") from None
    if isinstance(found, dict):
        found.setdefault("guards", [])
    if not isinstance(found, dict) or sorted(found) != sorted(KEYS) or not _is_version_1(found):
        raise ValueError(
            f"Program.from_json: not a program of version 1, which has the keys {KEYS[:-1]}"
        )
    for key in KEYS[1:]:
        if not isinstance(found[key], list):
            raise ValueError(f"Program.from_json: {key} must be a list")
    instructions = []
    for k, line in enumerate(found["instructions"]):
        if not isinstance(line, list) or not line or not isinstance(line[0], str):
            raise ValueError(
                f'Program.from_json: instruction {k} must be like ["mul", "%0", 2.0], '
                f"not {shown(line)}"
            )
        instructions.append((line[0], tuple(_number(x, f"instruction {k}") for x in line[1:])))
    guards = []
    for k, pair in enumerate(found["guards"]):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(
                f'Program.from_json: guard {k} must be like ["%3", true], not {shown(pair)}'
            )
        guards.append((_number(pair[0], f"guard {k}"), pair[1]))
    return found["inputs"], instructions, [_number(y, "outputs") for y in found["outputs"]], guards


def _is_version_1(found: dict[str, Any]) -> bool:
    return type(found["program"]) is int and found["program"] == 1


def _number(x: Any, where: str) -> int | float:
    if isinstance(x, str) and x in ("nan", "inf", "-inf"):
        return float(x)
    if isinstance(x, str) and x[:1] == "%" and x[1:].isascii() and x[1:].isdigit() and len(x) < 20:
        return int(x[1:])
    if isinstance(x, (int, float)) and not isinstance(x, bool):
        with suppress(OverflowError):
            return float(x)
        raise ValueError(f"Program.from_json: {where}: {shown(x)} has no float")
    raise ValueError(f'Program.from_json: {where}: {shown(x)} is neither a slot "%3" nor a number')
