"""parts - what is measured beside the cells: TLS, a storm of phones, mixed load while a source
is read again, starting, words within names, lookups while a source loads.

Each part starts its server, measures, stops it, and returns rows (dictionaries) in which `wrong`
and `lost` count as in every cell."""
import concurrent.futures
import os
import socket
import statistics
import subprocess
import time

from load import Load, free_port, load, wait_port
import peers

BOTH_CORES = ["taskset", "-c", "0,1"]
STALL = "contactor_loop_longest_stall_seconds"
PHONES = 500


def settle(pid):
    """Until it has nothing left to do of what a start begins with: contactord reads its source
    again, and the first cell would share its core with that."""
    end, before = time.monotonic() + 120, -1.0
    while time.monotonic() < end:
        now = peers.cpu_seconds(pid)
        if now - before < 0.01:
            return
        before = now
        time.sleep(0.25)
    raise RuntimeError("the server does not come to rest after its start")


def started(server, port, **kw):
    free_port(port)
    free_port(port + peers.TLS_OFFSET)
    pid = server.start(port, **kw)
    wait_port(port)
    wait_port(port + peers.TLS_OFFSET)
    settle(pid)
    return pid


def faults(*results):
    return {"wrong": sum(r["wrong"] for r in results), "lost": sum(r["lost"] for r in results)}


def warm(tools, data, port, pid, *queries, limit="0"):
    """Each query once, so that no cell pays for pages that the next ones find in memory."""
    for name in queries:
        load(tools, data, port, pid, name, "-c", "16", "-d", "4", "-n", "20000", "-W", "0", "-s",
             limit, seconds=30)


# ---- TLS ------------------------------------------------------------------------------------

TLS_CELLS = {  # name: (query set, options, on the port with TLS)
    "handshake full, lookup, close": ("or3", ["-u", "-T", "-c", "16"]),
    "handshake resumed, lookup, close": ("or3", ["-u", "-T", "-R", "-c", "16"]),
    "hit 1:1, kept": ("hit", ["-T", "-c", "1"]),
    "hit 64:1, kept": ("hit", ["-T", "-c", "64"]),
    "hit 64:1, no TLS": ("hit", ["-c", "64"])}


def tls(args, tools, data, n, server, port):
    pid = started(server, port)
    warm(tools, data, port, pid, "hit", "or3")
    rows = []
    for name, (queries, options) in TLS_CELLS.items():
        to = port + (peers.TLS_OFFSET if "-T" in options else 0)
        for _ in range(args.reps):
            values = load(tools, data, to, pid, queries, *options, seconds=args.seconds)
            rows.append(dict(values, peer=server.name, n=n, cell=name))
    server.stop()
    return rows


def storm(args, tools, data, n, server, port):
    """A running SBC's lookups over a kept TLS connection, alone, and while PHONES phones that
    know no session come back at once."""
    pid = started(server, port)
    to = port + peers.TLS_OFFSET
    warm(tools, data, port, pid, "hit", "or3")
    sbc = ["-T", "-c", "4", "-r", "500", "-W", "0.3"]
    alone = load(tools, data, to, pid, "hit", *sbc, seconds=args.seconds, nice=-10)
    ours = isinstance(server, peers.Contactor)
    if ours:
        server.metric(STALL)  # reading it begins a new interval
    running = Load(tools, data, to, pid, "hit", *sbc, seconds=4, nice=-10)
    time.sleep(0.5)
    phones = load(tools, data, to, pid, "or3", "-u", "-T", "-c", str(PHONES), "-n", str(PHONES),
                  "-W", "0", seconds=60)
    beside = running.result()
    stall = 1e6 * server.metric(STALL) if ours else None
    server.stop()
    return [dict(faults(alone, beside, phones), stall_us=stall, peer=server.name, n=n, phones=phones["ops"],
                 seconds=phones["secs"], full=phones["tls_full"], alone_p99_us=alone["p99_us"],
                 alone_max_us=alone["max_us"], p99_us=beside["p99_us"],
                 max_us=beside["max_us"], late_us=beside["late_us"])]


# ---- mixed load -----------------------------------------------------------------------------

