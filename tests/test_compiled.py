"""The compiled engine is the engine.py beside it: its examples, which pytest cannot collect there."""

from __future__ import annotations

import doctest
from pathlib import Path

from autograd_lite import engine, pure

SOURCE = Path(pure.__file__).with_name("engine.py").read_text(encoding="utf-8")


def test_the_examples_of_the_engine():
    written = doctest.DocTestParser().get_examples(SOURCE)
    done = doctest.testmod(engine)
    assert done.attempted >= len(written) > 0
    assert not done.failed
