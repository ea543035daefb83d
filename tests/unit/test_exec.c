/* test_exec.c - the exec source on real programs: what they may say, how they are
 * started, and that nothing of them is left. Hostile ones are in test_exec_hostile.c. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "plugins/exec/base64.h"
#include "test_exec_util.h"

/* --- what a program says --------------------------------------------------------------
 */

static void test_simple(void)
{
    struct testhost *t =
        sync_script("printf '%s\\n' '{\"id\":\"1\",\"surname\":\"Meier\"}' "
                    "'{\"id\":2,\"phone_mobile\":[\"+49 171 1\",\"+49 171 "
                    "2\"]}' '' '{\"done\":true}'",
                    NULL, 0);

    is_int(t->n_contacts, 2, "a program that only prints is a source");
    is_value(t, "1", CTR_FIELD_SURNAME, 0, "Meier");
    is_value(t, "2", CTR_FIELD_PHONE_MOBILE, 1, "+49 171 2");
    is_int(t->rejects.n, 0, "an empty line is nothing");
    ok(testhost_logged(t, "contacts=2 rejected=0 full"), "the log says how it went");
    finish(t);
}

static void test_fields(void)
{
    struct testhost *t = sync_script(
        "cat <<'END'\n"
        "{\"id\":\"a\",\"surname\":null,\"postal_code\":80331,\"x_Badge\":\"7\","
        "\"photo\":\"AAEC\",\"owner\":\"anna\",\"mail\":\"\\u00fc@x\",\"note\":\"\"}\n"
        "{\"surname\":\"first\",\"id\":\"b\",\"phone_bussiness\":\"1\"}\n"
        "{\"id\":\"c\",\"surname\":\"x\",\"phone_bussiness\":\"1\",\"x_\":\"1\","
        "\"title\":"
        "true}\n"
        "{\"id\":\"d\",\"surname\":\"x\",\"photo\":\"???\"}\n"
        "{\"id\":\"e\",\"owner\":7,\"surname\":\"x\"}\n"
        "{\"id\":\"f\"}\n"
        "{\"surname\":\"none\"}\n"
        "{\"contacts\":[{\"id\":\"g\",\"city\":\"Ulm\"},7,{\"id\":\"h\",\"city\":"
        "\"Bonn\"}]}\n"
        "{\"id\":\"i\",\"surname\":\"x\",\"Owner\":\"anna\"}\n"
        "{\"done\":true}\r\n"
        "END",
        NULL, 0);
    const struct ctr_contact *a = testhost_find(t, "a");

    is_int(t->n_contacts, 6, "six can be used");
    is_value(t, "a", CTR_FIELD_POSTAL_CODE, 0, "80331");
    is_value(t, "a", CTR_FIELD_MAIL, 0, "\xc3\xbc@x");
    is_str(testhost_value(a, CTR_FIELD_CUSTOM, "badge", 0), "7", "a field of its own");
    ok(a && a->owner.len == 4, "a private contact");
    is_int(a ? a->n_fields : 0, 4, "null and \"\" are no values");
    for (uint32_t i = 0; a && i < a->n_fields; i++)
        if (a->fields[i].kind == CTR_FIELD_PHOTO)
            ok(a->fields[i].value.len == 3 &&
                   memcmp(a->fields[i].value.ptr, "\0\1\2", 3) == 0,
               "a photo is base64");
    is_value(t, "h", CTR_FIELD_CITY, 0, "Bonn");
    rejects(t, "line 2: there is no field 'phone_bussiness'");
    rejects(t, "line 3: there is no field 'x_'");
    rejects(t, "line 3: title is neither a string nor a whole number");
    rejects(t, "line 4: photo is not base64");
    rejects(t, "line 5: its owner is not a user's name");
    rejects(t, "line 6: it has no value besides its id");
    rejects(t, "line 7: it has no id");
    rejects(t, "line 8: it is not an object");
    rejects(t, "line 9: its owner must be written in small letters");
    is_int(t->rejects.n, 9, "each told once");
    finish(t);
}

static void test_words(void)
{
    struct testhost *t =
        sync_script("read hello; read request; echo '{\"contactor\":1,\"can\":[]}'\n"
                    "echo \"$hello\" >&2; echo \"$request\" >&2\n"
                    "cat <<'END'\n"
                    "{\"progress\":1,\"total\":4}\n"
                    "{\"id\":\"a\",\"city\":\"Ulm\"}\n"
                    "{\"reject\":\"row 7\",\"reason\":\"no\\nnumber\"}\n"
                    "{\"delete\":\"x\"}\n"
                    "{\"done\":true,\"request\":99}\n"
                    "{\"done\":true,\"request\":1,\"cursor\":\"c-1\"}\n"
                    "END",
                    NULL, 0);

    is_int(t->n_contacts, 1, "one contact");
    is_int(t->progress_total, 4, "progress is passed on");
    is_str(t->cursor, "c-1", "and the cursor");
    rejects(t, "row 7: no\\x0anumber");
    rejects(t, "line 5: a full sync deletes by leaving out");
    ok(testhost_logged(t, "\\\"op\\\":\\\"hello\\\",\\\"source\\\":\\\"test\\\""),
       "it was greeted");
    ok(testhost_logged(t, "\\\"op\\\":\\\"sync\\\",\\\"request\\\":1"), "and asked");
    finish(t);
}

