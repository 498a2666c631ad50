"""TPS: keep evenly spaced frames, whatever they show."""

from h2ot_edge._kept import evenly_spaced


def positions(frames: int, keep: int, always: int | None) -> list[int]:
    """`keep` of `frames` positions, evenly spaced, the first and the last included.

    A single frame is the middle one. `always` takes the place of the position nearest to it, so
    first and last stay where they are whenever three or more are kept.
    """
    if keep == 1:
        return [(frames - 1) // 2 if always is None else always]
    chosen: list[int] = evenly_spaced(frames, keep).tolist()
    if always is not None and always not in chosen:
        inner = chosen[1:-1] or chosen
        nearest = min(inner, key=lambda position: abs(position - always))
        chosen[chosen.index(nearest)] = always
    return sorted(chosen)
