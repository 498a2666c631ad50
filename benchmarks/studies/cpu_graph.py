"""What the exported graph's shape is worth on a CPU: HoT-MotionBERT (lite, 243 frames, 1:81).

    python -m h2ot_edge.benchmarks.studies.cpu_graph [--threads 2] [--rounds 20] [--json]

In one run, in turns, FP32, batch 1, ONNX Runtime: the plain export of the same network, the graph
of h2ot-export, its matrix products with weights alone (the floor), and the unpruned network. Inside
the clock: one session run, host array in to host array out.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from h2ot_edge.benchmarks.bench.operators import gemm_share, profiled
from h2ot_edge.benchmarks.flops.counting import fixed_batch, known_shapes
from h2ot_edge.benchmarks.latency import Latency, in_turns
from h2ot_edge.benchmarks.motion.probe_windows import probe_windows
from h2ot_edge.benchmarks.plain_motionbert import PlainMotionBERT
from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.engines.precision.graph import PRODUCTS
from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan
from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.tracing import onnx_from_torch, traced

FRAMES = 243

GemmShape = tuple[int, int, int]


def network(preset: str) -> MotionBERT:
    """MotionBERT lite with seeded random weights; speed does not depend on them."""
    family = BACKBONES["motionbert"]
    plan = choose_plan(family, FRAMES, preset=preset)
    built = ExportOptions(backbone="motionbert", variant="lite", plan=plan).build().eval()
    published_init(built, torch.Generator().manual_seed(0))
    assert isinstance(built, MotionBERT)
    return built


def models() -> dict[str, onnx.ModelProto]:
    """The graphs that are compared."""
    hot, dense = network("hot"), network("none")
    example = torch.zeros(1, FRAMES, 17, 3)
    return {
        "plain": traced(PlainMotionBERT(hot).eval(), example, opset=17, names=["poses"]),
        "hot": onnx_from_torch(Lifter(folded(hot), flip_tta=False), batch=1, opset=17),
        "dense": onnx_from_torch(Lifter(folded(dense), flip_tta=False), batch=1, opset=17),
    }


def weight_products(model: onnx.ModelProto) -> Counter[GemmShape]:
    """(m, k, n) of every product of activations with weights, and how often it occurs."""
    shapes = known_shapes(fixed_batch(model, 1))
    weights = {tensor.name for tensor in model.graph.initializer}
    found: Counter[GemmShape] = Counter()
    for node in model.graph.node:
        if node.op_type in PRODUCTS and node.input[1] in weights:
            rows, out = shapes[node.input[0]], shapes[node.output[0]]
            if rows is not None and out is not None and len(rows) == 2:
                found[rows[0], rows[1], out[1]] += 1
    return found


def gemm_call(shape: GemmShape, threads: int) -> Callable[[], object]:
    """One product alone, with its weights as a constant, as in the graph."""
    rows, inner, columns = shape
    weight = np.random.default_rng(0).normal(size=(inner, columns)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "gemm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, inner])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, columns])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    opened = open_session(model, threads)
    feed = {"x": np.random.default_rng(1).normal(size=(rows, inner)).astype(np.float32)}
    return lambda: opened.run(None, feed)


def measure(threads: int, rounds: int) -> dict[str, Any]:
    """Everything, as one document; times in milliseconds."""
    graphs, window = models(), probe_windows(FRAMES, 3)[:1]
    shapes = weight_products(graphs["hot"])
    calls: dict[str, Callable[[], object]] = {}
    for name, model in graphs.items():
        opened = open_session(model, threads)
        calls[name] = lambda opened=opened: opened.run(None, {"keypoints": window})  # type: ignore[misc]
    calls |= {str(shape): gemm_call(shape, threads) for shape in shapes}
    times = in_turns(calls, rounds=rounds)
    floor = sum(times[str(shape)].median_ms * count for shape, count in shapes.items())
    return {
        "threads": threads,
        "latency": {name: vars(times[name]) for name in graphs},
        "gemm_floor_ms": floor,
        "gemm_gflop": sum(2 * m * k * n * c for (m, k, n), c in shapes.items()) / 1e9,
        "gemm_share": gemm_share(
            profiled(graphs["hot"].SerializeToString(), window, threads=threads)
        ),
        "hot_over_plain": _ratio(times, "hot", "plain"),
        "hot_over_dense": _ratio(times, "hot", "dense"),
        "hot_over_floor": times["hot"].median_ms / floor,
    }


def _ratio(times: dict[str, Latency], one: str, other: str) -> float:
    return times[one].median_ms / times[other].median_ms


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.threads, args.rounds)
    if args.json:
        write_json(result)
        return
    rows = [
        (name, f"median {t['median_ms']:.0f}, p99 {t['p99_ms']:.0f}, best {t['best_ms']:.0f} ms")
        for name, t in result["latency"].items()
    ]
    rows += [
        ("floor", f"{result['gemm_floor_ms']:.0f} ms for {result['gemm_gflop']:.1f} GFLOP"),
        ("gemm share", f"{result['gemm_share']:.2f} of the time inside operators"),
        *((key, f"{result[key]:.3f}") for key in result if key.startswith("hot_over")),
    ]
    write_rows(rows)


if __name__ == "__main__":
    main()
