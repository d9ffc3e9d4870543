"""Sets in the plane, mini-batches, splits, standardising, CSV files: real, random and hostile."""



from __future__ import annotations

import csv
import io
import json
import math
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd_lite.data import (
    DataError,
    Encoder,
    Standardiser,
    batches,
    blobs,
    circles,
    moons,
    read_csv,
    spirals,
    split,
)

DATA = Path(__file__).parents[1] / "notebooks" / "data"
SETS = [moons, circles, blobs, spirals]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("data") / "file.csv"


def read(path, content, target="y", **kwargs):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, target, **kwargs)


def refuses(path, content, *parts, target="y", **kwargs):
    """The file gives a DataError with all the parts in its message, which begins with the place."""
    with pytest.raises(DataError) as caught:
        read(path, content, target, **kwargs)
    message = str(caught.value)
    assert message.startswith(f"read_csv: {path}")
    for part in parts:
        assert part in message, message
    assert len(message) < 5000


# Sets in the plane


def test_seeds_give_fixed_numbers():
    """On every platform and Python from 3.10; only libm's last digit may differ."""
    expected = {
        moons: [0.832525206820625, -0.4598184827903935],
        circles: [-0.43743248869261964, 0.21173782188395412],
        blobs: [3.2368617807682547, 0.11119599625703926],
        spirals: [0.38447480751484675, 0.5850619759745325],
    }
    for make, point in expected.items():
        assert make(4, seed=7)[0][3] == pytest.approx(point, rel=1e-12)
    train, validation = split(range(10), "aabbccddee", seed=3)
    assert train == ([9, 0, 8, 2, 1, 3, 4, 7], [*"eaebabcd"])
    assert validation == ([6, 5], [*"dc"])
    assert [ys for _, ys in batches(range(7), range(7), 3, random.Random(5))] == [[6, 0, 4], [1, 2, 5], [3]]


@pytest.mark.parametrize("make", SETS)
def test_sets_are_plain_balanced_and_seeded(make):
    X, Y = make(100, seed=1)
    assert all(type(x) is float for row in X for x in row)
    assert all(len(row) == 2 and type(y) is int for row, y in zip(X, Y, strict=True))
    counts = Counter(Y)
    assert sorted(counts) == list(range(len(counts)))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert make(100, seed=1) == (X, Y)
    assert make(100, seed=2) != (X, Y)
    assert make(40, seed=1) == (X[:40], Y[:40])
    assert make(1)[1] == [0]


def test_without_noise_the_points_lie_on_their_curves():
    for (x1, x2), k in zip(*moons(50, noise=0), strict=True):
        assert math.hypot(x1 - k, x2 - k / 2) == pytest.approx(1.0)
        assert x2 <= 0.5 if k else x2 >= 0.0
    for row, k in zip(*circles(50, noise=0, factor=0.3), strict=True):
        assert math.hypot(*row) == pytest.approx(0.3 if k else 1.0)
    for row, k in zip(*blobs(50, centers=4, spread=0), strict=True):
        assert row == pytest.approx([3 * math.cos(math.pi * k / 2), 3 * math.sin(math.pi * k / 2)])
    for (x1, x2), k in zip(*spirals(50, arms=3, noise=0), strict=True):
        radius, angle = math.hypot(x1, x2), math.atan2(x2, x1) - 2 * math.pi * k / 3
        winding = (radius - 0.1) / 0.9
        assert 0.0 <= winding <= 1.0
        assert math.cos(angle - 2 * math.pi * winding) == pytest.approx(1.0)


