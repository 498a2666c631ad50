"""How many times as fast one contender is as another."""

from bench_documents import accuracy_row, document, latency_row

from h2ot_edge.benchmarks.peers.ratios import Ratio, between_runtimes, ratio_of, table_of


def timed(model, backend, blocks):
    """A row whose blocks have these medians."""
    samples = [value for block in blocks for value in (block - 0.5, block, block + 0.5)]
    figures = {"median_ms": blocks[2], "p99_ms": blocks[2] + 1.0, "samples_ms": samples}
    changes = {"model": model, "backend": backend, "threads": 2}
    return latency_row(figures=figures, **changes)


PYTORCH = timed("net-pytorch", "pytorch", (40.0, 40.0, 40.0, 80.0, 40.0))
PLAIN = timed("net-plain", "onnxruntime", (20.0, 20.0, 20.0, 40.0, 25.0))
OURS = timed("net-fp32", "onnxruntime", (10.0, 20.0, 10.0, 20.0, 10.0))
THEIRS = timed("net-fp32", "openvino", (20.0, 20.0, 20.0, 20.0, 20.0))
FAR = accuracy_row(0.00123, model="net-fp32", backend="onnxruntime", threads=2)


def test_a_ratio_compares_what_ran_in_one_block():
    assert ratio_of(OURS, PYTORCH) == Ratio(median=4.0, least=2.0, most=4.0)
    assert str(ratio_of(PLAIN, PYTORCH)) == "2.00 (1.60-2.00)"
    assert ratio_of(PYTORCH, PYTORCH) == Ratio(1.0, 1.0, 1.0)


def test_the_table():
    far = {**FAR, "figures": {**FAR["figures"], "reference": "the same network in PyTorch"}}
    figures = {**FAR["figures"], "reference": "the unpruned network in PyTorch", "mean_mm": 187.4}
    unpruned = {**FAR, "id": "another", "figures": figures}
    found = table_of(document(rows=[PYTORCH, OURS, far, unpruned]), 2)
    assert found.splitlines() == [
        "| network     | on          | median ms | p99 ms |    times PyTorch | times plain |"
        "             drift mm |",
        "| ----------- | ----------- | --------: | -----: | ---------------: | ----------: |"
        " -------------------: |",
        "| net-pytorch | pytorch     |     40.00 |  41.00 | 1.00 (1.00-1.00) |           - |"
        "                    - |",
        "| net-fp32    | onnxruntime |     10.00 |  11.00 | 4.00 (2.00-4.00) |           - |"
        " 0.0012, unpruned 190 |",
    ]


def test_rows_of_other_threads_are_in_tables_of_their_own():
    alone = {**PYTORCH, "threads": 1, "id": "alone"}
    found = table_of(document(rows=[PYTORCH, PLAIN, alone]), 1)
    assert "net-plain" not in found
    assert found.count("net-pytorch") == 1


def test_runtimes_are_compared_on_the_same_file():
    rows = [PYTORCH, PLAIN, OURS, THEIRS, {**THEIRS, "threads": 1, "id": "alone"}]
    assert list(between_runtimes(document(rows=rows))) == [
        ("net-fp32", "OpenVINO over ONNX Runtime, threads 2: 0.50 (0.50-1.00)")
    ]
