"""Small results of h2ot-bench, valid by its schema."""

import copy

import numpy as np

SHA256 = "ab" * 32


def document(*, rows=None, models=None, machine=None, **fields):
    """A result; by default of one model on a CPU, with a row of each kind."""
    rows = every_row() if rows is None else rows
    named = dict.fromkeys(row["model"] for row in rows)
    whole = {
        "schema": "h2ot-edge/bench",
        "schema_version": 1,
        "begun": "2026-11-22T00:30:00+00:00",
        "ended": "2026-11-22T00:31:30+00:00",
        "command": ["h2ot-bench", "small"],
        "settings": {"threads": 1},
        "machine": cpu_machine() if machine is None else machine,
        "clock": {"overhead_ns": 80.0, "resolution_ns": 30.0},
        "noise": {"spread": 0.01, "limit": 0.05, "noisy": False, "reasons": []},
        "models": {name: model(name) for name in named} if models is None else models,
        "peaks": [peak()],
        "rows": rows,
        "curve": [],
    }
    return copy.deepcopy({**whole, **fields})


def every_row():
    return [cold_row(), latency_row(), stream_row(), accuracy_row(), operators_row()]


def cpu_machine(**changes):
    return {
        "name": "a CPU of tests, 4 cores",
        "platform": "linux-x86_64",
        "os": "Ubuntu 22.04.5 LTS",
        "cpu": {
            **{"model": "a CPU of tests", "cores": 4, "governor": "performance"},
            **{"min_mhz": 1500.0, "max_mhz": 3500.0, "now_mhz": 3500.0},
        },
        "memory_mib": 16000.0,
        "gpu": None,
        "jetson": None,
        "power_mode": None,
        "versions": {"h2ot-edge": "0.1.0", "numpy": "2.4.6", "onnxruntime": "1.31.1"},
        "load_before": 0.1,
        "temperatures_c": {"cpu": 45.0},
        **changes,
    }


def gpu_machine(name="NVIDIA GeForce RTX 4090", **changes):
    found = {"name": name, "compute_capability": "8.9", "memory_mib": 24564.0}
    found |= {"driver": "580.65.06", "min_mhz": 210.0, "max_mhz": 3105.0}
    return cpu_machine(name=name, gpu=found, **changes)


def jetson_machine(module="NVIDIA Jetson Orin Nano Developer Kit", mode="15W", number=0, **changes):
    found = {"name": "Orin", "compute_capability": "8.7", "memory_mib": 7620.0}
    found |= {"driver": None, "min_mhz": 306.0, "max_mhz": 624.75}
    machine = {
        "name": module,
        "platform": "jetson",
        "cpu": {
            **{"model": None, "cores": 6, "governor": "schedutil"},
            **{"min_mhz": 729.6, "max_mhz": 1510.4, "now_mhz": 1510.4},
        },
        "memory_mib": 7620.0,
        "gpu": found,
        "jetson": {"module": module, "l4t": "36.4.3", "jetpack": "6.2"},
        "power_mode": {"name": mode, "number": number},
    }
    return cpu_machine(**{**machine, **changes})


def model(name="small", **changes):
    return {
        "name": name,
        "file": f"{name}.onnx",
        "kind": "onnx",
        "bytes": 8_000_000,
        "sha256": SHA256,
        "precision": "fp32",
        "card": None,
        "cost": cost(),
        "unknown": [],
        **changes,
    }


def cost(**changes):
    return {
        "linear_gflop": 1.5,
        "total_gflop": 2.0,
        "parameters": 2_000_000,
        "bytes_least": 10_000_000,
        "intensity": 200.0,
        "by_operator": {"MatMul": 1.9, "Gemm": 0.1},
        "by_stage": {
            "before_pruning": {"linear_gflop": 0.5, "total_gflop": 0.75},
            "selection": {"linear_gflop": 0.0, "total_gflop": 0.05},
            "pruned": {"linear_gflop": 0.75, "total_gflop": 0.9},
            "recovery": {"linear_gflop": 0.25, "total_gflop": 0.3},
        },
        **changes,
    }


def peak(**changes):
    found = {"backend": "onnxruntime", "device": "cpu", "threads": 1, "precision": "fp32"}
    return {**found, "gflops": 100.0, "gbs": 12.0, "how": "a product of 1024", **changes}