def test_noise_has_the_standard_deviation_asked_for():
    X, Y = blobs(4000, centers=[(1, 2), [-3, 4]], spread=0.5)
    for k, centre in enumerate([(1, 2), (-3, 4)]):
        scaler = Standardiser.fit([row for row, y in zip(X, Y, strict=True) if y == k])
        assert scaler.means == pytest.approx(centre, abs=0.03)
        assert scaler.scales == pytest.approx([0.5, 0.5], rel=0.05)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: moons(0), ValueError, "moons: n = 0 must be at least 1"),
        (lambda: moons(2.0), TypeError, "moons: n must be a whole number, not 2.0"),
        (lambda: moons(True), TypeError, "moons: n"),
        (lambda: moons(5, noise=-0.1), ValueError, "moons: noise = -0.1"),
        (lambda: moons(5, noise=math.nan), ValueError, "moons: noise = nan"),
        (lambda: moons(5, noise="0.1"), TypeError, "moons: noise"),
        (lambda: moons(5, seed=None), TypeError, "moons: seed must be a whole number, not None"),
        (lambda: moons(5, seed=-1), ValueError, "moons: seed = -1"),
        (lambda: circles(5, factor=1.0), ValueError, "circles: factor = 1.0"),
        (lambda: circles(5, factor=math.nan), ValueError, "circles: factor"),
        (lambda: blobs(5, centers=0), ValueError, "blobs: centers = 0"),
        (lambda: blobs(5, centers=[[1, 2, 3]]), DataError, "blobs: row 0 has 3 numbers, not 2"),
        (lambda: blobs(5, centers=[]), TypeError, "blobs: centers"),
        (lambda: blobs(5, spread=math.inf), ValueError, "blobs: spread = inf"),
        (lambda: spirals(5, arms="2"), TypeError, "spirals: arms"),
        (lambda: batches([1], [1, 2], 1, random), DataError, "batches: 1 rows for 2 targets"),
        (lambda: batches([], [], 1, random), DataError, "batches: 0 rows"),
        (lambda: batches([1], [1], 0, random), ValueError, "batches: size = 0"),
        (lambda: batches([1], [1], 1.5, random), TypeError, "batches: size"),
        (lambda: batches(1, [1], 1, random), TypeError, "batches: X must be a list, not int 1"),
        (lambda: split([1], [1]), DataError, "split: one row"),
        (lambda: split([1, 2], [1]), DataError, "split: 2 rows for 1 targets"),
        (lambda: split([1, 2], [1, 2], 0), ValueError, "split: fraction = 0"),
        (lambda: split([1, 2], [1, 2], 1.0), ValueError, "split: fraction = 1.0"),
        (lambda: split([1, 2], [1, 2], math.nan), ValueError, "split: fraction = nan"),
        (lambda: split([1, 2], [1, 2], stratified=True), DataError, "every class has one row"),
        (lambda: split([1, 2], [[1], [2]], stratified=True), TypeError, "stratified=True needs"),
        (lambda: split([1, 2], {1: 1, 2: 2}), TypeError, "split: Y must be a list, not dict"),
    ],
)  # fmt: skip
def test_wrong_arguments(call, error, match):
    with pytest.raises(error, match=re.escape(match)):
        call()


# Mini-batches and splits


@given(n=st.integers(1, 60), size=st.integers(1, 70), seed=st.integers(0, 2**64))
def test_batches_lose_and_double_nothing(n, size, seed):
    got = list(batches([[i] for i in range(n)], range(n), size, random.Random(seed)))
    assert sorted(y for _, ys in got for y in ys) == list(range(n))
    assert all(len(xs) == len(ys) and [x for [x] in xs] == ys for xs, ys in got)
    assert [len(ys) for _, ys in got[:-1]] == [size] * (len(got) - 1)
    assert len(got) == -(-n // size)


def test_batches_differ_from_epoch_to_epoch_and_every_order_comes_up():
    rng = random.Random(0)
    orders = Counter(tuple(next(batches("abc", "abc", 3, rng))[1]) for _ in range(6000))
    assert len(orders) == 6
    assert all(abs(count - 1000) < 150 for count in orders.values())


@given(
    ys=st.lists(st.integers(0, 4), min_size=2, max_size=60), seed=st.integers(0, 1000),
    fraction=st.floats(0, 1, exclude_min=True, exclude_max=True), stratified=st.booleans(),
)  # fmt: skip
def test_split_loses_and_doubles_nothing(ys, seed, fraction, stratified):
    rows, counts = list(enumerate(ys)), Counter(ys)
    if stratified and max(counts.values()) == 1:
        with pytest.raises(DataError):
            split(rows, ys, fraction, seed, stratified=True)
        return
    train, validation = split(rows, ys, fraction, seed, stratified=stratified)
    assert sorted(train[0] + validation[0]) == rows
    for xs, targets in (train, validation):
        assert xs
        assert [y for _, y in xs] == targets
    if stratified:
        held = Counter(validation[1])
        for k, n in counts.items():
            assert held[k] == (min(max(round(fraction * n), 1), n - 1))
            assert held[k] < n
    else:
        assert len(validation[0]) == min(max(round(fraction * len(ys)), 1), len(ys) - 1)
    assert split(rows, ys, fraction, seed, stratified=stratified) == (train, validation)


def test_arrays_are_taken_too():
    np = pytest.importorskip("numpy")
    X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
    train, validation = split(X, Y, 0.5, stratified=True)
    assert sorted(train[0] + validation[0]) == X.tolist()
    assert type(train[0][0][0]) is float
    assert Standardiser.fit(X) == Standardiser.fit(X.tolist())
    assert Standardiser.fit(Y).transform(Y) == Standardiser.fit(Y.tolist()).transform(Y.tolist())
    assert len(list(batches(X, Y, 4, random))) == 2


# Standardising


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=width, max_size=width),
            min_size=1, max_size=30,
        )
    )
)  # fmt: skip
def test_standardised_columns_have_mean_0_and_deviation_1(rows):
    scaler = Standardiser.fit(rows)
    out = scaler.transform(rows)
    for before, after in zip(zip(*rows, strict=True), zip(*out, strict=True), strict=True):
        mean = math.fsum(after) / len(after)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in after) / len(after))
        assert mean == pytest.approx(0.0, abs=1e-6)
        assert deviation == pytest.approx(float(min(before) != max(before)), abs=1e-6)
    for row, back in zip(rows, scaler.inverse(out), strict=True):
        assert back == pytest.approx(row, rel=1e-9, abs=1e-6)
    again = Standardiser.from_state(json.loads(json.dumps(scaler.state())))
    assert again == scaler
    assert again.transform(rows) == out