MIX = 2000  # a second, of 512 connections: 70 % numbers, 20 % type-ahead, 10 % bind per search
USER = "uid=phone%u,ou=users,dc=contactor,dc=test"


def mix(tools, data, port, pid, seconds):
    """Only what the changed rows do not change is asked."""
    parts = [
        Load(tools, data, port, pid, "hit", "-c", "358", "-r", str(MIX * 0.7), nice=-10,
             seconds=seconds),
        Load(tools, data, port, pid, "prefix", "-c", "102", "-r", str(MIX * 0.2), "-s", "20",
             seconds=seconds),
        Load(tools, data, port, pid, "hit", "-u", "-c", "52", "-r", str(MIX * 0.1), "-D", USER,
             "-w", peers.PASSWORD, "-U", str(peers.USERS), seconds=seconds)]
    return [p.result() for p in parts]


def resync_for(server, seconds):
    """Deliver the file with and without its changes in turns; how often it was read."""
    names, times, end = ["changed.csv", "contacts.csv"], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        server.deliver(names[times % 2])
        if server.ctl_json("sync", "contacts") is None:
            raise RuntimeError(f"contactord did not read its source again; see {server.db}/log")
        times += 1
    if times % 2:
        server.deliver("contacts.csv")
        server.ctl_json("sync", "contacts")
    return times


def mixed(args, tools, data, n, server, port):
    if not isinstance(server, peers.Contactor):
        return []
    pid = started(server, port, core=BOTH_CORES)
    warm(tools, data, port, pid, "hit", "or3")
    warm(tools, data, port, pid, "prefix", limit="20")
    seconds = 3 if args.quick else 10
    server.metric(STALL)
    alone = mix(tools, data, port, pid, seconds)
    stall_alone = server.metric(STALL)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        future = pool.submit(mix, tools, data, port, pid, seconds)
        times = resync_for(server, seconds + 0.3)
        beside = future.result()
    stall = server.metric(STALL)
    server.stop()
    return [dict(faults(*alone, *beside), peer=server.name, n=n, syncs=times,
                 backlog=sum(r["backlog"] for r in beside),
                 client=sum(r["cli_cpu"] for r in beside),
                 late_us=max(r["late_us"] for r in beside),
                 alone_p999_us=alone[0]["p999_us"], p50_us=beside[0]["p50_us"],
                 p99_us=beside[0]["p99_us"], p999_us=beside[0]["p999_us"],
                 max_us=beside[0]["max_us"], type_ahead_p99_us=beside[1]["p99_us"],
                 bind_p99_us=beside[2]["p99_us"], alone_stall_us=1e6 * stall_alone,
                 stall_us=1e6 * stall)]


# ---- words within ---------------------------------------------------------------------------

def words(args, tools, data, n, server, port):
    """`*mull*` and `acme berlin mei`: the time to answer, and somebody else's lookups beside
    sixteen that are under way all the time."""
    pid = started(server, port)
    warm(tools, data, port, pid, "hit")
    ours, rows = isinstance(server, peers.Contactor), []
    other = ["-c", "8", "-r", "1000"]
    seconds = max(args.seconds, 1.5 if args.quick else 5)
    idle = load(tools, data, port, pid, "hit", *other, seconds=1.5, nice=-10)
    for name in ("contains", "words"):
        one = load(tools, data, port, pid, name, "-g", "-s", "20", "-W", "0", seconds=seconds)
        if ours:
            server.metric(STALL)
        many = Load(tools, data, port, pid, name, "-g", "-s", "20", "-c", "16", "-W",
                    "0", seconds=seconds + 0.5)
        beside = load(tools, data, port, pid, "hit", *other, seconds=seconds - 0.3, nice=-10)
        many = many.result()
        rows.append(dict(faults(idle, one, beside, many), peer=server.name, n=n, work=name,
                         given_up=one["given_up"] + many["given_up"], ops=one["ops"],
                         p50_us=one["p50_us"], max_us=one["max_us"],
                         many_ops_s=many["ops_s"], many_p99_us=many["p99_us"],
                         other_alone_p99_us=idle["p99_us"], other_p99_us=beside["p99_us"],
                         other_max_us=beside["max_us"], late_us=beside["late_us"],
                         stall_us=1e6 * server.metric(STALL) if ours else None))
    server.stop()
    return rows


