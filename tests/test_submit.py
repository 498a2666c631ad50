"""What of a result may be sent: what the table of devices needs, and nothing private."""

import copy
import json
from hashlib import sha256

import pytest
from bench_documents import (
    card,
    cpu_machine,
    document,
    energy,
    every_row,
    gpu_machine,
    jetson_machine,
    latency_row,
    model,
)

from h2ot_edge.benchmarks.projection.submit import (
    read_submission,
    read_submissions,
    submission_of,
    write_submission,
)
from h2ot_edge.errors import InputError, UsageError

pytest.importorskip("jsonschema")

SECRET = "s3cret"
KIND = (
    " is not of the kind that a submission may hold; it would be public, so nothing was written: "
    "correct the value in a copy of the result, or leave it"
)


def on_gpu(**changes):
    """A result on a Jetson with a row that may be sent."""
    rows = [latency_row(2.0, device="cuda:0", boundary="model", energy=energy())]
    models = {"small": model(precision="fp16", card=card())}
    return document(**{"rows": rows, "models": models, "machine": jetson_machine(), **changes})


@pytest.fixture
def result(tmp_path):
    """Writes a result and gives its path."""

    def write(found=None):
        path = tmp_path / "result.json"
        path.write_text(json.dumps(on_gpu() if found is None else found))
        return path

    return write


