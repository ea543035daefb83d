#!/usr/bin/env python3
"""contacts.py DATABASE - the customers of an SQLite database as a source of contactor: all of
them, what changed since (column `changed`, rows with `deleted` set), and one at lookup time."""
import json
import os
import sqlite3
import sys

COLUMNS = "id, first, last, company, phone, mobile, mail"
FIELDS = ("id", "given_name", "surname", "organisation", "phone_business", "phone_mobile", "mail")


def say(**message):
    print(json.dumps(message), flush=True)


def say_contacts(rows):
    for row in rows:
        sys.stdout.write(json.dumps(dict(zip(FIELDS, row))) + "\n")


def sync(db, request):
    since = int(request.get("cursor", 0))
    now = db.execute("SELECT coalesce(max(changed), 0) FROM customer").fetchone()[0]
    say_contacts(db.execute(f"SELECT {COLUMNS} FROM customer WHERE changed >= ? AND NOT deleted",
                            (since,)))
    if since:
        say(delete=[row[0] for row in db.execute(
            "SELECT id FROM customer WHERE changed >= ? AND deleted", (since,))])
    say(done=True, cursor=str(now))


def search(db, request):
    for number in request["numbers"]:
        say_contacts(db.execute(f"SELECT {COLUMNS} FROM customer WHERE ? IN (phone, mobile) "
                                "AND NOT deleted", (number,)))
    for text in request["texts"]:
        say_contacts(db.execute(f"SELECT {COLUMNS} FROM customer WHERE NOT deleted AND "
                                "first || ' ' || last || ' ' || company LIKE ? LIMIT ?",
                                (f"%{text}%", request["limit"])))
    say(done=True, request=request["request"])


def main():
    say(contactor=1, can=["search"])
    try:
        path = os.path.abspath(sys.argv[1])
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for line in sys.stdin:
            request = json.loads(line)
            {"sync": sync, "search": search}.get(request["op"], lambda *_: None)(db, request)
    except sqlite3.Error as e:
        say(error=f"{path}: {e}", remedy="see that the daemon's user can read the database")


main()
