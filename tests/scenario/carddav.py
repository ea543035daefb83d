"""A real CardDAV server, Radicale: two address books with 3,000 cards over TLS, changes as deltas,
lost tokens, wrong passwords and certificates, and a server that dies in the middle."""
import base64
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

from davserver import DavServer, cards, vcard
from harness import Daemon, done, free_port, is_, ok, wait_for

HEAD = """
[contactor]
state_dir = "{dir}/state"
[dialplan.munich]
country = "DE"
area_code = "89"
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "munich"
anonymous = "allow"
"""


def certificate(folder, name, host="localhost", start=None, end=None):
    """Self-signed; start and end as openssl writes times, to make one that has expired."""
    key, cert, conf = (os.path.join(folder, name + x) for x in (".key", ".crt", ".cnf"))
    with open(conf, "w", encoding="ascii") as f:
        f.write(f"[ca]\ndefault_ca=x\n[x]\nnew_certs_dir={folder}\ndatabase={conf}.db\n"
                f"serial={conf}.srl\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n"
                f"[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:{host}\n"
                f"[req]\ndistinguished_name=d\nprompt=no\n[d]\nCN={host}\n")
    open(conf + ".db", "w", encoding="ascii").close()
    with open(conf + ".srl", "w", encoding="ascii") as f:
        f.write("01\n")
    run = dict(check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert + ".req",
                    "-config", conf], **run)
    days = ["-startdate", start, "-enddate", end] if start else ["-days", "30"]
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-keyfile", key, "-in",
                    cert + ".req", "-out", cert, "-config", conf, "-notext", *days], **run)
    return cert, key


class Radicale:
    """Started on a free port with its data in a folder of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="contactor-radicale-")
        self.port, self.process = free_port(), None
        self.cert, key = certificate(self.dir, "server")
        self.home = f"{self.dir}/data/collection-root/anna"
        self.fill("customers", "Kunden", 0, 2000)
        self.fill("staff", "Mitarbeiter", 2000, 1000)
        with open(f"{self.home}/.Radicale.props", "w", encoding="ascii") as f:
            json.dump({}, f)
        with open(f"{self.dir}/users", "w", encoding="ascii") as f:
            f.write("anna:pass word & <more>\n")
        with open(f"{self.dir}/config", "w", encoding="ascii") as f:
            f.write(f"[server]\nhosts = 127.0.0.1:{self.port}\nssl = True\n"
                    f"certificate = {self.cert}\nkey = {key}\n"
                    f"[auth]\ntype = htpasswd\nhtpasswd_filename = {self.dir}/users\n"
                    "htpasswd_encryption = plain\ndelay = 0\n"
                    f"[storage]\nfilesystem_folder = {self.dir}/data\n"
                    "[logging]\nlevel = warning\n")

    def fill(self, book, title, first, n):
        os.makedirs(f"{self.home}/{book}")
        with open(f"{self.home}/{book}/.Radicale.props", "w", encoding="utf-8") as f:
            json.dump({"tag": "VADDRESSBOOK", "D:displayname": title}, f)
        for i in range(first, first + n):
            with open(f"{self.home}/{book}/c{i}.vcf", "w", encoding="utf-8", newline="") as f:
                f.write(vcard(i))

    def start(self):
        log = open(f"{self.dir}/log", "ab")
        self.process = subprocess.Popen(["/usr/bin/radicale", "--config", f"{self.dir}/config"],
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

        def up():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        if not wait_for(up, 30):
            raise RuntimeError("radicale did not start")

    def request(self, method, path, body=None, timeout=120, **headers):
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", method=method,
                                         data=body.encode() if body else None)
        login = base64.b64encode(b"anna:pass word & <more>").decode()
        for name, value in dict(headers, Authorization="Basic " + login).items():
            request.add_header(name, value)
        context = ssl.create_default_context(cafile=self.cert)
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            return answer.read()

    def warm(self):
        """Radicale parses each card once, slowly, and keeps the result."""
        for book in ("customers", "staff"):
            self.request("PROPFIND", f"/anna/{book}/", Depth="0")

    def forget_tokens(self):
        for book in ("customers", "staff"):
            for kind in ("sync-token", "history"):
                shutil.rmtree(f"{self.home}/{book}/.Radicale.cache/{kind}", ignore_errors=True)

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def source(name, url, extra="", secret="right"):
    return f"""
