"""Videos by the network, from a server of this process."""

import socket
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest
from made_videos import SIZE, made_image, number_of, save_video
from rtsp_server import play

from h2ot_edge.errors import InputError
from h2ot_edge.video import open_source
from h2ot_edge.video.span import Span
from h2ot_edge.video.streams import open_stream, without_password


class Handler(BaseHTTPRequestHandler):
    """/a.mp4 whole; /half.ts breaks off; /stuck.ts goes silent; /mjpeg as cameras have it."""

    def __init__(self, *arguments, folder, leave):
        self.folder, self.leave = folder, leave
        super().__init__(*arguments)

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/mjpeg":
            return self.send_images()
        path = self.folder / self.path[1:].replace("half", "a").replace("stuck", "a")
        if not path.exists():
            return self.send_error(404)
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        whole = path.name == self.path[1:]
        self.wfile.write(data if whole else data[: len(data) // 2])
        self.wfile.flush()
        if "stuck" in self.path:
            self.leave.wait(30)

    def send_images(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        for number in range(6):
            image = cv2.imencode(".jpg", made_image(number))[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n"
            self.wfile.write(head.encode() + image + b"\r\n")
            self.wfile.flush()
            time.sleep(0.03)


@pytest.fixture
def address(tmp_path):
    """Of a server that has a.mp4 and a.ts."""
    save_video(tmp_path / "a.mp4", muxing={"movflags": "faststart"})
    save_video(tmp_path / "a.ts", frames=100)
    leave = threading.Event()
    handler = partial(Handler, folder=tmp_path, leave=leave)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    leave.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_of_a_server_is_a_file(address):
    with open_source(f"{address}/a.mp4", start_s=0.4) as source:
        assert (source.size, source.fps, source.frames, source.live) == (SIZE, 25, 10, False)
        for _ in range(2):
            frames = [(frame.number, number_of(frame.image)) for frame in source]
            assert frames == [(number, number) for number in range(10, 20)]


def test_a_stream_comes_once_and_its_password_is_not_told(address):
    source = open_source(address.replace("//", "//user:secret@") + "/a.ts", stop_s=0.2)
    assert source.name == address.replace("//", "//***@") + "/a.ts"
    assert (source.live, source.frames) == (True, None)
    assert [number_of(frame.image) for frame in source] == [0, 1, 2, 3, 4]
    with pytest.raises(InputError) as caught:
        iter(source)
    assert str(caught.value) == f"{source.name}: is live and comes once; open it again"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("rtsp://admin:p@ss@host:554/1", "rtsp://***@host:554/1"),
        ("rtsp://admin:p?s=s@host/1", "rtsp://***@host/1"),
        (
            "http://host/a.mp4?password=secret&key=a/b@c;d=e",
            "http://host/a.mp4?password=***&key=***;d=***",
        ),
        (
            "rtsp://host/user=admin&password=secret&channel=1",
            "rtsp://host/user=***&password=***&channel=***",
        ),
        ("https://host/who@where.mp4", "https://host/who@where.mp4"),
        ("folder/a=b@c.mp4", "folder/a=b@c.mp4"),
    ],
)
def test_what_an_address_is_called(address, told):
    assert without_password(address) == told


def test_schemes_that_are_not_known():
    with pytest.raises(InputError) as caught:
        open_source("ftp://admin:secret@host/x")
    assert str(caught.value) == (
        "ftp://***@host/x: expected an address that begins with one of http, https, rtmp, rtmps, "
        "rtsp, rtsps, srt, tcp, udp, got ftp"
    )


def test_images_of_a_camera_are_timed_by_when_they_come(address):
    source = open_source(f"{address}/mjpeg")
    assert (source.size, source.fps, source.live) == (SIZE, None, True)
    frames = list(source)
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 3, 4, 5]
    times = [frame.timestamp for frame in frames]
    assert times == sorted(set(times))
    assert times[0] == 0


def test_rtsp(tmp_path):
    asked = []
    data = save_video(tmp_path / "a.ts", frames=50).read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=play, args=(server, data, asked))
        thread.start()
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/a"
        source = open_stream(url, Span(0.2, 1.0), (5.0, 1.0))
        assert (source.name, source.size, source.live, source.frames) == (url, SIZE, True, None)
        frames = [(frame.number, number_of(frame.image)) for frame in source]
        thread.join()
    assert frames == [(number, number) for number in range(5, 25)]
    assert asked[2] == ("SETUP", "RTP/AVP/TCP;unicast;interleaved=0-1")  # nothing gets lost so
    assert asked[3][0] == "PLAY"


@pytest.mark.parametrize("name", ["half", "stuck"])
def test_what_breaks_off_gives_what_came(address, name, caplog):
    frames = list(open_stream(f"{address}/{name}.ts", Span(), (5.0, 0.5)))
    assert 30 < len(frames) < 70
    assert [number_of(frame.image) for frame in frames[:25]] == list(range(25))
    reason = "Input/output error" if name == "half" else "nothing came for 0.5 s"
    end = frames[-1].timestamp + 1 / 25
    told = f"{address}/{name}.ts: ends at {end:.1f} s ({reason}); the frames up to there are used"
    assert told in caplog.messages


def test_a_server_that_has_it_not(address):
    with pytest.raises(InputError) as caught:
        open_source(f"{address}/none.mp4")
    assert str(caught.value) == (
        f"{address}/none.mp4: cannot be reached, or is not a video (Server returned 404 Not "
        "Found); see whether a player shows it"
    )


@pytest.mark.parametrize("scheme", ["http", "rtsp", "tcp"])
def test_a_server_that_says_nothing(scheme):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/a"
        with pytest.raises(InputError) as caught:
            open_stream(url, Span(), (0.4, 0.4))
    assert str(caught.value) == (
        f"{url}: cannot be reached, or is not a video (nothing came within 0.4 s); see whether a "
        "player shows it"
    )


def test_nobody_there_and_addresses_that_are_not_known():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError) as caught:
        open_source(f"rtsp://user:secret@127.0.0.1:{port}/a")
    assert str(caught.value) == (
        f"rtsp://***@127.0.0.1:{port}/a: cannot be reached, or is not a video (Connection "
        "refused); see whether a player shows it"
    )
    with pytest.raises(InputError) as caught:
        open_source("ftp://host/a.mp4")
    assert str(caught.value) == (
        "ftp://host/a.mp4: expected an address that begins with one of http, https, rtmp, rtmps, "
        "rtsp, rtsps, srt, tcp, udp, got ftp"
    )


def test_a_server_cannot_have_files_opened(address, tmp_path):
    """FFmpeg sees to that; here it is held to it."""
    begin = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    (tmp_path / "good.m3u8").write_text(f"{begin}{address}/a.ts\n#EXT-X-ENDLIST\n")
    assert len(list(open_source(f"{address}/good.m3u8"))) == 100
    (tmp_path / "bad.m3u8").write_text(f"{begin}file:{tmp_path}/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError) as caught:
        open_source(f"{address}/bad.m3u8")
    assert str(caught.value) == (
        f"{address}/bad.m3u8: cannot be reached, or is not a video (Invalid data found when "
        "processing input); see whether a player shows it"
    )
    with pytest.raises(InputError) as caught:
        open_source(tmp_path / "good.m3u8")  # nor a file addresses
    assert str(caught.value) == (
        f"{tmp_path / 'good.m3u8'}: cannot be read as a video (Invalid data found when processing "
        "input); if a player shows it, convert it to an .mp4 of H.264"
    )
