"""The ODBC source against a real MariaDB."""
from harness import done
from odbc_cases import (COLUMNS, PASSWORD, Case, beside, by_dsn, changes, dies, hostile, told, values)
from servers import MariaDB

ESCAPED = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
TABLE = f"""
CREATE DATABASE crm CHARACTER SET utf8mb4;
USE crm;
CREATE TABLE person (id bigint PRIMARY KEY, first text, last varchar(80), company text,
    phone varchar(40), mobile char(30), amount decimal(12,2), born date, note text,
    modified timestamp(6) NULL);
INSERT INTO person VALUES (1, 'Jürgen 😀', 'Müller-Groß', 'Łódź ☎', '+49 (0)89 840798-192',
    '0171 5556677', 12.5, '1970-02-28', repeat('ä', 4500), now(6) - interval 1 day);
INSERT INTO person SELECT seq, concat('First ', seq), concat('Last ', seq), NULL,
    concat('+49 30 ', 1000000 + seq), NULL, seq, NULL, NULL,
    now(6) - interval 1 day - interval seq second FROM seq_2_to_5000;
CREATE TABLE evidence (what text);
DELIMITER //
CREATE FUNCTION evil() RETURNS text MODIFIES SQL DATA
    BEGIN INSERT INTO evidence VALUES ('evil'); RETURN 'x'; END//
DELIMITER ;
CREATE USER reader@'%' IDENTIFIED BY '{ESCAPED}';
GRANT ALL ON crm.* TO reader@'%';
"""
STATEMENTS = {
    "half": f"SELECT {COLUMNS}, (SELECT q.id FROM person q WHERE q.id = p.id OR "
            "p.id = 4800) AS oops FROM person p",
    "slow": f"SELECT {COLUMNS}, sleep(60) AS s FROM person WHERE id = 1",
    "running": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%sleep(6%' "
               "AND id <> connection_id()",
}

with MariaDB() as server:
    server.sql(TABLE)
    case = Case(server)
    values(case)
    changes(case, "modified = now(6)")
    hostile(case, "SELECT count(*) FROM evidence")
    told(case, STATEMENTS)
    by_dsn(case)
    beside(case, STATEMENTS["slow"], f"SELECT {COLUMNS}, sleep(60) AS s FROM person WHERE id = 1 "
           "AND :asked <> ''", STATEMENTS["running"])
    dies(case, f"SELECT {COLUMNS}, sleep(0.002) AS s FROM person", 1)
done()
