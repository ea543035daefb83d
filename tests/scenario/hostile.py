"""Hostile bytes and peers: a protocol error or a bounded refusal, never a crash, a hang, or a
delay for others. Both sides of every stated limit."""
import random
import socket
import threading
import time

from harness import (CONFIG, Daemon, Raw, ber, ber_int, ber_str, bind_request, done, equality, is_,
                     message, ok, search_request, wait_for)

SBC = ("uid=sbc,ou=users,dc=contacts", "s3cret-of-the-sbc")
FAST = CONFIG.replace('anonymous = "allow"', '''anonymous = "allow"
receive_time = "2s"
send_time = "2s"
idle_time = "4s"''')
PERSON = equality("telephoneNumber", "+4989840798192")


class Probe(threading.Thread):
    """An SBC that keeps asking; remembers the slowest answer and any wrong one."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.raw, self.worst, self.wrong, self.count, self.over = Raw(port), 0.0, 0, 0, False
        self.start()

    def run(self):
        n = 1
        while not self.over:
            n += 1
            started = time.monotonic()
            self.raw.send(search_request(n, PERSON))
            if self.raw.result() != (n, 0x65, 0, 1):
                self.wrong += 1
            self.worst = max(self.worst, time.monotonic() - started)
            self.count += 1
            time.sleep(0.005)

    def stop(self):
        self.over = True
        self.join(20)
        self.raw.close()


def answer(port, *messages):
    """The result code of the last of these on a new connection; "closed" when it ends."""
    raw = Raw(port)
    try:
        for m in messages:
            raw.send(m)
        for _ in messages:
            last = raw.result()
            if last[0] == 0:  # a notice of disconnection
                return "closed" if raw.closed(5) else "open after its notice"
        return last[2]
    except (EOFError, ConnectionError):
        return "closed"
    finally:
        raw.close()


def nested(depth):
    f = PERSON
    for _ in range(depth):
        f = ber(0xa2, f)
    return f


def wide(n):
    return ber(0xa1, PERSON * n)


def pieces(n):
    return ber(0xa4, ber_str("cn") + ber(0x30, b"".join(ber_str("a", 0x81) for _ in range(n))))


def controls(n):
    return b"".join(ber(0x30, ber_str(f"1.2.3.{i}")) for i in range(n))


def limits(d):
    for what, inside, outside in (
            ("filter depth 64", nested(64), nested(65)),
            ("filter leaves 1000", wide(1000), wide(1001)),
            ("substring pieces 64", pieces(64), pieces(65))):
        is_(answer(d.port, search_request(2, inside)), 0, f"{what}: the limit itself is served")
        ok(answer(d.port, search_request(2, outside)) not in (0,), f"{what}: one more is refused")
    is_(answer(d.port, search_request(2, PERSON, controls=controls(16))), 0, "16 controls")
    ok(answer(d.port, search_request(2, PERSON, controls=controls(17))) != 0, "17 are refused")
    is_(answer(d.port, search_request(2, PERSON, attributes=["cn"] * 256)), 0, "256 attributes")
    ok(answer(d.port, search_request(2, PERSON, attributes=["cn"] * 257)) != 0,
       "257 are refused")
    room = 256 * 1024 - 200
    is_(answer(d.port, search_request(2, equality("cn", "x" * room))), 0,
        "256 KB anonymous are read")
    is_(answer(d.port, search_request(2, equality("cn", "x" * (room + 1000)))), "closed",
        "a larger message ends the connection")
    room = 1024 * 1024 - 300
    is_(answer(d.port, bind_request(1, *SBC), search_request(2, equality("cn", "x" * room))), 0,
        "1 MB after a bind")
    is_(answer(d.port, bind_request(1, *SBC), search_request(2, equality("cn", "x" * room * 2))),
        "closed", "a larger message ends that connection too")


def garbage(d):
    rng = random.Random(20)
    for what, data in (
            ("an HTTP request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
            ("zeros", b"\0" * 5000),
            ("an indefinite length", b"\x30\x80\x02\x01\x01"),
            ("a length that lies", b"\x30\x84\xff\xff\xff\xff\x02\x01\x01"),
            ("a negative message id", ber(0x30, b"\x02\x01\xff" + ber(0x42, b""))),
            ("an unknown operation", message(1, ber(0x7e, b""))),
            ("a response", message(1, ber(0x65, b"\x0a\x01\0\x04\0\x04\0")))):
        raw = Raw(d.port)
        raw.send(data)
        ok(raw.closed(5), f"{what} ends the connection at once")
        raw.close()
    good = bind_request(1, *SBC) + search_request(2, PERSON, attributes=["cn"])
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with socket.create_connection(("127.0.0.1", d.port)) as s:
            s.sendall(bytes(data[:rng.randint(1, len(data))]))
    is_(answer(d.port, search_request(2, PERSON)), 0, "after 2,000 mutated sessions it answers")
    for deep in (10, 1000, 100000):
        data = b""
        for _ in range(deep):
            data = ber(0xa0, data) if deep <= 1000 else data
        if deep == 100000:
            data = b"\xa0\x84\x00\x03\x00\x00" * 30000
        answer(d.port, search_request(2, data[:250000]))
    is_(answer(d.port, search_request(2, PERSON)), 0, "after nesting without end it answers")
    is_(answer(d.port, search_request(2, equality("telephoneNumber", b"\0\xff\xfe" * 30))), 0,
        "NULs and invalid UTF-8 in an assertion are no error")


def slow_peers(d):
    half = [Raw(d.port) for _ in range(40)]
    for raw in half:
        raw.send(search_request(2, PERSON)[:-3])
    trickle = Raw(d.port)
    closed_at = time.monotonic()
    try:
        for byte in search_request(2, PERSON) * 3:
            trickle.send(bytes([byte]))
            time.sleep(0.2)
    except (ConnectionError, BrokenPipeError):
        pass
    ok(time.monotonic() - closed_at < 8, "a peer that sends a byte at a time is dropped")
    ok(all(raw.closed(5) for raw in half), "half messages are dropped after the receive time")
    idle = Raw(d.port)
    ok(not idle.closed(2), "an idle peer stays for the idle time")
    ok(idle.closed(6), "and is let go after it")


def stalled_readers(d):
    """Forty clients that ask for everything and read nothing."""
    probe = Probe(d.port)
    everything = ber(0x87, b"objectClass")
    stalled = []
    for _ in range(40):
        raw = Raw(d.port)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            for i in range(80):
                raw.send(search_request(i + 2, everything))
        except (ConnectionError, socket.timeout):
            pass
        stalled.append(raw)
    time.sleep(6)
    probe.stop()
    ok(probe.worst < 0.25, f"the worst lookup beside them took {probe.worst * 1000:.0f} ms")
    is_(probe.wrong, 0, f"{probe.count} lookups beside them were right")
    for raw in stalled:
        raw.close()


def many_sessions(d):
    before, fds = d.rss_kb(), d.descriptors()
    probe = Probe(d.port)
    held = []
    for _ in range(250):
        try:
            held.append(socket.create_connection(("127.0.0.1", d.port), timeout=5))
        except OSError:
            break
    over = [socket.create_connection(("127.0.0.1", d.port), timeout=5) for _ in range(40)]
    for s in over:
        s.settimeout(5)
    refused = 0
    for s in over:
        try:
            refused += s.recv(100) == b""
        except OSError:
            refused += 1
    ok(refused >= 30, f"sessions over 256 of one address are refused ({refused} of 40)")
    probe.stop()
    is_(probe.wrong, 0, "lookups go on beside them")
    for s in held + over:
        s.close()
    ok(wait_for(lambda: d.descriptors() <= fds + 2, 5), "the descriptors come back")
    grown = d.rss_kb() - before
    ok(grown < 64 * 1024, f"memory stays bounded (+{grown} kB)")


def outstanding(d):
    raw = Raw(d.port)
    raw.send(b"".join(search_request(i, PERSON) for i in range(2, 2002)))
    codes = [raw.result()[2] for _ in range(2000)]
    ok(set(codes) <= {0, 51}, "2,000 requests at once: each is answered or told busy", set(codes))
    raw.send(search_request(5000, PERSON))
    is_(raw.result()[:3], (5000, 0x65, 0), "and the connection goes on")
    raw.close()
    for _ in range(300):
        raw = Raw(d.port)
        raw.send(search_request(2, PERSON))
        raw.reset_on_close()
        raw.close()
    is_(answer(d.port, search_request(2, PERSON)), 0, "300 resets in mid-search do no harm")


with Daemon(FAST) as daemon:
    for attack in (limits, garbage, slow_peers, stalled_readers, many_sessions, outstanding):
        attack(daemon)
done()
