"""python -m autograd_lite: the report, the picture, the exit status."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

import pytest

import autograd_lite
from autograd_lite import RenderError, render
from autograd_lite.cli import doctor, main
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


def test_explain_prints_the_derivation_of_an_expression_in_steps(capsys):
    given = ["z = w*x + b; tanh(z)", "x=2", "w=-3", "b=6.88"]
    assert main(["explain", *given, "--wrt", "w"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("y = tanh(z) = 0.7064193\n\n∂y/∂w = ∂y/∂z · ∂z/∂w\n\n∂y/∂z = 1 − tanh(z)² = 1 − 0.7064193²")
    assert "the same number" in out
    assert ".grad" not in out
    assert main(["explain", *given, "--wrt", "z", "--precision", "17"]) == 0
    assert re.search(r"∂y/∂z = 1 − tanh\(z\)² = 1 − 0\.\d{16}² = 0\.\d{16}", capsys.readouterr().out)
    assert main(["explain", *given]) == 0
    assert "∂y/∂x = ∂y/∂z · w = 0.5009717 · (−3) = −1.502915" in capsys.readouterr().out
    assert main(["explain", "-x**3", "x=2", "--format", "latex"]) == 0
    assert r"\frac{\partial y}{\partial x} &= -3\,x^{2} = -3 \cdot 2^{2} = -12" in capsys.readouterr().out
    assert main(["explain", "--format", "markdown", "-x", "x=2"]) == 0
    assert capsys.readouterr().out.startswith("$$\n")


@pytest.mark.parametrize(
    ("args", "why"),
    [(["x", "x=1", "--wrt", "q"], "--wrt q: there is no such variable or step"),
     (["2", "x=1"], "does not depend on any variable"), (["x", "x=1", "--precision", "0"], "precision"),
     (["z = x", "z=1", "x=2"], "z has a value already")],
)  # fmt: skip
def test_wrong_use_of_explain(args, why, capsys):
    assert main(["explain", *args]) == 2
    assert why in capsys.readouterr().err


def test_draw_writes_a_file_or_prints_a_tree(tmp_path, capsys):
    given = ["z = w*x; tanh(z)", "x=2", "w=-3"]
    assert main(["draw", *given]) == 0
    assert "z" in capsys.readouterr().out
    for suffix in ("svg", "html", "mmd", "txt", "dot"):
        path = tmp_path / f"a.{suffix}"
        assert main(["draw", *given, str(path)]) == 0
        assert "shows the graph" in capsys.readouterr().out
        assert path.stat().st_size > 50
    assert main(["draw", *given, "a.svg", "b.svg"]) == 2
    assert "give one file" in capsys.readouterr().err
    assert main(["draw", *given, str(tmp_path / "a.bmp")]) == 2
    assert ".svg" in capsys.readouterr().err
    assert main(["draw", "2", "x=2"]) == 2


def test_doctor_says_what_is_there(capsys, monkeypatch):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"autograd_lite {autograd_lite.__version__}" in out
    assert re.search(r"renderer +\S*(dot|graphviz-pure)\S*\n +\S.*version", out)
    assert "executor      eager" in out
    assert re.search(r"^  graphviz +\d", out, re.M)
    assert max(map(len, out.splitlines())) <= 100

    def nothing():
        raise RenderError(f"render: no layout program found; {render.HINT}")

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "program", nothing)
    monkeypatch.setattr(doctor.metadata, "version", missing)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "none; drawings are text trees" in out
    assert "missing, for pictures: pip install 'autograd_lite[draw]'" in out