static void test_delta(void)
{
    static const char script[] =
        "read h; read r; case $r in *'\"cursor\":\"c-1\"'*) ;; *) exit 9;; esac\n"
        "cat <<'END'\n"
        "{\"id\":\"a\",\"city\":\"Ulm\"}\n"
        "{\"delete\":[\"b\",7,true]}\n"
        "{\"id\":\"c\"}\n"
        "{\"owner\":5,\"city\":\"Hof\",\"id\":9}\n"
        "{\"done\":true,\"cursor\":\"c-2\"}\n"
        "END";
    struct testhost *t = sync_script(script, "c-1", 0);

    is_int(t->n_contacts, 1, "a delta brings what changed");
    is_int(t->deletes.n, 4, "what is gone, and what can no longer be used");
    is_str(t->deletes.at[2].a, "c", "one that lost its values");
    is_str(t->deletes.at[3].a, "9", "one whose owner is not to be understood");
    is_str(t->cursor, "c-2", "and another cursor");
    rejects(t, "line 2: an id to delete is no string");
    finish(t);

    t = sync_script("echo '{\"full\":true}'; echo '{\"id\":\"a\",\"city\":\"Ulm\"}'; "
                    "echo '{\"done\":true}'",
                    "expired", 0);
    ok(t->became_full, "a cursor that expired: all of it");
    finish(t);
    t = sync_script("echo '{\"id\":\"a\",\"city\":\"Ulm\"}'; echo '{\"full\":true}'; "
                    "echo '{\"done\":true}'",
                    "expired", -CTR_EPROTO);
    says(t, "after its first contact");
    finish(t);
    t = sync_script("echo '{\"done\":true}'", "c-1", 0);
    is_int(t->n_contacts, 0, "nothing has changed");
    finish(t);
}

static void test_failures(void)
{
    struct testhost *t =
        sync_script("echo '{\"error\":\"login \\\"crm\\\" refused\",\"remedy\":\"renew "
                    "the token\"}'",
                    NULL, -CTR_EUNAVAIL);

    says(t, "sh reports: login \"crm\" refused; renew the token");
    finish(t);
    t = sync_script("echo '{\"contactor\":2}'", NULL, -CTR_EVERSION);
    says(t, "another version of the protocol");
    finish(t);
    t = sync_script("echo '{\"id\":1,\"city\":\"x\"}'; echo no such table >&2; exit 3",
                    NULL, -CTR_EUNAVAIL);
    says(t, "sh exited with code 3 before it said {\"done\":true}; its last line on "
            "stderr: \"no such table\"");
    finish(t);
    t = sync_script("echo '{\"id\":1,\"city\":\"x\"}'; echo '{\"done\":true}'; exit 4",
                    NULL, -CTR_EUNAVAIL);
    says(t, "said {\"done\":true}, but then exited with code 4");
    finish(t);
    t = sync_script("echo '{\"surname\":\"x\"}'; echo '{\"done\":true}'", NULL,
                    -CTR_EFORMAT);
    says(t, "nothing of what sh wrote can be used; the last good data stay; the first: "
            "line 1: it has no id");
    finish(t);
}

/* --- how it is started ----------------------------------------------------------------
 */

