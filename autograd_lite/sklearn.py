"""MLPs in scikit-learn's style, for its Pipeline, cross_val_score and GridSearchCV.

scikit-learn is never imported. Inputs are not standardised: put a StandardScaler before the model.

>>> from autograd_lite.data import moons
>>> X, y = moons(60, seed=1)
>>> model = MLPClassifier(hidden=(8,), epochs=40).fit(X, y)
>>> model.score(X, y) > 0.85, model.predict([[-1.0, 0.5], [2.0, 0.0]])
(True, [0, 1])
"""

# ruff: noqa: N803 (X)

from __future__ import annotations

import inspect
import math
import operator
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

from .data import Standardiser, sets
from .fit import OPTIMIZERS, History, class_of, fit, outputs_of
from .functions import softmax
from .ieee import fsum, number, shown
from .nn import MLP

__all__ = ["MLPClassifier", "MLPRegressor"]

Self = TypeVar("Self", bound="_Estimator")


class _Estimator:
    _estimator_type = ""
    n_features_in_: int
    model_: MLP
    history_: History

    def __init__(
        self, hidden: Sequence[int] = (16,), activation: Any = "tanh", optimizer: str = "adam",
        lr: float = 0.01, epochs: int = 100, batch_size: int = 32, alpha: float = 0.0,
        seed: int | None = 0, progress: bool = False,
    ) -> None:  # fmt: skip
        self.hidden, self.activation, self.optimizer = hidden, activation, optimizer
        self.lr, self.epochs, self.batch_size = lr, epochs, batch_size
        self.alpha, self.seed, self.progress = alpha, seed, progress

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name; `deep` is there for scikit-learn."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self: Self, **params: Any) -> Self:
        """Set parameters by name. Raises ValueError for an unknown one, before any is set."""
        known = self.get_params()
        for name in params.keys() - known.keys():
            raise ValueError(f"{self}.set_params: {name} is not known; use {', '.join(known)}")
        vars(self).update(params)
        return self

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters.items()
        pairs = ((name, p.default, getattr(self, name)) for name, p in parameters)
        changed = (f"{name}={x!r}" for name, default, x in pairs if repr(x) != repr(default))
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        module, kind = sys.modules["sklearn.utils"], self._estimator_type  # scikit-learn asks
        own = getattr(module, f"{kind.capitalize()}Tags")()
        target = module.TargetTags(required=True)
        return module.Tags(estimator_type=kind, target_tags=target, **{f"{kind}_tags": own})

    def _train(self, X: list[list[float]], y: list[Any], outputs: int, loss: str) -> None:
        if self.optimizer not in [*OPTIMIZERS]:
            known = " or ".join(map(repr, OPTIMIZERS))
            raise ValueError(f"{self}: optimizer = {shown(self.optimizer)}; use {known}")
        if not 0.0 <= self.alpha < math.inf:
            raise ValueError(f"{self}: alpha = {self.alpha!r} must be finite and not negative")
        hidden = self.hidden if hasattr(self.hidden, "__iter__") else [self.hidden]
        seed = None if self.seed is None else operator.index(self.seed)
        net = MLP(len(X[0]), [*hidden, outputs], self.activation, init="xavier", seed=seed)
        history = fit(
            net, X, y,
            loss=loss, optimizer=OPTIMIZERS[self.optimizer](net.parameters(), lr=self.lr),
            epochs=operator.index(self.epochs), batch_size=operator.index(self.batch_size),
            penalty=self.alpha, seed=seed, progress=self.progress,  # type: ignore[arg-type]
        )  # fmt: skip
        if history.interrupted:  # a half-trained model must not count in a search
            raise KeyboardInterrupt
        self.model_, self.history_, self.n_features_in_ = net, history, len(X[0])

    def _outputs(self, function: str, X: Any) -> list[list[float]]:
        name = type(self).__name__
        if not hasattr(self, "model_"):
            error = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", ValueError)
            raise error(f"{name}.{function}: not fitted yet; call fit(X, y) first")
        rows = _rows(f"{name}.{function}", X)
        if rows and len(rows[0]) != self.n_features_in_:
            found = f"X has {len(rows[0])} features, but {name} is expecting"  # as scikit-learn
            raise ValueError(f"{name}.{function}: {found} {self.n_features_in_} features as input")
        return [z if isinstance(z, list) else [z] for z in outputs_of(self.model_, rows)]


