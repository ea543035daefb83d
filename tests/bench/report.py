"""report - what a run measured, as Markdown tables and gnuplot pictures. Medians everywhere."""
import statistics
import subprocess


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
                "wrong": sum(r["wrong"] + r["lost"] for r in rows["own"])}
    return out


def markdown(result):
    lines = [f"Measured {result['date']} on {result['machine']}: "
             + ", ".join(result["versions"]) + ". Client on one core, server on the other.", ""]
    lines += ["| work, connections:depth | N | server | lookups/s | % of the limit | x slapd | "
              "p50 us | p99 us | CPU ms/1k | CPU x limit | RSS (anon) MB | wrong |",
              "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for (work, cell, n), by_peer in cells(result).items():
        for peer, m in by_peer.items():
            slapd = by_peer.get("slapd")
            ratio = f"{m['share'] / slapd['share']:.1f}" if slapd and peer != "slapd" else ""
            lines.append(f"| {work} {cell} | {short(n)} | {peer} | {number(m['ops'])} | "
                         f"{m['share']:.0f} | {ratio} | {number(m['p50'])} | {number(m['p99'])} | "
                         f"{number(1000 * m['cpu'])} | {m['cpu_x']:.1f} | {m['rss']:.0f} "
                         f"({m['anon']:.0f}) | {m['wrong']:.0f} |")
    lines += ["", "| first load | N | contacts/s | peak RSS MB | database MB | unchanged again, "
              "contacts/s |", "|---|---|---|---|---|---|"]
    for load in result["loads"]:
        again = number(load["resync_rate"]) if "resync_rate" in load else ""
        lines.append(f"| {load['peer']} | {short(load['n'])} | {number(load['rate'])} | "
                     f"{load['peak_mb']:.0f} | {load['db_mb']:.0f} | {again} |")
    lines += ["", "| lookups at 2,000/s | N | p99.9 us alone | p99.9 us while a source of that "
              "size loads | lost |", "|---|---|---|---|---|"]
    for d in result["during"]:
        lines.append(f"| contactor | {short(d['n'])} | {number(d['idle_p999_us'])} | "
                     f"{number(d['loading_p999_us'])} | {d['lost']:.0f} |")
    return "\n".join(lines) + "\n"


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


BEGIN, END = "<!-- made by tests/bench/run -->", "<!-- end of what tests/bench/run made -->"


def readme(result, path):
    """Put the largest size's figures between the markers of the project's README."""
    largest = max(result["sizes"])
    lines = [f"{result['date']}, {result['machine']}, {short(largest)} contacts, "
             + " beside ".join(result["versions"]) + "; the limit is a libuv server that frames "
             "messages and sends canned answers, measured in the same minutes.", "",
             "| work, connections:depth | lookups/s | % of the limit | x slapd | CPU ms/1k, slapd's |",
             "|---|---|---|---|---|"]
    for (work, cell, n), by_peer in cells(result).items():
        ours, slapd = by_peer.get("contactor"), by_peer.get("slapd")
        if n != largest or not ours or not slapd:
            continue
        lines.append(f"| {work} {cell} | {number(ours['ops'])} | {ours['share']:.0f} | "
                     f"{ours['share'] / slapd['share']:.1f} | {number(1000 * ours['cpu'])}, "
                     f"{number(1000 * slapd['cpu'])} |")
    for load in result["loads"]:
        if load["n"] == largest:
            again = (f"; unchanged again {number(load['resync_rate'])}/s"
                     if "resync_rate" in load else "")
            lines += ["", f"First load into {load['peer']}: {number(load['rate'])} contacts/s, "
                      f"{load['peak_mb']:.0f} MB peak, {load['db_mb']:.0f} MB on disk{again}."]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)
