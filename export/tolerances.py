"""How far an exported graph may be from the network it was made of: the one table.

Measured with random weights of every backbone on all eight probe windows; the limits are three to
twelve times the worst that was seen. Differences are shares of the output's root mean square, so
that they mean the same for metres and for image units.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Limits on the difference of two outputs, each as a share of the output's rms.

    Attributes:
        mean, p99, largest: of the absolute element-wise difference; None is not checked.
        kept_may_differ: whether another choice of frames is accepted.
        reason: why these numbers.
    """

    mean: float | None
    p99: float | None
    largest: float | None
    kept_may_differ: bool
    reason: str


WELL_CONDITIONED = Tolerance(
    mean=1e-5,
    p99=None,
    largest=1e-4,
    kept_may_differ=False,
    reason="float32 sums in another order and folded weights",
)

GIVEN_CHOICES = Tolerance(
    mean=None,
    p99=None,
    largest=1e-4,
    kept_may_differ=True,
    reason="as above, where the graph's choices are given to the network; only `largest` is used",
)

ILL_CONDITIONED = Tolerance(
    mean=3e-2,
    p99=2e-1,
    largest=None,
    kept_may_differ=True,
    reason="a last-bit difference at the neighbour threshold picks other neighbours, and a few "
    "of these another frame to keep; what the arithmetic is worth, GIVEN_CHOICES says",
)


def tolerance_for(*, ill_conditioned: bool) -> Tolerance:
    """The row for a backbone."""
    return ILL_CONDITIONED if ill_conditioned else WELL_CONDITIONED
