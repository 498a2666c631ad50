import onnx
import pytest
import torch

from h2ot_edge.benchmarks.latency import Latency, in_turns
from h2ot_edge.benchmarks.plain_motionbert import PlainMotionBERT
from h2ot_edge.benchmarks.studies.cpu_graph import gemm_call, weight_products
from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.tokens import TokenPlan
from h2ot_edge.export.tracing import onnx_from_torch


@pytest.fixture(scope="module")
def network() -> MotionBERT:
    plan = TokenPlan(frames=9, schedule={1: 4}, prune="tpc", recover="tra")
    built = MotionBERT(plan, width=16, mlp_ratio=4, heads=4, rep=24).eval()
    published_init(built, torch.Generator().manual_seed(0))
    return built


@pytest.fixture(scope="module")
def graph(network: MotionBERT) -> onnx.ModelProto:
    return onnx_from_torch(Lifter(folded(network), flip_tta=False), batch=1, opset=17)


def test_the_plain_network_computes_the_same(network: MotionBERT) -> None:
    keypoints = torch.randn(3, 9, 17, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, _ = network(keypoints)
        actual = PlainMotionBERT(network)(keypoints)
    assert expected.std() > 0.1
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


def test_calls_take_turns_and_the_warm_up_is_not_counted() -> None:
    order: list[str] = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    times = in_turns(calls, rounds=3, warmup=2)
    assert order == ["a", "b"] * 5
    assert {name: t.calls for name, t in times.items()} == {"a": 3, "b": 3}


def test_latency_is_in_milliseconds() -> None:
    latency = Latency.of([1_000_000, 2_000_000, 9_000_000])
    assert (latency.median_ms, latency.best_ms) == (2.0, 1.0)
    assert latency.p99_ms == pytest.approx(8.86)


def test_products_with_weights_are_found_with_their_shapes(graph: onnx.ModelProto) -> None:
    shapes = weight_products(graph)
    before, after = 9 * 17, 4 * 17
    # Both halves of fc1 of both MLPs of both streams, in the block before pruning and the four
    # behind it.
    assert shapes[before, 16, 32] == 2 * 4
    assert shapes[after, 16, 32] == 2 * 16
    # Behind the recovery, the projection and the head's first Linear are one.
    assert shapes[before, 16, 24] == 1


def test_a_product_alone_has_its_shape() -> None:
    (result,) = gemm_call((6, 5, 4), threads=1)()
    assert result.shape == (6, 4)
