"""KaTeX, which sets LaTeX in web pages and notebooks, run by Node.js."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess

PROGRAM = """
const katex = require("katex");
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
for (const text of texts) katex.renderToString(text, {displayMode: true, throwOnError: true, strict: false});
console.log(texts.length);
"""


@functools.cache
def missing() -> str:
    """What to do so that KaTeX can run; empty if it can."""
    node = shutil.which("node")
    if node is None:
        return "install Node.js, then npm install katex"
    found = subprocess.run([node, "-e", "require('katex')"], capture_output=True)
    return "npm install katex" if found.returncode else ""


def render(texts: list[str]) -> str:
    """The number of texts as KaTeX says it, or its complaint about the first that it cannot read."""
    done = subprocess.run(
        [shutil.which("node"), "-e", PROGRAM], input=json.dumps(texts), capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr
