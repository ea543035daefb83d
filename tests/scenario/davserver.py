"""davserver - a CardDAV server that misbehaves on request, for what a real one cannot be made to
do. Each store is a server of its own, at /NAME/:

    with DavServer() as server:
        store = server.store("crm", cards(3))
        store.mode = "endless"        # from here on its answers do not end

What a store does in which mode is the table FAULTS at the end.
"""
import base64
import gzip
import hashlib
import http.server
import re
import socketserver
import threading
import time
from xml.sax.saxutils import escape

NS = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:S="http://calendarserver.org/ns/"'
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def vcard(i, name="Person", phone=None):
    return (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:uid-{i}\r\nFN:{name} {i}\r\nN:{i};{name};;;\r\n"
            f"TEL;TYPE=WORK:{phone or f'+49 89 7{i:06d}'}\r\nEND:VCARD\r\n")


def cards(n, first=0, **kw):
    return {f"c{i}.vcf": vcard(i, **kw) for i in range(first, first + n)}


class Store:
    def __init__(self, name, content):
        self.name, self.mode, self.auth = name, None, None
        self.cards, self.log, self.epoch = dict(content), [], 1
        self.page, self.requests, self.can_sync = 0, [], True
        self.logins, self.expired_status = 0, 403
        self.away = "https://books.example.org/x/"
        self.named = named

    @property
    def home(self):
        return f"/{self.name}/books/"

    @property
    def book(self):
        return f"/{self.name}/books/main/"

    @property
    def token(self):
        return f"urn:x:{self.epoch}:{len(self.log)}"

    def put(self, name, content):
        self.cards[name] = content
        self.log.append(name)

    def delete(self, name):
        del self.cards[name]
        self.log.append(name)

    def expire(self):
        self.epoch += 1
        self.log = []


def response(href, props="", status=200):
    if status != 200:
        return f"<response><href>{escape(href)}</href><status>HTTP/1.1 {status} X</status></response>"
    return (f"<response><href>{escape(href)}</href><propstat><prop>{props}</prop>"
            f"<status>HTTP/1.1 200 OK</status></propstat></response>")


def named(href):
    """How a card is named in a list, by most servers."""
    return response(href, "<getetag>\"x\"</getetag>")


def without_etag(href):
    return (f"<response><href>{escape(href)}</href><propstat><prop><getetag/></prop>"
            "<status>HTTP/1.1 404 Not Found</status></propstat></response>")


def bare_status(href):
    return f"<response><href>{escape(href)}</href><status>HTTP/1.1 200 OK</status></response>"


