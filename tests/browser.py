"""Chromium for the tests of pages: where it is, how it is started, and what is missing if it is not."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip


def executable() -> str | None:
    """The browser's path: the environment's CHROMIUM, else the first that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str:
    """Why there can be no browser tests, and how there can; empty if there can."""
    wanted = []
    if importlib.util.find_spec("playwright") is None:
        wanted.append("pip install playwright")
    if executable() is None:
        wanted.append("install Chromium (or set CHROMIUM to its path)")
    return " and ".join(wanted)


@contextmanager
def chromium() -> Iterator:
    """A headless browser with a profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
