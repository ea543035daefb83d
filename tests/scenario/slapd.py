"""slapd - a real OpenLDAP server on a database of the test's own."""
import atexit
import os
import shutil
import subprocess
import tempfile

from harness import Raw, free_port, wait_for

ROOT_PASSWORD = "root-of-slapd"


class Slapd:
    """ldif: what it begins with. syncprov: with the overlay, so that it tells changes (a session
    log of that many operations; 0: none). limits: lines of `limits`, access: lines of access
    control. certificate: (certificate, key, authority's certificate)."""

    def __init__(self, ldif, suffix="dc=contacts", syncprov=None, certificate=None, config="",
                 schemas=("core", "cosine", "inetorgperson", "nis"), limits="",
                 access="access to * by * read\n", size_limit="unlimited"):
        self.dir = tempfile.mkdtemp(prefix="contactor-slapd-")
        self.suffix, self.root = suffix, "cn=root," + suffix
        self.port, self.tls_port = free_port(), free_port()
        self.socket = os.path.join(self.dir, "ldapi")
        self.tls = certificate is not None
        self.process = None
        self.conf = os.path.join(self.dir, "slapd.conf")
        data = os.path.join(self.dir, "data.ldif")
        os.mkdir(os.path.join(self.dir, "db"))
        with open(self.conf, "w", encoding="ascii") as f:
            f.write("".join(f"include /etc/ldap/schema/{s}.schema\n" for s in schemas))
            f.write(f"pidfile {self.dir}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
                    "moduleload syncprov\n")
            if certificate:
                f.write(f"TLSCertificateFile {certificate[0]}\n"
                        f"TLSCertificateKeyFile {certificate[1]}\n"
                        f"TLSCACertificateFile {certificate[2]}\nTLSVerifyClient try\n")
            f.write(f"sizelimit {size_limit}\n{config}\ndatabase mdb\nsuffix \"{suffix}\"\n"
                    f"rootdn \"{self.root}\"\nrootpw {ROOT_PASSWORD}\nmaxsize 1073741824\n"
                    f"directory {self.dir}/db\nindex objectClass,entryUUID,entryCSN eq\n"
                    f"index telephoneNumber,mobile,mail,sn,cn eq,sub\n{limits}\n{access}\n")
            if syncprov is not None:
                f.write("overlay syncprov\n")
                if syncprov:
                    f.write(f"syncprov-sessionlog {syncprov}\n")
        with open(data, "w", encoding="utf-8") as f:
            f.write(ldif)
        subprocess.run(["/usr/sbin/slapadd", "-w", "-f", self.conf, "-l", data], check=True)
        self.start()

    @property
    def url(self):
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldapi(self):
        return "ldapi://" + self.socket.replace("/", "%2F")

    # -- life ----------------------------------------------------------------------------------

    def start(self):
        urls = f"ldap://127.0.0.1:{self.port} {self.ldapi}"
        if self.tls:
            urls += f" ldaps://127.0.0.1:{self.tls_port}"
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-f", self.conf, "-h", urls, "-d", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, LDAPNOINIT="1"))
        self.connect().close()
        return self

    def connect(self):
        def attempt():
            try:
                return Raw(self.port)
            except ConnectionError:
                return None
        return wait_for(attempt)

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait(20)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # -- changes -------------------------------------------------------------------------------

    def admin(self):
        import ldap
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(self.root, ROOT_PASSWORD)
        return connection

    def apply(self, ldif):
        """LDIF with changetypes, in one connection."""
        subprocess.run(["ldapmodify", "-x", "-H", self.url, "-D", self.root, "-w", ROOT_PASSWORD],
                       input=ldif, text=True, check=True, capture_output=True,
                       env=dict(os.environ, LDAPNOINIT="1"))


class Authority:
    """A certification authority for servers of tests, in a folder that goes with the test."""

    def __init__(self, name="Test CA"):
        self.dir = tempfile.mkdtemp(prefix="contactor-ca-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        self.cert, self.key = self.path("ca.crt"), self.path("ca.key")
        self._openssl("req", "-x509", *self._key(self.key), "-out", self.cert, "-days", "30",
                      "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def path(self, name):
        return os.path.join(self.dir, name)

    @staticmethod
    def _openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    @staticmethod
    def _key(path):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path)

    def issue(self, prefix, names="DNS:localhost,IP:127.0.0.1", subject="/CN=localhost",
              expired=False):
        """A certificate of this authority: (certificate, key)."""
        cert, key, request = (self.path(prefix + e) for e in (".crt", ".key", ".csr"))
        extensions = self.path(prefix + ".ext")
        with open(extensions, "w", encoding="ascii") as f:
            f.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        self._openssl("req", *self._key(key), "-out", request, "-subj", subject)
        if expired:
            self._expired(request, cert, extensions)
        else:
            self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                          "-set_serial", str(abs(hash(prefix)) % 10**9 + 1), "-days", "30",
                          "-extfile", extensions, "-out", cert)
        return cert, key

    def _expired(self, request, cert, extensions):
        index, serial, conf = self.path("index"), self.path("serial"), self.path("ca.conf")
        open(index, "w", encoding="ascii").close()
        with open(serial, "w", encoding="ascii") as f:
            f.write("1234\n")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={index}\nserial={serial}\n"
                    f"new_certs_dir={self.dir}\ndefault_md=sha256\npolicy=p\n[p]\n"
                    "commonName=supplied\n")
        self._openssl("ca", "-batch", "-config", conf, "-in", request, "-cert", self.cert,
                      "-keyfile", self.key, "-startdate", "20200101000000Z", "-enddate",
                      "20200201000000Z", "-extfile", extensions, "-out", cert)