# ---- starting -------------------------------------------------------------------------------

def first_search(data):
    """A query of one known entry, as bytes."""
    with open(f"{data}/q.hit", encoding="utf-8") as f:
        number = next(line for line in f if line.startswith("1\t")).split("=")[1].split(")")[0]

    def ber(tag, *content):
        body = b"".join(content)
        return bytes([tag, len(body)]) + body
    return ber(0x30, ber(2, b"\1"), ber(
        0x63, ber(4, b"dc=contactor,dc=test"), ber(10, b"\2"), ber(10, b"\0"), ber(2, b"\0"),
        ber(2, b"\0"), ber(1, b"\0"),
        ber(0xa3, ber(4, b"telephoneNumber"), ber(4, number.encode())),
        ber(0x30, ber(4, b"displayName"))))


def answered(port, request):
    """Whether the entry came; None where nobody listens yet."""
    with socket.socket() as s:
        s.settimeout(30)
        if s.connect_ex(("127.0.0.1", port)) != 0:
            return None
        s.sendall(request)
        data = b""
        while b"\x65\x07\x0a\x01" not in data:
            more = s.recv(4096)
            if not more:
                return None
            data += more
        return b"displayName" in data


def evict(files):
    """Out of the page cache. returns the share that stayed"""
    for path in files:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
    out = subprocess.run(["fincore", "-b", "-n", "-r", "-o", "RES", *files], capture_output=True,
                         text=True, check=True).stdout
    return sum(int(x) for x in out.split()) / sum(os.stat(f).st_blocks * 512 for f in files)


def start_once(server, port, request):
    free_port(port)
    begin = time.monotonic()
    server.start(port)
    while True:
        found = answered(port, request)
        now = time.monotonic() - begin
        if found is not None:
            break
        if now > 120:
            raise RuntimeError(f"{server.name} did not start")
        time.sleep(0.001)
    time.sleep(0.3)
    server.stop()
    return now, found


def starting(args, tools, data, n, server, port):
    """From the start of the process to the first answered lookup."""
    request = first_search(data)
    row = {"peer": server.name, "n": n, "wrong": 0, "lost": 0}
    for kind in ("warm", "cold"):
        times, stayed = [], 0
        for _ in range(args.reps):
            if kind == "cold":
                stayed = max(stayed, evict(server.files()))
            seconds, found = start_once(server, port, request)
            times.append(seconds)
            row["wrong"] += not found
        row[f"{kind}_ms"] = 1000 * statistics.median(times)
        row[f"{kind}_stayed"] = stayed
    return [row]


# ---- while a source loads --------------------------------------------------------------------

def during(args, tools, data, n, server, port):
    """Lookups at a fixed rate, alone and while a second source of the same size loads."""
    if not isinstance(server, peers.Contactor):
        return []
    pid = started(server, port, core=BOTH_CORES)
    warm(tools, data, port, pid, "hit")
    rate = ["-c", "16", "-r", "2000"]
    alone = load(tools, data, port, pid, "hit", *rate, seconds=3, nice=-10)
    server.add_source(port, "second")
    subprocess.run([server.ctl, "-c", server.conf, "reload"], check=True, capture_output=True)
    beside = load(tools, data, port, pid, "hit", *rate, seconds=max(4, int(n / 60000)), nice=-10)
    end = time.monotonic() + 600
    while (server.source("second") or {}).get("contacts", 0) < n:
        if time.monotonic() > end:
            raise RuntimeError(f"the second source did not load; see {server.db}/log")
        time.sleep(0.1)
    server.stop()
    return [dict(faults(alone, beside), peer=server.name, n=n, idle_p999_us=alone["p999_us"],
                 loading_p999_us=beside["p999_us"],
                 late_us=max(alone["late_us"], beside["late_us"]))]


ALL = {"tls": tls, "storm": storm, "mixed": mixed, "words": words, "starting": starting,
       "during": during}
