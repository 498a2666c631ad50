"""Pairs of rows and columns with the highest sum, exactly."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_pairs"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]


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
    owner = np.full(gains.shape[1], -1)  # row that each column belongs to
    prices = np.zeros(gains.shape[0]), np.zeros(gains.shape[1])
    for row in range(len(gains)):
        last, path = _shortest_path(row, gains, owner, prices)
        while last >= 0:
            previous = int(path[last])
            owner[last] = row if previous < 0 else owner[previous]
            last = previous
    pairs = [(int(row), column) for column, row in enumerate(owner) if row >= 0]
    return [pair for pair in pairs if gains[pair] > 0]


def _shortest_path(
    row: int, gains: Array, owner: Places, prices: tuple[Array, Array]
) -> tuple[int, Places]:
    """The path from a row to a column without an owner that costs least; changes the prices.

    Returns:
        The column, and before each column the one from which the path comes, -1 at its beginning.
    """
    row_price, column_price = prices
    shortest, path = np.full(len(owner), np.inf), np.full(len(owner), -1)
    done = np.zeros(len(owner), np.bool_)
    last, at, length = -1, row, 0.0
    while at >= 0:
        cost = length - gains[at] - row_price[at] - column_price
        nearer = ~done & (cost < shortest)
        shortest[nearer], path[nearer] = cost[nearer], last
        last = int(np.where(done, np.inf, shortest).argmin())
        length, done[last] = float(shortest[last]), True
        at = int(owner[last])
    done[last] = False
    row_price[row] += length
    row_price[owner[done]] += length - shortest[done]
    column_price[done] -= length - shortest[done]
    return last, path