def test_standardiser_by_hand_and_at_the_edges():
    scaler = Standardiser.fit([[1, 7], [3, 7]])
    assert scaler.state() == {"means": [2.0, 7.0], "scales": [1.0, 1.0]}
    assert scaler.transform([[5, 8]]) == [[3.0, 1.0]]
    assert scaler.transform([]) == []
    constant = Standardiser.fit([0.1, 0.1, 0.1])  # whose computed mean is not 0.1
    assert constant == ([0.1], [1.0])
    assert constant.transform([0.1]) == [0.0]
    big = Standardiser.fit([1e200, -1e200])  # whose squares overflow
    assert big.transform([1e200]) == pytest.approx([1.0])
    tiny = Standardiser.fit([1e-200, -1e-200])
    assert tiny.transform([1e-200]) == pytest.approx([1.0])
    assert Standardiser.fit([1.0, 2.0, 4.0]).inverse([0.0])[0] == pytest.approx(7 / 3)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: Standardiser.fit([]), DataError, "no numbers"),
        (lambda: Standardiser.fit([[], []]), DataError, "no numbers"),
        (lambda: Standardiser.fit([[1.0, 2.0], [1.0]]), DataError, "row 1 has 1 numbers, not 2"),
        (lambda: Standardiser.fit([[1.0, math.nan]]), DataError, "column 1"),
        (lambda: Standardiser.fit([1.0, math.inf]), DataError, "column 0"),
        (lambda: Standardiser.fit([1.7e308, 1.7e308, -1.7e308]), DataError, "too large"),
        (lambda: Standardiser.fit([["1"]]), TypeError, "row 0 must be a real number"),
        (lambda: Standardiser.fit("ab"), TypeError, "row 0"),
        (lambda: Standardiser.fit(3), TypeError, "rows must be a list, not int 3"),
        (lambda: Standardiser.fit([1.0]).transform([[1.0, 2.0]]), DataError, "transform: row 0 has 2 numbers, not 1"),
        (lambda: Standardiser.fit([[1.0, 2.0]]).inverse([1.0]), DataError, "inverse: row 0 has 1 numbers, not 2"),
    ],
)  # fmt: skip
def test_standardiser_refuses(call, error, match):
    with pytest.raises(error, match=match):
        call()


