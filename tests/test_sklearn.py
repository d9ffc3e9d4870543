"""MLPClassifier and MLPRegressor, alone and inside scikit-learn."""

from __future__ import annotations

import inspect
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autograd_lite.data import moons, read_csv
from autograd_lite.functions import softmax
from autograd_lite.sklearn import MLPClassifier, MLPRegressor

IRIS = read_csv(Path(__file__).parents[1] / "notebooks/data/iris.csv", "species")
X, Y = moons(80, noise=0.1, seed=1)
QUICK = {"hidden": (6,), "epochs": 15, "lr": 0.03, "batch_size": 16}
BOTH = pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])


class Frame:
    """What a DataFrame shows of itself: iterating gives the names of its columns."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(["x1", "x2"])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.rows, dtype)


def iris_pipeline(**more):
    return make_pipeline(StandardScaler(), MLPClassifier(**{**QUICK, **more}))


def line(n=60):
    """Rows of two features, numbers that depend on them linearly up to noise."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 2))
    return rows, 1000.0 + 300.0 * rows[:, 0] - 200.0 * rows[:, 1] + 30.0 * rng.normal(size=n)


def test_pipeline_on_iris_from_lists():
    model = iris_pipeline(epochs=25).fit(IRIS.rows, IRIS.targets)
    assert model.score(IRIS.rows, IRIS.targets) >= 0.95
    assert list(model.classes_) == ["setosa", "versicolor", "virginica"]
    assert model.predict_proba(IRIS.rows[:2]).shape == (2, 3)


def test_cross_val_score_on_iris():
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    for rows, classes in [(IRIS.rows, IRIS.targets), (np.array(IRIS.rows), np.array(IRIS.targets))]:
        scores = cross_val_score(iris_pipeline(), rows, classes, cv=folds, error_score="raise")
        assert min(scores) >= 0.9
        assert scores.mean() >= 0.93


def test_grid_search_over_lists_and_numpy_numbers():
    grid = {"hidden": [(), [4]], "lr": np.array([1e-9, 0.1]), "batch_size": np.array([16]),
            "epochs": np.array([5]), "seed": np.array([3])}
    grid = {f"mlpclassifier__{name}": values for name, values in grid.items()}
    search = GridSearchCV(iris_pipeline(), grid, cv=3, error_score="raise")
    search.fit(IRIS.rows, IRIS.targets)
    assert search.best_params_["mlpclassifier__lr"] == 0.1
    assert search.best_score_ > 0.85
    assert search.predict(IRIS.rows[:1]) == ["setosa"]


def test_grid_search_of_a_regressor_and_scorers():
    rows, y = line(40)
    search = GridSearchCV(MLPRegressor(epochs=10), {"hidden": [(), (3,)], "lr": [0.1]}, cv=2,
                          scoring="neg_mean_squared_error", error_score="raise").fit(rows, y)
    assert search.best_params_["hidden"] in [(), (3,)]
    first = np.array(IRIS.rows[:100])
    scores = cross_val_score(iris_pipeline(), first, np.arange(100) < 50, scoring="roc_auc", cv=2)
    assert min(scores) > 0.99


@BOTH
def test_clone_params_and_repr(kind):
    hidden = [3]
    model = kind(hidden=hidden, alpha=0.1)
    assert model.hidden is hidden
    params = model.get_params()
    assert list(params) == [*inspect.signature(kind).parameters]
    assert params == {"hidden": [3], "activation": "tanh", "optimizer": "adam", "lr": 0.01,
                      "epochs": 100, "batch_size": 32, "alpha": 0.1, "seed": 0, "progress": False}
    assert model.get_params(deep=False) == params
    model.set_params(epochs=2, batch_size=8).fit(X, Y)
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "model_")
    assert repr(other) == f"{kind.__name__}(hidden=[3], epochs=2, batch_size=8, alpha=0.1)"
    assert eval(repr(other)).get_params() == other.get_params()
    assert repr(kind()) == f"{kind.__name__}()"
    assert "MLP" in make_pipeline(model)._repr_html_()


def test_what_scikit_learn_asks_about_the_kind():
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())
    assert not is_classifier(MLPRegressor())
    for kind, name in [(MLPClassifier, "classifier"), (MLPRegressor, "regressor")]:
        assert kind._estimator_type == name
        if hasattr(sys.modules["sklearn.utils"], "Tags"):  # from 1.6 on
            tags = kind().__sklearn_tags__()
            assert tags.estimator_type == name
            assert tags.target_tags.required


@BOTH
def test_pickle(kind):
    model = pickle.loads(pickle.dumps(kind(**QUICK).fit(X, Y)))
    again = kind(**QUICK).fit(X, Y)
    assert model.predict(X) == again.predict(X)
    assert model.history_.loss == again.history_.loss


