"""Fixtures that several files of tests use. Torch is imported only by the tests that need it."""

import signal
import threading

import pytest

# A shell has it ignored in what it starts in the background, and what is ignored stays so.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def small_backbone(monkeypatch):
    """The registry of backbones with one line more."""
    from small_networks import FAMILY

    from h2ot_edge.export import BACKBONES

    monkeypatch.setitem(BACKBONES, "small", FAMILY)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The small network's default export: card and file."""
    from small_networks import FAMILY, options

    from h2ot_edge.export import BACKBONES, export_model

    path = tmp_path_factory.mktemp("export") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        return export_model(options(), path), path


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """A folder as h2ot_edge has it, with the models of `small_models`."""
    from small_models import release_all

    folder = tmp_path_factory.mktemp("released")
    release_all(folder)
    return folder


@pytest.fixture
def small_zoo(released, monkeypatch, tmp_path):
    """The models of `small_models` instead of those that ship; returns the folder of the cache."""
    from small_models import use

    use(released, monkeypatch)
    monkeypatch.setenv("H2OT_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "onnx"
