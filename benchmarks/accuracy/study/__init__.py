"""The questions about accuracy that a choice of model hangs on, answered with figures.

    python -m h2ot_edge.benchmarks.accuracy.study --models A.onnx B.onnx --dense B \
        --data test.npz [--real clips.npz]

What pruning costs and saves, what a live stream pays for low latency, what becomes of the default
model in other conditions, and how trivial answers do; on ONNX files alone, without torch. Each
section is a file of its own that has `pieces`, what is to be measured, `section`, the text, and
perhaps `plot`.
"""
