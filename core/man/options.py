#!/usr/bin/env python3
"""options.py TEMPLATE HEADER CONTACTORD PLUGIN.so... - contactor.toml(5) with its option part,
made from what contactord and its plugins say about themselves. Prints scdoc."""
import re
import subprocess
import sys

template, header, contactord, *plugins = sys.argv[1:]


def describe(*args):
    return subprocess.run([contactord, *args], check=True, capture_output=True, text=True).stdout


def plain(text):
    """Text in which scdoc sees no mark-up."""
    return re.sub(r"([\\*_~#])", r"\\\1", text)


def options(text):
    """Blocks of name, type and sentence to definitions."""
    out = []
    for block in text.strip().split("\n\n"):
        name, *about = [plain(line.strip()) for line in block.splitlines()]
        out += [f"*{name}* ({about[0]})", "\t" + " ".join(about[1:]), ""]
    return "\n".join(out)


def host_sections():
    parts = re.split(r"^(\[.*?\]): (.*)\n", describe("--options"), flags=re.MULTILINE)
    for name, about, body in zip(parts[1::3], parts[2::3], parts[3::3]):
        body = body.split("\nThe options of a plugin:")[0]
        yield name, about, body


def plugin_section(path):
    head, _, body = describe("--describe", path).partition("\noptions\n")
    values = dict(re.findall(r"^(\w+)\s+(.*)$", head, re.MULTILINE))
    return values, body


def main():
    out = []
    for name, about, body in host_sections():
        out += [f"# {plain(name)}", "", plain(about[0].upper() + about[1:]) + ".", "",
                options(body), ""]
    for path in plugins:
        values, body = plugin_section(path)
        out += [f"# PLUGIN {plain(values['name'].upper())}", "",
                plain(values["summary"][0].upper() + values["summary"][1:]) + ".", "",
                options(body), ""]
    with open(header, encoding="utf-8") as f:
        fields = re.findall(r'X\(\d+, \w+, "(\w+)"\)', f.read())
    with open(template, encoding="utf-8") as f:
        text = f.read()
    text = text.replace("@FIELDS@", ", ".join(plain(f) for f in fields))
    print(text.replace("@OPTIONS@", "\n".join(out).rstrip()))


main()
