"""Files of keypoints as the tools write them, and what is wanted of them."""

import json

import numpy as np
import pytest

from h2ot_edge.clips import read_clip
from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS, h36m_from

RTMLIB = "expected keypoints (people, j, 2) and scores (people, j) of each frame"
"""The beginning of a message."""


FILL = (
    "have them filled in (allow_missing=True, or --on-missing interpolate on the command line), or "
    "cut the clip there"
)
"""The end of a message about missing frames."""


def person(joints=17, seed=0):
    """(j, 3) in pixels, and confidences."""
    rng = np.random.default_rng(seed)
    where, score = rng.uniform(20, 500, (joints, 2)), rng.uniform(0.2, 1, (joints, 1))
    return np.concatenate([where, score], axis=1).astype(np.float32)


def flat(points):
    return np.asarray(points, float).ravel().tolist()


def wanted(*people, layout="coco17"):
    return h36m_from(np.stack(people), layout)


def write(path, document):
    path.write_text(json.dumps(document))
    return path


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_clip(path, **options)
    return str(caught.value)


def same(clip, *people, layout="coco17"):
    np.testing.assert_allclose(clip.keypoints, wanted(*people, layout=layout), rtol=1e-5)


def alphapose(image, points, **more):
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": flat(points),
        "score": 2.9,
        "box": [1.0, 2.0, 3.0, 4.0],
        **more,
    }


def openpose(*people, joints="pose_keypoints_2d", ids=None):
    return {
        "version": 1.3,
        "people": [
            {
                "person_id": [-1 if ids is None else ids[at]],
                joints: flat(points),
                "face_keypoints_2d": [],
                "hand_left_keypoints_2d": [],
                "hand_right_keypoints_2d": [],
                "pose_keypoints_3d": [],
            }
            for at, points in enumerate(people)
        ],
    }


def openpose_folder(tmp_path, documents):
    folder = tmp_path / "json"
    folder.mkdir()
    for at, document in enumerate(documents):
        write(folder / f"video_{at:012}_keypoints.json", document)
    return folder


def mmpose(*people, **more):
    return [
        {
            "keypoints": points[:, :2].astype(float).tolist(),
            "keypoint_scores": points[:, 2].astype(float).tolist(),
            "bbox": [[1.0, 2.0, 3.0, 4.0]],
            "bbox_score": 0.9,
            **more,
        }
        for points in people
    ]


def ultralytics(points, **more):
    x, y, visible = np.asarray(points, float).T.tolist()
    return {
        "name": "person",
        "class": 0,
        "confidence": 0.9,
        "box": {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0},
        **more,
        "keypoints": {"x": x, "y": y, "visible": visible},
    }


def label(points, *after):
    numbers = [0, 0.5, 0.5, 0.1, 0.2, *flat(np.asarray(points, float) / [640, 640, 1]), *after]
    return " ".join(f"{number:.9g}" for number in numbers)


def split(*people):
    points = np.stack(people).astype(float)
    return points[..., :2].tolist(), points[..., 2].tolist()


def landmarks(points):
    """As `[{"x": m.x, ...} for m in result.pose_landmarks.landmark]`, of an image 640 x 480."""
    return [
        {"x": float(x) / 640, "y": float(y) / 480, "z": -0.1, "visibility": float(v)}
        for x, y, v in points
    ]


def csv(path, header, *rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in (header, *rows)) + "\n")
    return path


def header(layout="coco17", form="{joint}_{kind}"):
    kinds = ("x", "y", "score")
    return [form.format(joint=j, kind=k) for j in LAYOUTS[layout].joints for k in kinds]
