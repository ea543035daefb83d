"""The LDAP source against servers that die, stall and lie: a clear reason each time, the last good
data stay, nothing hangs, nothing grows, and the daemon goes on answering."""
import socket
import threading
import time

from harness import Daemon, ber, ber_int, ber_str, done, is_, message, ok, wait_for
from ldap_source import NEVER, PEOPLE, PLAIN, config, number, people, source, sync
from slapd import Authority, Slapd

FAST = PLAIN + NEVER + ('listen = false\nconnect_timeout = "700ms"\ntimeout = "700ms"\n'
                        'base = "dc=contacts"\n')


# -- a proxy that fails when it is told to ------------------------------------------------------

class Proxy:
    """Forwards to a server until `limit` bytes came from it; then cuts or stalls."""

    def __init__(self, port):
        self.target, self.limit, self.stall = port, None, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.open += [client, server]
            threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def pump(self, source_, sink, counted):
        total, limit = 0, self.limit
        try:
            while data := source_.recv(65536):
                if counted and limit is not None and total + len(data) > limit:
                    sink.sendall(data[:limit - total])
                    if self.stall:
                        return
                    break
                total += len(data)
                sink.sendall(data)
        except OSError:
            pass
        for s in (source_, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for s in self.open:
            s.close()


def dying(ca, certificate):
    """The connection is cut, or falls silent, after every so many bytes of a sync over LDAPS."""
    with Slapd(people(2000), syncprov=0, certificate=(*certificate, ca.cert)) as server:
        proxy = Proxy(server.tls_port)
        conf = config(source(f"ldaps://127.0.0.1:{proxy.port}", NEVER + 'listen = false\n'
                             f'ca_file = "{ca.cert}"\nconnect_timeout = "500ms"\n'
                             'timeout = "500ms"\ndelta = "off"\n'))
        with Daemon(conf, wait=None) as d:
            is_(sync(d)["contacts"], 2000, "through a proxy")
            wrong, reasons, slowest = [], set(), 0
            for stall in (False, True):
                for limit in (0, 1, 5, 200, 700, 1200, 1500, 2000, 3000, 20000, 100000, 300000):
                    proxy.limit, proxy.stall = limit, stall
                    began = time.monotonic()
                    run = d.ctl("sync", "crm")
                    slowest = max(slowest, time.monotonic() - began)
                    state = d.source()
                    reasons.add(state["last_error"])
                    if run.returncode == 0 or state["contacts"] != 2000 or not state["last_error"]:
                        wrong.append((stall, limit, run.stdout, run.stderr))
            ok(not wrong, "cut or silent at 24 places: refused, told, and nobody lost", *wrong)
            ok(slowest < 3, f"none took longer than {slowest:.1f} s")
            for reason in sorted(map(str, reasons)):
                print("#", reason)
            proxy.limit = None
            is_(sync(d)["contacts"], 2000, "the next one works")
            proxy.limit, proxy.stall = 100000, True
            d.ctl("sync", "crm", "--no-wait")
            began = time.monotonic()
            is_(d.stop(), 0, "a stop of the daemon amid a silence")
            ok(time.monotonic() - began < 3, "does not wait for it", time.monotonic() - began)
            proxy.limit = None
            d.start()
            d.ctl("sync", "crm", "--no-wait")
            server.kill()
            wait_for(lambda: d.source()["state"] != "syncing", 10)
            is_(d.source()["contacts"], 2000, "the server is killed amid a sync")
            is_(d.names(number(7)), ["Person 7"], "its names are answered")
            server.start()
            is_(sync(d)["contacts"], 2000, "and read again when it is back")
        proxy.close()


# -- a server that lies -------------------------------------------------------------------------

def result(msgid, tag=0x65, code=0, matched="", text="", controls=b""):
    return message(msgid, ber(tag, ber_int(code, 10) + ber_str(matched) + ber_str(text)), controls)


def entry(msgid, dn, attributes, controls=b""):
    return message(msgid, ber(0x64, ber_str(dn) + ber(0x30, b"".join(
        ber(0x30, ber_str(name) + ber(0x31, b"".join(ber_str(v) for v in values)))
        for name, values in attributes.items()))), controls)


def person_entry(msgid, n):
    return entry(msgid, f"uid=u{n},dc=contacts", {
        "uid": [f"u{n}"], "sn": [f"S{n}"], "telephoneNumber": [f"+49 89 1{n:06d}"],
        "entryUUID": [f"00000000-0000-0000-0000-{n:012d}"]})


def page_control(cookie):
    return ber(0x30, ber_str("1.2.840.113556.1.4.319") +
               ber_str(ber(0x30, ber_int(0) + ber_str(cookie))))


class Mute:
    """Takes connections and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]


class Liar:
    """An LDAP server in which `answer(connection, msgid, tag, request)` decides."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        buffer = b""
        try:
            while data := client.recv(65536):
                buffer += data
                while len(buffer) > 2:
                    n, head = buffer[1], 2
                    if n & 0x80:
                        head = 2 + (n & 0x7f)
                        n = int.from_bytes(buffer[2:head], "big")
                    if len(buffer) < head + n:
                        break
                    body, buffer = buffer[head:head + n], buffer[head + n:]
                    size = body[1]
                    msgid = int.from_bytes(body[2:2 + size], "big")
                    tag = body[2 + size]
                    if self.answer(client, msgid, tag, body[2 + size:]) is False:
                        return
        except OSError:
            pass
        finally:
            client.close()


def honest_until(contacts):
    """The root DSE and the bind are answered; then `contacts(client, msgid, request)`."""
    def answer(client, msgid, tag, request):
        if tag == 0x60:
            client.sendall(result(msgid, 0x61))
        elif tag == 0x63 and b"namingContexts" in request:
            client.sendall(entry(msgid, "", {"namingContexts": ["dc=contacts"],
                                             "supportedControl": ["1.2.840.113556.1.4.319"]}) +
                           result(msgid))
        elif tag == 0x63:
            return contacts(client, msgid, request)
        return None
    return answer


def endless(make):
    def contacts(client, msgid, request):
        block = make(msgid) * 200
        while True:
            client.sendall(block)
    return contacts


def say(*parts):
    """Answers a search with what each part makes of the message id."""
    return lambda client, msgid, request: client.sendall(b"".join(p(msgid) for p in parts))


def pages(cookie, entries=0):
    def contacts(client, msgid, request):
        client.sendall(b"".join(person_entry(msgid, n) for n in range(entries)) +
                       result(msgid, controls=page_control(cookie)))
    return contacts


def slowly(client, msgid, request):
    """A byte each 50 ms, for ever."""
    while True:
        for b in ber(0x30, ber_int(msgid) + ber(0x64, b"x" * 100000)):
            client.sendall(bytes([b]))
            time.sleep(0.05)


def anybody(msgid):
    return person_entry(msgid, 1)


LIES = {
    # name: (what it answers, in the reason)
    "silence": (lambda c, m, r: None, "did not answer"),
    "black_hole": (None, "did not answer"),
    "hangs_up": (lambda c, m, r: False, "closed the connection"),
    "half_then_hangs_up": (lambda c, m, r: (c.sendall(anybody(m)), False)[1],
                           "closed the connection"),
    "half_then_error": (say(anybody, lambda m: result(m, code=1, text="disk on fire")),
                        "disk on fire"),
    "busy": (say(lambda m: result(m, code=51)), "busy"),
    "time_limit": (say(anybody, lambda m: result(m, code=3)), "Time limit exceeded"),
    "size_limit": (say(anybody, lambda m: result(m, code=4)), "Size limit exceeded"),
    "referral": (say(lambda m: result(m, code=10)), "Referral"),
    "nothing": (say(lambda m: result(m)), "shows no entry"),
    "wrong_id": (say(lambda m: anybody(m + 77), lambda m: result(m + 77)), "did not answer"),
    "wrong_id_flood": (endless(lambda m: anybody(m + 77)), "did not answer"),
    "negative_id": (say(lambda m: message(-1, ber(0x65, b""))), ""),
    "not_ldap": (lambda c, m, r: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50), ""),
    "not_ber": (lambda c, m, r: c.sendall(b"\xff" * 5000), ""),
    "huge_length": (lambda c, m, r: c.sendall(b"\x30\x84\x7f\xff\xff\xff" + b"x" * 100), ""),
    "indefinite": (lambda c, m, r: c.sendall(b"\x30\x80" + b"\x02\x01\x01" * 100), ""),
    "truncated_entry": (say(lambda m: message(m, ber(0x64, ber_str("uid=x")[:-2])),
                            lambda m: result(m)), "none of the"),
    "entry_of_garbage": (say(lambda m: message(m, ber(0x64, b"\x04\x03abc\x30\x7f\x01\x02")),
                             lambda m: result(m)), "none of the"),
    "attributes_of_garbage": (say(lambda m: message(m, ber(0x64, ber_str("uid=x") + ber(
        0x30, ber(0x30, ber_str("sn") + b"\x31\x50abc")))), lambda m: result(m)), "none of the"),
    "empty_result": (say(anybody, lambda m: message(m, ber(0x65, b""))), ""),
    "result_of_a_bind": (say(lambda m: result(m, 0x61)), "did not answer"),
    "endless_entries": (endless(anybody), "more than 3000 entries"),
    "endless_referrals": (endless(lambda m: message(m, ber(0x73, ber_str("ldap://x/dc=y")))),
                          "referrals"),
    "endless_pages": (pages(b"more"), "pages never end"),
    "endless_full_pages": (pages(b"more", 50), "more than 3000 entries"),
    "page_control_of_garbage": (say(lambda m: result(m, controls=ber(0x30, ber_str(
        "1.2.840.113556.1.4.319") + ber_str(b"\x30\x03\x02")))), "page control cannot be read"),
    "page_control_without_a_value": (say(lambda m: result(m, controls=ber(0x30, ber_str(
        "1.2.840.113556.1.4.319")))), "page control cannot be read"),
    "drip": (slowly, "did not answer"),
    "intermediate_flood": (endless(lambda m: message(m, ber(0x79, ber_str("1.2.3", 0x80)))), None),
}


