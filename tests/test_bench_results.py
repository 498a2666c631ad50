"""The document of h2ot-bench: written row by row, read again, gone on with."""

import json
import os
from functools import partial

import pytest
from bench_documents import accuracy_row, cold_row, cpu_machine, document, latency_row

from h2ot_edge.benchmarks.bench.results import Result, Row, check_document, read_result
from h2ot_edge.errors import InputError, OutputError, UsageError

SETTINGS = {"threads": 1, "models": {"small": "ab"}}

opened = partial(
    Result.open, command=["h2ot-bench", "small"], settings=SETTINGS, machine=cpu_machine()
)


def test_a_document_has_what_the_schema_says():
    check_document(document(), "here")


def test_rows_are_in_the_file_as_they_come(tmp_path):
    path = tmp_path / "new" / "result.json"
    result = opened(path)
    assert not path.exists()
    result.write()
    assert read_result(path)["rows"] == []
    for row in (cold_row(), latency_row()):
        result.add(Row(**row))
        assert read_result(path)["rows"][-1] == row
    assert read_result(path)["ended"] is None
    result.finish()
    assert read_result(path)["ended"] >= read_result(path)["begun"]


def test_a_row_takes_the_place_of_one_of_its_id(tmp_path):
    result = opened(tmp_path / "result.json")
    for median in (20.0, 10.0):
        result.add(Row(**latency_row(median)))
    assert [row["figures"]["median_ms"] for row in result.document["rows"]] == [10.0]
    assert result.has(latency_row()["id"])
    assert not result.has("another")


def test_a_result_is_gone_on_with(tmp_path):
    path = tmp_path / "result.json"
    opened(path).add(Row(**cold_row()))
    again = opened(path, resume=True)
    assert again.has(cold_row()["id"])
    again.finish()
    assert opened(path, resume=True).document["ended"] is None
    assert opened(path).document["rows"] == []


def test_rows_of_a_model_that_became_another_are_removed(tmp_path):
    result = opened(tmp_path / "result.json")
    rows = [cold_row(), cold_row(model="other"), accuracy_row(model="other")]
    rows[2]["figures"]["reference"] = "small"
    for row in rows:
        result.add(Row(**row))
    result.forget("small")
    assert [row["id"] for row in result.document["rows"]] == [rows[1]["id"]]


def test_what_was_measured_otherwise_is_not_gone_on_with(tmp_path):
    path = tmp_path / "result.json"
    opened(path).add(Row(**cold_row()))
    other = {"settings": {"threads": 2, "models": {"small": "ab"}, "hop": 1}}
    with pytest.raises(UsageError) as error:
        opened(path, **other, machine=cpu_machine(name="another"), resume=True)
    assert str(error.value) == (
        f"{path}: holds results of another run (hop null there, 1 now; threads 1 there, 2 now; "
        'name "a CPU of tests, 4 cores" there, "another" now); choose another folder with --out, '
        "or remove the file"
    )
    assert len(read_result(path)["rows"]) == 1


def test_a_row_that_breaks_the_schema_is_not_written(tmp_path):
    path = tmp_path / "result.json"
    result = opened(path)
    result.write()
    with pytest.raises(InputError) as error:
        result.add(Row(**{**cold_row(), "figures": {"load_ms": -1.0}}))
    assert str(error.value).startswith(f"{path}: not a result of h2ot-bench, $.rows[0].figures")
    assert read_result(path)["rows"] == []


def test_nan_is_no_figure(tmp_path):
    path = tmp_path / "result.json"
    result = opened(path)
    row = cold_row()
    row["figures"]["load_ms"] = float("nan")
    with pytest.raises(OutputError) as failed:
        result.add(Row(**row))
    assert str(failed.value) == (
        "cold/small/onnxruntime/cpu/1: a figure is NaN or infinite, so nothing can be said of this "
        "row; see what the model gives with h2ot-infer"
    )
    path.write_text(json.dumps(document(rows=[row])))
    with pytest.raises(InputError) as error:
        read_result(path)
    assert str(error.value) == (
        f"{path}: not a result of h2ot-bench (NaN is no figure); measure again"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"power_mode": {"name": "15W", "number": 0}},
        {"cpu": {**cpu_machine()["cpu"], "cores": 64}},
        {"versions": {"onnxruntime": "1.18.0"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changed_since_is_not_gone_on_with(tmp_path, changes):
    path = tmp_path / "result.json"
    opened(path).add(Row(**cold_row()))
    with pytest.raises(UsageError, match=rf"\({next(iter(changes))} "):
        opened(path, machine=cpu_machine(**changes), resume=True)


def test_the_clock_of_the_moment_may_change(tmp_path):
    path = tmp_path / "result.json"
    opened(path).add(Row(**cold_row()))
    now = {**cpu_machine()["cpu"], "now_mhz": 1600.0}
    assert opened(path, machine=cpu_machine(cpu=now, load_before=3.0), resume=True).has(
        cold_row()["id"]
    )


def test_a_run_that_fails_at_once_keeps_what_was_there(tmp_path):
    path = tmp_path / "result.json"
    opened(path).add(Row(**cold_row()))
    opened(path)
    assert len(read_result(path)["rows"]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a result of h2ot-bench (Expecting value: line 1 column 1 (char 0))"),
        (b"[]", "not a result of h2ot-bench, $: [] is not of type 'object'"),
        (b"{}", "not a result of h2ot-bench, $: 'schema' is a required property"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_result(path)
    assert str(error.value) == f"{path}: {said}; measure again"


def test_no_such_file(tmp_path):
    with pytest.raises(InputError) as error:
        read_result(tmp_path / "x.json")
    assert str(error.value) == (
        f"{tmp_path / 'x.json'}: cannot be read (No such file or directory); expected a result of "
        "h2ot-bench"
    )


def test_a_newer_schema_is_named(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document(schema_version=2)))
    with pytest.raises(InputError) as error:
        read_result(path)
    assert str(error.value) == (
        f"{path}: the result has schema 2, this h2ot-edge reads up to 1; upgrade h2ot-edge"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError) as error:
        opened(tmp_path / "result.json").write()
    assert str(error.value) == (
        f"{tmp_path / 'result.json'}: cannot be written (Permission denied); rows that were "
        "measured before are kept, choose another folder with --out"
    )


def test_a_full_disk_keeps_the_rows_before(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    result = opened(path)
    result.add(Row(**cold_row()))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("h2ot_edge.benchmarks.bench.results.write_whole", full)
    with pytest.raises(UsageError) as error:
        result.add(Row(**latency_row()))
    assert str(error.value) == (
        f"{path}: cannot be written (No space left on device); rows that were measured before are "
        "kept, choose another folder with --out"
    )
    assert [row["kind"] for row in read_result(path)["rows"]] == ["cold"]
