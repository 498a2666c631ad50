"""Film scenes, run the trackers, print the tables."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.benchmarks.tracking import __doc__ as description
from h2ot_edge.benchmarks.tracking.contenders import Run, libraries, ours
from h2ot_edge.benchmarks.tracking.scenes import Seen, Setting, film_scene
from h2ot_edge.benchmarks.tracking.scores import Counts, count, total
from h2ot_edge.errors import H2OTError
from h2ot_edge.tracking import Tracker

SETTINGS: Mapping[str, Setting] = {
    "5 people, 10 Hz": Setting(fps=10),
    "5 people, 15 Hz": Setting(fps=15),
    "5 people, 25 Hz": Setting(fps=25),
    "5 people, 60 Hz": Setting(fps=60),
    "10 people, 25 Hz": Setting(people=10),
    "no false detections": Setting(twice=0, ghosts=0),
}

_SHORTEST_S = 2.0
"""Of a motion; who is there for less is hardly to be followed."""

Scenes = Mapping[str, Sequence[Sequence[Seen]]]


def report(scenes: Scenes, runs: Mapping[str, Run]) -> Iterator[str]:
    """The tables."""
    found = {name: _counted(scenes, run) for name, run in runs.items()}
    yield f"{sum(len(each) for each in scenes.values())} scenes\n\n"
    head = ["tracker", "IDF1, %", "switches", "taken over", "broken", "false ids", "ms a frame"]
    yield table(head, [_row(name, *each) for name, each in found.items()], words=1)
    yield "\nIDF1, % (switches)\n\n"
    rows = [
        [
            title,
            *(
                f"{100 * each[title].idf1:.1f} ({each[title].switches})"
                for each, _ in found.values()
            ),
        ]
        for title in scenes
    ]
    yield table(["scenes", *found], rows, words=1)
    yield "\n" + table(["people", "median, ms a frame", "p99"], list(_speeds()), words=0)


def _counted(scenes: Scenes, run: Run) -> tuple[dict[str, Counts], float]:
    """By setting; and milliseconds a frame."""
    counts, start, frames = {}, time.perf_counter_ns(), 0
    for title, some in scenes.items():
        fps = SETTINGS[title].fps
        counts[title] = total(count(scene, run(scene, fps)) for scene in some)
        frames += sum(map(len, some))
    return counts, (time.perf_counter_ns() - start) / frames / 1e6


def _row(name: str, counts: Mapping[str, Counts], milliseconds: float) -> list[str]:
    every = total(counts.values())
    mean = 100 * float(np.mean([each.idf1 for each in counts.values()]))
    figures = (every.switches, every.taken, every.broken, every.false)
    return [name, f"{mean:.1f}", *map(str, figures), f"{milliseconds:.2f}"]


def _speeds() -> Iterator[list[str]]:
    """Of this project's, when everybody is seen in every frame."""
    rng = np.random.default_rng(0)
    for people in (1, 5, 50):
        places = rng.normal(0, 40, (people, 17, 2)) + rng.uniform(0, 1900, (people, 1, 2))
        tracker, taken = Tracker(), []
        for number in range(230):
            moved = places + rng.normal(0, 2, places.shape)
            start = time.perf_counter_ns()
            tracker.update(rng.permutation(moved), np.ones(people), number / 30)
            taken.append((time.perf_counter_ns() - start) / 1e6)
        settled = taken[30:]
        yield [str(people), f"{np.median(settled):.2f}", f"{np.percentile(settled, 99):.2f}"]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path, metavar="MOTIONS.npz", help="as for h2ot-eval")
    parser.add_argument("--scenes", type=int, default=12, metavar="N", help="of each setting")
    parser.add_argument("--seed", type=int, default=1000, metavar="N", help="of the first scene")
    parser.add_argument("--libraries", action="store_true", help="compare with those of `trackers`")
    args = parser.parse_args(argv)
    try:
        motions = [m for m in read_motions(args.data).motions if len(m) > _SHORTEST_S * m.fps]
        seeds = range(args.seed, args.seed + args.scenes)
        scenes = {
            title: [film_scene(motions, setting, seed) for seed in seeds]
            for title, setting in SETTINGS.items()
        }
        runs = {"h2ot-edge": ours, **(libraries() if args.libraries else {})}
        sys.stdout.writelines(report(scenes, runs))
    except H2OTError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