def lying():
    liars = {}
    for name, (contacts, _) in LIES.items():
        liars[name] = Liar((lambda *_: None) if contacts is None else honest_until(contacts))
    bind = Liar(lambda c, m, t, r: False if t == 0x60 else None)
    mute = Mute()
    conf = config(*(source(f"ldap://127.0.0.1:{x.port}", FAST + "max_entries = 3000\n"
                           'sync_limit = "4s"\n', name) for name, x in liars.items()),
                  source(f"ldap://127.0.0.1:{bind.port}", FAST + 'bind_dn = "cn=x"\n'
                         'password_file = "{dir}/sbc.password"\n', "bind"),
                  source(f"ldaps://127.0.0.1:{mute.port}", NEVER + "listen = false\n"
                         'connect_timeout = "700ms"\n', "handshake"),
                  source(f"ldap://127.0.0.1:{mute.port}", NEVER + "listen = false\n"
                         'connect_timeout = "700ms"\ntimeout = "700ms"\n', "starttls"))
    # The sanitizer keeps what was freed; a little of it is enough here.
    with Daemon(conf, wait=None, env={"ASAN_OPTIONS": "quarantine_size_mb=8"}) as d:
        before = d.rss_kb()
        for name, (_, want) in LIES.items():
            began = time.monotonic()
            run = d.ctl("sync", name)
            took = time.monotonic() - began
            reason = (d.source(name) or {}).get("last_error") or ""
            # A limit of the daemon's own ends what never ends in any other way.
            want = "time limit" if want is None else want
            ok(run.returncode != 0 and reason and want in reason and took < 8,
               f"{name}: {reason[:110]}", reason, f"{took:.1f} s")
        for name, want in (("bind", "closed the connection"), ("handshake", "no answer in time"),
                           ("starttls", "did not answer")):
            began = time.monotonic()
            d.ctl("sync", name)
            reason = d.source(name)["last_error"] or ""
            ok(want in reason and time.monotonic() - began < 3, f"{name}: {reason[:100]}", reason)
        is_(sum(s["contacts"] for s in d.sources()), 0, "nobody was made up")
        print(f"# {d.rss_kb() - before} kB more after {len(LIES) + 3} liars")
        ok(d.rss_kb() - before < 200000, "memory stays bounded", d.rss_kb() - before)
        began = time.monotonic()
        is_(d.names("(telephoneNumber=+4989)"), [], "lookups are answered")
        ok(time.monotonic() - began < 1, "at once")


