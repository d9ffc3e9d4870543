"""train, predict, eval: real files, hostile files, nothing executed, nothing overwritten."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite.cli import doctor, main, training
from autograd_lite.cli.evaluate import ExpressionError, assignments, parse
from autograd_lite.cli.training import Trained

DATA = Path(__file__).parents[1] / "notebooks" / "data"
PENGUINS, IRIS = str(DATA / "penguins.csv"), str(DATA / "iris.csv")


def run(*args: str, capsys) -> tuple[int, str, str]:
    status = main(list(args))
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model") / "model.json")
    assert main(["train", IRIS, "--target", "species", "--epochs", "25", "--hidden", "8",
                 "--save", path]) == 0  # fmt: skip
    return path


def test_iris_and_penguins_reach_95_percent(capsys):
    for file, epochs in ((IRIS, "60"), (PENGUINS, "20")):
        status, out, _ = run("train", file, "--target", "species", "--epochs", epochs,
                             "--hidden", "8", capsys=capsys)  # fmt: skip
        assert status == 0
        shares = [float(s.rstrip("%")) for s in out.split("accuracy")[1].split()[:2]]
        assert min(shares) >= 95.0, out


def test_a_regression_reaches_the_linear_model(capsys):
    from sklearn.linear_model import LinearRegression

    from autograd_lite.data import read_csv, split

    status, out, _ = run("train", PENGUINS, "--target", "body_mass_g", "--epochs", "30",
                         "--hidden", "8", "--l2", "1e-3", capsys=capsys)  # fmt: skip
    assert status == 0
    ours = float(out.split("R²")[1].split()[1])
    table = read_csv(PENGUINS, "body_mass_g")
    train, validation = split(table.rows, table.targets, 0.2, 0)
    linear = LinearRegression().fit(*train).score(*validation)
    assert ours >= linear


def test_the_saved_model_predicts_the_same_numbers(model, capsys, tmp_path):
    status, out, err = run("predict", model, IRIS, capsys=capsys)
    assert status == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert len(rows) == 150
    assert "accuracy" in err
    net = Trained.load(model)
    table = net.encoder.read(IRIS)
    assert [r["species"] for r in rows] == [a[0] for a in net.answers(table.rows)]
    net.save(str(tmp_path / "again.json"))
    assert Trained.load(str(tmp_path / "again.json")).net.weights == net.net.weights
    status, out, _ = run("predict", model, IRIS, "--out", str(tmp_path / "p.csv"), capsys=capsys)
    assert "150 predictions" in out
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 151


def test_moons_with_pictures(tmp_path, capsys):
    from autograd_lite.data import moons

    file = tmp_path / "moons.csv"
    X, Y = moons(150, noise=0.1, seed=1)
    file.write_text("a,b,y\n" + "".join(f"{a},{b},{'no' if y else 'yes'}\n" for (a, b), y in zip(X, Y)))
    status, _, _ = run("train", str(file), "--target", "y", "--epochs", "15", "--lr", "0.03",
                         "--plot", str(tmp_path / "c.png"), capsys=capsys)  # fmt: skip
    assert status == 0
    assert (tmp_path / "c.png").exists()
    assert (tmp_path / "c-boundary.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C on Windows goes to all processes of the console, so to the tests too, and never to one child alone")
def test_ctrl_c_saves_what_was_learnt(tmp_path):
    path = tmp_path / "model.json"
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "autograd_lite", "train", IRIS, "--target", "species",
         "--epochs", "100000", "--save", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
    ) as child:  # fmt: skip
        child.stdout.readline(), child.stdout.readline()
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        try:
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0, err
    assert "interrupted after" in out.decode()
    assert Trained.load(str(path)).net.weights


HOSTILE_FILES = {
    "empty": b"",
    "header only": b"a,b\n",
    "ragged": b"a,b\n1,2\n3\n4,5\n",
    "not utf-8": b"a,b\n\xff\xfe,1\n",
    "nul": b"a,b\n1,\x002\n",
    "text in numbers": b"a,b\n" + b"1,2\n" * 30 + b"x,2\n",
    "infinite": b"a,b\n1e999,1\n2,2\n",
    "double name": b"a,a\n1,2\n",
    "open quote": b'a,b\n"1,2\n',
}


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hostile_csv_files(name, tmp_path, capsys):
    file = tmp_path / "x.csv"
    file.write_bytes(HOSTILE_FILES[name])
    kept = tmp_path / "model.json"
    kept.write_text("mine")
    status, _, err = run("train", str(file), "--target", "a", "--save", str(kept), capsys=capsys)
    assert status == 2
    assert err.startswith("autograd-lite train: ")
    assert kept.read_text() == "mine"


def test_wrong_files_and_options(tmp_path, capsys, model):
    for args, word in [
        (("train", "nowhere.csv", "--target", "a"), "nowhere.csv"),
        (("train", IRIS, "--target", "specie"), "species"),
        (("train", IRIS, "--target", "species", "--hidden", "a"), "--hidden"),
        (("train", IRIS, "--target", "species", "--activation", "no"), "activation"),
        (("train", IRIS, "--target", "species", "--epochs", "-1"), "epochs"),
        (("train", IRIS, "--target", "species", "--lr", "0"), "lr"),
        (("train", IRIS, "--target", "species", "--save", str(tmp_path / "no" / "m.json")), "folder"),
        (("train", IRIS, "--target", "species", "--save", IRIS), "input"),
        (("predict", model, PENGUINS), "sepal_length"),
        (("predict", IRIS, IRIS), "not a model"),
        (("predict", model, IRIS, "--out", model), "input"),
    ]:
        status, _, err = run(*args, capsys=capsys)
        assert status == 2, args
        assert word in err, (args, err)


@pytest.mark.parametrize(
    "damage",
    [lambda s: s.update(format="x"), lambda s: s.pop("net"), lambda s: s.update(net="__import__"),
     lambda s: s["encoder"].update(classes=["a"]), lambda s: s.update(inputs={}),
     lambda s: s["net"].update(activation="__class__"), lambda s: s["net"]["weights"].pop(),
     lambda s: s["net"]["weights"][0][0].__setitem__(0, None), lambda s: s.update(optimizer=3)],
)  # fmt: skip
def test_a_tampered_model_is_refused(model, damage, tmp_path, capsys):
    state = json.loads(Path(model).read_text())
    damage(state)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(state))
    status, out, err = run("predict", str(bad), IRIS, capsys=capsys)
    assert status == 2
    assert "not a model" in err
    assert not out


HOSTILE = [
    "__import__('os').system('touch hacked')", "x.__class__", "().__class__.__bases__", "open('f')",
    "x if x else 1", "[x for x in y]", "lambda: 1", "x := 2", "f'{x}'", "'text'", "b'1'", "1j",
    "True", "None", "...", "x[0]", "{1: 2}", "x and 1", "not x", "~x", "x @ x", "x | 1", "x << 2",
    "await x", "*x", "sin(a=1)", "sin(*x)", "exec('1')", "eval('1')", "print(1)", "sin", "x; x",
    "import os", "", " ", "x +", ")(", "\0", "-" * 20_000 + "1", "-" * 9_000 + "1", "(" * 500 + "1",
    "(" * 199 + "x" + ")" * 199 + "+" * 5000, "9" * 9_999, "x" + "+x" * 300, "1" * 10_001,
    "x = 2", "y; x", "y = z = x", "y += x", "y, z = x", "y[0] = x", "pi = x", "y = x; y = 2*x", "del x",
    "y: int = x", "y = yield", "if x: x", "for y in x: x", "x.y = 2", "y = import_os; x", "global x",
    "def f(): x", "y = x\nz", "raise x", "y = x; import os",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:24] or "empty")
def test_hostile_expressions(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, err = run("eval", text, "x=2", capsys=capsys)
    assert status == 2
    assert not out
    assert len(err.splitlines()) == 1
    assert len(err) < 300
    assert not list(tmp_path.iterdir())


def test_huge_powers_are_floats(capsys):
    status, out, _ = run("eval", "9**9**9**9 * x", "x=2", capsys=capsys)
    assert status == 0
    assert "inf" in out


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_evaluated_or_refused(text):
    try:
        f = parse(text, ["x"])
    except ExpressionError:
        return
    f(1.0)


def test_expressions(capsys, tmp_path):
    status, out, _ = run("eval", "tanh(w*x + b)", "x=2", "w=-3", "b=6.88", "--check", "--draw",
                         str(tmp_path / "g.svg"), capsys=capsys)  # fmt: skip
    assert status == 0
    assert "0.70641932" in out
    assert out.count("  pass") == 3
    assert (tmp_path / "g.svg").exists()
    for text, value in [("-x**2", -9.0), ("max(1, 2)", None), ("maximum(x, 1)", 3.0), ("x/0", "inf"),
                        ("1/0 + x", "inf"), ("2*pi", 6.283185307179586), ("sum(x, 1, 2)", 6.0),
                        ("where(x > 2, x, 0)", 3.0), ("x % 2", 1.0), ("hypot(x, 4)", 5.0)]:  # fmt: skip
        status, out, _ = run("eval", text, "x=3", capsys=capsys)
        if value is None:
            assert status == 2
        else:
            assert out.split()[1] == str(value), text
    with pytest.raises(ExpressionError, match=r"write x=1\.5"):
        assignments(["x"])
    status, _, err = run("eval", "y + 1", "x=3", capsys=capsys)
    assert status == 2
    assert "'y' has no value" in err


# Found by trying to break it


def write(path, text):
    path.write_text(text)
    return str(path)


ROWS = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{'uv'[i % 2]}\n" for i in range(60))


def test_outputs_never_destroy_an_input_or_each_other(tmp_path, capsys):
    data = write(tmp_path / "data.csv.part", ROWS)
    quick = ("--target", "y", "--epochs", "1", "--hidden", "2")
    status, _, _ = run("train", data, *quick, "--save", str(tmp_path / "data.csv"), capsys=capsys)
    assert status == 0
    assert Path(data).read_text() == ROWS
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.csv", "data.csv.part"]
    picture = str(tmp_path / "o.png")
    for options in (("--save", picture, "--plot", picture), ("--save", ""), ("--plot", data),
                    ("--save", str(tmp_path)), ("--plot", str(tmp_path / "x.foo")),
                    ("--save", "/dev/null"), ("--save", data)):  # fmt: skip
        status, out, err = run("train", data, *quick, *options, capsys=capsys)
        assert (status, out) == (2, ""), options
        assert any(option in err for option in options[::2])
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    run("train", data, *quick, "--save", str(link), capsys=capsys)
    assert link.is_symlink()
    assert "trained model" in target.read_text()


def test_a_reader_that_leaves_does_not_cost_the_model(tmp_path):
    data, model = write(tmp_path / "d.csv", ROWS), tmp_path / "m.json"
    command = [sys.executable, "-m", "autograd_lite", "train", data, "--target", "y",
               "--epochs", "3", "--save", str(model)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline()
        child.stdout.close()  # as head -n 1 does
        assert child.wait(timeout=60) == 0
    assert Trained.load(str(model)).net.weights


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EINVAL])  # of POSIX, of Windows
def test_such_a_reader_by_its_error(tmp_path, monkeypatch, number):
    class Gone:
        def write(self, text):
            raise OSError(number, os.strerror(number))

        def flush(self):
            pass

    data, model = write(tmp_path / "d.csv", ROWS), tmp_path / "m.json"
    monkeypatch.setattr(sys, "stdout", Gone())
    args = ["train", data, "--target", "y", "--epochs", "3", "--save", str(model)]
    assert main(args) == 0
    sys.stdout.close()  # what main has put there, for the end of the process
    assert Trained.load(str(model)).net.weights


def test_a_full_disk_is_an_error(tmp_path, monkeypatch, capsys):
    class Full:
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["train", write(tmp_path / "d.csv", ROWS), "--target", "y", "--epochs", "3"]) == 2
    assert "No space left" in capsys.readouterr().err


def test_huge_targets_are_saved_and_reported(tmp_path, capsys):
    text = "a,y\n" + "".join(f"{i},{i}e300\n" for i in range(1, 30))
    status, out, _ = run("train", write(tmp_path / "d.csv", text), "--target", "y", "--epochs", "2",
                         "--save", str(tmp_path / "m.json"), capsys=capsys)  # fmt: skip
    assert status == 0
    assert "root mean square" in out
    assert (tmp_path / "m.json").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda s: s["net"].update(nouts=[16, 10**9, 3]), lambda s: s["net"].update(nin=10**9),
     lambda s: s["net"]["weights"][0][0].__setitem__(0, float("nan")),
     lambda s: s["net"]["weights"][0][0].__setitem__(0, 10**400)],
)  # fmt: skip
def test_a_tampered_size_or_number_is_refused_at_once(model, damage, tmp_path, capsys):
    state = json.loads(Path(model).read_text())
    damage(state)
    bad = write(tmp_path / "bad.json", json.dumps(state))
    status, _, err = run("predict", bad, IRIS, capsys=capsys)
    assert status == 2
    assert "not a model" in err


def test_columns_can_be_dropped(tmp_path, capsys):
    data = write(tmp_path / "d.csv", ROWS.replace("a,b,y", "id,b,y"))
    args = ("train", data, "--target", "y", "--epochs", "1", "--hidden", "2")
    assert "1 features" in run(*args, "--drop", "id", capsys=capsys)[1]
    assert run(*args, "--drop", "nothing", capsys=capsys)[0] == 2


def test_targets_that_are_no_numbers_do_not_stop_a_prediction(tmp_path, capsys):
    text = "a,y\n" + "".join(f"{i},{i / 2}\n" for i in range(40))
    model = str(tmp_path / "m.json")
    run("train", write(tmp_path / "d.csv", text), "--target", "y", "--epochs", "2", "--save", model,
        capsys=capsys)  # fmt: skip
    status, out, err = run("predict", model, write(tmp_path / "n.csv", "a,y\n1,TBD\n2,1.0\n"),
                           capsys=capsys)  # fmt: skip
    assert status == 0
    assert len(out.splitlines()) == 3
    assert "of 1 rows" in err


def test_signs_options_and_doubles_of_eval(capsys):
    assert "-6.0" in run("eval", "-height*2", "height=3", capsys=capsys)[1]
    assert "-2.0" in run("eval", "--check", "-x", "x=2", capsys=capsys)[1]
    status, _, err = run("eval", "x", "x=2", "x=3", capsys=capsys)
    assert status == 2
    assert "twice" in err


def test_reports_fit_80_columns(capsys):
    _, out, err = run("train", PENGUINS, "--target", "species", "--epochs", "1", capsys=capsys)
    assert max(map(len, (out + err).splitlines())) <= 80


def test_reports_say_what_ran_and_what_would_be_faster(capsys, monkeypatch):
    given = "train", PENGUINS, "--target", "species", "--epochs", "5"
    assert "steps: not compiled: by compiled=False" in run(*given, "--eager", capsys=capsys)[1]
    fit = sys.modules["autograd_lite.fit"]
    monkeypatch.setattr(fit, "has_compiled_engine", False)
    monkeypatch.setattr(fit, "fastest", lambda strict: "python")
    monkeypatch.setattr(training, "fastest", lambda strict: "python")
    _, out, _ = run(*given, capsys=capsys)
    assert "steps: generated Python; pip install 'autograd_lite[llvm]' makes this faster" in out
    for missing, line in {"numpy": "as generated Python", "llvmlite": "as NumPy over rows"}.items():
        monkeypatch.setattr(doctor, "has", lambda name, missing=missing: name != missing)
        assert f"compile()     {line}" in "\n".join(doctor.doctor())
