"""samba - a real Active Directory: a Samba domain controller of the test's own, on an address of
the loopback network of its own, because LDAP's ports cannot be chosen. Needs root."""
import os
import random
import shutil
import socket
import subprocess
import tempfile

from harness import wait_for

PASSWORD = "Passw0rd.42"
BASE = "DC=corp,DC=example"


def free_address():
    """A loopback address whose LDAP ports nobody uses."""
    while True:
        address = f"127.{random.randint(2, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        try:
            for port in (389, 636, 3268, 3269):
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((address, port))
            return address
        except OSError as e:
            if e.errno == 13:
                raise RuntimeError("a domain controller needs root for its ports") from e


class Samba:
    """authority: a slapd.Authority that signs its certificate."""

    def __init__(self, authority):
        self.dir = tempfile.mkdtemp(prefix="contactor-samba-")
        self.address = free_address()
        self.process = None
        self.output = open(os.path.join(self.dir, "output"), "wb")
        cert, key = authority.issue("dc", names=f"DNS:dc.corp.example,IP:{self.address}",
                                    subject="/CN=dc.corp.example")
        os.chmod(key, 0o600)
        self.options = [f"interfaces={self.address}/8", "bind interfaces only=yes",
                        f"pid directory={self.dir}", f"lock directory={self.dir}/lock",
                        f"ncalrpc dir={self.dir}/ncalrpc", f"cache directory={self.dir}/cache",
                        "server services=ldap", f"tls certfile={cert}", f"tls keyfile={key}",
                        f"tls cafile={authority.cert}", "logging=file", "panic action=",
                        f"log file={self.dir}/log"]
        run = subprocess.run(
            ["samba-tool", "domain", "provision", "--realm=CORP.EXAMPLE", "--domain=CORP",
             "--server-role=dc", "--dns-backend=NONE", "--host-name=dc",
             f"--adminpass={PASSWORD}", f"--targetdir={self.dir}"],
            capture_output=True, text=True, timeout=120)
        if run.returncode:
            raise RuntimeError("samba-tool domain provision failed:\n" + run.stderr[-3000:])
        self.start()

    @property
    def url(self):
        return f"ldaps://{self.address}"

    def start(self):
        options = [x for o in self.options for x in ("--option", o)]
        self.process = subprocess.Popen(
            ["samba", "-i", "-M", "single", "-s", os.path.join(self.dir, "etc", "smb.conf"),
             "--debug-stdout", *options], stdout=self.output, stderr=self.output,
            stdin=subprocess.DEVNULL)

        def up():
            try:
                socket.create_connection((self.address, 389), 2).close()
                return True
            except OSError:
                return False
        if not wait_for(up, 60):
            self.kill()
            with open(os.path.join(self.dir, "output"), encoding="utf-8", errors="replace") as f:
                raise RuntimeError("samba did not start:\n" + f.read()[-3000:])

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.output.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def admin(self):
        """A connection that may do anything: the server's private socket."""
        import ldap
        path = os.path.join(self.dir, "private", "ldap_priv", "ldapi").replace("/", "%2F")
        connection = ldap.initialize("ldapi://" + path)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        return connection

    def set_password(self, dn, password):
        quoted = f'"{password}"'.encode("utf-16-le")
        connection = self.admin()
        import ldap
        connection.modify_s(dn, [(ldap.MOD_REPLACE, "unicodePwd", [quoted])])
        connection.unbind_s()
