"""Recording energy during a run, from files that change meanwhile."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from machine_trees import tree
from power_trees import ORIN_NANO, ORIN_NX, RAIL, ZONE, changing, over_currents, rapl, write
from waiting import until

from h2ot_edge.benchmarks import bench
from h2ot_edge.benchmarks.energy import Idle, Meter, Recorder, idle_power, open_meter, why_not
from h2ot_edge.benchmarks.energy.meter import FEWEST
from h2ot_edge.system import PowerMode

RUN_S = 0.3


def fast(meter, hz=200.0, shortest_s=0.1):
    """A meter for short runs; a made tree has news at once."""
    return replace(meter, hz=hz, shortest_s=shortest_s)


@pytest.fixture
def orin(tmp_path):
    root = tree(tmp_path, ORIN_NX | over_currents(0, 0, 0))
    return root, fast(open_meter("cuda", root))


def drawing(root, milliwatts):
    write(root / RAIL / "in1_input", 1000)
    write(root / RAIL / "curr1_input", milliwatts)


def run(meter, root, during=lambda: None, seconds=RUN_S, readings=0):
    """For so long, and until there are so many readings, which a busy machine may keep waiting."""
    with Recorder(meter, root) as recorder:
        time.sleep(seconds / 2)
        during()
        time.sleep(seconds / 2)
        until(lambda: len(recorder._times) >= readings)
    return recorder


def told_of(meter, readings):
    """A meter whose readings are collected, None for one that cannot be."""

    def read():
        readings.append(None)
        readings[-1] = meter.read()
        return readings[-1]

    return replace(meter, read=read)


def why(recorder, idle=None, **others):
    """Why there is no energy."""
    found = recorder.result(idle=idle or Idle(1.0), windows=10, frames=27, **others)
    assert found.energy is None
    return found.why


def test_energy_is_what_the_run_draws_more_than_the_idle_machine(orin):
    root, meter = orin
    drawing(root, 4000)
    idle = idle_power(meter, root, seconds=2 * RUN_S)
    assert (idle.watts, idle.why) == (pytest.approx(4), None)
    drawing(root, 10_000)
    recorder = run(meter, root, readings=FEWEST)
    found = recorder.result(idle=idle, windows=50, frames=27)
    energy = found.energy
    assert (found.why, found.throttled) == (None, ())
    assert energy.rails == {"VDD_IN": pytest.approx(10)}
    assert (energy.idle_w, energy.mean_w) == (pytest.approx(4), pytest.approx(10))
    assert energy.seconds == recorder.seconds >= RUN_S
    assert energy.mj_per_window == pytest.approx(6 * energy.seconds / 50 * 1e3)
    assert energy.mj_per_frame == pytest.approx(energy.mj_per_window / 27)
    assert energy.source == meter.source
    # The first and the last reading are just outside of the run.
    first, last = recorder._times[0], recorder._times[-1]
    assert energy.samples_hz == pytest.approx((energy.samples - 1) / (last - first))
    assert energy.samples_hz < energy.samples / energy.seconds


def test_energy_is_what_a_result_has(orin):
    schema = json.loads(Path(bench.__file__).with_name("schema.json").read_text(encoding="utf-8"))
    root, meter = orin
    recorder = run(meter, root, readings=FEWEST)
    energy = recorder.result(idle=Idle(1.0), windows=3, frames=27).energy
    part = {**schema["$defs"]["energy"], "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(part).validate(energy.to_dict())


def test_power_that_changes_during_the_run(orin):
    root, meter = orin
    drawing(root, 5000)
    readings = []

    def both_were_read():
        until(lambda: [5.0] in readings and [15.0] in readings)

    with changing(root / RAIL / "curr1_input", 15_000, 5000):
        recorder = run(told_of(meter, readings), root, both_were_read, readings=FEWEST)
    assert 5 < recorder.watts()["VDD_IN"] < 15


def test_a_counter_that_begins_again_during_the_run(tmp_path):
    root = tree(tmp_path, rapl("intel-rapl:0", "package-0", 990_000, most=1_000_000))
    meter = fast(open_meter("cpu", root))
    recorder = run(meter, root, lambda: write(root / ZONE / "energy_uj", 240_000))
    assert recorder.watts()["package-0"] * recorder.seconds == pytest.approx(0.25)


def test_a_counter_needs_its_first_and_last_reading_alone(tmp_path):
    root = tree(tmp_path, rapl("intel-rapl:0", "package-0", 0))
    meter = fast(open_meter("cpu", root), hz=0.1)
    recorder = run(meter, root, lambda: write(root / ZONE / "energy_uj", 1_000_000))
    assert recorder.result(idle=Idle(0.0), windows=1, frames=1).energy.samples == 2


def test_a_run_that_is_too_short(orin):
    root, _ = orin
    recorder = run(open_meter("cuda", root), root, seconds=0.01)
    assert why(recorder) == (
        f"the run took {recorder.seconds:.2f} s, and this sensor needs 1 s at least; run more "
        "windows"
    )


def test_the_idle_machine_is_looked_at_for_as_long_as_the_sensor_needs(orin):
    root, meter = orin
    drawing(root, 4000)
    assert idle_power(fast(meter, shortest_s=0.6), root, seconds=0).watts == pytest.approx(4)
    write(root / RAIL / "curr1_input", "?")
    assert idle_power(meter, root, seconds=0) == Idle(
        None, "VDD_IN: curr1_input holds '?', expected a whole number"
    )
    assert idle_power(None, root, why="no sensor") == Idle(None, "no sensor")


def test_a_machine_too_busy_to_read(orin):
    root, meter = orin
    recorder = run(fast(meter, hz=2), root)
    count = len(recorder._times)
    assert count < 10
    assert why(recorder) == (
        f"only {count} readings of power in {recorder.seconds:.2f} s, expected 10 at least; leave "
        "a CPU free, or run more windows"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "VDD_IN: curr1_input cannot be read (No such file or directory)"),
        ("\xff", "VDD_IN: curr1_input holds '\xff', expected a whole number"),
        ("-1000", "VDD_IN: -5 W was read, which cannot be (0 to 1000 W)"),
        ("300000", "VDD_IN: 1500 W was read, which cannot be (0 to 1000 W)"),
    ],
)
def test_one_bad_reading_in_the_middle_makes_the_run_invalid(orin, value, reason):
    root, meter = orin
    path, readings = root / RAIL / "curr1_input", []

    def during():
        path.unlink() if value is None else write(path, value)
        until(lambda: None in readings)
        write(path, 1300)

    assert why(run(told_of(meter, readings), root, during)) == reason


def test_an_idle_machine_that_draws_as_much(orin):
    root, meter = orin
    drawing(root, 4000)
    assert why(run(meter, root, readings=FEWEST), Idle(4.5)) == (
        "the run drew 4.00 W, no more than the idle machine before it (4.50 W); let nothing else "
        "run, and measure again"
    )


def test_an_idle_machine_that_could_not_be_measured(orin):
    root, meter = orin
    assert why(run(meter, root), Idle(None, "too short")) == (
        "the idle machine could not be measured: too short"
    )


def test_without_a_meter_throttling_is_seen_all_the_same(tmp_path):
    root = tree(tmp_path, over_currents(0, 0, 5))
    with Recorder(None, root, why=why_not("cpu", root)) as recorder:
        tree(root, over_currents(0, 2, 5))
    assert why(recorder) == why_not("cpu", root)
    found = recorder.result(idle=Idle(None), windows=1, frames=1)
    assert found.throttled == ("mean over-current events: 2 during the run",)
    assert why(run(None, root)) == "no source of energy was given"


def test_throttling_that_is_over_before_the_run_is_over(orin, monkeypatch):
    root, meter = orin
    monkeypatch.setattr("h2ot_edge.benchmarks.energy.recorder._LOOK_S", 0.01)
    alarm = root / RAIL / "curr1_max_alarm"
    slow, looks = threading.Event(), []

    def during():
        write(alarm, 1)
        slow.set()
        begun = len(looks)
        until(lambda: len(looks) >= begun + 3)  # so a whole look lies in between
        write(alarm, 0)

    def throttled():
        looks.append(slow.is_set())
        return ["the GPU is slowed down"] if slow.is_set() else []

    hot = replace(meter, throttled=throttled)
    recorder = run(hot, root, during, readings=FEWEST)
    found = recorder.result(idle=Idle(1.0), windows=1, frames=1)
    assert set(found.throttled) == {"the GPU is slowed down", "current of VDD_IN: max alarm"}
    assert found.energy is not None


def test_state_before_and_after(tmp_path):
    root = tree(tmp_path, ORIN_NANO | {"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n"})
    zone = root / "sys/class/thermal/thermal_zone0/temp"
    write(zone, 40_000)
    recorder = run(None, root, lambda: write(zone, 55_500), seconds=0.01)
    found = recorder.result(idle=Idle(None), windows=1, frames=1)
    assert found.before.mode == PowerMode("15W", 0)
    assert (found.before.clocks_locked, found.after.clocks_locked) == (True, True)
    assert found.before.temperatures_c == {"cpu-thermal": 40.0}
    assert found.after.temperatures_c == {"cpu-thermal": 55.5}


def test_what_fails_in_the_run_is_not_hidden_and_the_thread_ends(orin):
    root, meter = orin
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), Recorder(meter, root):
        _ = 1 / 0
    assert threading.active_count() == before


def test_readings_come_at_the_rate_of_the_sensor():
    meter = Meter(source="", rails=("a",), read=lambda: [1.0], hz=50, shortest_s=0)
    with Recorder(meter) as recorder:
        time.sleep(0.5)
    energy = recorder.result(idle=Idle(0.0), windows=1, frames=1).energy
    assert energy.samples <= 50 * recorder.seconds + 3
    assert energy.mean_w == pytest.approx(1)
