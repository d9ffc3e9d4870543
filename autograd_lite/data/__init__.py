"""Data: seeded sets in the plane, mini-batches, splits, standardising, CSV files.

A set is a pair (X, Y) of as many rows, lists of floats, as targets.

sets     moons, circles, blobs, spirals; batches, split
scale    Standardiser
table    read_csv: a CSV file as rows of floats, categories one-hot

>>> X, Y = moons(200, noise=0.1, seed=1)
>>> train, validation = split(X, Y, fraction=0.25)
>>> len(train[0]), len(validation[0])
(150, 50)
>>> scaler = Standardiser.fit(train[0])
>>> inputs = scaler.transform(validation[0])
"""

from .scale import Standardiser
from .sets import DataError, batches, blobs, circles, moons, spirals, split
from .table import Encoder, Table, read_csv

__all__ = [
    "DataError", "Encoder", "Standardiser", "Table", "batches", "blobs", "circles", "moons",
    "read_csv", "spirals", "split",
]  # fmt: skip