def row(kind, figures, *, scenario=None, boundary=None, **changes):
    """A row; its id says what else is in `changes`."""
    found = {"model": "small", "backend": "onnxruntime", "device": "cpu", "threads": 1}
    found |= {
        "scenario": scenario,
        "boundary": boundary,
        "inside": "host array in to host array out",
    }
    found |= {"valid": True, "problems": []}
    found |= changes
    parts = [kind, *(found[name] for name in ("model", "backend", "device", "threads"))]
    number = "/".join(str(part) for part in (*parts, scenario, boundary) if part is not None)
    return {"id": number, "kind": kind, **found, "figures": figures}


def latency_row(median_ms=20.0, *, spread=0.01, calls=100, energy=None, figures=None, **changes):
    """Latencies around a median, with a long tail."""
    steps = np.linspace(-1, 1, calls)
    samples = median_ms * (1 + 0.02 * steps + 0.3 * np.maximum(steps, 0) ** 20)
    p10, p90, p99, p999 = np.percentile(samples, [10, 90, 99, 99.9])
    values = {
        **{"calls": calls, "windows_per_call": 1, "warmup_calls": 10, "stable": True},
        **{"median_ms": median_ms, "p90_ms": p90, "p99_ms": p99, "p999_ms": p999},
        **{"max_ms": samples.max(), "best_ms": samples.min(), "jitter_ms": p90 - p10},
        **{"drift": 0.002, "spread": spread, "windows_per_s": 1000 / median_ms},
        "samples_ms": [round(float(sample), 4) for sample in samples],
        **{"gflops": 2000 / median_ms, "share_of_peak": 20 / median_ms, "energy": energy},
    }
    values = {name: float(v) if isinstance(v, np.floating) else v for name, v in values.items()}
    changes = {"scenario": "single", "boundary": "host", **changes}
    return row("latency", {**values, **(figures or {})}, **changes)


def energy(mj_per_window=120.0, **changes):
    return {
        **{"source": "INA3221", "rails": {"VDD_IN": 9.0}, "idle_w": 3.0, "mean_w": 9.0},
        **{"seconds": 20.0, "windows": 1000, "mj_per_window": mj_per_window},
        **{"mj_per_frame": mj_per_window / 81, "samples_hz": 10.0, "samples": 200},
        **changes,
    }


def cold_row(load_ms=150.0, *, peak_host_mib=120.0, **changes):
    figures = {"import_ms": 200.0, "load_ms": load_ms, "first_call_ms": 40.0}
    figures |= {"peak_host_mib": peak_host_mib, "peak_device_mib": None}
    return row("cold", figures, **changes)


def stream_row(missed=0.002, *, rate_hz=30.0, people=1, **changes):
    figures = {"rate_hz": rate_hz, "people": people, "lookahead": 4, "hop": 2, "seconds": 10.0}
    figures |= {"waits_ms": 133.3, "late_p50_ms": 0.0, "late_p99_ms": 2.0, "late_p999_ms": 9.0}
    figures |= {"missed": missed, "dropped": 0}
    return row("stream", figures, **{"scenario": "stream", "boundary": "end_to_end", **changes})


def accuracy_row(mean_mm=0.5, *, mpjpe_mm=None, **changes):
    figures = {"reference": "small-dense", "windows": 64, "mean_mm": mean_mm}
    figures |= {"worst_mm": None if mean_mm is None else 4 * mean_mm, "kept": 640}
    figures |= {"kept_differ": 2, "mpjpe_mm": mpjpe_mm, "p_mpjpe_mm": None, "data": None}
    return row("accuracy", figures, **changes)


def operators_row(gemm_share=0.8, **changes):
    types = [("MatMul", 14.0, 0.7), ("Softmax", 4.0, 0.2), ("Gemm", 2.0, 0.1)]
    by_type = [{"type": name, "ms": ms, "share": share} for name, ms, share in types]
    slowest = [
        {"name": f"/blocks.{i}/MatMul", "type": "MatMul", "ms": 2.0, "share": 0.1} for i in range(7)
    ]
    figures = {"gemm_share": gemm_share, "by_type": by_type, "slowest": slowest}
    return row("operators", figures, **changes)


def point(keep="1:27", accuracy_mm=1.5, **changes):
    found = {"model": "small", "prune": "tps", "recover": "tri", "keep": keep}
    return {**found, "accuracy_mm": accuracy_mm, "accuracy": "drift", "data": None, **changes}


def card(**changes):
    """What of a model card tells how much work a window is."""
    return {
        **{"backbone": "motionbert", "variant": "s", "frames": 243, "mode": "seq2seq"},
        **{"preset": "h2ot", "prune": "tps", "recover": "tri", "schedule": {"1": 81}},
        **{"flip_tta": False, "parameters": 2_000_000, "weights": {"source": "random", "seed": 0}},
        **changes,
    }
