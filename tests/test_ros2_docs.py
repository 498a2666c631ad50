"""The node of docs/ros2.md, with stand-ins for ROS 2: images in, stamped poses out."""

import array

import numpy as np
import pytest
import ros_stand_in as ros
from markdown_pages import ROOT, blocks_of
from tiny_models import save_tiny, tiny_card

from h2ot_edge.gait import Walk
from h2ot_edge.skeleton import JOINTS

WIDTH, HEIGHT = 64, 48
START_NS = 1_767_225_600_000_000_007  # more digits than a float has
FRAME_NS = 33_333_333
DETECT = """
import numpy as np

keypoints = np.load("keypoints.npy")


def find(image):
    number = int(image[0, 0, 0])  # the blue of the first pixel
    return keypoints[number], "h36m"
"""


@pytest.fixture
def page(monkeypatch):
    """The names of the page's program."""
    ros.install(monkeypatch)
    (block,) = (one for one in blocks_of(ROOT / "docs" / "ros2.md") if one.language == "python")
    names = {"__name__": "poses"}
    exec(compile(block.code, "ros2.md", "exec"), names)
    return names


@pytest.fixture
def node(page, tmp_path, monkeypatch):
    """Makes nodes with parameters, with a detector that knows the people of 40 images."""
    monkeypatch.chdir(tmp_path)
    walk = Walk(stature_m=1.7).joints(np.arange(40) / 30)
    near = walk[..., :2] * 20 + 20
    people = np.stack([near, np.add(near, [20, 0])], axis=1)
    np.save("keypoints.npy", np.concatenate([people, np.ones((40, 2, 17, 1))], axis=-1))
    (tmp_path / "detect.py").write_text(DETECT)
    save_tiny(tmp_path / "tiny.onnx", tiny_card())
    made = []

    def make(**parameters):
        usual = {"model": "tiny.onnx", "detector": "detect.py:find"}
        monkeypatch.setattr(ros.Node, "given", usual | parameters)
        made.append(page["PoseNode"]())
        return made[-1]

    yield make
    for one in made:
        one.destroy_node()
        assert one.engine.closed


def stamp_of(number, start_ns=START_NS):
    seconds, rest = divmod(start_ns + number * FRAME_NS, 10**9)
    return ros.Time(sec=seconds, nanosec=rest)


def image_of(number, *, encoding="bgr8", size=(WIDTH, HEIGHT), padding=4, **stamp):
    """A message whose image says which it is."""
    width, height = size
    rows = np.zeros((height, 3 * width + padding), np.uint8)
    rows[0, 0 if encoding == "bgr8" else 2] = number
    return ros.Image(
        header=ros.Header(stamp=stamp_of(number, **stamp), frame_id="camera"),
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        data=array.array("B", rows.tobytes()),
    )


def shown(node, numbers, late_ns=10_000_000, **changes):
    """Messages that come of images that are so late."""
    _, take, _ = node.taking["image"]
    before = len(node.published)
    for number in numbers:
        message = image_of(number, **changes)
        stamp = message.header.stamp
        node.now_ns = stamp.sec * 10**9 + stamp.nanosec + late_ns
        take(message)
    return [message for _, message in node.published[before:]]


def test_poses_have_the_stamps_of_their_images(node):
    made = node(lookahead=1, hop=2)
    poses = shown(made, range(20))
    assert {topic for topic, _ in made.published} == {"poses"}
    assert len(poses) == 2 * 18
    for person in (1, 2):
        mine = [one for one in poses if one.header.frame_id == f"person_{person}_hip"]
        assert [one.header.stamp for one in mine] == [stamp_of(number) for number in range(18)]
    assert len(made.stamps) == 3


@pytest.mark.parametrize(("upper", "origin"), [(False, "hip"), (True, "thorax")])
def test_positions_are_those_of_the_streams_about_the_origin(page, node, upper, origin):
    found, real = [], page["message_from"]
    page["message_from"] = lambda pose, *others: found.append(pose) or real(pose, *others)
    messages = shown(node(upper_body=upper, lookahead=0, hop=1), range(3))
    joints = JOINTS[8:] if upper else JOINTS
    assert len(messages) == len(found) == 6
    for message, pose in zip(messages, found, strict=True):
        expected = [pose[name] - pose[origin] for name in joints]
        places = [[p.position.x, p.position.y, p.position.z] for p in message.poses]
        np.testing.assert_allclose(places, expected, atol=1e-7)
        assert message.header.frame_id == f"person_{pose.id}_{origin}"


def test_joints_that_are_not_valid_are_nan(page, node):
    made = node(lookahead=0, hop=1)
    (first, _) = shown(made, range(1))
    assert not np.isnan([p.position.x for p in first.poses]).any()
    keypoints = np.load("keypoints.npy")
    keypoints[:, :, 3, 2] = 0
    np.save("keypoints.npy", keypoints)
    blind = node(lookahead=0, hop=1)
    (message, _) = shown(blind, range(1))
    nan = [name for name, p in zip(JOINTS, message.poses, strict=True) if np.isnan(p.position.x)]
    assert nan == ["rankle"]


def test_an_image_that_is_too_old_is_left_out_and_said(node):
    made = node(max_age_s=0.1, lookahead=0, hop=1)
    assert shown(made, range(2), late_ns=100_000_001) == []
    assert made.said == ["an image of 0.10 s ago is left out"] * 2
    assert len(shown(made, range(2, 4), late_ns=100_000_000)) == 4


def test_a_bag_that_begins_again_and_another_camera(node):
    made = node(lookahead=0, hop=1)
    assert len(shown(made, range(5))) == 10
    again = shown(made, range(5))
    assert [one.header.stamp for one in again[::2]] == [stamp_of(number) for number in range(5)]
    assert again[0].header.frame_id == "person_1_hip"
    assert len(shown(made, range(5, 7), size=(2 * WIDTH, HEIGHT))) == 4


def test_only_the_newest_image_waits(node):
    _, _, quality = node().taking["image"]
    assert (quality.depth, quality.reliability) == (1, ros.ReliabilityPolicy.BEST_EFFORT)


def test_images(page):
    image_from = page["image_from"]
    for encoding in ("bgr8", "rgb8"):
        image = image_from(image_of(7, encoding=encoding))
        assert (image.shape, image.dtype, image[0, 0].tolist()) == (
            (HEIGHT, WIDTH, 3),
            np.uint8,
            [7, 0, 0],
        )
        assert image.flags.c_contiguous
        assert image.flags.writeable
    message = image_of(0)
    message.encoding = "16UC1"
    with pytest.raises(ValueError, match="16UC1") as caught:
        image_from(message)
    assert str(caught.value) == (
        "expected images of bgr8 or rgb8, got 16UC1: set the camera's driver to one of them"
    )


def test_the_end(page, node, monkeypatch):
    calls, made = [], []
    for name in ("init", "try_shutdown"):
        monkeypatch.setattr(page["rclpy"], name, lambda name=name: calls.append(name))

    def spin(one):
        made.append(one)
        raise ros.ExternalShutdownException

    monkeypatch.setattr(page["rclpy"], "spin", spin)
    monkeypatch.setattr(ros.Node, "given", {"model": "tiny.onnx", "detector": "detect.py:find"})
    page["main"]()
    assert calls == ["init", "try_shutdown"]
    assert (made[0].name, made[0].engine.closed) == (None, True)
