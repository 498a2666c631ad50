"""The names of `rclpy` and of its messages that docs/ros2.md uses, and nothing else of them.

Fields take what ROS 2's generated messages take: a float is a float, not a number of numpy.
"""

import array
import sys
from dataclasses import dataclass, field, fields
from enum import IntEnum
from types import MappingProxyType, ModuleType, SimpleNamespace


class Checked:
    """A message: its fields have the types that are named."""

    def __post_init__(self):
        for one in fields(self):
            assert type(getattr(self, one.name)) is one.type, one.name


@dataclass
class Time(Checked):
    sec: int = 0
    nanosec: int = 0


@dataclass
class Header(Checked):
    stamp: Time = field(default_factory=Time)
    frame_id: str = ""


@dataclass
class Point(Checked):
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


@dataclass
class Quaternion(Checked):
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    w: float = 1.0


@dataclass
class Pose(Checked):
    position: Point = field(default_factory=Point)
    orientation: Quaternion = field(default_factory=Quaternion)


@dataclass
class PoseArray(Checked):
    header: Header = field(default_factory=Header)
    poses: list = field(default_factory=list)


@dataclass
class Image(Checked):
    header: Header = field(default_factory=Header)
    height: int = 0
    width: int = 0
    encoding: str = ""
    is_bigendian: int = 0
    step: int = 0
    data: array.array = field(default_factory=lambda: array.array("B"))


class ReliabilityPolicy(IntEnum):
    RELIABLE = 1
    BEST_EFFORT = 2


@dataclass(kw_only=True)
class QoSProfile:
    depth: int
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE


class ExternalShutdownException(Exception):
    pass


class Node:
    """A node without a network: what it publishes and says is kept, parameters are set before."""

    given = MappingProxyType({})
    now_ns = 0

    def __init__(self, node_name):
        self.name, self.published, self.said, self.taking = node_name, [], [], {}

    def declare_parameter(self, name, value):
        return SimpleNamespace(value=self.given.get(name, value))

    def create_subscription(self, msg_type, topic, callback, qos_profile):
        self.taking[topic] = msg_type, callback, qos_profile

    def create_publisher(self, msg_type, topic, qos_profile):
        def publish(message):
            assert type(message) is msg_type
            self.published.append((topic, message))

        return SimpleNamespace(publish=publish)

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=self.now_ns))

    def get_logger(self):
        def warning(message, *, throttle_duration_sec):
            self.said.append(message)

        return SimpleNamespace(warning=warning)

    def destroy_node(self):
        self.name = None


def install(monkeypatch):
    """Let `import rclpy` and the others find these."""
    modules = {
        "rclpy": {"init": None, "spin": None, "try_shutdown": None},
        "rclpy.executors": {"ExternalShutdownException": ExternalShutdownException},
        "rclpy.node": {"Node": Node},
        "rclpy.qos": {"QoSProfile": QoSProfile, "ReliabilityPolicy": ReliabilityPolicy},
        "sensor_msgs.msg": {"Image": Image},
        "std_msgs.msg": {"Header": Header},
        "geometry_msgs.msg": {"Point": Point, "Pose": Pose, "PoseArray": PoseArray},
    }
    for name, names in modules.items():
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
        package = name.partition(".")[0]
        if package not in modules:
            monkeypatch.setitem(sys.modules, package, ModuleType(package))
