"""What a report of h2ot-bench says: tables and words, before they are drawn and written."""

import pytest
from bench_documents import (
    accuracy_row,
    cold_row,
    cost,
    document,
    energy,
    jetson_machine,
    latency_row,
    model,
    operators_row,
    point,
    stream_row,
)

from h2ot_edge.benchmarks.projection.submit import submission_of
from h2ot_edge.benchmarks.report.content import Cell, Code, Notes, Picture, Table
from h2ot_edge.benchmarks.report.curve import front_of
from h2ot_edge.benchmarks.report.page import sections_of
from h2ot_edge.benchmarks.report.ways import ways_of
from h2ot_edge.benchmarks.report.words import (
    DASH,
    clean,
    number,
    per_cent,
    shortened,
    times,
    with_unit,
)
from h2ot_edge.errors import InputError

ALL = ["summary", "latency", "cold", "accuracy", "stages", "operators", "roofline", "streams"]
ALL += ["memory", "projection", "provenance"]


def section(name, documents, *others):
    found = [each for each in sections_of(documents, *others) if each.name == name]
    return found[0] if found else None


def tables(found):
    return [part for part in found.parts if isinstance(part, Table)]


def texts(table):
    return [[cell.text for cell in row] for row in table.cells()]


def column(table, title):
    place = [each.title for each in table.columns].index(title)
    return [row[place] for row in table.cells()]


def notes(found, look=None):
    parts = [part for part in found.parts if isinstance(part, Notes)]
    return [line for part in parts if look is None or part.look == look for line in part.lines]


def pictures(found):
    return [part.name for part in found.parts if isinstance(part, Picture)]


# what there is, and what is not known


def test_only_what_was_measured_has_a_section():
    assert [each.name for each in sections_of([document()])] == ALL
    only = document(rows=[latency_row()], models={"small": model(cost=None)}, peaks=[])
    assert [each.name for each in sections_of([only])] == [
        *("summary", "latency", "memory", "provenance")
    ]


def test_nothing_measured_is_no_page():
    message = (
        "result 2 of 2: nothing was measured, it has no rows and no curve; run h2ot-bench again, "
        "with --resume to go on with it"
    )
    with pytest.raises(InputError) as error:
        sections_of([document(), document(rows=[])])
    assert str(error.value) == message
    with pytest.raises(InputError) as error:
        sections_of([])
    assert str(error.value) == "expected one or more results of h2ot-bench to report, got none"


def test_what_is_no_result_is_refused():
    with pytest.raises(InputError) as error:
        sections_of([document(clock=None)])
    assert str(error.value) == (
        "result 1 of 1: not a result of h2ot-bench, $.clock: None is not of type 'object'; "
        "measure again"
    )


def test_the_summary_has_a_line_for_each_model():
    rows = [latency_row(20.0, energy=energy(120.0)), accuracy_row(0.5), stream_row(0.002)]
    rows.append(latency_row(900.0, scenario="offline", figures={"windows_per_s": 71.0}))
    (table,) = tables(section("summary", [document(rows=rows)]))
    assert [f"{each.title} {each.unit}".strip() for each in table.columns] == [
        *("Model", "Precision", "Runs on", "Median ms", "p99 ms", "Windows/s", "Work GFLOP"),
        *("of the peak", "Error mm", "Energy mJ/window", "Late at 30 Hz"),
    ]
    place = "onnxruntime, cpu, 1 thread"
    assert texts(table) == [
        [
            *("small", "fp32", place, "20.0", "24.4", "71.0", "2.00", "100 %"),
            *("0.50 drift", "120", "0.20 %"),
        ]
    ]


def test_what_is_not_known_is_a_dash_and_what_is_nothing_is_0():
    unknown = model(precision=None, cost=None)
    figures = {"gflops": None, "share_of_peak": None, "drift": 0.0}
    rows = [latency_row(figures=figures, boundary="model"), stream_row(0.0), cold_row()]
    found = document(rows=rows, models={"small": unknown})
    (table,) = tables(section("summary", [found]))
    assert texts(table) == [
        [
            *("small", DASH, "onnxruntime, cpu, 1 thread (model)", "20.0", "24.4", "50.0"),
            *(DASH, DASH, DASH, DASH, "0 %"),
        ]
    ]
    latencies = tables(section("latency", [found]))[-1]
    assert [cell.text for cell in column(latencies, "Drift")] == ["0 %"]
    assert [cell.text for cell in column(latencies, "of the peak")] == [DASH]
    (memory,) = tables(section("memory", [found]))
    assert texts(memory) == [["small", "8.00", "120", DASH]]


def test_mpjpe_goes_before_drift():
    (table,) = tables(section("summary", [document(rows=[accuracy_row(mpjpe_mm=61.23)])]))
    assert column(table, "Error") == [Cell("61.2 MPJPE")]


