"""Fixtures that several files of tests use. Torch is imported only by the tests that need it."""

import pytest


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
