"""Pairs of rows and columns with the highest sum, exactly."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_pairs"]

Array = NDArray[np.float64]


def best_pairs(gains: Array) -> list[tuple[int, int]]:
    """Pairs with the highest sum of gains, each row and column in one at most.

    Kuhn's and Munkres' method with shortest augmenting paths (Jonker and Volgenant, 1987).

    Args:
        gains: (n, m), none below 0.

    Returns:
        (row, column) of those with a gain, in no order.
    """
    if gains.shape[0] > gains.shape[1]:
        return [(row, column) for column, row in best_pairs(gains.T)]
    count, width = gains.shape
    owner = np.full(width, -1)  # row that each column belongs to
    row_price, column_price = np.zeros(count), np.zeros(width)
    for row in range(count):
        shortest, before = np.full(width, np.inf), np.full(width, -1)
        done = np.zeros(width, np.bool_)
        last, at, length = -1, row, 0.0
        while at >= 0:
            cost = length - gains[at] - row_price[at] - column_price
            nearer = ~done & (cost < shortest)
            shortest[nearer], before[nearer] = cost[nearer], last
            last = int(np.where(done, np.inf, shortest).argmin())
            length, done[last] = float(shortest[last]), True
            at = int(owner[last])
        row_price[row] += length
        passed = done.copy()
        passed[last] = False
        row_price[owner[passed]] += length - shortest[passed]
        column_price[passed] -= length - shortest[passed]
        while last >= 0:
            previous = int(before[last])
            owner[last] = row if previous < 0 else owner[previous]
            last = previous
    pairs = [(int(row), column) for column, row in enumerate(owner) if row >= 0]
    return [pair for pair in pairs if gains[pair] > 0]