def test_rows_that_are_not_valid_are_struck_out_and_drawn_nowhere():
    bad = {"valid": False, "problems": ["the clock was lowered", "too hot"]}
    found = document(rows=[latency_row(**bad), latency_row(10.0, model="other")])
    summary = section("summary", [found])
    assert notes(summary, "warning") == [
        "Not valid, and struck out: latency/small/onnxruntime/cpu/1/single/host: the clock was "
        "lowered; too hot."
    ]
    assert [cell.look for cell in column(*tables(summary), "Median")] == ["invalid", ""]
    found = document(rows=[latency_row(**bad), cold_row(**bad), operators_row(**bad)])
    for name in ("latency", "cold", "operators"):
        assert pictures(section(name, [found])) == []
        assert {
            cell.look for row in tables(section(name, [found]))[-1].cells() for cell in row
        } <= {*("invalid", "")}


def test_a_noisy_machine_and_a_run_that_broke_off_are_told():
    noise = {"spread": 0.12, "limit": 0.05, "noisy": True, "reasons": ["medians lie 12% apart"]}
    summary = section("summary", [document(noise=noise, ended=None)])
    assert notes(summary)[:-1] == [
        "a CPU of tests, 4 cores (linux-x86_64), 2026-11-22; noisy. The run did not end: rows may "
        "be missing.",
        "The machine was noisy: medians lie 12% apart. Differences of a few per cent mean nothing.",
    ]
    quiet = section("summary", [document()])
    assert notes(quiet)[:-1] == [
        "a CPU of tests, 4 cores (linux-x86_64), 2026-11-22; quiet: medians of parts of a run lie "
        "1.0 % apart, 5.0 % are allowed."
    ]


# sections


def test_the_runtime_is_what_is_added_around_the_model():
    times_ms = {"model": 10.0, "host": 11.0, "end_to_end": 12.1}
    rows = [latency_row(ms, boundary=name) for name, ms in times_ms.items()]
    found = section("latency", [document(rows=rows)])
    assert texts(tables(found)[0]) == [["small", "10.0", "1.0", "10 %", "1.1", "10 %"]]
    assert pictures(found) == ["boundaries", "distribution"]


def test_ways_of_one_run_are_held_against_the_first():
    rows = [latency_row(20.0), latency_row(10.0, backend="tensorrt"), latency_row(5.0, threads=2)]
    found = tables(section("latency", [document(rows=rows)]))
    table = next(each for each in found if each.caption.startswith("Times as fast as"))
    assert [row[:3] for row in texts(table)] == [
        ["small · onnxruntime · 1 thread", "20.0", "1.00\u00d7"],
        ["small · tensorrt · 1 thread", "10.0", "2.00\u00d7"],
    ]


def test_the_front_is_what_nothing_beats():
    points = [(3.0, 1.0), (1.0, 5.0), None, (2.0, 5.0), (2.5, 1.0), (2.0, 3.0), (4.0, 0.5)]
    assert front_of(points) == [1, 5, 4, 6]
    assert front_of([None]) == []


def test_curves_have_a_front_of_latency_and_one_of_flops():
    names = {"a": (10.0, 1.0), "b": (9.0, 2.0), "c": (12.0, 3.0)}
    rows = [latency_row(ms, model=name) for name, (ms, _) in names.items()]
    models = {n: model(n, cost=cost(total_gflop=gflop)) for n, (_, gflop) in names.items()}
    points = [point(f"1:{n}", mm, model=n) for n, mm in (("a", 2.0), ("b", 1.5), ("c", 1.0))]
    points += [point("", None, model="d"), point(accuracy="mpjpe", data="x.npz", model="a")]
    found = section("curve", [document(rows=rows, models=models, curve=points)])
    assert pictures(found) == [*("curve-0-ms", "curve-0-gflop", "curve-3-ms", "curve-3-gflop")]
    fronts = [cell.text for cell in column(tables(found)[0], "Front of")]
    assert fronts == ["FLOPs", "latency and FLOPs", "latency and FLOPs", DASH]
    assert [cell.text for cell in column(tables(found)[0], "Error")][-1] == DASH


def test_a_baseline_gives_ratios_row_by_row():
    rows = [latency_row(16.0), cold_row()]
    found = section("baseline", [document(rows=rows)], document(rows=[latency_row(20.0)]))
    (table,) = tables(found)
    by_figure = {row[1]: row for row in texts(table)}
    assert by_figure["p50"][2:] == ["20.0", "16.0", "ms", "0.800\u00d7", "± 2.0 %", "less"]
    assert notes(found)[-1] == "Not in the baseline: cold/small/onnxruntime/cpu/1."
    assert section("baseline", [document()]) is None


def test_a_baseline_with_nothing_in_common_is_refused():
    with pytest.raises(InputError) as error:
        sections_of([document(), document(rows=[cold_row()])], document(rows=[latency_row()]))
    assert str(error.value) == (
        "B: the baseline and the result: the two results have no valid row in common, so there is "
        "nothing to compare; rows belong together if model, backend, device, threads, scenario "
        "and boundary are the same"
    )


