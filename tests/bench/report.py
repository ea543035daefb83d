"""report - what a run measured, as Markdown tables and gnuplot pictures. Medians everywhere."""
import statistics
import subprocess

FULL = 0.95  # of its core
LATE = "client late ms"  # at worst, by its own fault: what is below that is not the server's

def short(n):
    return f"{n // 1000000}M" if n >= 1000000 else f"{n // 1000}k"


def number(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.1f}" if v >= 10 else f"{v:.2f}"


def cells(result):
    """{(workload, cell, n): {peer: medians with ratios to the probe of the same minutes}}"""
    grouped = {}
    for row in result["rows"]:
        key = (row["workload"], row["cell"], int(row["n"]))
        grouped.setdefault(key, {}).setdefault(row["peer"], {}).setdefault(
            "own" if row["who"] == row["peer"] else "probe", []).append(row)
    out = {}
    for key, by_peer in grouped.items():
        for peer, rows in by_peer.items():
            def med(who, name, rows=rows):
                return statistics.median(r[name] for r in rows[who])
            out.setdefault(key, {})[peer] = {
                "ops": med("own", "ops_s"), "p50": med("own", "p50_us"),
                "p99": med("own", "p99_us"), "p999": med("own", "p999_us"),
                "cpu": med("own", "srv_cpu_s_per_kop"), "rss": med("own", "rss_mb"),
                "anon": med("own", "anon_mb"), "probe": med("probe", "ops_s"),
                "share": 100 * med("own", "ops_s") / med("probe", "ops_s"),
                "cpu_x": med("own", "srv_cpu_s_per_kop") / med("probe", "srv_cpu_s_per_kop"),
                "client": med("own", "cli_cpu"),
                "wrong": sum(r["wrong"] + r["lost"] for r in rows["own"])}
    return out


def ms(us):
    return f"{us / 1000:.1f}" if us >= 100 else f"{us / 1000:.2f}"


def full(m):
    """A client that has no time left measures itself: the rate is the least the server does."""
    return ">= " if m["client"] > FULL else ""


def table(head, rows):
    """Lines of a table, and an empty one before; nothing without rows."""
    if not rows:
        return []
    return ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(str(c) for c in row) + " |" for row in rows)]


def cell_rows(result):
    for (work, cell, n), by_peer in cells(result).items():
        for peer, m in by_peer.items():
            slapd = by_peer.get("slapd")
            ratio = f"{m['share'] / slapd['share']:.1f}" if slapd and peer != "slapd" else ""
            yield (f"{work} {cell}", short(n), peer, full(m) + number(m["ops"]),
                   f"{m['share']:.0f}", ratio, number(m["p50"]), number(m["p99"]),
                   number(1000 * m["cpu"]), f"{m['cpu_x']:.1f}",
                   f"{m['rss']:.0f} ({m['anon']:.0f})", f"{100 * m['client']:.0f}",
                   f"{m['wrong']:.0f}")


def load_rows(result):
    anon = {(r["peer"], int(r["n"])): r["anon_mb"] for r in result["rows"]
            if r["who"] == r["peer"]}
    for load in result["loads"]:
        per = 100000 / load["n"]
        rest = anon.get((load["peer"], load["n"]))
        yield (load["peer"], short(load["n"]), number(load["rate"]), f"{load['peak_mb']:.0f}",
               f"{load['db_mb']:.0f}", f"{load['db_mb'] * per:.1f}",
               f"{rest:.0f}" if rest else "", f"{rest * per:.1f}" if rest else "",
               number(load["resync_rate"]) if "resync_rate" in load else "")


def tls_rows(result):
    grouped = {}
    for row in result["parts"].get("tls", []):
        grouped.setdefault((row["cell"], row["n"], row["peer"]), []).append(row)
    for (cell, n, peer), rows in grouped.items():
        m = {k: statistics.median(r[k] for r in rows)
             for k in ("ops_s", "p50_us", "p99_us", "srv_cpu_s_per_kop", "cli_cpu",
                       "tls_full", "tls_resumed")}
        greeted = m["tls_full"] + m["tls_resumed"]
        yield (cell, short(n), peer, full({"client": m["cli_cpu"]}) + number(m["ops_s"]),
               number(m["p50_us"]), number(m["p99_us"]), number(1e6 * m["srv_cpu_s_per_kop"] / 1000),
               f"{100 * m['tls_resumed'] / greeted:.0f} %" if greeted else "")


