"""moody - the daemon with a source that does what a file tells it (moody.c)."""
import os

from harness import BUILD, Daemon

FIXTURES = os.environ.get("CONTACTOR_FIXTURES") or os.path.join(BUILD, "tests", "scenario")

PEOPLE = "sync: put 0 100\n"

CONFIG = """
[contactor]
state_dir = "{dir}/state"
plugin_dir = "%s"
confine_read = ["{dir}"]

[dialplan.berlin]
country = "DE"
area_code = "30"

[source.crm]
plugin = "@plugin@"
script = "{dir}/script"
@source@

[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
anonymous = "allow"

[user.eve]
password_file = "{dir}/eve.password"
[user.max]
password_file = "{dir}/max.password"
""" % FIXTURES


class Moody(Daemon):
    def __init__(self, script=PEOPLE, plugin="moody", source="", config=CONFIG, wait="crm", **kw):
        config = config.replace("@plugin@", plugin).replace("@source@", source)
        super().__init__(config, wait=wait, **kw)
        self.write("eve.password", "eve's\n", 0o600)
        self.write("max.password", "max's\n", 0o600)
        self.script(script)

    def script(self, text):
        self.write("script", text)

    def contacts(self):
        return self.source()["contacts"]

    def who(self, number, user=None):
        bind = (f"uid={user},ou=users,dc=contacts", f"{user}'s") if user else None
        return self.names(f"(telephoneNumber={number})", bind=bind)