BAD_STANDARDISERS = [
    None, 3, "means", [], {}, {"means": [1.0]}, {"means": [], "scales": []},
    {"means": [1.0], "scales": [1.0, 2.0]}, {"means": [1.0], "scales": [0.0]},
    {"means": [1.0], "scales": [-1.0]}, {"means": [math.nan], "scales": [1.0]},
    {"means": [1.0], "scales": [math.inf]}, {"means": ["1"], "scales": [1.0]},
    {"means": 1.0, "scales": 1.0}, {"means": "1", "scales": "1"}, {"means": [[1.0]], "scales": [[1.0]]},
    {"means": [10**400], "scales": [1.0]}, {"means": [1.0], "scales": [1.0], "more": 1},
    {"means": {"1": 1}, "scales": {"1": 1}},
]  # fmt: skip


@pytest.mark.parametrize("state", BAD_STANDARDISERS)
def test_a_damaged_standardiser_is_refused(state):
    with pytest.raises(DataError, match=r"Standardiser.from_state: .* is no such state"):
        Standardiser.from_state(state)


# CSV files: the two real ones


def test_penguins():
    table = read_csv(DATA / "penguins.csv", "species")
    assert table.kind == "classification"
    assert table.classes == ["Adelie", "Chinstrap", "Gentoo"]
    assert table.names == [
        "island=Biscoe", "island=Dream", "island=Torgersen", "bill_length_mm", "bill_depth_mm",
        "flipper_length_mm", "body_mass_g", "sex=female", "sex=male", "year",
    ]  # fmt: skip
    assert len(table.rows) == len(table.targets) == len(table.lines) == 333
    assert table.left_out == 11
    assert table.rows[0] == [0.0, 0.0, 1.0, 39.1, 18.7, 181.0, 3750.0, 0.0, 1.0, 2007.0]
    assert table.lines[:4] == [2, 3, 4, 6]  # line 5 has missing cells
    assert Counter(table.targets) == {"Adelie": 146, "Chinstrap": 68, "Gentoo": 119}
    some = read_csv(DATA / "penguins.csv", "species", columns=["body_mass_g", "bill_length_mm"])
    assert some.names == ["body_mass_g", "bill_length_mm"]
    assert some.left_out == 2  # only the needed columns count
    mass = read_csv(DATA / "penguins.csv", "body_mass_g")
    assert (mass.kind, mass.classes, len(mass.rows)) == ("regression", [], 333)
    assert mass.names[:3] == ["species=Adelie", "species=Chinstrap", "species=Gentoo"]
    assert math.fsum(mass.targets) / 333 == pytest.approx(4207.057, abs=5e-4)
    assert read_csv(DATA / "penguins.csv", "year").classes == [2007, 2008, 2009]
    assert read_csv(DATA / "penguins.csv", "year", task="regression").targets[0] == 2007.0


def test_iris():
    table = read_csv(DATA / "iris.csv", "species")
    assert table.classes == ["setosa", "versicolor", "virginica"]
    assert Counter(table.targets) == dict.fromkeys(table.classes, 50)
    assert table.names == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert table.left_out == 0
    assert table.rows[34] == [4.9, 3.1, 1.5, 0.2]  # Fisher's numbers; UCI's file has 0.1
    assert table.rows[37] == [4.9, 3.6, 1.4, 0.1]  # and 3.1, 1.5 here
    means = Standardiser.fit(table.rows).means
    assert means == pytest.approx([5.84333, 3.05733, 3.758, 1.19933], abs=1e-5)


# CSV files: what is read


def test_kind_of_target(path):
    def kind(cells, **kwargs):
        return read(path, "x,y\n" + "".join(f"1,{c}\n" for c in cells), **kwargs).kind

    assert kind(["a", "b"]) == "classification"
    assert kind([0, 1] * 11) == "classification"  # 2 values in 22 rows
    assert kind([0, 1] * 10) == "regression"  # 2 are a tenth of 20
    assert kind([0.5, 1] * 20) == "regression"
    assert kind([*range(10)] * 11) == "classification"
    assert kind([*range(11)] * 20) == "regression"
    assert kind([0, 1] * 10, task="classification") == "classification"
    assert kind([0, 1] * 11, task="regression") == "regression"
    table = read(path, "x,y\n1,0\n1,1.0\n1,2.5\n1,1e0\n", task="classification")
    assert table.classes == table.encoder.classes == [0, 1, 2.5]
    assert [repr(y) for y in table.targets] == ["0", "1", "2.5", "1"]
    mixed = read(path, "x,y\n" + "1,1\n1,2\n" * 30 + "1,2a\n", task="classification")
    assert mixed.classes == ["1", "2", "2a"]


