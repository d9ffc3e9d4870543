from pathlib import Path

import browser
import katex
import pytest
from hypothesis import settings

from autograd_lite import engine, pure

SOURCE = Path(pure.__file__).with_name("engine.py")

settings.register_profile("default", deadline=None, max_examples=60, derandomize=True)
# other points each time: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("default")

# What some tests need that pip does not install: marker -> what is missing, empty if nothing is
NEEDS = {"browser": browser.missing, "katex": katex.missing}
left_out = dict.fromkeys(NEEDS, 0)


def pytest_configure(config):
    if engine.compiled:  # pytest would import engine.py beside it; test_compiled.py runs its examples
        config.option.ignore = [*(config.option.ignore or []), str(SOURCE)]
    config.addinivalue_line("markers", "browser: drives a real Chromium")
    config.addinivalue_line("markers", "katex: runs KaTeX in Node.js")


def pytest_collection_modifyitems(items):
    for marker, missing in NEEDS.items():
        if why := missing():
            for item in items:
                if item.get_closest_marker(marker):
                    left_out[marker] += 1
                    reason = f"{marker} needs a program that pip does not install: {why}"
                    item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter):
    for marker, count in left_out.items():
        if count:
            terminalreporter.write_line(
                f"{count} {marker} tests left out; to run them: {NEEDS[marker]()}", yellow=True
            )
