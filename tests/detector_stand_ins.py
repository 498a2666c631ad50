"""Stand-ins for the libraries of detectors, which the environment of the tests has not.

They have the names that the adapters use and keep what they are told. The real libraries are tried
where they are installed: `test_detectors_rtmlib.py`, `test_detectors_installed.py`.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np

SIZE = (1280, 720)

# A person of height 1 who stands with the top of the head at (0, 0), in MediaPipe's order.
_FACE = [
    (0, 0.06),
    *[(0.01 * n, 0.045) for n in (1, 2, 3, -1, -2, -3)],
    (0.04, 0.06),
    (-0.04, 0.06),
]
_FACE += [(0.015, 0.08), (-0.015, 0.08)]
_HALF = [(0.11, 0.18), (0.14, 0.34), (0.15, 0.48), (0.16, 0.52), (0.15, 0.54), (0.14, 0.51)]
_HALF += [(0.06, 0.5), (0.07, 0.74), (0.08, 0.95), (0.07, 0.98), (0.1, 1)]
_BODY = np.array([*_FACE, *((side * x, y) for x, y in _HALF for side in (1, -1))])


def landmarks(x, y, height, visibility=0.9):
    """(33, 3) of somebody whose head is at (x, y): shares of the image, and how visible."""
    width = height * SIZE[1] / SIZE[0]
    places = _BODY * (width, height) + (x, y)
    return np.column_stack([places, np.full(33, visibility)]).tolist()


FRAMES = {
    "two people": [landmarks(0.3, 0.1, 0.4, 0.8), landmarks(0.7, 0.25, 0.6)],
    "one behind the other": [landmarks(0.5, 0.1, 0.6), landmarks(0.53, 0.14, 0.55, 0.7)],
    "one person twice": [landmarks(0.5, 0.1, 0.6), landmarks(0.505, 0.11, 0.59, 0.7)],
}
"""What MediaPipe would find in three frames."""


def module(name, **members):
    """A module with members."""
    made = ModuleType(name)
    made.__file__ = f"/nowhere/{name}/__init__.py"
    vars(made).update(members)
    return made


class Rtmlib:
    """rtmlib: boxes and joints by the next of `found`, as (boxes, keypoints, scores)."""

    def __init__(self, found=(), fails=None, providers=("CPUExecutionProvider",)):
        self.found, self.fails, self.providers = list(found), fails, list(providers)
        self.told = None
        self.joints_asked = []

    def install(self, monkeypatch, available=("CPUExecutionProvider",)):
        urls = {"det": "https://host/detector-1.zip", "pose": "https://host/pose_2.zip"}
        body = type("Body", (), {"MODE": {"balanced": urls}, "__new__": self._open})
        ort = module("onnxruntime", get_available_providers=lambda: list(available))
        monkeypatch.setitem(sys.modules, "rtmlib", module("rtmlib", Body=body))
        monkeypatch.setitem(sys.modules, "onnxruntime", ort)

    def _open(self, _, **told):
        self.told = told
        if self.fails is not None:
            raise self.fails
        session = SimpleNamespace(get_providers=lambda: self.providers)
        models = [lambda image: self.found[0][0], self._joints]
        wrapped = [_Called(model, session) for model in models]
        return SimpleNamespace(det_model=wrapped[0], pose_model=wrapped[1])

    def _joints(self, image, bboxes):
        self.joints_asked.append(len(bboxes))
        _, keypoints, scores = self.found.pop(0)
        return keypoints[: len(bboxes)], scores[: len(bboxes)]


class _Called:
    def __init__(self, function, session):
        self.function, self.session = function, session

    def __call__(self, *args, **keywords):
        return self.function(*args, **keywords)


class Mediapipe:
    """MediaPipe's Pose Landmarker: finds the people of the frames that are named in `found`."""

    def __init__(self, found=(), fails=None):
        self.found, self.fails = list(found), fails
        self.options, self.images, self.times, self.closed = None, [], [], False

    def install(self, monkeypatch):
        running = SimpleNamespace(VIDEO="video")
        landmarker = SimpleNamespace(create_from_options=self._open)
        vision = SimpleNamespace(
            PoseLandmarkerOptions=SimpleNamespace, PoseLandmarker=landmarker, RunningMode=running
        )
        tasks = module("mediapipe.tasks.python", BaseOptions=SimpleNamespace, vision=vision)
        formats = SimpleNamespace(SRGB="rgb")
        made = module("mediapipe", Image=SimpleNamespace, ImageFormat=formats)
        for item in (made, module("mediapipe.tasks"), tasks):
            monkeypatch.setitem(sys.modules, item.__name__, item)

    def _open(self, options):
        self.options = options
        if self.fails is not None:
            raise self.fails
        return SimpleNamespace(detect_for_video=self._detect, close=self._close)

    def _detect(self, image, milliseconds):
        assert image.image_format == "rgb"
        assert image.data.flags.c_contiguous
        self.images.append(image.data)
        self.times.append(milliseconds)
        people = FRAMES[name] if (name := self.found.pop(0)) else []
        marks = [
            [SimpleNamespace(x=x, y=y, visibility=v) for x, y, v in person] for person in people
        ]
        return SimpleNamespace(pose_landmarks=marks)

    def _close(self):
        self.closed = True


class Ultralytics:
    """Ultralytics' YOLO and the PyTorch under it: gives the next of `found`, (points, scores)."""

    def __init__(self, found=(), fails=None, task="pose", gpus=0):
        self.found, self.fails, self.task, self.gpus = list(found), fails, task, gpus
        self.weights, self.told = None, []

    def install(self, monkeypatch):
        cuda = SimpleNamespace(is_available=lambda: self.gpus > 0, device_count=lambda: self.gpus)
        yolo = module("ultralytics", YOLO=self._open)
        monkeypatch.setitem(sys.modules, "ultralytics", yolo)
        monkeypatch.setitem(sys.modules, "torch", module("torch", cuda=cuda))

    def _open(self, weights):
        self.weights = weights
        if self.fails is not None:
            raise self.fails
        return SimpleNamespace(task=self.task, predict=self._predict)

    def _predict(self, image, **told):
        self.told.append(told)
        points, scores = (_Tensor(array) for array in self.found.pop(0))
        return [
            SimpleNamespace(
                keypoints=SimpleNamespace(data=points), boxes=SimpleNamespace(conf=scores)
            )
        ]


class _Tensor:
    """What a tensor is asked for."""

    def __init__(self, array):
        self.array = np.asarray(array, np.float32)

    def cpu(self):
        return self

    def numpy(self):
        return self.array