@pytest.mark.parametrize(
    "content",
    ["a,b,y\n1,x,2.5\n3,z,4\n", "a;b;y\n1;x;2.5\n3;z;4\n", "a\tb\ty\n1\tx\t2.5\n3\tz\t4\n",
     "\ufeffa,b,y\r\n1,x,2.5\r\n3,z,4\r\n", "a,b,y\r1,x,2.5\r3,z,4", "\n\n a , b , y \n 1 ,\tx, 2.5\n\n \n3,z,4\n\n",
     '"a","b","y"\n"1","x","2.5"\n"3", "z", "4"\n', "a,b,y\n1,x,2.5\nNA,x,1\n1,?,1\n1,x,\n3,z,4\n,,\n"],
)  # fmt: skip
def test_spellings_of_the_same_table(path, content):
    table = read(path, content)
    assert table.names == ["a", "b=x", "b=z"]
    assert table.rows == [[1.0, 1.0, 0.0], [3.0, 0.0, 1.0]]
    assert table.targets == [2.5, 4.0]
    assert table.left_out == (4 if "NA" in content else 0)


def test_every_spelling_of_a_missing_cell(path):
    cells = ["", "NA", "NaN", "nan", "null", "?", " ", '""']
    table = read(path, "x,y\n1,2.5\n" + "".join(f"{c},1\n" for c in cells))
    assert (table.rows, table.left_out) == ([[1.0]], len(cells))


def test_lines_count_quoted_line_ends(path):
    table = read(path, 'x,y\n"a\nb",1.5\n\nc,2.5\n')
    assert table.lines == [2, 5]
    assert table.names == ["x=a\nb", "x=c"]
    refuses(path, 'x,y\n"a\n\nb",1.5\nc,2.5,3\n', "line 5: 3 cells, but the header has 2")


def test_delimiter(path):
    european = '"price, in EUR, net";y\n1;2.5\n3;4.5\n'  # more commas in the header
    assert read(path, european).names == ["price, in EUR, net"]
    assert read(path, "a|y\n1|2.5\n2|3.5\n", delimiter="|").rows == [[1.0], [2.0]]
    for delimiter in ("", ",,", "\n", '"', " ", 3, b","):
        with pytest.raises(ValueError, match=r"read_csv: delimiter = .*give"):
            read_csv(path, "y", delimiter=delimiter)


def test_a_file_of_one_column_has_nothing_to_predict_from(path):
    refuses(path, "y\n1\n2\n", "columns = [] for the target 'y'", "give one column or more")


def test_columns(path):
    content = "a,,b,y\n1,2,3,4.5\n2,3,4,5.5\n"
    assert read(path, content, columns=("b", "a")).rows == [[3.0, 1.0], [4.0, 2.0]]
    refuses(path, content, "column 2 has no name", "columns=")
    refuses(path, content, "no column 'c'; there are 'a', 'b', 'y'", columns=["c"])
    refuses(path, content, "not the target", columns=["a", "y"])
    refuses(path, content, "each once", columns=["a", "a"])
    refuses(path, content, "one column or more", columns=[])
    for columns in ("ab", 3, {"a": 1}):
        with pytest.raises(TypeError, match="columns must be a list of names"):
            read_csv(path, "y", columns=columns)
    for call in (lambda: read_csv(path, 3), lambda: read_csv(path, "y", columns=[3])):
        with pytest.raises(TypeError, match="must be a str, not int 3"):
            call()
    with pytest.raises(ValueError, match="task = 'cluster'; use 'regression' or 'classification'"):
        read_csv(path, "y", task="cluster")


def test_many_categories(path):
    content = "x,y\n" + "".join(f"t{i},{i}.5\n" for i in range(51))
    refuses(path, content, "column 'x'", "51 different texts such as 't0' in line 2", "drop the column")
    assert len(read(path, content.rsplit("t50", 1)[0]).names) == 50
    assert read(path, content.replace(",", ",1,").replace("x,1,", "x,z,"), columns=["z"]).names == ["z"]