[source.{name}]
plugin = "carddav"
dialplan = "munich"
url = "{url}"
user = "anna"
password_file = "{{dir}}/{secret}"
sync = "1h"
{extra}
"""


def find(d, i, base="dc=contacts"):
    return d.names(f"(telephoneNumber=+49897{i:06d})", base=base)


def error(d, name):
    return str((d.source(name) or {}).get("last_error"))


def radicale(server):
    url = f"https://localhost:{server.port}/"
    ca = f'ca_file = "{server.cert}"\n'
    config = (HEAD + source("dav", url, ca + "batch = 250\n") +
              source("staff", url, ca + 'address_books = "mitarbeiter"\n') +
              source("stranger", url, ca, secret="wrong") + source("nobody", url))
    d = Daemon(config, files={"right": "pass word & <more>\n", "wrong": "no\n"}, wait=None)
    with d:
        wait_for(lambda: [d.source(n)["contacts"] for n in ("dav", "staff")] == [3000, 1000] and
                 error(d, "nobody") != "None" and error(d, "stranger") != "None", 60)
        is_(d.source("dav")["contacts"], 3000, "3,000 cards of two address books")
        is_(d.source("staff")["contacts"], 1000, "one of them by its name")
        is_(find(d, 42, "ou=dav,dc=contacts"), ["Person 42"], "a caller is found")
        ok("refuses the login" in error(d, "stranger"), "a wrong password is told",
           error(d, "stranger"))
        ok("ca_file" in error(d, "nobody"), "so is a certificate nobody vouches for",
           error(d, "nobody"))
        ok("pass word" not in d.log(), "the password is in no message")
        changes(d, server)
        dies(d, server)


def changes(d, server):
    base = "ou=dav,dc=contacts"
    began = time.monotonic()
    server.request("PUT", "/anna/customers/c7.vcf", vcard(7, "Renamed"),
                   **{"Content-Type": "text/vcard"})
    server.request("PUT", "/anna/staff/c%209001.vcf", vcard(9001, "New"),
                   **{"Content-Type": "text/vcard"})
    server.request("DELETE", "/anna/customers/c8.vcf")
    run = d.ctl("sync", "dav")
    ok(run.returncode == 0 and "kind=delta books=2 put=2 gone=1" in d.log(),
       "a change, a new card and a deletion are read as a delta", run.stdout + run.stderr)
    is_((find(d, 7, base), find(d, 9001, base), find(d, 8, base)),
        (["Renamed 7"], ["New 9001"], []), "and answered")
    ok(time.monotonic() - began < 10, "soon", time.monotonic() - began)
    d.stop()
    d.start()
    is_(d.source("dav")["contacts"], 3000, "a restart finds them in the cache")
    server.request("DELETE", "/anna/customers/c9.vcf")
    d.ctl("sync", "dav")
    ok("kind=delta books=2 put=0 gone=1" in d.log(), "and goes on where the last sync ended",
       d.log()[-1000:])
    server.request("DELETE", "/anna/customers/c10.vcf")
    server.forget_tokens()
    run = d.ctl("sync", "dav")
    ok(run.returncode == 0 and "no longer knows the last sync" in d.log(),
       "a token the server forgot makes it a full sync", run.stdout + run.stderr)
    is_((find(d, 10, base), d.source("dav")["contacts"]), ([], 2998),
        "which finds what was deleted meanwhile")


def dies(d, server):
    base = "ou=staff,dc=contacts"
    d.configure(HEAD + source("staff", f"https://localhost:{server.port}/anna/staff/",
                              f'ca_file = "{server.cert}"\nbatch = 4\nphoto_max = "1K"\n'))
    d.reload()
    d.ctl("sync", "staff", "--no-wait")
    busy = wait_for(lambda: str(d.source("staff").get("state")) == "syncing", 10, 0.01)
    time.sleep(0.3)
    server.stop(signal.SIGKILL)
    ok(busy and wait_for(lambda: error(d, "staff") != "None", 10), "killed in the middle",
       d.source("staff"))
    ok("localhost" in error(d, "staff"), "which is told", error(d, "staff"))
    is_((find(d, 2042, base), d.source("staff")["contacts"]), (["Person 2042"], 1000),
        "nothing is lost")
    server.start()
    ok(wait_for(lambda: error(d, "staff") == "None", 40), "it recovers by itself",
       error(d, "staff"))
    is_(d.source("staff")["contacts"], 1001, "with everything, by the url of one address book")


def tls():
    """Certificates that must not be accepted, and servers that say nothing at all."""
    folder = tempfile.mkdtemp(prefix="contactor-tls-")
    servers, config = [], HEAD

    def serve(name, **kw):
        nonlocal config
        cert, key = certificate(folder, name, **kw)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = DavServer(context)
        server.store(name, cards(3))
        servers.append(server)
        config += source(name, f"https://{kw.get('host', 'localhost')}:{server.port}/{name}/",
                         f'ca_file = "{cert}"\ntimeout = "2s"\n')
        return server, cert
    serve("good")
    # Apple's way: asked at one host, the address books are at another.
    front, front_cert = serve("front")
    books, books_cert = serve("books", host="books.localhost")
    store = front.store("apple", {})
    store.mode, store.away = "bad_home", f"https://books.localhost:{books.port}/books/books/"
    with open(f"{folder}/both.crt", "wb") as f:
        for name in (front_cert, books_cert):
            with open(name, "rb") as one:
                f.write(one.read())
    config += source("apple", f"https://localhost:{front.port}/apple/",
                     f'ca_file = "{folder}/both.crt"\ntrusted_hosts = "*.localhost.test"\n')
    config += source("pear", f"https://localhost:{front.port}/apple/",
                     f'ca_file = "{folder}/both.crt"\ntrusted_hosts = "Books.localhost"\n')
    serve("expired", start="20200101000000Z", end="20210101000000Z")
    serve("future", start="20980101000000Z", end="20990101000000Z")
    serve("misnamed", host="other.example")
    config = config.replace("//other.example", "//localhost")
    hole = socket.create_server(("127.0.0.1", 0), backlog=8)      # never accepts
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))                                  # never listens
        refused = s.getsockname()[1]
        for name, url in (("hole", f"https://127.0.0.1:{hole.getsockname()[1]}/"),
                          ("plainhole", f"http://127.0.0.1:{hole.getsockname()[1]}/"),
                          ("refused", f"https://localhost:{refused}/"),
                          ("plain", f"http://localhost:{servers[0].port}/good/"),
                          ("nowhere", "https://nowhere.invalid/")):
            config += source(name, url, 'timeout = "2s"\n')
        want = {"expired": "has expired", "future": "not valid yet", "misnamed": "another name",
                "hole": "TLS handshake within 2 s", "plainhole": "did not answer within 2 s",
                "refused": "Connection refused", "plain": "", "apple": "books.localhost",
                "nowhere": "DNS"}
        d = Daemon(config, files={"right": "x\n"}, wait=None)
        with d:
            wait_for(lambda: all(error(d, n) != "None" for n in want) and
                     all(d.source(n)["contacts"] == 3 for n in ("good", "pear")), 30)
            is_(d.source("good")["contacts"], 3, "a good certificate is accepted")
            is_(d.source("pear")["contacts"], 3, "a trusted host may keep the address books")
            for name, text in want.items():
                is_(d.source(name)["contacts"], 0, f"{name}: nothing is read")
                ok(error(d, name) != "None" and text in error(d, name), f"{name}: told why",
                   error(d, name))
            d.ctl("sync", "hole", "--no-wait")
            began = time.monotonic()
            is_(d.stop(), 0, "a stop does not wait for a server that is silent")
            ok(time.monotonic() - began < 4, "but is prompt", time.monotonic() - began)
    hole.close()
    for server in servers:
        server.close()
    shutil.rmtree(folder, ignore_errors=True)


with Radicale() as radicale_server:
    warm = threading.Thread(target=radicale_server.warm)
    warm.start()
    tls()
    warm.join()
    radicale(radicale_server)
done()
