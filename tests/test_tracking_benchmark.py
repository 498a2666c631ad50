"""benchmarks/tracking/: scenes with known identities, and how ids are scored."""

import itertools
import sys

import numpy as np
import pytest
from motions import save_motions, walkers

from h2ot_edge.benchmarks.tracking import __main__ as command
from h2ot_edge.benchmarks.tracking.contenders import libraries, ours
from h2ot_edge.benchmarks.tracking.pairing import best_pairs
from h2ot_edge.benchmarks.tracking.scenes import NO_PERSON, Seen, Setting, film_scene
from h2ot_edge.benchmarks.tracking.scores import Counts, count, total
from h2ot_edge.errors import MissingExtra

WALKERS = walkers(3, frames=400).motions


def scene(*frames):
    """Of who is in each frame."""
    return [
        Seen(float(at), np.ones((len(who), 17, 3), np.float32), np.ones(len(who)), np.array(who))
        for at, who in enumerate(frames)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_pairs_with_the_highest_sum(seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 6, 2)
    gains = np.round(rng.random((rows, columns)) * 4) / 4
    pairs = best_pairs(gains)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    small, large = (gains, columns) if rows <= columns else (gains.T, rows)
    highest = max(
        sum(small[row, column] for row, column in enumerate(chosen))
        for chosen in itertools.permutations(range(large), len(small))
    )
    assert sum(gains[pair] for pair in pairs) == highest


def test_what_is_counted():
    frames = scene([0, 1], [0, 1], [0, 1], [0, 1], [0, 1, NO_PERSON])
    ids = [[1, 2], [1, 0], [1, 2], [2, 3], [2, 3, 4]]
    counts = count(frames, ids)
    assert counts == Counts(
        right=5,  # person 0 is id 1 three times, person 1 id 2 or 3 twice
        people=10,
        named=10,
        switches=2,  # 0 becomes 2, 1 becomes 3
        taken=1,  # 2 was person 1
        broken=1,  # person 1 in the second frame
        false=1,  # 4
    )
    assert counts.idf1 == 0.5
    assert total([counts, counts]).right == 10


def test_nothing_wrong_and_nothing_found():
    assert count(scene([0, 1], [1, 0]), [[5, 6], [6, 5]]).idf1 == 1
    assert count(scene([], []), [[], []]).idf1 == 0


def test_a_scene():
    setting = Setting(people=3, fps=10, seconds=4, twice=0.2, ghosts=2)
    frames = film_scene(WALKERS, setting, seed=1)
    assert [frame.time for frame in frames] == [at / 10 for at in range(40)]
    who = np.concatenate([frame.who for frame in frames])
    assert set(who.tolist()) == {NO_PERSON, 0, 1, 2}
    for frame in frames:
        assert frame.keypoints.shape == (len(frame.who), 17, 3)
        people = frame.who[frame.who != NO_PERSON]
        assert len(set(people.tolist())) == len(people)
        assert ((frame.scores > 0) & (frame.scores <= 1)).all()
    again = film_scene(WALKERS, setting, seed=1)
    np.testing.assert_array_equal(frames[5].keypoints, again[5].keypoints)


def test_ids_in_scenes_are_nearly_all_right():
    setting = Setting(people=3, fps=25, seconds=6, ghosts=0, twice=0)
    counts = []
    for seed in range(4):
        frames = film_scene(WALKERS, setting, seed)
        counts.append(count(frames, ours(frames, 25)))
    assert total(counts).idf1 > 0.9


def test_the_tables(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "SETTINGS", {"few": Setting(fps=10), "more": Setting(people=6)})
    path = save_motions(tmp_path / "motions.npz", walkers(2, frames=120))
    assert command.main([str(path), "--scenes", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 scenes"
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")] == [
        *("tracker", "---------", "h2ot-edge"),
        *("scenes", "------", "few", "more"),
        *("people", "-----:", "1", "5", "50"),
    ]


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert command.main([str(tmp_path / "none.npz")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'none.npz'}: no such file")


def test_a_library_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "trackers", None)
    with pytest.raises(MissingExtra) as caught:
        libraries()
    assert str(caught.value) == "trackers cannot be imported; pip install trackers"
