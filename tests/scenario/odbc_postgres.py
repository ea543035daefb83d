"""The ODBC source against a real PostgreSQL."""
from harness import done
from odbc_cases import (COLUMNS, PASSWORD, Case, by_dsn, changes, dies, hostile, told, values)
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

with Postgres() as server:
    server.sql("CREATE DATABASE crm")
    server.sql(TABLE, "crm")
    case = Case(server)
    values(case)
    changes(case, "modified = now()")
    hostile(case, "SELECT count(*) FROM evidence")
    told(case, STATEMENTS)
    by_dsn(case)
    dies(case, f"SELECT {COLUMNS} FROM person, pg_sleep(0.001 * (id / id))", 3.5)
done()
