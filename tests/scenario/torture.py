"""A small life of the daemon - start, two sources, lookups in the clear and over TLS, reload,
sync, stop - in which one call that asks the kernel for something fails, each time another. After
each such fault the daemon has either told an error and ended, which only a start may, or it goes
on and answers right: no crash, no hang, no wrong answer, no descriptor left behind.

  torture.py [--full] [--seconds N] [--seed N] [--only STEP,...] [--at CALL[:WAY]]

Without --full a sample of the points is drawn with the seed, as many as fit into the seconds.
"""
import argparse
import ctypes
import json
import mmap
import os
import random
import shutil
import signal
import socket
import ssl
import tempfile
import time

from harness import BUILD, CONFIG, Daemon, Raw, done, equality, is_, ok, search_request

FAULTS = os.path.join(BUILD, "tests", "scenario", "faults.so")
PATIENCE = 5.0  # seconds an answer may take
WAYS = 6  # no call has more ways to fail
NUMBER = "+4989840798192"

CONF = CONFIG.replace('listen = ["ldap://127.0.0.1:{port}"]', '''listen = [
  "ldap://127.0.0.1:{port}", "ldaps://127.0.0.1:{tls_port}"]
tls_certificate = "{dir}/server.crt"
tls_key = "{dir}/server.key"''') + '''
[source.cards]
plugin = "vcard"
path = "{dir}/cards"
dialplan = "munich"
'''
MORE = CONF + '''
[source.more]
plugin = "csv"
file = "{dir}/more.csv"
dialplan = "munich"
[source.more.map]
id = "id"
surname = "last"
phone_business = "business"
'''
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c1\r\nN:Card;Carla\r\nFN:Carla Card\r\nTEL:+49 30 901820\r\nEND:VCARD\r\n"
PEOPLE = "id;first;last;business\n1;Anna;V{};+49 89 840798-192\n2;Bernd;Müller;089/840798-193\n"
MAPPED = CONF.index("[source.crm.map]")
CONF, MORE = (c[:MAPPED] + '[source.crm.map]\nid = "id"\ngiven_name = "first"\nsurname = "last"\n'
              'phone_business = "business"\n\n' + c[c.index("[frontend.sbc]"):]
              for c in (CONF, MORE))


class Control(ctypes.Structure):
    """What faults.c shares with us."""
    _fields_ = [("calls", ctypes.c_ulonglong), ("fail_at", ctypes.c_ulonglong),
                ("failed", ctypes.c_ulonglong), ("way", ctypes.c_uint), ("ways", ctypes.c_uint),
                ("owner", ctypes.c_uint), ("with_", ctypes.c_int), ("name", ctypes.c_char * 64)]

    @property
    def what(self):
        if not self.failed:
            return "no call"
        how = "short" if self.with_ == -1 else errno_name(self.with_)
        return f"{self.name.decode()}: {how}"


def errno_name(number):
    import errno
    return errno.errorcode.get(number, str(number))


def surname(entry):
    """The one value of the one attribute that was asked for."""
    at = Raw._tlv(entry)[2]
    attribute = Raw._tlv(Raw._tlv(entry, at)[1])[1]
    values = Raw._tlv(attribute, Raw._tlv(attribute)[2])[1]
    return Raw._tlv(values)[1].decode()


class Failure(Exception):
    pass