def multistatus(*parts):
    return f"{HEAD}<multistatus {NS}>{''.join(parts)}</multistatus>"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body="", kind="application/xml; charset=utf-8", headers=()):
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, ValueError):
            self.close_connection = True

    def take(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        store = self.server.stores.get(self.path.split("/")[1])
        if self.path == "/.well-known/carddav" and self.server.well_known:
            self.answer(301, headers=[("Location", self.server.well_known)])
            return
        if not store:
            self.answer(404, "nothing", "text/plain")
            return
        store.requests.append((self.command, self.path))
        fault = FAULTS.get(store.mode)
        if fault and fault(self, store):
            return
        if store.auth and not store.auth(self, store):
            return
        self.serve(store)

    do_PROPFIND = do_REPORT = do_GET = take

    def serve(self, store):
        path = self.path
        if self.command == "GET":
            name = path[len(store.book):]
            if path.startswith(store.book) and name in store.cards:
                self.answer(200, store.cards[name], "text/vcard; charset=utf-8")
            else:
                self.answer(404, "", None)
        elif self.command == "REPORT" and "sync-collection" in self.body:
            self.report_changes(store)
        elif self.command == "REPORT":
            self.report_cards(store)
        elif self.headers.get("Depth") == "1" and path == store.home:
            self.answer(207, multistatus(response(store.home, "<resourcetype><collection/></resourcetype>"),
                                         self.book_props(store)))
        elif self.headers.get("Depth") == "1" and path == store.book:
            self.answer(207, multistatus(self.book_props(store), *(
                response(store.book + n, f"<getetag>\"{hash(c)}\"</getetag>")
                for n, c in store.cards.items())))
        elif path == store.book:
            self.answer(207, multistatus(self.book_props(store)))
        else:
            self.answer(207, multistatus(response(
                path, f"<resourcetype><collection/></resourcetype><C:addressbook-home-set>"
                      f"<href>{store.home}</href></C:addressbook-home-set>")))

    def book_props(self, store):
        sync = (f"<sync-token>{store.token}</sync-token><supported-report-set><supported-report>"
                "<report><sync-collection/></report></supported-report></supported-report-set>")
        ctag = f"<S:getctag>{store.epoch}-{len(store.log)}</S:getctag>"
        return response(store.book, "<resourcetype><collection/><C:addressbook/></resourcetype>"
                                    "<displayname>Main</displayname>" +
                        (sync if store.can_sync else ctag))

    def report_changes(self, store):
        if not store.can_sync:
            self.answer(403, f'{HEAD}<error {NS}><supported-report/></error>')
            return
        token = re.search(r"<sync-token>(.*?)</sync-token>", self.body).group(1)
        if token and not token.startswith(f"urn:x:{store.epoch}:"):
            self.answer(store.expired_status, f"{HEAD}<error {NS}><valid-sync-token/></error>")
            return
        if token.count(":") == 4:      # the rest of a first answer that was cut
            todo, since = sorted(store.cards), int(token.split(":")[4])
        elif token:
            todo, since = store.log, int(token.split(":")[3])
        else:
            todo, since = sorted(store.cards), 0
        end = min(len(todo), since + store.page) if store.page else len(todo)
        parts, token = [], store.token
        for name in todo[since:end]:
            parts.append(store.named(store.book + name) if name in store.cards
                         else response(store.book + name, status=404))
        if end < len(todo):
            parts.append(response(store.book, status=507))
            token = (f"urn:x:{store.epoch}:{end}" if todo is store.log
                     else f"urn:x:{store.epoch}:0:{end}")
        self.answer(207, multistatus(*parts, f"<sync-token>{token}</sync-token>"))

    def report_cards(self, store, leave_out=()):
        parts = []
        for href in re.findall(r"<href>(.*?)</href>", self.body):
            name = href[len(store.book):]
            if name in leave_out:
                continue
            if name in store.cards:
                parts.append(response(href, "<getetag>\"x\"</getetag><C:address-data>"
                                      f"{escape(store.cards[name])}</C:address-data>"))
            else:
                parts.append(response(href, status=404))
        self.answer(207, multistatus(*parts))

    # -- raw output, for what no library would send ------------------------------------------

    def raw(self, data):
        self.wfile.write(data.encode() if isinstance(data, str) else data)
        self.wfile.flush()

    def raw_head(self, *headers):
        self.raw("HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\n" +
                 "".join(h + "\r\n" for h in headers) + "\r\n")
        self.close_connection = True


# -- logins ------------------------------------------------------------------------------------

def basic(user, password):
    want = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def check(handler, store):
        if handler.headers.get("Authorization") == want:
            store.logins += 1
            return True
        handler.answer(401, "", None, [("WWW-Authenticate", 'Basic realm="x"')])
        return False
    return check


def bearer(token):
    def check(handler, store):
        if handler.headers.get("Authorization") == f"Bearer {token}":
            store.logins += 1
            return True
        handler.answer(401, "", None, [("WWW-Authenticate", "Bearer")])
        return False
    return check


def digest(user, password, offer_basic=False):
    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()

    def check(handler, store):
        given = handler.headers.get("Authorization", "")
        p = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
        if given.startswith("Digest") and p.get("nonce") == "n0nce":
            a1, a2 = md5(f"{user}:dav:{password}"), md5(f"{handler.command}:{handler.path}")
            if md5(f"{a1}:n0nce:{p['nc']}:{p['cnonce']}:auth:{a2}") == p["response"]:
                store.logins += 1
                return True
        more = [("WWW-Authenticate", 'Basic realm="dav"')] if offer_basic else []
        handler.answer(401, "", None, more + [
            ("WWW-Authenticate", 'Digest realm="dav", qop="auth", algorithm=MD5, nonce="n0nce"')])
        return False
    return check


# -- faults: each returns whether it has answered ------------------------------------------------

def endless(h, store):
    h.raw_head("Connection: close")
    h.raw(f"<multistatus {NS}>")
    while True:
        h.raw(response(store.book + "x.vcf", "<getetag>1</getetag>") * 1000)


def endless_token(h, store):
    h.raw_head("Connection: close")
    h.raw(f"<multistatus {NS}><response ")
    while True:
        h.raw("a" * 65536)


def slow(h, store):
    h.raw_head("Connection: close")
    for c in multistatus(h.book_props(store)):
        h.raw(c)
        time.sleep(1)
    return True


def silent(h, store):
    time.sleep(20)
    h.close_connection = True
    return True


def huge(h, store):
    h.raw_head("Content-Length: 10737418240")
    h.raw(f"<multistatus {NS}>")
    time.sleep(20)
    return True


def half(h, store):
    body = multistatus(h.book_props(store))
    h.raw_head(f"Content-Length: {len(body)}")
    h.raw(body[:len(body) // 2])
    return True


def half_cards(h, store):
    """Dies in the middle of the cards, after the listing went well."""
    if "addressbook-multiget" not in h.body:
        return False
    h.raw_head("Content-Length: 100000")
    h.raw(f"<multistatus {NS}>" + response(store.book + "c0.vcf", "<C:address-data>" + vcard(0) +
                                           "</C:address-data>"))
    return True


def bomb(h, store):
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9))
    h.answer(207, f"{HEAD}<!DOCTYPE x [{entities}]><multistatus {NS}><response><href>&j;</href>"
                  "</response></multistatus>")
    return True


def gzip_bomb(h, store):
    h.answer(207, gzip.compress(b" " * (40 << 20)), headers=[("Content-Encoding", "gzip")])
    return True


def headers(h, store):
    h.raw("HTTP/1.1 207 X\r\n")
    while True:
        h.raw("X-More: " + "m" * 1000 + "\r\n")


def stale(h, store):
    h.answer(401, "", None, [("WWW-Authenticate",
             f'Digest realm="x", qop="auth", stale=true, nonce="{time.monotonic()}"')])
    return True


def cut_for_ever(h, store):
    """507 again and again, always with the token that was sent."""
    if "sync-collection" not in h.body:
        return False
    token = re.search(r"<sync-token>(.*?)</sync-token>", h.body).group(1)
    h.answer(207, multistatus(response(store.book + "c0.vcf", "<getetag>1</getetag>"),
                              response(store.book, status=507),
                              f"<sync-token>{token}</sync-token>"))
    return True


def no_multiget(h, store):
    if "addressbook-multiget" not in h.body:
        return False
    h.answer(405, "", None)
    return True


def leaves_out(h, store):
    if "addressbook-multiget" not in h.body:
        return False
    h.report_cards(store, leave_out=sorted(store.cards)[::2])
    return True


def bad_home(h, store):
    """Keeps the address books at another host."""
    h.answer(207, multistatus(response(h.path, "<C:addressbook-home-set><href>"
             f"{store.away}</href></C:addressbook-home-set>")))
    return True


def once(status, *args, **kw):
    def fault(h, store):
        h.answer(status, *args, **kw)
        return True
    return fault


FAULTS = {
    "endless": endless, "endless_token": endless_token, "slow": slow, "silent": silent,
    "huge": huge, "half": half, "half_cards": half_cards, "bomb": bomb, "gzip_bomb": gzip_bomb,
    "headers": headers, "stale": stale, "cut_for_ever": cut_for_ever,
    "no_multiget": no_multiget, "leaves_out": leaves_out, "bad_home": bad_home,
    "malformed": once(207, f"<multistatus {NS}><response><href>/x</response>"),
    "deep": once(207, f"<multistatus {NS}>" + "<a>" * 100000),
    "html": once(200, "<html>Welcome</html>", "text/html"),
    "html207": once(207, "<html>Welcome</html>", "text/html"),
    "other_xml": once(207, "<rss/>"),
    "garbage": lambda h, s: h.raw("\0\1\2 no HTTP at all\r\n\r\n") or setattr(h, "close_connection", True) or True,
    "loop": lambda h, s: h.answer(302, headers=[("Location", h.path)]) or True,
    "elsewhere": once(302, headers=[("Location", "http://127.0.0.2:9/dav/")]),
    "downgrade": once(302, headers=[("Location", "file:///etc/passwd")]),
    "denied": once(401, "", None, [("WWW-Authenticate", 'Basic realm="x"')]),
    "forbidden": once(403, "", None),
    "busy": once(429, "", None, [("Retry-After", "3600000")]),
    "broken": once(500, "<html>oops</html>", "text/html"),
    "unavailable": once(503, "", None, [("Retry-After", "77")]),
    "gone": once(404, "", None),
}


class DavServer:
    def __init__(self, tls=None):
        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass
        self.httpd = Server(("127.0.0.1", 0), Handler)
        self.httpd.stores, self.httpd.well_known = {}, None
        if tls:
            self.httpd.socket = tls.wrap_socket(self.httpd.socket, server_side=True)
        self.port = self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, args=(0.1,), daemon=True).start()

    def store(self, name, content):
        self.httpd.stores[name] = Store(name, content)
        return self.httpd.stores[name]

    def url(self, name, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}/{name}/"

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