@BOTH
def test_the_seed_decides(kind):
    def loss(**more):
        return kind(**{**QUICK, "epochs": 3, **more}).fit(X, Y).history_.loss

    assert loss() == loss() == loss(seed=np.int64(0))
    assert loss() != loss(seed=1)
    assert loss(seed=None) != loss(seed=None)


@BOTH
def test_lists_give_lists_and_arrays_arrays(kind):
    on_lists, on_arrays = kind(**QUICK).fit(X, Y), kind(**QUICK).fit(np.array(X), np.array(Y))
    found = on_lists.predict(X)
    assert type(found) is list
    assert type(found[0]) is (int if kind is MLPClassifier else float)
    for model in (on_lists, on_arrays):
        assert model.n_features_in_ == 2
        assert model.predict(X) == found
        for rows in (np.array(X), Frame(X)):
            out = model.predict(rows)
            assert isinstance(out, np.ndarray)
            assert out.tolist() == found
        assert model.predict([]) == []
    assert kind(**QUICK).fit(Frame(X), Y).predict(X) == found
    assert on_lists.score(X, Y) == on_lists.score(Frame(X), np.array(Y))


def test_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = MLPClassifier(**QUICK).fit(frame, pd.Series(Y))
    assert isinstance(model.predict(frame), np.ndarray)
    assert model.score(frame, pd.Series(Y)) > 0.8


def test_probabilities_are_the_softmax_of_the_net():
    model = MLPClassifier(**QUICK).fit(X, Y)
    rows = model.predict_proba(X)
    assert rows[0] == softmax([z.data for z in model.model_(X[0])])
    assert model.predict(X) == [int(p[1] > p[0]) for p in rows]
    assert sum(model.predict_proba([[1e300, -1e300]])[0]) == 1.0
    assert all(math.isclose(sum(p), 1.0) for p in rows)
    assert model.score(X, Y) == accuracy_score(Y, model.predict(X))


@pytest.mark.parametrize("names", [("b", "a"), (7, -1), (True, False), (2.0, 1.0)], ids=str)
def test_classes_of_every_type(names):
    y = [names[k] for k in Y]
    model = MLPClassifier(**{**QUICK, "epochs": 40}).fit(X, y)
    assert model.classes_ == sorted(names)
    found = model.predict(X)
    assert {*map(type, found)} == {type(names[0])}
    assert model.score(X, y) > 0.85
    array = MLPClassifier(**{**QUICK, "epochs": 1}).fit(X, np.array(y))
    assert isinstance(array.classes_, np.ndarray)
    assert array.classes_.dtype == np.array(y).dtype


def test_no_hidden_layer_and_a_number_of_neurons():
    assert len(MLPClassifier(hidden=(), epochs=1).fit(X, Y).model_.layers) == 1
    one, other = (MLPClassifier(hidden=h, epochs=1).fit(X, Y) for h in (4, (4,)))
    assert one.model_.weights == other.model_.weights


def test_a_linear_target_is_met_as_by_linear_regression():
    rows, y = line()
    best = LinearRegression().fit(rows, y).score(rows, y)
    for hidden, epochs in [((), 100), ((8,), 100)]:
        model = MLPRegressor(hidden=hidden, epochs=epochs, lr=0.03).fit(rows, y)
        assert model.score(rows, y) > 0.99 * best
        assert model.score(rows, y) == pytest.approx(r2_score(y, model.predict(rows)), rel=1e-12)


def test_the_unit_of_the_target_does_not_matter():
    rows, y = line()
    model, scaled = (MLPRegressor(epochs=5).fit(rows, t) for t in (y, 1e9 * y))
    np.testing.assert_allclose(scaled.predict(rows), 1e9 * model.predict(rows), rtol=1e-9)


def test_r2_at_its_edges():
    model = MLPRegressor(hidden=(), epochs=0).fit(X[:2], [5.0, 5.0])
    model.model_.weights = [[[0.0, 0.0]]]
    assert model.predict(X[:2]) == [5.0, 5.0]
    assert model.score(X[:2], [5.0, 5.0]) == 1.0
    assert model.score(X[:2], [6.0, 6.0]) == r2_score([6.0, 6.0], [5.0, 5.0]) == 0.0
    assert math.isnan(model.score(X[:1], [5.0]))


def test_the_penalty_shrinks_the_weights():
    def size(alpha):
        model = MLPClassifier(**QUICK, alpha=alpha).fit(X, Y)
        return sum(p.data**2 for p in model.model_.parameters())

    assert size(0.1) < 0.5 * size(0.0)


def test_sgd_and_progress(capsys):
    model = MLPClassifier(optimizer="sgd", lr=0.3, epochs=4, progress=True).fit(X, Y)
    assert "4/4" in capsys.readouterr().err
    assert len(model.history_.loss) == len(model.history_.accuracy) == 4
    assert MLPRegressor(epochs=2).fit(X, Y).history_.accuracy == []