class Life:
    """One daemon under faults.so, and what it must be able to do."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="contactor-faults-")
        self.shared = os.path.join(self.dir, "control")
        with open(self.shared, "wb") as f:
            f.write(bytes(mmap.PAGESIZE))
        self.file = open(self.shared, "r+b")
        self.map = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)
        self.control = Control.from_buffer(self.map)
        asan = os.environ.get("ASAN_OPTIONS", "")
        self.daemon = Daemon(CONF, files={"cards/carla.vcf": CARD, "more.csv":
                                          "id;last;business\n1;More;+49 40 70000\n"},
                             env={"LD_PRELOAD": FAULTS, "TORTURE_CONTROL": self.shared,
                                  "ASAN_OPTIONS": asan + ":verify_asan_link_order=0"})
        self.daemon.certificate()
        self.tls = ssl.create_default_context(cafile=self.daemon.path("server.crt"))
        self.version, self.before = 1, 1
        self.write_people()
        self.descriptors = None

    def destroy(self):
        if self.daemon.process:
            self.daemon.kill()
        shutil.rmtree(self.daemon.dir, ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def write_people(self):
        self.daemon.write("contacts.csv", PEOPLE.format(self.version))

    # -- faults --

    def arm(self, at, way=0):
        c = self.control
        c.fail_at, c.failed, c.way, c.ways, c.name = 0, 0, way, 0, b""
        c.calls = 0
        c.fail_at = at

    def disarm(self):
        self.control.fail_at = 0
        return self.control.calls

    # -- life --

    def start(self):
        self.control.owner = 0
        open(self.daemon.log_path, "wb").close()
        self.daemon.start(expect_ready=False)

    def alive(self):
        return self.daemon.process.poll() is None

    def check_log(self):
        log = self.daemon.log()
        if "Sanitizer" in log or "runtime error:" in log or "assertion failed" in log:
            raise Failure("a report in the log")

    def check_end(self):
        """It has ended by itself: with an error that it told."""
        code, log = self.daemon.process.wait(), self.daemon.log()
        self.daemon.process = None
        self.daemon.log_file.close()
        self.check_log()
        if code <= 0:
            raise Failure(f"exit status {code}")
        if " error " not in log:
            raise Failure("it ended without a word")

    def stop(self):
        self.daemon.process.send_signal(signal.SIGTERM)
        try:
            code = self.daemon.process.wait(PATIENCE)
        except Exception:
            raise Failure("it did not stop")
        self.daemon.process = None
        self.daemon.log_file.close()
        self.check_log()
        if code != 0 and (code < 0 or " error " not in self.daemon.log()):
            raise Failure(f"it stopped with status {code}")

    # -- what is asked of it --

    def command(self, name, seconds=PATIENCE, **options):
        """An answer of the control socket; None where it broke off."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds)
            data = b""
            try:
                s.connect(self.daemon.path("state/control.sock"))
                s.sendall(json.dumps({"id": 1, "command": name, **options}).encode() + b"\n")
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        return None
                    data += piece
                    while b"\n" in data:
                        line, data = data.split(b"\n", 1)
                        answer = json.loads(line)
                        if "event" not in answer:
                            return answer
            except TimeoutError:
                raise Failure(f"no answer to {name} in {seconds:.0f} s")
            except OSError:
                return None

    def name_of(self, number, tls=False):
        """The surname of who has the number; None where the connection broke."""
        raw = None
        try:
            raw = Raw(self.daemon.tls_port if tls else self.daemon.port, PATIENCE)
            if tls:
                raw.socket = self.tls.wrap_socket(raw.socket, server_hostname="localhost")
            raw.send(search_request(1, equality("telephoneNumber", number), attributes=["sn"]))
            names = []
            while True:
                _, tag, op = raw.read()
                if tag == 0x64:
                    names.append(surname(op))
                    continue
                code = raw._tlv(op)[1][-1]
                return (names[0] if len(names) == 1 else names) if code == 0 else None
        except TimeoutError:
            raise Failure(f"no answer to a lookup in {PATIENCE:.0f} s")
        except (OSError, EOFError):
            return None
        finally:
            if raw:
                raw.close()

    # -- the steps, which may fail but not lie --

    def honest(self, tls):
        name = self.name_of(NUMBER, tls)
        if name is not None and name not in (f"V{self.version}", f"V{self.before}"):
            raise Failure(f"a wrong answer: {name}")

    def step_lookup(self):
        self.honest(False)

    def step_tls(self):
        self.honest(True)

    def step_status(self):
        self.command("status")

    def step_sync(self):
        self.before, self.version = self.version, self.version + 1
        self.write_people()
        self.command("sync", source="crm")
        self.honest(False)

    def step_cards(self):
        self.command("sync", source="cards")

    def step_reload(self):
        self.daemon.configure(MORE)
        self.command("reload")
        self.honest(False)

    def step_remove(self):
        self.command("reload")

    # -- and what must be afterwards --

    def recover(self):
        """What the operator does when something failed."""
        self.daemon.configure(CONF)
        answer = self.command("reload")
        if not answer or "result" not in answer:
            raise Failure(f"reload does not work any more: {answer}")
        for source in ("crm", "cards"):
            answer = self.command("sync", source=source)
            if not answer or "result" not in answer:
                raise Failure(f"sync of {source} does not work any more: {answer}")

    def check_right(self):
        for tls in (False, True):
            for number, want in ((NUMBER, f"V{self.version}"), ("+4930901820", "Card")):
                name = self.name_of(number, tls)
                if name != want:
                    raise Failure(f"afterwards: {name} instead of {want}, TLS {tls}")
        self.before = self.version
        self.check_log()

    def check_descriptors(self):
        until = time.monotonic() + PATIENCE
        while self.daemon.descriptors() != self.descriptors:
            if time.monotonic() > until:
                raise Failure(f"{self.daemon.descriptors()} descriptors, {self.descriptors} before")
            time.sleep(0.01)

    def up(self):
        """Until it answers. returns whether it does, and has not ended instead."""
        until = time.monotonic() + 4 * PATIENCE  # a start under sanitizers, beside others
        while self.alive():
            answer = self.command("status")
            if answer and "result" in answer:
                return True
            if time.monotonic() > until:
                raise Failure("it does not get up")
            time.sleep(0.01)
        return False

    def settle(self):
        self.descriptors = None
        last = -1
        while last != self.daemon.descriptors():
            last = self.daemon.descriptors()
            time.sleep(0.3)
        self.descriptors = last