def part_lines(result):
    part = result["parts"].get
    lines = table(("TLS", "N", "server", "a second", "p50 us", "p99 us", "CPU us each", "resumed"),
                  list(tls_rows(result)))
    lines += table(
        ("phones that come back at once", "N", "server", "all served within s",
         "a running client's p99 ms alone", "worst alone", "p99 beside", "worst beside",
         LATE, "longest stall ms"),
        [(f"{r['phones']:.0f}, {r['full']:.0f} full handshakes", short(r["n"]), r["peer"],
          f"{r['seconds']:.2f}", ms(r["alone_p99_us"]), ms(r["alone_max_us"]), ms(r["p99_us"]),
          ms(r["max_us"]), ms(r["late_us"]), "" if r["stall_us"] is None else ms(r["stall_us"])) for r in part("storm", [])])
    lines += table(
        ("mixed load while a source is read again", "N", "read", "numbers p50 ms", "p99", "p99.9",
         "worst", LATE, "p99.9 without reading", "type-ahead p99", "bind and search p99",
         "longest stall ms, without", "behind", "client's core %"),
        [(r["peer"], short(r["n"]), f"{r['syncs']} times", ms(r["p50_us"]), ms(r["p99_us"]),
          ms(r["p999_us"]), ms(r["max_us"]), ms(r["late_us"]), ms(r["alone_p999_us"]), ms(r["type_ahead_p99_us"]),
          ms(r["bind_p99_us"]), f"{ms(r['stall_us'])}, {ms(r['alone_stall_us'])}",
          f"{r['backlog']:.0f}", f"{100 * r['client']:.0f}") for r in part("mixed", [])])
    lines += table(
        ("words within names", "N", "server", "one at a time p50 ms", "worst", "16 at a time, a s",
         "their p99 ms", "given up", "lookups beside p99 ms, alone", "worst", LATE, "longest stall ms"),
        [(r["work"], short(r["n"]), r["peer"], ms(r["p50_us"]) if r["ops"] else "none in time",
          ms(r["max_us"]) if r["ops"] else "", number(r["many_ops_s"]), ms(r["many_p99_us"]),
          f"{r['given_up']:.0f}", f"{ms(r['other_p99_us'])}, {ms(r['other_alone_p99_us'])}", ms(r["other_max_us"]),
          ms(r["late_us"]), "" if r["stall_us"] is None else ms(r["stall_us"])) for r in part("words", [])])
    lines += table(
        ("start to the first answer", "N", "files in memory ms", "not in memory ms"),
        [(r["peer"], short(r["n"]), f"{r['warm_ms']:.0f}",
          f"{r['cold_ms']:.0f}" + (f" ({100 * r['cold_stayed']:.0f} % stayed)"
                                   if r["cold_stayed"] > 0.05 else ""))
         for r in part("starting", [])])
    lines += table(
        ("lookups at 2,000/s", "N", "p99.9 us alone",
         "p99.9 us while a source of that size loads", LATE, "lost"),
        [(r["peer"], short(r["n"]), number(r["idle_p999_us"]), number(r["loading_p999_us"]),
          ms(r["late_us"]), f"{r['lost']:.0f}") for r in part("during", [])])
    return lines


def markdown(result):
    foreign = statistics.median([r["foreign_cpu"] for r in result["rows"]] or [0])
    lines = [f"Measured {result['date']} on {result['machine']}: "
             + ", ".join(result["versions"]) + ". Client on one core, server on the other. "
             f"Others used {100 * foreign:.0f} % of a core. `>=`: the client's core was full, the "
             "server could do more. `client late`: the longest the client was late by itself, when "
             "something else had its processor; a worst case of that size is not the server's."]
    lines += table(("work, connections:depth", "N", "server", "lookups/s", "% of the limit",
                    "x slapd", "p50 us", "p99 us", "CPU ms/1k", "CPU x limit", "RSS (anon) MB",
                    "client %", "wrong"), list(cell_rows(result)))
    lines += table(("first load", "N", "contacts/s", "peak RSS MB", "database MB", "per 100k",
                    "anon MB at rest", "per 100k", "unchanged again, contacts/s"),
                   list(load_rows(result)))
    return "\n".join(lines + part_lines(result)) + "\n"


