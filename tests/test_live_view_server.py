"""The page's server, by its sockets: who gets what, and who cannot hold it up."""

import http.client
import json
import logging
import socket
import threading

import pytest

from h2ot_edge.errors import UsageError
from h2ot_edge.live_view import server as serving
from h2ot_edge.live_view.hosts import is_loopback, named_so
from h2ot_edge.live_view.server import PageServer

PAGE, POLICY = b"<!doctype html><p>here", "default-src 'none'"


@pytest.fixture
def served():
    made = PageServer(PAGE, POLICY, host="127.0.0.1", port=0)
    yield made
    made.close()


def port_of(server):
    return int(server.url.rsplit(":", 1)[1].strip("/"))


def ask(server, path="/", **headers):
    """The answer to a GET, its body not read yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()  # which has the socket now


def answer(server, path="/", **headers):
    with ask(server, path, **headers) as response:
        return response.status, dict(response.getheaders()), response.read()


def event(response):
    """The next data of server-sent events."""
    while True:
        line = response.readline()
        assert line, "the stream has ended"
        if line.startswith(b"data: "):
            return json.loads(line[6:])


def until(condition):
    """Busy waiting; the machine may take its time."""
    tick = threading.Event()
    for _ in range(2000):
        if condition():
            return
        tick.wait(0.005)
    raise AssertionError("it never came to that")


def test_the_page_comes_with_its_policy(served):
    assert served.url == f"http://127.0.0.1:{port_of(served)}/"
    status, headers, body = answer(served)
    assert (status, body) == (200, PAGE)
    assert {name: headers[name] for name in headers if name not in ("Date", "Server")} == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(PAGE)),
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    assert headers["Server"] == "h2ot-edge"


def test_there_is_nothing_else(served):
    for path in ("/index.html", "/../etc/passwd", "/picture/1", "/assets/live.js"):
        assert answer(served, path)[::2] == (404, b"there is / and nothing else\n")
    connection = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=10)
    connection.request("POST", "/", body="x")
    with connection.getresponse() as response:
        assert response.status == 501


@pytest.mark.parametrize("path", ["/", "/picture", "/poses"])
def test_a_name_that_was_pointed_here_gets_nothing(served, path):
    for host in ("evil.example", f"evil.example:{port_of(served)}", "127.0.0.1.evil.example", ""):
        status, _, body = answer(served, path, Host=host)
        assert (status, body) == (403, b"open this page by the address that was printed\n")


@pytest.mark.parametrize("name", ["127.0.0.1:8017", "localhost:8017", "[::1]:8017", "LOCALHOST"])
def test_names_of_this_machine_are_taken(served, name):
    assert answer(served, Host=name)[0] == 200


def test_names_in_a_network():
    machine = socket.gethostname().lower()
    assert named_so("192.168.1.20:8017", "0.0.0.0")
    assert named_so(f"{machine}:8017", "0.0.0.0")
    assert named_so(f"{machine}.local", "0.0.0.0")
    assert named_so("cam.example", "cam.example")
    assert not named_so(f"{machine}.evil.example", "0.0.0.0")
    assert not named_so(None, "0.0.0.0")
    told = [is_loopback(h) for h in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "cam.example")]
    assert told == [True, True, True, False, False]


def test_each_picture_is_followed_by_the_headers_of_the_next_at_once(served):
    response = ask(served, "/picture?1")
    assert response.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=h2ot-picture"
    assert served.opened.wait(10)
    until(lambda: served.pictures.followers == 1)
    following = b"\r\n--h2ot-picture\r\nContent-Type: image/jpeg\r\n\r\n"
    assert response.read(len(following)) == following
    for jpeg in (b"\xff\xd8one\xff\xd9", b"\xff\xd8another\xff\xd9"):
        served.pictures.put(jpeg)
        assert response.read(len(jpeg + following)) == jpeg + following
    response.close()


def test_every_client_gets_every_message_and_the_end():
    made = PageServer(PAGE, POLICY, host="127.0.0.1", port=0)
    clients = [ask(made, "/poses") for _ in range(3)]
    until(lambda: made.messages.followers == 3)
    for number in range(5):
        made.messages.put(json.dumps({"number": number}))
        assert [event(response)["number"] for response in clients] == [number] * 3
    made.close()
    for client in clients:
        assert b"event: end" in client.read()
        client.close()


def test_a_client_that_reads_nothing_holds_up_nobody(served):
    stuck, response = ask(served, "/picture"), ask(served, "/picture")
    until(lambda: served.pictures.followers == 2)
    jpeg = bytes(8 << 20)  # more than the buffers on the way hold
    for _ in range(4):
        served.pictures.put(jpeg)
        assert len(response.read(len(jpeg))) == len(jpeg)
    stuck.close()
    response.close()


def test_a_stream_without_news_says_that_it_is_there(monkeypatch):
    monkeypatch.setattr(serving, "_IDLE_S", 0.01)
    made = PageServer(PAGE, POLICY, host="127.0.0.1", port=0)
    response = ask(made, "/poses")
    assert [response.readline() for _ in range(4)] == [b": hello\n", b"\n", b": wait\n", b"\n"]
    made.close()
    response.close()


def test_there_is_a_most_of_streams(monkeypatch, served):
    monkeypatch.setattr(serving, "_MOST_STREAMS", 1)
    response = ask(served, "/poses")
    until(lambda: served.messages.followers == 1)
    for path in ("/poses", "/picture"):
        assert answer(served, path)[::2] == (503, b"too many pages are open\n")
    response.close()
    until(lambda: served.messages.put("{}") or served.messages.followers == 0)
    with ask(served, "/poses") as response:
        assert response.status == 200


def test_a_client_that_leaves_is_no_error(served, caplog, capfd):
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        response = ask(served, "/picture")
        until(lambda: served.pictures.followers == 1)
        response.close()
        until(lambda: served.pictures.put(bytes(1 << 20)) or served.pictures.followers == 0)
    assert (caplog.messages, capfd.readouterr()) == ([], ("", ""))


def test_the_port_is_free_afterwards():
    made = PageServer(PAGE, POLICY, host="127.0.0.1", port=0)
    made.close()
    again = PageServer(PAGE, POLICY, host="127.0.0.1", port=port_of(made))
    assert again.url == made.url
    again.close()


def test_a_port_that_is_taken(served):
    with pytest.raises(UsageError) as caught:
        PageServer(PAGE, POLICY, host="127.0.0.1", port=port_of(served))
    assert str(caught.value) == (
        f"the page cannot be served at 127.0.0.1 port {port_of(served)} (Address already in use); "
        "give another --port, or 0 for any that is free; --host is an address of this machine"
    )


def test_an_address_of_another_machine_and_no_port_at_all():
    with pytest.raises(UsageError) as caught:
        PageServer(PAGE, POLICY, host="192.0.2.1", port=0)
    assert str(caught.value) == (
        "the page cannot be served at 192.0.2.1 port 0 (Cannot assign requested address); "
        "give another --port, or 0 for any that is free; --host is an address of this machine"
    )
    for port in (-1, 65536):
        with pytest.raises(UsageError) as caught:
            PageServer(PAGE, POLICY, host="127.0.0.1", port=port)
        assert str(caught.value) == f"port: expected 0 to 65535, got {port}"