static void test_surroundings(void)
{
    struct testhost *t = make_script(
        "exec python3 -c '\n"
        "import json, os, resource, signal\n"
        "say = lambda i, v: print(json.dumps({\"id\": i, \"note\": v}))\n"
        "say(\"env\", \" \".join(sorted(k + \"=\" + v for k, v in os.environ.items() if "
        "k "
        "not in (\"PWD\", \"SHLVL\", \"_\", \"OLDPWD\", \"LC_CTYPE\"))))\n"
        "say(\"cwd\", os.getcwd())\n"
        "say(\"fds\", \" \".join(f for f in sorted(os.listdir(\"/proc/self/fd\"))))\n"
        "say(\"group\", str(os.getpgrp() == os.getpid()))\n"
        "say(\"data\", str(resource.getrlimit(resource.RLIMIT_DATA)[0]))\n"
        "say(\"cpu\", str(resource.getrlimit(resource.RLIMIT_CPU)[0]))\n"
        "say(\"files\", str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))\n"
        "st = open(\"/proc/self/status\").read()\n"
        "say(\"blocked\", st.split(\"SigBlk:\")[1].split()[0])\n"
        "say(\"privileges\", st.split(\"NoNewPrivs:\")[1].split()[0])\n"
        "say(\"ambient\", st.split(\"CapAmb:\")[1].split()[0])\n"
        "print(json.dumps({\"done\": True}))'");
    int fd = open("/dev/null", O_RDONLY); /* one that somebody forgot to mark */

    setenv("CONTACTOR_TEST_LEAK", "1", 1);
    testhost_set(t, "folder", "/usr");
    testhost_set(t, "environment", "LANG=de_DE.UTF-8");
    testhost_set(t, "environment", "TOKEN=a b");
    testhost_set(t, "memory_limit", "512M");
    testhost_set(t, "cpu_limit", "30s");
    start(t);
    is_int(testhost_sync(t, NULL), 0, "it runs%s%s", t->failure[0] ? ": " : "",
           t->failure);
    is_value(t, "env", CTR_FIELD_NOTE, 0,
             "HOME=/ LANG=de_DE.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin TOKEN=a b");
    is_value(t, "cwd", CTR_FIELD_NOTE, 0, "/usr");
    is_value(t, "fds", CTR_FIELD_NOTE, 0, "0 1 2 3"); /* 3: the listing itself */
    is_value(t, "group", CTR_FIELD_NOTE, 0, "True");
    is_value(t, "data", CTR_FIELD_NOTE, 0, "536870912");
    is_value(t, "cpu", CTR_FIELD_NOTE, 0, "30");
    is_value(t, "files", CTR_FIELD_NOTE, 0, "1024");
    is_value(t, "blocked", CTR_FIELD_NOTE, 0, "0000000000000000");
    is_value(t, "privileges", CTR_FIELD_NOTE, 0, "1");
    is_value(t, "ambient", CTR_FIELD_NOTE, 0, "0000000000000000");
    unsetenv("CONTACTOR_TEST_LEAK");
    close(fd);
    finish(t);
}

static void test_secret(void)
{
    struct testhost *t = make_script(
        "read -r h; case $h in *'\"secret\":\"tok \\\"en\"'*) ;; *) exit 8;; esac\n"
        "echo 'I know tok \"en well' >&2\n"
        "grep -c 'tok \"' /proc/self/environ >&2\n"
        "printf '%0396dtok \"en, in a long line\\n' 0 | tr 0 x >&2\n"
        "echo '{\"id\":1,\"city\":\"x\"}'; echo '{\"done\":true}'");

    testhost_set(t, "secret", "tok \"en");
    start(t);
    is_int(testhost_sync(t, NULL), 0, "the secret is in hello%s", t->failure);
    ok(testhost_logged(t, "stderr=\"I know * well\""), "and never in the log");
    ok(testhost_logged(t, "stderr=\"0\""), "nor in the environment");
    ok(testhost_logged(t, "xxx*\""), "nor the half of it before the end of a line");
    finish(t);
}

static void test_options(void)
{
    struct testhost *t = make_script("exit 0");

    testhost_set(t, "environment", "GOOD=1");
    testhost_set(t, "environment", "1BAD=2");
    testhost_set(t, "environment", "no value");
    is_int(testhost_start(t), -CTR_ECONF, "a variable needs a name");
    is_int(t->option_errors.n, 2, "each is told");
    finish(t);
}

static void is_start_error(const char *path, const char *want)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "command", path);
    start(t);
    ok(testhost_sync(t, NULL) < 0, "%s cannot be started", path);
    says(t, want);
    finish(t);
}

static void test_start_errors(void)
{
    put_script("#!/nowhere/python9\n", 0700);
    is_start_error(script_path, "names the interpreter /nowhere/python9, which does not");
    put_script("#!/bin/sh\r\n", 0700);
    is_start_error(script_path, "ends with a carriage return; store it with UNIX line");
    put_script("echo\n", 0700);
    is_start_error(script_path, "is nothing the system can start; begin it with a line");
    put_script("#!/etc/passwd\n", 0700);
    is_start_error(script_path, "the interpreter /etc/passwd of");
    put_script("#!/bin/sh\n", 0600);
    is_start_error(script_path, "may not be executed by user id");
    is_start_error("/nowhere/x",
                   "the program /nowhere/x does not exist; correct `command`");
    unlink(script_path);
}

static void test_no_folder(void)
{
    struct testhost *t = make_script("exit 0");

    testhost_set(t, "folder", "/nowhere");
    start(t);
    ok(testhost_sync(t, NULL) < 0, "a folder that is not there");
    says(t, "cannot enter the folder /nowhere: No such file or directory");
    finish(t);
}