def plot(path, title, xlabel, ylabel, series, logx=True):
    """series: {name: [(x, y)...]}"""
    script = [f'set terminal svg size 640,400 font "sans,11"; set output "{path}"',
              f'set title "{title}"; set xlabel "{xlabel}"; set ylabel "{ylabel}"',
              "set key outside; set grid; set yrange [0:*]", "set logscale x" if logx else ""]
    for i, (_, points) in enumerate(series.items()):
        script.append(f"$d{i} << EOD\n" + "\n".join(f"{x} {y}" for x, y in sorted(points))
                      + "\nEOD")
    script.append("plot " + ", ".join(f'$d{i} with linespoints title "{name}"'
                                      for i, name in enumerate(series)))
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)


def plots(result, name):
    table, rates, tails, growth = cells(result), {}, {}, {}
    largest = max(result["sizes"])
    for (work, cell, n), by_peer in table.items():
        conns, depth = (int(x) for x in cell.split(":"))
        for peer, m in by_peer.items():
            if work == "hit" and depth == 1 and n == largest:
                rates.setdefault(peer, []).append((conns, m["ops"]))
                rates.setdefault("limit", []).append((conns, m["probe"]))
                tails.setdefault(peer, []).append((conns, m["p99"]))
            if cell == "64:1" and work in ("hit", "prefix"):
                growth.setdefault(f"{peer} {work}", []).append((n, 1000 * m["cpu"]))
    plot(name + "-rate.svg", "Exact number", "connections", "lookups/s", rates)
    plot(name + "-p99.svg", "Exact number", "connections", "p99 us", tails)
    plot(name + "-growth.svg", "CPU per 1,000 lookups", "contacts", "ms", growth)
    loads = {}
    for load in result["loads"]:
        loads.setdefault(load["peer"], []).append((load["n"], load["rate"]))
    plot(name + "-load.svg", "First load", "contacts", "contacts/s", loads)
    part_plots(result, name)


def part_plots(result, name):
    starts, beside = {}, {}
    for r in result["parts"].get("starting", []):
        for kind in ("warm", "cold"):
            starts.setdefault(f"{r['peer']} {kind}", []).append((r["n"], r[f"{kind}_ms"]))
    for r in result["parts"].get("words", []):
        beside.setdefault(f"{r['peer']} {r['work']}", []).append(
            (r["n"], r["other_p99_us"] / 1000))
    if starts:
        plot(name + "-start.svg", "Start to the first answer", "contacts", "ms", starts)
    if beside:
        plot(name + "-words.svg", "Lookups beside 16 searches within names", "contacts",
             "p99 ms", beside)


BEGIN, END = "<!-- made by tests/bench/run -->", "<!-- end of what tests/bench/run made -->"


def readme(result, path):
    """Put the largest size's figures between the markers of the project's README."""
    largest = max(result["sizes"])
    lines = [f"{result['date']}, {result['machine']}, {short(largest)} contacts, "
             + " beside ".join(result["versions"]) + "; the limit is a libuv server that frames "
             "messages and sends canned answers, measured in the same minutes. `>=`: the client "
             "was busy all the time, the server could do more.", "",
             "| work, connections:depth | lookups/s | % of the limit | x slapd | CPU ms/1k, slapd's |",
             "|---|---|---|---|---|"]
    for (work, cell, n), by_peer in cells(result).items():
        ours, slapd = by_peer.get("contactor"), by_peer.get("slapd")
        if n != largest or not ours or not slapd:
            continue
        lines.append(f"| {work} {cell} | {full(ours)}{number(ours['ops'])} | {ours['share']:.0f} | "
                     f"{ours['share'] / slapd['share']:.1f} | {number(1000 * ours['cpu'])}, "
                     f"{number(1000 * slapd['cpu'])} |")
    for load in result["loads"]:
        if load["n"] == largest:
            again = (f"; unchanged again {number(load['resync_rate'])}/s"
                     if "resync_rate" in load else "")
            lines += ["", f"First load into {load['peer']}: {number(load['rate'])} contacts/s, "
                      f"{load['peak_mb']:.0f} MB peak, {load['db_mb']:.0f} MB on disk{again}."]
    only = {name: [r for r in rows if r["n"] == largest]
            for name, rows in result["parts"].items()}
    lines += part_lines({"parts": only})
    with open(path, encoding="utf-8") as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)