def crowded():
    """A group of an Active Directory with more members than are kept: it is empty, and the
    contacts are read all the same."""
    def answer(client, msgid, tag, request):
        if tag != 0x63:
            return
        if b"namingContexts" in request:
            parts = [entry(msgid, "", {"defaultNamingContext": ["dc=contacts"],
                                       "supportedCapabilities": ["1.2.840.113556.1.4.800"]})]
        elif b"1.2.840.113556.1.4.1941" in request:
            parts = [entry(msgid, f"cn=u{n},dc=contacts", {"sAMAccountName": [str(n)]})
                     for n in range(20001)]
        elif b"cn=all" in request:
            parts = [entry(msgid, "cn=all,dc=contacts", {"cn": ["all"]})]
        else:
            parts = [person_entry(msgid, n) for n in range(3)]
        client.sendall(b"".join(parts) + result(msgid))
    liar = Liar(answer)
    conf = config(source(f"ldap://127.0.0.1:{liar.port}", FAST + 'delta = "off"\n'
                         'groups = ["all: cn=all,dc=contacts"]\n'))
    with Daemon(conf, wait=None) as d:
        d.ctl("sync", "crm")
        is_(d.source()["contacts"], 3, "a group of 20001 does not stop the sync")
        ok("more than 20000 members" in str(d.ctl_json("sources")), "it is told")


def leaving():
    """A server that says goodbye (RFC 4511, 4.4.1). libldap forgets to free that message; the
    sanitizer is told."""
    notice = message(0, ber(0x78, ber_int(52, 10) + ber_str("") + ber_str("") +
                            ber_str("1.3.6.1.4.1.1466.20036", 0x8a)))
    liar = Liar(honest_until(lambda c, m, r: (c.sendall(notice), False)[1]))
    d = Daemon(config(source(f"ldap://127.0.0.1:{liar.port}", FAST)), wait=None,
               files={"leaks": "leak:libldap\n"})
    d.env = {"LSAN_OPTIONS": "suppressions=" + d.path("leaks") + ":print_suppressions=0",
             "ASAN_OPTIONS": "fast_unwind_on_malloc=0"}
    with d:
        d.ctl("sync", "crm")
        ok("Server is unavailable" in (d.source()["last_error"] or ""), "a goodbye is understood",
           d.source()["last_error"])


def main():
    ca = Authority()
    dying(ca, ca.issue("server"))
    lying()
    crowded()
    leaving()
    done()


main()