@pytest.mark.parametrize("cells", [["1.5", "2.5", "abc"], ["1"] * 9 + ["abc"], ["23", "45", "31", "abc"], ["1", "2,5", "abc"], ["inf", "1", "abc"]])
def test_text_in_a_number_column(path, cells):
    quoted = [f'"{cell}"' for cell in cells]
    bad = "2,5" if "2,5" in cells else "inf" if "inf" in cells else "abc"
    line = f"line {2 + cells.index(bad)}, column 'x': '{bad}' is "
    refuses(path, "x,y\n" + "".join(f"{c},{i}.5\n" for i, c in enumerate(quoted)), line)
    refuses(path, "x,y\n" + "".join(f"{i}.5,{c}\n" for i, c in enumerate(quoted)), line.replace("'x'", "'y'"))


def test_codes_with_a_letter_are_categories(path):
    table = read(path, "x,y\n" + "".join(f"{c},{i}.5\n" for i, c in enumerate("112233A" * 3)))
    assert table.names == ["x=1", "x=2", "x=3", "x=A"]
    assert read(path, "x,y\n1_000,1.5\n2_000,2.5\n").names == ["x=1_000", "x=2_000"]


# CSV files: hostile ones


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["file is empty"]), ("\n \n\r\n", ["file is empty"]), ("\ufeff", ["file is empty"]),
        ("x,y\n", ["no row below"]), ("x,y", ["no row below"]),
        ("x,z\n1,2\n", ["no column 'y'; there are 'x', 'z'"]),
        ("x,Y\n1,2\n", ["did you mean 'Y'?"]),
        ("1,2\n3,4\n", ["no column 'y'", "first line must hold the names"]),
        (",,\n1,2,3\n", ["no column 'y'"]),
        ("".join(f"c{i}," for i in range(500)) + "z\n" + "1," * 500 + "1\n", ["'c19' and 481 more"]),
        ("x,y\n1,2.5\n1,2.5,3\n", ["line 3: 3 cells, but the header has 2"]),
        ("x,y\n1,2.5\n1\n", ["line 3: 1 cells, but the header has 2"]),
        ("x,x,y\n1,2,3\n", ["two columns have the name 'x'"]),
        ('x,y\n1,2\n"1,2\n3,4\n', ["line 3", "never closed"]),
        ('x,"y\n1,2\n', ["line 1", "never closed"]),
        ('x,y\n"1"0,2\n', ["line 2", "expected after"]),
        ('x,y\n1,2\n"' + "1," * 200_000, ["line 3", "more than 131072 characters", "quote open"]),
        ("x,y\n" + "1" * 200_000 + ",2\n", ["line 2", "more than 131072 characters"]),
        ("x,y\n1,2.5\ninf,3\n", ["line 3, column 'x': 'inf' is infinite"]),
        ("x,y\n1,2.5\n1,1e999\n", ["line 3, column 'y': '1e999' is infinite"]),
        ("x,y\n1,2.5\n" + "9" * 400 + ",3\n", ["line 3, column 'x'", "is infinite"]),
        ("x,y\n1.5,2.5\n1.5,3.5\n-nan,3\n", ["line 4, column 'x': '-nan' is not a number"]),
        ('x,y\n1.5,2.5\n"2,5",3\n', ["line 3, column 'x': '2,5' is not a number", "after a point"]),
        ("x,y\nNA,2\n?,3\n1,\n", ["column 'x'", "no row is complete", "2 of 3"]),
        ("x,y\n1,a\n2,a\n", ["column 'y'", "'a' is the only class"]),
        ("x,y\n1,2\n2,3\0\n", ["line 3", "NUL byte", "UTF-8"]),
        ("x,y\n1,ä\n2,ö\n".encode("latin-1"), ["line 2: byte 0xe4 is not UTF-8", "save the file as UTF-8"]),
        ("x,y\r1,2\r2,ö\r".encode("latin-1"), ["line 3: byte 0xf6"]),
        ("x,y\n1,2\n".encode("utf-16"), ["line 1: byte 0xff is not UTF-8"]),
        ("x,y\n1,2\n".encode("utf-16-le"), ["line 1", "NUL byte", "UTF-16"]),
        (b"\xef\xbb\xbfx,y\n1,\xc3", ["line 2: byte 0xc3"]),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ["line 1: byte 0x89"]),
    ],
)  # fmt: skip
def test_hostile_files(path, content, parts):
    refuses(path, content, *parts)


