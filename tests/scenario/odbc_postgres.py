"""The ODBC source against a real PostgreSQL, and the README's steps as they are written."""
import os
import re

from harness import SOURCE, Daemon, done, is_, ok
from odbc_cases import (COLUMNS, PASSWORD, Case, beside, by_dsn, changes, dies, hostile, told, values)
from servers import Postgres

TABLE = f"""
CREATE TABLE person (id bigint PRIMARY KEY, first text, last varchar(80), company text,
    phone varchar(40), mobile char(30), amount numeric(12,2), born date, note text,
    modified timestamptz);
INSERT INTO person VALUES (1, 'Jürgen 😀', 'Müller-Groß', 'Łódź ☎', '+49 (0)89 840798-192',
    '0171 5556677', 12.5, '1970-02-28', repeat('ä', 4500), now() - interval '1 day');
INSERT INTO person SELECT g, 'First ' || g, 'Last ' || g, NULL, '+49 30 ' || 1000000 + g, NULL, g,
    NULL, NULL, now() - interval '1 day' - g * interval '1 second' FROM generate_series(2, 5000) g;
CREATE TABLE evidence (what text);
CREATE FUNCTION evil() RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO evidence VALUES ('evil'); RETURN 'x'; END $$;
CREATE ROLE reader LOGIN PASSWORD '{PASSWORD.replace("'", "''")}';
GRANT ALL ON ALL TABLES IN SCHEMA public TO reader;
"""
STATEMENTS = {
    "half": f"SELECT {COLUMNS} FROM person WHERE 1 / (4800 - id) > -2 ORDER BY id",
    "slow": f"SELECT {COLUMNS} FROM person, pg_sleep(60)",
    "running": "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' AND "
               "state = 'active' AND pid <> pg_backend_pid()",
}

FRONTEND = """
[contactor]
state_dir = "{dir}/state"
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "crm"
anonymous = "allow"
"""


def readme(server):
    """What a new administrator copies out of the README, only host, port and folder changed."""
    with open(os.path.join(SOURCE, "plugins", "odbc", "README.md"), encoding="utf-8") as f:
        part = re.search(r"## PostgreSQL\n(.*?)\n## ", f.read(), re.S).group(1)
    blocks = dict(re.findall(r"```(sql|toml)\n(.*?)```", part, re.S))
    password = re.search(r"<<<'(.*?)'", part).group(1)
    server.sql("DROP TABLE IF EXISTS customer; CREATE TABLE customer (id serial PRIMARY KEY, "
               "first_name text, last_name text, company text, phone text, mobile text, "
               "email text, modified timestamptz DEFAULT now()); INSERT INTO customer "
               "(first_name, last_name, company, phone) VALUES ('Anna', 'Meier', 'Acme', "
               "'089 123456');" + blocks["sql"], "crm")
    config = blocks["toml"].replace("db.example.com", "127.0.0.1").replace("5432", str(server.port))
    with Daemon(FRONTEND + config.replace("/etc/contactor", "{dir}"), wait=None,
                files={"crm.password": password + "\n"}) as d:
        os.chmod(d.path("crm.password"), 0o600)
        for command in re.findall(r"contactorctl (.*)", part):
            run = d.ctl(*command.split())
            ok(run.returncode == 0, f"contactorctl {command}", run.stdout, run.stderr)
        is_(d.names("(telephoneNumber=+4989123456)"), ["Anna Meier"], "the README leads there")


with Postgres() as server:
    server.sql("CREATE DATABASE crm")
    server.sql(TABLE, "crm")
    readme(server)
    case = Case(server)
    values(case)
    changes(case, "modified = now()")
    hostile(case, "SELECT count(*) FROM evidence")
    told(case, STATEMENTS)
    by_dsn(case)
    beside(case, STATEMENTS["slow"], f"SELECT {COLUMNS} FROM person, pg_sleep(60) WHERE "
           ":asked <> ''", STATEMENTS["running"])
    dies(case, f"SELECT {COLUMNS} FROM person, pg_sleep(0.001 * (id / id))", 3.5)
done()
