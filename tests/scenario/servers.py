"""servers - real database servers for the tests: each on a free port of the loopback, with its data
in a temporary folder, run by an unprivileged user, ended by its process group.

    with Postgres() as pg:
        pg.sql("CREATE TABLE t (id int)")
        pg.odbc("crm")          # a connection string for the database "crm"
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import free_port, wait_for


def unprivileged(command):
    """The command as a user who is not root: servers refuse to run as root."""
    if os.geteuid() != 0:
        return command
    user = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
            *command]


def newest(pattern, what):
    found = sorted(glob.glob(pattern), key=lambda p: [int(x) for x in p.split("/") if x.isdigit()])
    if not found:
        raise RuntimeError(f"{what} is not installed ({pattern})")
    return found[-1]


class Server:
    """One server process: start, stop, kill -9, start again on the same data."""
    name = "server"

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix=f"contactor-{self.name}-")
        self.port = free_port()
        self.process = None
        self.log_path = os.path.join(self.dir, "log")
        if os.geteuid() == 0:
            shutil.chown(self.dir, "nobody")
        os.chmod(self.dir, 0o755)
        try:
            self.create()
        except BaseException:
            shutil.rmtree(self.dir, ignore_errors=True)
            raise

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *command):
        run = subprocess.run(unprivileged(list(command)), capture_output=True, text=True,
                             cwd=self.dir, timeout=120, env=dict(os.environ, HOME=self.dir))
        if run.returncode != 0:
            raise RuntimeError(f"{command[0]}: {run.stdout}{run.stderr}")
        return run.stdout

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(unprivileged(self.command()), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.dir,
                                            start_new_session=True,
                                            env=dict(os.environ, HOME=self.dir))
        if not wait_for(self.answers, 60, 0.1):
            self.kill()
            raise RuntimeError(f"{self.name} did not start:\n" + self.log())
        return self

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n" + self.log())
        try:
            self.sql("SELECT 1")
            return True
        except RuntimeError:
            return False

    def signal_group(self, how):
        try:
            os.killpg(self.process.pid, how)
        except ProcessLookupError:
            pass

    def kill(self):
        """kill -9: the server and all its children at once, as when power fails."""
        if self.process:
            self.signal_group(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(20)
            self.process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def freeze(self):
        """The server stops answering but keeps its connections."""
        self.signal_group(signal.SIGSTOP)

    def thaw(self):
        self.signal_group(signal.SIGCONT)

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, kind, value, trace):
        if self.process:
            self.thaw()
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        return False


class Postgres(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown

    def create(self):
        self.bin = newest("/usr/lib/postgresql/*/bin", "PostgreSQL")
        with open(self.path("superuser"), "w", encoding="ascii") as f:
            f.write("super-secret\n")
        os.chmod(self.path("superuser"), 0o644)
        self.run(f"{self.bin}/initdb", "-D", self.path("data"), "-U", "admin", "-E", "UTF8",
                 "--no-locale", "-A", "scram-sha-256", "--pwfile", self.path("superuser"),
                 "--no-sync")

    def command(self):
        return [f"{self.bin}/postgres", "-D", self.path("data"), "-p", str(self.port),
                "-k", self.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                "-c", "shared_buffers=64MB", "-c", "max_connections=40"]

    def sql(self, text, database="postgres"):
        run = subprocess.run([f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                              "-h", "127.0.0.1", "-p", str(self.port), "-U", "admin", database],
                             input=text, capture_output=True, text=True, timeout=600,
                             env=dict(os.environ, PGPASSWORD="super-secret"))
        if run.returncode != 0:
            raise RuntimeError(run.stderr)
        return run.stdout.strip()

    def odbc(self, database="postgres", driver="PostgreSQL Unicode"):
        return f"Driver={{{driver}}};Server=127.0.0.1;Port={self.port};Database={database}"


class MariaDB(Server):
    name = "mariadb"
    stop_signal = signal.SIGTERM

    def create(self):
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.path('data')}",
                 "--auth-root-authentication-method=normal", "--skip-test-db",
                 "--innodb-log-file-size=16M")

    def command(self):
        return ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.path('data')}",
                f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={self.path('socket')}", f"--pid-file={self.path('pid')}",
                "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
                "--skip-log-bin"]

    def sql(self, text, database=""):
        run = subprocess.run(["mariadb", "--no-defaults", "-N", "-B", "-u", "root",
                              "--default-character-set=utf8mb4", "-S", self.path("socket"),
                              *([database] if database else [])], input=text,
                             capture_output=True, text=True, timeout=600)
        if run.returncode != 0:
            raise RuntimeError(run.stderr)
        return run.stdout.strip()

    def odbc(self, database="mysql", driver="MariaDB Unicode"):
        return f"Driver={{{driver}}};Server=127.0.0.1;Port={self.port};Database={database}"


class BlackHole:
    """A listener that accepts and never answers."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.held = []
        self.thread = threading.Thread(target=self.hold, daemon=True)
        self.thread.start()

    def hold(self):
        while True:
            try:
                self.held.append(self.socket.accept()[0])
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)
        for held in self.held:
            held.close()
        return False