def test_a_text_target_cannot_be_a_regression(path):
    refuses(path, "x,y\n1,a\n2,b\n", "line 2, column 'y': 'a' is not a number", task="regression")


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv", "y")
    with pytest.raises(OSError, match=re.escape(tmp_path.name)):
        read_csv(tmp_path, "y")
    with pytest.raises(TypeError):
        read_csv(0, "y")  # not standard input


def test_the_limit_of_the_csv_module_is_respected_and_left_alone(path):
    before = csv.field_size_limit(10)
    try:
        refuses(path, "x,y\n1,12345678901\n", "line 2", "more than 10 characters")
        assert csv.field_size_limit() == 10
    finally:
        csv.field_size_limit(before)


def test_nothing_in_a_file_is_run(path):
    content = "x,y\n=cmd|' /C calc'!A0,1.5\n__import__('os').system('exit 1'),2.5\n{x.__class__},3.5\n"
    table = read(path, content)
    assert len(table.names) == 3
    assert len(table.rows) == 3


@given(st.binary(max_size=200) | st.text(st.sampled_from('x,y;\t\n\r"1.5aNA?\ufeff\0 -ei_'), max_size=80).map(str.encode))
@example(b'x,y\n1,2\n"')
@example(b'y,x\r"\r')
@example(b"y\n1")
def test_any_bytes_give_a_table_or_a_data_error(path, content):
    for head in (b"", b"x,y\n", b"x;y\n1;2.5\n"):
        for kwargs in ({}, {"task": "regression"}, {"task": "classification"}):
            try:
                table = read(path, head + content, **kwargs)
            except DataError:
                continue
            assert all(len(row) == len(table.names) for row in table.rows)
            assert all(math.isfinite(x) for row in table.rows for x in row)
            assert len(table.rows) == len(table.targets) == len(table.lines) > 0
            assert table.lines == sorted(set(table.lines))
            if table.left_out == 0:  # else rows may be left out for their target alone
                assert table.encoder.read(path) == table
            assert Encoder.from_state(json.loads(json.dumps(table.encoder.state()))) == table.encoder


CELLS = st.text(max_size=8).map(lambda s: s.replace("\0", "").replace("\ufeff", ""))


@given(
    names=st.lists(CELLS.map(str.strip).filter(bool), min_size=2, max_size=4, unique=True),
    data=st.data(), delimiter=st.sampled_from(",;\t"), quote_all=st.booleans(),
)  # fmt: skip
def test_what_the_csv_module_writes_is_read_back(path, names, data, delimiter, quote_all):
    n = data.draw(st.integers(2, 8))
    numbers = [data.draw(st.floats(allow_nan=False, allow_infinity=False)) for _ in range(n)]
    words = [[data.draw(CELLS.map(lambda s: f"t{s}")) for _ in range(n)] for _ in names[1:]]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    if quote_all:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([names, *zip(numbers, *words, strict=True)])
    table = read(path, file.getvalue(), names[0], delimiter=delimiter, task="regression")
    assert table.targets == numbers
    assert table.left_out == 0
    for k, (name, known) in enumerate(table.encoder.columns):
        assert name == names[k + 1]
        assert known == sorted({word.strip() for word in words[k]})
    at = 0
    for (_, known), column in zip(table.encoder.columns, words, strict=True):
        for row, word in zip(table.rows, column, strict=True):
            assert row[at : at + len(known)] == [float(c == word.strip()) for c in known]
        at += len(known)


# The encoder on the next file


@pytest.fixture
def encoder(path):
    return read(path, "a,b,y\n1,u,cat\n2,v,dog\n3,v,cat\n").encoder


def test_columns_are_found_by_name_in_any_order(path, encoder):
    path.write_text("y;extra;b;a\ndog;?;u;5\n;;v;6\nfox;;v;7\nNA;;;8\n")
    table = encoder.read(path)
    assert table.rows == [[5.0, 1.0, 0.0], [6.0, 0.0, 1.0], [7.0, 0.0, 1.0]]
    assert table.targets == ["dog", None, "fox"]
    assert (table.lines, table.left_out) == ([2, 3, 4], 1)
    assert (table.kind, table.classes) == ("classification", ["cat", "dog"])
    path.write_text("b,a\nu,5\n")
    assert encoder.read(path).targets == []
    path.write_text("b,a,y\nu,5,\n")
    assert encoder.read(path).targets == []
    path.write_text("b|a\nu|5\n")
    assert encoder.read(path, delimiter="|").rows == [[5.0, 1.0, 0.0]]