def message(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def refused(found):
    return message(InputError, submission_of, found, "0" * 64, source="result.json")


def test_a_submission_is_written_and_read_back(result, tmp_path):
    path, out = result(), tmp_path / "new" / "submission.json"
    words = write_submission(path, out)
    assert words == (
        f"{out}: 1 rows of NVIDIA Jetson Orin Nano Developer Kit. Nothing was sent. Read the file; "
        "to send it, attach it to an issue of the project with the title 'Bench result: NVIDIA "
        "Jetson Orin Nano Developer Kit', or add it to benchmarks/results/submitted/ in a pull "
        "request."
    )
    found = read_submission(out)
    assert found == json.loads(out.read_text())
    assert found["result_sha256"] == sha256(path.read_bytes()).hexdigest()
    assert found["measured_on"] == "2026-11-22"
    assert found["machine"]["power_mode"] == {"name": "15W", "number": 0}
    assert found["rows"] == [
        {
            "workload": {
                **{"backbone": "motionbert", "variant": "s", "frames": 243, "mode": "seq2seq"},
                **{"prune": "tps", "recover": "tri", "schedule": {"1": 81}, "flip_tta": False},
            },
            **{"precision": "fp16", "backend": "onnxruntime", "boundary": "model"},
            **{"windows_per_call": 1, "calls": 100, "median_ms": 2.0},
            **{name: found["rows"][0][name] for name in ("p90_ms", "p99_ms")},
            "spread": 0.01,
            "energy": {
                **{"source": "INA3221", "mj_per_window": 120.0, "idle_w": 3.0, "mean_w": 9.0}
            },
        }
    ]


def test_a_noisy_machine_is_told(result, tmp_path):
    noise = {"spread": 0.2, "limit": 0.05, "noisy": True, "reasons": ["busy"]}
    words = write_submission(result(on_gpu(noise=noise)), tmp_path / "s.json")
    assert words.startswith(
        f"{tmp_path / 's.json'}: 1 rows of NVIDIA Jetson Orin Nano Developer Kit, of a noisy "
        "machine: measure again when it is idle. Nothing was sent."
    )


def test_everything_private_is_left_behind():
    """In every field that may hold any text, a secret; none of it comes along."""
    found = on_gpu()
    secret = f"/home/alice/{SECRET}.onnx"
    found["command"] = ["h2ot-bench", secret, f"--token={SECRET}"]
    found["settings"] = {"models": {SECRET: SECRET}, SECRET: secret}
    found["machine"]["name"] = f"alice@{SECRET}"
    found["machine"]["os"] = SECRET
    found["machine"]["temperatures_c"] = {SECRET: 40.0}
    found["machine"]["cpu"]["governor"] = SECRET
    found["machine"]["versions"] |= {SECRET: "1.0", "openvino": SECRET}
    found["noise"]["reasons"] = [SECRET]
    row, entry = found["rows"][0], found["models"].pop("small")
    row |= {"id": SECRET, "model": SECRET, "inside": secret, "problems": [secret]}
    row["figures"]["energy"]["rails"] = {SECRET: 9.0}
    entry |= {"name": SECRET, "file": secret, "unknown": [secret]}
    entry["card"] |= {"weights": {"file": secret}, "training": SECRET, "licence": SECRET}
    found["models"] = {SECRET: entry}
    found["peaks"][0]["how"] = SECRET
    assert json.dumps(found).count(SECRET) > 20
    text = json.dumps(submission_of(found, "0" * 64, source="result.json"))
    assert SECRET not in text
    assert "alice" not in text


PRIVATE = {
    "$.machine.gpu.name": lambda d: d["machine"]["gpu"].update(name="/home/alice"),
    "$.machine.cpu.model": lambda d: d["machine"]["cpu"].update(model="alice@laptop"),
    "$.machine.jetson.module": lambda d: d["machine"]["jetson"].update(module="C:\\Users\\alice"),
    "$.machine.jetson.l4t": lambda d: d["machine"]["jetson"].update(l4t="https://alice.example"),
    "$.machine.power_mode.name": lambda d: d["machine"]["power_mode"].update(name="of alice"),
    "$.machine.platform": lambda d: d["machine"].update(platform="~alice"),
    "$.machine.gpu.driver": lambda d: d["machine"]["gpu"].update(driver="alice"),
    "$.machine.gpu.compute_capability": lambda d: d["machine"]["gpu"].update(
        compute_capability="8.7 of alice"
    ),
    "$.versions.numpy": lambda d: d["machine"]["versions"].update(numpy="../alice"),
    "$.rows[0].workload": lambda d: d["models"]["small"]["card"].update(variant="alice/s"),
    "$.rows[0].precision": lambda d: d["models"]["small"].update(precision="alice's"),
    "$.rows[0].backend": lambda d: d["rows"][0].update(backend="alice's backend"),
    "$.rows[0].energy.source": lambda d: d["rows"][0]["figures"]["energy"].update(
        source="/sys/alice"
    ),
    "$.rows[0].median_ms": lambda d: d["rows"][0]["figures"].update(median_ms=0.0),
    "$.rows[0]": lambda d: d["rows"][0]["figures"].update(p99_ms=float("nan")),
}


@pytest.mark.parametrize("where", PRIVATE)
def test_texts_that_may_be_private_are_refused(where):
    found = on_gpu()
    PRIVATE[where](found)
    expected = where
    if where == "$.machine.jetson.module":
        expected = "$.machine.name"  # made of it
    assert refused(found) == f"result.json: {expected}{KIND}"


def test_names_of_processors_are_no_addresses():
    found = on_gpu(machine=gpu_machine())
    found["machine"]["cpu"]["model"] = "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz"
    sent = submission_of(found, "0" * 64, source="result.json")
    assert sent["machine"]["cpu"]["model"] == "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz"
    assert sent["machine"]["name"] == "NVIDIA GeForce RTX 4090"


def test_only_believable_rows_of_a_gpu_are_sent():
    row = on_gpu()["rows"][0]
    others = [
        *every_row(),
        {**row, "id": "invalid", "valid": False},
        {**row, "id": "many", "scenario": "offline"},
        {**row, "id": "whole", "boundary": "end_to_end"},
        {**row, "id": "peer", "model": "eager"},
        {**row, "id": "lost", "model": "nobody"},
    ]
    models = {"small": model(card=card()), "eager": model("eager", kind="suite")}
    sent = submission_of(on_gpu(rows=[*others, row], models=models), "0" * 64, source="r.json")
    assert len(sent["rows"]) == 1
    for found in (on_gpu(rows=others, models=models), document(machine=cpu_machine())):
        assert refused(found) == (
            "result.json: nothing to send; expected valid rows of scenario single with the "
            "boundary model or host on a GPU, which the table of devices is of; measure with "
            "--device cuda"
        )


def test_a_model_without_a_card_is_known_by_its_file():
    found = on_gpu(models={"small": model(card=None)})
    (row,) = submission_of(found, "0" * 64, source="result.json")["rows"]
    assert row["workload"] == {"sha256": "ab" * 32}
    found["models"]["small"]["sha256"] = None
    assert refused(found) == f"result.json: $.rows[0].workload{KIND}"


def test_what_is_no_result_is_refused(result, tmp_path):
    path = result({"schema": "of something else"})
    assert message(InputError, write_submission, path, tmp_path / "s.json") == (
        f"{path}: not a result of h2ot-bench, $.schema: 'h2ot-edge/bench' was expected; measure "
        "again"
    )
    assert not (tmp_path / "s.json").exists()


def test_files_that_cannot_be_written(result, tmp_path):
    path = result()
    before = path.read_bytes()
    assert message(UsageError, write_submission, path, tmp_path / "." / "result.json") == (
        f"{tmp_path / 'result.json'}: is the result itself; give another name with -o"
    )
    assert path.read_bytes() == before
    (tmp_path / "folder").mkdir()
    assert message(UsageError, write_submission, path, tmp_path / "folder") == (
        f"{tmp_path / 'folder'}: cannot be written (Is a directory); give another name with -o"
    )


def test_submissions_of_a_folder_are_read(result, tmp_path):
    folder = tmp_path / "submitted"
    for name in ("b.json", "a.json"):
        write_submission(result(), folder / name)
    (folder / "README.md").write_text("no submission")
    assert len(read_submissions([folder, folder / "a.json"])) == 3
    assert read_submissions([]) == []


def test_files_that_are_no_submissions(result, tmp_path):
    path = tmp_path / "s.json"
    missing = message(InputError, read_submission, path)
    assert missing == (
        f"{path}: cannot be read ([Errno 2] No such file or directory: '{path}'); expected a file "
        "of h2ot-bench submit"
    )
    path.write_text("{")
    assert message(InputError, read_submission, path) == (
        f"{path}: cannot be read (Expecting property name enclosed in double quotes: line 1 column "
        "2 (char 1)); expected a file of h2ot-bench submit"
    )
    path.write_text("[" * 100_000)
    assert message(InputError, read_submission, path).startswith(f"{path}: cannot be read (maximum")
    good = submission_of(on_gpu(), "0" * 64, source="r.json")
    for where, change in {
        "$": lambda d: d.update(host="alice"),
        "$.rows": lambda d: d.update(rows=[]),
        "$.rows[0]": lambda d: d["rows"][0].update(p90_ms=float("inf")),
        "$.rows[0].calls": lambda d: d["rows"][0].update(calls="many"),
        "$.schema_version": lambda d: d.update(schema_version=2),
    }.items():
        bad = copy.deepcopy(good)
        change(bad)
        path.write_text(json.dumps(bad))
        assert message(InputError, read_submission, path) == (
            f"{path}: not a file of h2ot-bench submit, {where} is not as its schema says; write it "
            "again from the result"
        )