class MLPClassifier(_Estimator):
    """A multi-layer perceptron that tells classes apart: the softmax of its outputs.

    hidden      numbers of neurons of the hidden layers; () for a straight line classifier
    activation  of the hidden layers, a name or a function (see nn.Neuron)
    optimizer   "adam" or "sgd"; lr is its learning rate
    epochs, batch_size   how often all rows are seen, and how many at a time
    alpha       α of the L2 penalty α sum_k θ_k² on all weights and biases θ
    seed        of the initial weights and the order of the rows; None: a new one each time
    progress    show a bar (tqdm, extra `train`)

    After fit: model_ (the MLP), history_, classes_ (sorted), n_features_in_. Lists give lists,
    NumPy arrays and DataFrames NumPy arrays. Raises ValueError or TypeError.

    >>> model = MLPClassifier(hidden=(), epochs=60, lr=0.1).fit([[0], [1], [2], [3]], [*"aabb"])
    >>> model, model.predict([[0.5], [2.5]])
    (MLPClassifier(hidden=(), lr=0.1, epochs=60), ['a', 'b'])
    """

    _estimator_type = "classifier"
    classes_: Any

    def fit(self, X: Any, y: Any) -> MLPClassifier:
        """Train on rows X and classes y (text, whole numbers or bools)."""
        where = "MLPClassifier.fit"
        rows, labels = _pair(where, X, y)
        for c in labels:
            if isinstance(c, float) and not c.is_integer():
                raise ValueError(f"{where}: y holds {c!r}, a continuous target; use MLPRegressor")
        try:
            classes = sorted(set(labels))
        except TypeError:
            raise TypeError(f"{where}: y holds classes of different types; use one") from None
        if len(classes) < 2:
            only = shown(classes[0])
            raise ValueError(f"{where}: {only} is the only class in y; give rows of two or more")
        place = {c: k for k, c in enumerate(classes)}
        self._train(rows, [place[c] for c in labels], len(classes), "cross_entropy")
        self.classes_ = _like(classes, X, y)
        return self

    def predict(self, X: Any) -> Any:
        """The most probable class of each row."""
        outputs = self._outputs("predict", X)
        classes = _listed("predict", "classes_", self.classes_)
        return _like([classes[class_of(zs)] for zs in outputs], X)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class (columns as in classes_) for each row.

        >>> model = MLPClassifier(epochs=1).fit([[0.0], [1.0]], [0, 1])
        >>> [round(sum(row), 12) for row in model.predict_proba([[0.5], [9.0]])]
        [1.0, 1.0]
        """
        return _like([softmax(zs) for zs in self._outputs("predict_proba", X)], X)

    def score(self, X: Any, y: Any) -> float:
        """The accuracy: the share of rows whose class is predicted right."""
        rows, labels = _pair("MLPClassifier.score", X, y)
        return operator.countOf(map(operator.eq, self.predict(rows), labels), True) / len(labels)


class MLPRegressor(_Estimator):
    """A multi-layer perceptron that predicts a number, trained on the mean squared error.

    The parameters, attributes (but classes_) and errors are those of MLPClassifier. The targets
    are standardised for the training and predictions scaled back, so history_ is in units of the
    targets' variance and the unit of y does not matter.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [100.0, 300.0, 500.0, 700.0]
    >>> model = MLPRegressor(hidden=(), epochs=200, lr=0.1).fit(X, y)
    >>> round(model.predict([[4.0]])[0]), round(model.score(X, y), 6)
    (900, 1.0)
    """

    _estimator_type = "regressor"

    def fit(self, X: Any, y: Any) -> MLPRegressor:
        """Train on rows X and numbers y."""
        rows, targets = _pair("MLPRegressor.fit", X, y)
        targets = _finite("MLPRegressor.fit", "y", targets)
        scaler = Standardiser.fit(targets)
        self._train(rows, scaler.transform(targets), 1, "mse")
        self._scaler = scaler
        return self

    def predict(self, X: Any) -> Any:
        """The number predicted for each row."""
        found = [z for (z,) in self._outputs("predict", X)]
        return _like(self._scaler.inverse(found) if found else [], X)

    def score(self, X: Any, y: Any) -> float:
        """R² = 1 - sum_k (y_k - ŷ_k)² / sum_k (y_k - ȳ)².

        As in scikit-learn: for a constant y 1 if all are met, else 0; nan for a single row.
        """
        rows, targets = _pair("MLPRegressor.score", X, y)
        targets = _finite("MLPRegressor.score", "y", targets)
        mean = fsum(targets) / len(targets)
        errors = map(operator.sub, targets, self.predict(rows))
        missed, spread = fsum([e * e for e in errors]), fsum([(y - mean) ** 2 for y in targets])
        if not spread:
            return float(not missed) if len(targets) > 1 else math.nan
        return 1.0 - missed / spread


def _pair(where: str, X: Any, y: Any) -> tuple[list[list[float]], list[Any]]:
    rows, targets = _rows(where, X), _listed(where, "y", y)
    if len(rows) != len(targets) or not rows:
        found = f"{len(rows)} rows in X for {len(targets)} targets in y"
        raise ValueError(f"{where}: {found}; give as many of each, at least one")
    if isinstance(targets[0], (list, tuple)) or getattr(targets[0], "ndim", None):
        raise ValueError(f"{where}: y holds lists; give one target for each row, as by .ravel()")
    return rows, targets


def _rows(where: str, X: Any) -> list[list[float]]:
    rows, flat = sets.matrix(where, _listed(where, "X", X))
    if flat or not all(rows):
        found = "is a flat list" if flat else "has 0 features"
        raise ValueError(f"{where}: X {found}; give a list of rows, such as [[x], ...]")
    return [_finite(where, f"row {i} of X", row) for i, row in enumerate(rows)]


def _finite(where: str, name: str, xs: Sequence[Any]) -> list[float]:
    found = [number(x, name, where) for x in xs]
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{where}: {name} holds nan or inf; leave the row out or fill the gap")
    return found


def _listed(where: str, name: str, xs: Any) -> list[Any]:
    if hasattr(xs, "toarray"):
        raise TypeError(f"{where}: {name} is a sparse matrix; use .toarray()")
    if hasattr(xs, "__array__"):
        import numpy as np

        xs = np.asarray(xs).tolist()
    return sets.listed(where, name, xs)


def _like(found: list[Any], *inputs: Any) -> Any:
    """A NumPy array if one of the inputs is an array or a DataFrame, else the list."""
    if not any(hasattr(x, "__array__") for x in inputs):
        return found
    import numpy as np

    return np.asarray(found)
