"""Map the sibling folders to subpackages of ``h2ot_edge``; all metadata is in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = ("export", "engines", "benchmarks")

packages = set(find_packages(include=["h2ot_edge", "h2ot_edge.*"]))
for folder in FOLDERS:
    packages |= {f"h2ot_edge.{name}" for name in find_packages(include=[folder, f"{folder}.*"])}

setup(
    packages=sorted(packages),
    package_dir={f"h2ot_edge.{folder}": folder for folder in FOLDERS},
    include_package_data=False,
    package_data={
        "h2ot_edge": ["py.typed", "data/*.npz", "models/*.json", "models/*.onnx"],
        "h2ot_edge.pose_files": ["*.json"],
        "h2ot_edge.viewer": ["assets/*"],
        "h2ot_edge.live_view": ["assets/*"],
        "h2ot_edge.export": ["weights/*.npz"],
        "h2ot_edge.benchmarks": ["results/sweep-*.json"],
        "h2ot_edge.benchmarks.bench": ["*.json"],
        "h2ot_edge.benchmarks.projection": ["*.json"],
        "h2ot_edge.benchmarks.report": ["templates/*"],
    },
)