/* --- one program for all requests -----------------------------------------------------
 */

static const char kept_script[] =
    "n=0; read h; echo '{\"contactor\":1}'\n"
    "while read r; do n=$((n+1))\n"
    "echo '{\"id\":1,\"note\":\"'$$'\",\"title\":\"'$n'\"}'; echo '{\"done\":true}'; "
    "done";

static void test_kept(void)
{
    struct testhost *t = make_script(kept_script);
    char pid[32];

    testhost_set(t, "keep_running", "true");
    start(t);
    is_int(testhost_sync(t, NULL), 0, "the first");
    snprintf(pid, sizeof(pid), "%s",
             testhost_value(testhost_find(t, "1"), CTR_FIELD_NOTE, NULL, 0));
    is_int(testhost_sync(t, NULL), 0, "the second");
    is_value(t, "1", CTR_FIELD_NOTE, 0, pid);
    is_value(t, "1", CTR_FIELD_TITLE, 0, "2");
    kill(atoi(pid), SIGKILL);
    wait_ms(50);
    testhost_advance(t, 1000);
    ok(testhost_logged(t, "was ended by signal 9 (Killed) between requests"), "told");
    no_children("it is put away without a request");
    is_int(testhost_sync(t, NULL), 0, "and started anew");
    is_value(t, "1", CTR_FIELD_TITLE, 0, "1");
    finish(t);
}

static void test_kept_but_leaves(void)
{
    struct testhost *t =
        make_script("echo '{\"id\":1,\"note\":\"x\"}'; echo '{\"done\":true}'");

    testhost_set(t, "keep_running", "true");
    start(t);
    is_int(testhost_sync(t, NULL), 0, "one that ends after each request");
    is_int(testhost_sync(t, NULL), 0, "is started for each");
    finish(t);
}

static void test_unasked(void)
{
    struct testhost *t = make_script(
        "n=0; read h; while read r; do\n"
        "echo '{\"id\":1,\"note\":\"x\"}'; echo '{\"done\":true}'; sleep 0.1\n"
        "echo '{\"done\":true}'; done");

    testhost_set(t, "keep_running", "true");
    start(t);
    is_int(testhost_sync(t, NULL), 0, "one that goes on talking");
    wait_ms(300);
    is_int(testhost_sync(t, NULL), 0, "is started anew");
    is_int(t->n_contacts, 1, "so that its words are no answer to the next request");
    finish(t);
}

static void test_stop(void)
{
    struct testhost *t = make_script(
        "trap '' TERM; read h; read r; echo '{\"id\":1,\"note\":\"x\"}'; echo "
        "'{\"done\":true}'; while :; do sleep 1; done");

    testhost_set(t, "keep_running", "true");
    start(t);
    is_int(testhost_sync(t, NULL), 0, "one that ignores SIGTERM is kept");
    testhost_stop(t);
    no_children("and gone after stop");
    finish(t);
}

static const char *decoded(const char *text)
{
    static char out[128], copy[128];
    struct ctr_str bytes;

    snprintf(copy, sizeof(copy), "%s", text);
    if (!base64_decode(copy, &bytes))
        return "no";
    memcpy(out, bytes.ptr, bytes.len);
    out[bytes.len] = '\0';
    return out;
}

static void test_base64(void)
{
    struct ctr_str bytes;

    is_str(decoded(""), "", "nothing is nothing");
    is_str(decoded("Zg=="), "f", "two of padding");
    is_str(decoded("Zm8="), "fo", "one");
    is_str(decoded("Zm9v"), "foo", "none");
    is_str(decoded("Zm9vYmE"), "fooba", "left out");
    is_str(decoded("Zm9\r\nvYm\nFy"), "foobar", "line ends between");
    is_str(decoded("fn5+Pz8/"), "~~~???", "the last two signs");
    is_str(decoded("Zm9vY"), "no", "a digit too many");
    is_str(decoded("Zg="), "no", "padding too short");
    is_str(decoded("Zg==="), "no", "too long");
    is_str(decoded("Zg==Zg=="), "no", "and in the middle");
    is_str(decoded("Zm9v Zg"), "no", "a blank");
    is_str(decoded("Zm9-"), "no", "a sign of the other alphabet");
    ok(!base64_decode(NULL, &bytes), "no text");
}

int main(void)
{
    begin();
    test_base64();
    test_simple();
    test_fields();
    test_words();
    test_delta();
    test_failures();
    test_surroundings();
    test_secret();
    test_options();
    test_start_errors();
    test_no_folder();
    test_kept();
    test_kept_but_leaves();
    test_unasked();
    test_stop();
    return tap_done();
}