def test_number_targets_on_the_next_file(path):
    classes = read(path, "a,y\n" + "1,0\n2,1\n" * 11).encoder
    path.write_text("a,y\n1,1.0\n2,\n3,7\n")
    assert [repr(y) for y in classes.read(path).targets] == ["1", "None", "7"]
    regression = read(path, "a,y\n1,0.5\n2,1\n").encoder
    path.write_text("a,y\n1,1\n2,\n")
    assert regression.read(path).targets == [1.0, None]
    path.write_text("a,y\n1,1\n2,x\n")
    assert regression.read(path).targets == [1.0, None]  # no answer that could be predicted


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("a,b\n1,u\n2,w\n", "line 3, column 'b': unknown category 'w'; known are 'u', 'v'"),
        ("a,b\n1,u\nx,v\n", "line 3, column 'a': 'x' is not a number"),
        ("a,b\n1,u\ninf,v\n", "line 3, column 'a': 'inf' is infinite"),
        ("A,b\n1,u\n", "no column 'a'; there are 'A', 'b'; did you mean 'A'"),
        ("a,b\n,u\n1,NA\n", "no row is complete"),
        ("a,b\n", "no row below"),
    ],
)
def test_the_next_file_is_refused(path, encoder, content, match):
    path.write_text(content)
    with pytest.raises(DataError, match=re.escape(match)) as caught:
        encoder.read(path)
    assert str(caught.value).startswith(f"Encoder.read: {path}")


def test_the_encoder_of_penguins_survives_json():
    table = read_csv(DATA / "penguins.csv", "species")
    again = Encoder.from_state(json.loads(json.dumps(table.encoder.state(), sort_keys=True)))
    assert again == table.encoder
    read_again = again.read(DATA / "penguins.csv")
    assert read_again.rows == table.rows
    assert read_again.targets == table.targets


GOOD = {"target": "y", "kind": "classification", "classes": ["a", "b"], "columns": [["x", None], ["z", ["u"]]]}


@pytest.mark.parametrize(
    "damage",
    [lambda s: s.update(target=3), lambda s: s.update(target="x"), lambda s: s.update(kind="os.system"),
     lambda s: s.update(kind=[]), lambda s: s.update(kind="regression"), lambda s: s.update(classes=[]),
     lambda s: s.update(classes="ab"), lambda s: s.update(classes=["a"]), lambda s: s.update(classes=["a", 1]),
     lambda s: s.update(classes=[1, 1.0]), lambda s: s.update(classes=[0, math.inf]),
     lambda s: s.update(classes=[0, math.nan]), lambda s: s.update(classes=[True, False]),
     lambda s: s.update(classes=[["a"], ["b"]]), lambda s: s.update(columns=[]), lambda s: s.update(columns=None),
     lambda s: s.update(columns=[["x"]]), lambda s: s.update(columns=["xz"]),
     lambda s: s.update(columns=[["x", None], ["x", None]]), lambda s: s.update(columns=[["x", []]]),
     lambda s: s.update(columns=[["x", ["u", "u"]]]), lambda s: s.update(columns=[["x", [1]]]),
     lambda s: s.update(columns=[[["x"], None]]), lambda s: s.update(columns=[["x", "u"]]),
     lambda s: s.update(columns={"x": None}), lambda s: s.pop("kind"), lambda s: s.pop("columns"),
     lambda s: s.update(read="x"), lambda s: s.update(_table=1)],
)  # fmt: skip
def test_a_damaged_encoder_is_refused(damage):
    state = json.loads(json.dumps(GOOD))
    assert Encoder.from_state(state).state() == GOOD
    damage(state)
    with pytest.raises(DataError, match=r"Encoder.from_state: .* is no such state"):
        Encoder.from_state(state)


@pytest.mark.parametrize("state", [None, 3, "columns", [], [1, 2], {}, {"columns": 1}, {"columns": [[1, 2, 3]]}])
def test_what_is_no_encoder_at_all(state):
    with pytest.raises(DataError, match="is no such state"):
        Encoder.from_state(state)