STEPS = ("lookup", "tls", "status", "sync", "cards", "reload")


class Torture:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.life = None
        self.points = {}  # step: calls of a life without a fault
        self.played, self.failures = {}, []

    def fresh(self):
        if self.life:
            self.life.destroy()
        self.life = Life()
        self.life.arm(0)
        self.life.start()
        if not self.life.up():
            raise RuntimeError("the daemon does not start:\n" + self.life.daemon.log())
        self.life.recover()
        self.life.check_right()

    def measure(self):
        """Each step once without a fault, and how many calls it makes."""
        life = self.life = Life()
        life.arm(0)
        life.start()
        if not life.up():
            raise RuntimeError("the daemon does not start:\n" + life.daemon.log())
        life.recover()
        self.points["start"] = life.disarm()
        for step in STEPS:
            for _ in range(2):  # the first time makes threads, and keys
                life.arm(0)
                getattr(life, "step_" + step)()
                self.points[step] = life.disarm()
                life.recover()
                life.check_right()
        life.arm(0)
        life.stop()
        self.points["stop"] = life.disarm()

    # -- one fault --

    def tell(self, step, at, way, why):
        life = self.life
        what = f"{step} --at {at}:{way}, {life.control.what}: {why}"
        self.failures.append(what)
        print("# " + what + "\n#   " + "\n#   ".join(life.daemon.log().split("\n")[-40:]),
              flush=True)

    def play_step(self, step, at, way):
        life = self.life
        life.arm(at, way)
        getattr(life, "step_" + step)()
        life.disarm()
        if not life.alive():
            raise Failure("it ended")
        life.recover()
        life.check_right()
        life.check_descriptors()

    def play_start(self, at, way):
        life = self.life = Life()
        life.arm(at, way)
        life.start()
        alive = life.up()
        life.disarm()
        if not alive:
            life.check_end()
            return
        life.recover()
        life.check_right()
        life.stop()

    def play_stop(self, at, way):
        self.life = Life()
        self.life.start()
        if not self.life.up():
            raise Failure("it did not start")
        self.life.arm(at, way)
        self.life.stop()

    def play(self, step, at, way):
        """returns whether the call failed, and in how many ways it may."""
        try:
            if step in ("start", "stop"):
                if self.life:
                    self.life.destroy()
                getattr(self, "play_" + step)(at, way)
            else:
                if not self.life or not self.life.daemon.process or \
                        self.life.descriptors is None:
                    self.fresh()
                    self.life.settle()
                self.play_step(step, at, way)
        except Failure as failure:
            self.tell(step, at, way, failure)
            self.life.destroy()
            ways, self.life = self.life.control.ways, None
            return ways
        control = self.life.control
        if control.failed:
            self.played.setdefault(step, set()).add((at, control.with_))
        return control.ways

    # -- many --

    def all_of(self, step):
        for at in range(1, self.points[step] + 1):
            way = 0
            while way < max(1, self.play(step, at, way)):
                way += 1

    def sample(self, step, until):
        while time.monotonic() < until:
            self.play(step, self.random.randint(1, self.points[step]), self.random.randrange(WAYS))

    def run(self):
        self.measure()
        print("# calls of a life: " + ", ".join(f"{k} {v}" for k, v in self.points.items()),
              flush=True)
        steps = self.options.only.split(",") if self.options.only else [*self.points]
        parts = {"start": 6, "stop": 2, "tls": 2, "sync": 2, "reload": 2}
        whole = sum(parts.get(s, 1) for s in steps)
        for step in steps:
            if self.options.at:
                at, _, way = self.options.at.partition(":")
                self.play(step, int(at), int(way or 0))
            elif self.options.full:
                self.all_of(step)
            else:
                self.sample(step, time.monotonic() +
                            self.options.seconds * parts.get(step, 1) / whole)
            print(f"# {step}: {len(self.played.get(step, ()))} faults", flush=True)
        if self.life:
            self.life.destroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--full", action="store_true", help="every call in every way")
    parser.add_argument("--seconds", type=float, default=60, help="of a sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="these steps")
    parser.add_argument("--at", help="only this call, in this way")
    torture = Torture(parser.parse_args())
    torture.run()
    played = sum(map(len, torture.played.values()))
    ok(played > 0, f"{played} fault points of {sum(torture.points.values())} calls were played")
    is_(torture.failures, [], "after each the daemon went on and answered right, or said why not")
    done()


main()
