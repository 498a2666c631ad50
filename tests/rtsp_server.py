"""A server of RTSP that plays one MPEG-TS to one client, over the connection it asks by."""

import struct
from contextlib import suppress

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
)
MORE = {
    "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
    "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n",
    "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
}


def play(server, data, asked):
    """Answer a client until all of `data` is played; `asked` gets what it asked for."""
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as lines:
        while request := lines.readline().decode().split():
            head = {}
            while line := lines.readline().decode().strip():
                name, _, value = line.partition(":")
                head[name.lower()] = value.strip()
            asked.append((request[0], head.get("transport")))
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {head['cseq']}\r\nSession: 1\r\n"
            body = SDP if request[0] == "DESCRIBE" else ""
            connection.sendall((answer + MORE.get(request[0], "") + "\r\n" + body).encode())
            if request[0] == "PLAY":
                with suppress(OSError):  # who has seen enough goes
                    _send(connection, data)
                return


def _send(connection, data):
    """Seven packets of MPEG-TS in each of RTP, as RFC 2250 and 2326 (10.12) have it."""
    size = 7 * 188
    for number in range(0, len(data), size):
        packet = struct.pack(">BBHII", 0x80, 33, number // size & 0xFFFF, 0, 1)
        packet += data[number : number + size]
        connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
