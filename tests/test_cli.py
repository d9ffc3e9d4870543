"""python -m autograd_lite: the report, the picture, the exit status."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from autograd_lite import RenderError, render
from autograd_lite.cli import main
from autograd_lite.cli.lecture import lecture


@pytest.fixture
def report(tmp_path):
    return list(lecture(str(tmp_path / "lecture.svg")))


def test_the_report_fits_80_columns_and_is_plain(report):
    assert max(map(len, report[:-1])) < 80
    assert not any("\033" in line for line in report)


def test_every_number_of_the_note_is_there(report):
    text = "\n".join(report)
    for number in ("0.1824255", "0.9959299", "1.5162075", "0.8199793", "0.8304217", "0.0944664",
                   "0.0019146", "0.0648967", "0.0015611", "0.0796815", "0.0017379", "0.9920318"):  # fmt: skip
        assert number in text
    gradients = [line for line in report if line.endswith("agrees")]
    assert len(gradients) == 9
    assert all(float(line.split()[4]) < 1e-9 for line in gradients)


def test_misprints_are_marked(report):
    text = "\n".join(report)
    marked = re.findall(r"(\S+) (ok|OFF)", text)
    assert ("0.003", "OFF") in marked
    assert ("0.0025", "OFF") in marked
    assert ("-0.00025", "OFF") in marked
    assert ("-0.0075", "OFF") in marked
    assert ("0.080", "ok") in marked
    assert "lacks the factor θ₂" in text


def test_colour_only_when_asked(tmp_path):
    assert any("\033[31m" in line for line in lecture(str(tmp_path / "a.svg"), color=True))


def test_command_writes_the_picture(tmp_path):
    done = subprocess.run([sys.executable, "-m", "autograd_lite"], cwd=tmp_path,
                          capture_output=True, check=True)  # fmt: skip
    assert "lecture.svg shows" in done.stdout.decode()
    assert (tmp_path / "lecture.svg").read_bytes().startswith(b"<?xml")


def test_without_a_renderer_the_numbers_are_still_there(tmp_path, monkeypatch, capsys):
    def nothing():
        raise RenderError(f"render: no layout program found; {render.HINT}")

    monkeypatch.setattr(render, "program", nothing)
    assert main(["lecture", "--out", str(tmp_path / "a.svg")]) == 0
    out = capsys.readouterr().out
    assert "0.0944664" in out
    assert "is not drawn" in out
    assert "pip install" in out


def test_wrong_use(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["nonsense"])
    assert stop.value.code == 2
    assert main(["lecture", "--out", str(tmp_path / "a.bmp")]) == 2
    assert ".svg or .png" in capsys.readouterr().err
    assert main(["lecture", "--out", str(tmp_path / "no" / "such" / "a.svg")]) == 2
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