def test_bounds_are_apart_from_measurements_and_say_what_they_are():
    found = section("projection", [document()])
    assert (found.look, found.title) == ("bound", "Bounds for other devices, not measured")
    titles = [each.title for each in tables(found)[0].columns]
    assert "FP16, no faster than" in titles
    assert {cell.text for cell in column(tables(found)[0], "Measured")} == {DASH}
    cells = column(tables(found)[0], "FP16, no faster than")
    assert all(cell.look == "bound" and cell.text[0] in "\u2265\u2013" for cell in cells)


def test_what_others_measured_stands_beside_the_bound():
    row = latency_row(20.0, device="cuda:0")
    there = document(
        rows=[row], machine=jetson_machine(), models={"small": model(precision="fp16")}
    )
    sent = submission_of(there, "ab" * 32, source="here")
    found = section("projection", [document()], None, [sent])
    measured = [cell.text for cell in column(tables(found)[0], "Measured") if cell.look == "best"]
    assert measured == ["20.0 ms in FP16"]
    assert notes(found)[-1].startswith("Measured on NVIDIA Jetson Orin Nano Developer Kit (15W)")


def test_a_model_without_bounds_is_left_out_and_named():
    models = {"small": model(precision="int3"), "other": model()}
    rows = [latency_row(), latency_row(model="other")]
    found = section("projection", [document(rows=rows, models=models)])
    assert notes(found)[2] == (
        "Left out: small (no precision 'int3'; did you mean 'int8'? (known: fp32, tf32, fp16, "
        "int8))."
    )
    assert pictures(found) == ["projection-0"]


def test_two_documents_have_letters_and_ways_have_names_of_their_own():
    first = document(rows=[latency_row(), latency_row(threads=None), latency_row(model="b" * 60)])
    second = document(rows=[cold_row(), latency_row(model="b" * 30 + "c" + "b" * 29)])
    assert [way.label for way in ways_of([first])][:2] == [
        *("small \u00b7 1 thread", "small \u00b7 all threads")
    ]
    shorts = [way.short for way in ways_of([first, second])]
    assert len(set(shorts)) == 5
    assert notes(section("summary", [first, second]))[1].startswith("B: a CPU of tests")
    (table,) = tables(section("summary", [first, second]))
    assert [cell.text for cell in column(table, "Model")][:2] == ["A \u00b7 small"] * 2


def test_long_names_lose_what_all_begin_with_in_plots():
    names = ("motionbert-lite-243-fp32", "motionbert-lite-243-h2ot-int8-cpu")
    rows = [accuracy_row(model=names[0]), *(latency_row(model=name) for name in names[::-1])]
    rows.append(latency_row(model=names[0], backend="openvino"))
    assert [way.short for way in ways_of([document(rows=rows)])] == [
        *("h2ot-int8-cpu", "fp32 \u00b7 onnxruntime", "fp32 \u00b7 openvino")
    ]


def test_where_everything_comes_from_is_told():
    unknown = model(unknown=["card: the file has none"])
    found = section("provenance", [document(models={"small": unknown})])
    about = dict(texts(tables(found)[0]))
    assert about["Clock"] == "reading it takes 80.0 ns, ticks of 30.0 ns"
    assert about["Versions"] == "h2ot-edge 0.1.0, numpy 2.4.6, onnxruntime 1.31.1"
    assert about["CPU clocks"] == "1,500 to 3,500 MHz, 3,500 MHz at the start, governor performance"
    assert column(tables(found)[1], "SHA-256") == [Cell("ab" * 32)]
    assert [part.text for part in found.parts if isinstance(part, Code)] == ["h2ot-bench small"]
    assert notes(found)[-2] == "Not known of small: card: the file has none."
    assert "no figure here is an MLPerf result" in notes(found)[-1]


# words


def test_numbers_have_three_digits_and_no_exponents():
    values = (None, 0, 0.00123, 1.0, 12.34, 999.6, 12345.6, -1.5, float("nan"))
    assert [number(value) for value in values] == [
        *(DASH, "0", "0.00123", "1.00", "12.3", "1,000", "12,346", "\u22121.50", DASH)
    ]
    assert (number(9.999), number(9.999, 2), number(1e300)) == ("10.0", "10", "1.00e+300")
    assert (per_cent(0.1234), per_cent(1e-9), per_cent(None)) == ("12 %", "< 0.01 %", DASH)
    assert (times(0.5), times(None), with_unit(2, "ms"), with_unit(None, "ms")) == (
        *("0.500\u00d7", DASH, "2.00 ms", DASH),
    )


def test_texts_are_cut_and_cleaned():
    assert shortened("abcdefghij", 7) == "ab…ghij"
    assert shortened("abcdefg", 7) == "abcdefg"
    assert clean({"a\u202e": ["\x00b", 1, None]}) == {"a\ufffd": ["\ufffdb", 1, None]}