@BOTH
def test_not_fitted(kind):
    for error in (NotFittedError, ValueError):
        with pytest.raises(error, match=rf"{kind.__name__}\.predict: not fitted yet; call fit"):
            kind().predict(X)


@BOTH
@pytest.mark.parametrize(
    ("rows", "y", "error", "message"),
    [
        (X, Y[:-1], ValueError, "80 rows in X for 79 targets in y"),
        ([], [], ValueError, "0 rows in X for 0 targets"),
        ([1.0, 2.0], [0, 1], ValueError, "X is a flat list"),
        ([[], []], [0, 1], ValueError, "X has 0 features"),
        ([[1, 2], [3]], [0, 1], ValueError, "row 1 has 1 numbers, not 2"),
        ([[1], [math.nan]], [0, 1], ValueError, "row 1 of X holds nan or inf"),
        ([["a"], ["b"]], [0, 1], TypeError, "row 0 must be a real number, not str 'a'"),
        (np.zeros((2, 2, 2)), [0, 1], TypeError, "row 0 must be a real number, not list"),
        ([[1], [2]], [[0], [1]], ValueError, "y holds lists.*ravel"),
        ([[1], [2]], None, TypeError, "y must be a list, not NoneType"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_errors_of_the_data(kind, rows, y, error, message):
    with pytest.raises(error, match=message) as caught:
        kind().fit(rows, y)
    assert f"{kind.__name__}.fit: " in str(caught.value)


def test_sparse_input_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"X is a sparse matrix; use \.toarray\(\)"):
        MLPClassifier().fit(sparse.csr_array(np.array(X)), Y)


@BOTH
def test_another_number_of_features(kind):
    model = kind(epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 3 features, but \w+ is expecting 2 features"):
        model.predict([[1, 2, 3]])


def test_errors_of_the_targets():
    with pytest.raises(ValueError, match="'a' is the only class in y"):
        MLPClassifier().fit([[1], [2]], ["a", "a"])
    with pytest.raises(ValueError, match=r"y holds 0\.5, a continuous target; use MLPRegressor"):
        MLPClassifier().fit([[1], [2]], [0.5, 1.0])
    with pytest.raises(TypeError, match="different types"):
        MLPClassifier().fit([[1], [2]], ["a", 1])
    with pytest.raises(TypeError, match="y must be a real number, not str 'a'"):
        MLPRegressor().fit([[1], [2]], ["a", "b"])
    with pytest.raises(ValueError, match="y holds nan"):
        MLPRegressor().fit([[1], [2]], [1.0, math.nan])


@BOTH
def test_errors_of_the_parameters(kind):
    model = kind()
    with pytest.raises(ValueError, match="depth is not known; use hidden, activation, opt"):
        model.set_params(lr=0.5, depth=3)
    assert model.lr == 0.01
    for wrong, error, message in [
        ({"optimizer": "lbfgs"}, ValueError, "optimizer = 'lbfgs'; use 'sgd' or 'adam'"),
        ({"optimizer": None}, ValueError, "optimizer = None"),
        ({"activation": "tan h"}, ValueError, "activation = 'tan h'"),
        ({"lr": 0.0}, ValueError, "lr = 0.0"),
        ({"alpha": -1.0}, ValueError, "alpha = -1.0"),
        ({"alpha": math.nan}, ValueError, "alpha = nan"),
        ({"epochs": -1}, ValueError, "epochs = -1"),
        ({"batch_size": 0}, ValueError, "batch_size = 0"),
        ({"batch_size": 1.5}, TypeError, "float"),
        ({"hidden": (0,)}, TypeError, ">= 1, not 0"),
        ({"hidden": 1.5}, TypeError, "1.5"),
    ]:
        with pytest.raises(error, match=message):
            kind(**wrong).fit(X, Y)


@BOTH
def test_a_fit_that_fails_leaves_the_model_as_it_was(kind):
    model = kind(**QUICK).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="lr"):
        model.set_params(lr=-1.0).fit([[1.0], [2.0]], [3, 4])
    assert model.predict(X) == before


def test_neither_numpy_nor_scikit_learn_is_imported():
    code = """if True:
        import sys
        from autograd_lite.sklearn import MLPClassifier, MLPRegressor
        MLPClassifier(epochs=1).fit([[0], [1]], "ab").predict_proba([[2]])
        model = MLPRegressor(epochs=1).fit([[0], [1]], [2, 3])
        try:
            MLPRegressor().predict([[1]])
        except ValueError as error:
            assert "not fitted" in str(error)
        assert type(model.predict([[2]])) is list
        print(sorted({"numpy", "sklearn", "scipy", "matplotlib"} & sys.modules.keys()))"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
