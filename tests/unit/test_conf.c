/* test_conf.c - files to a tree: places, drop-ins, hostile texts, and how problems read.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "conf/conf.h"
#include "tap.h"

static char folder[] = "/tmp/test-conf-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[2][256];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");

    ensure(f && fputs(text, f) >= 0);
    fclose(f);
}

/* The problems as printed, with the folder's name left out. */
static const char *problems(struct diag *diag)
{
    static char text[65536];
    struct strbuf raw = {0};
    char *from, *to = text;
    size_t n = strlen(folder) + 1;

    diag_format(diag, &raw);
    for (from = raw.ptr ? raw.ptr : ""; *from && to < text + sizeof(text) - 1;) {
        if (strncmp(from, folder, n - 1) == 0 && from[n - 1] == '/')
            from += n;
        else
            *to++ = *from++;
    }
    *to = '\0';
    strbuf_finish(&raw);
    diag_finish(diag);
    return text;
}

/* What is wrong with a text. */
static const char *parse_problems(const char *text, size_t len)
{
    struct diag diag = {0};
    struct conf *conf;
    int err = conf_parse(str_make(text, len), "a.toml", "/etc", &diag, &conf);

    ensure((err == 0) == (conf != NULL));
    ensure(err == 0 || diag.errors > 0);
    conf_destroy(conf);
    return problems(&diag);
}

#define WRONG(text) parse_problems((text), strlen(text))

static struct conf *parse(const char *text)
{
    struct diag diag = {0};
    struct conf *conf = NULL;

    conf_parse(str_of(text), "a.toml", "/etc", &diag, &conf);
    ensure(conf && diag.errors == 0);
    diag_finish(&diag);
    return conf;
}

static bool at(struct conf_place place, uint32_t line, uint32_t column)
{
    if (place.line != line || place.column != column)
        printf("# at %u:%u\n", place.line, place.column);
    return place.line == line && place.column == column;
}

static void test_tree(void)
{
    struct conf *conf = parse("[source.zulu]\n"
                              "  b = \"M\xc3\xbcller\"\n"
                              "a = [ 1, \"x\", [true] ]\n"
                              "when = 2026-11-21T20:58:22Z\n"
                              "[source.alpha]\n"
                              "c = { n = -7, f = 1.5 }\n"
                              "\"k k\".sub = 0x10\n");
    const struct conf_node *source = conf_get(conf_root(conf), "source");
    const struct conf_node *zulu = conf_get(source, "zulu");
    const struct conf_node *list = conf_get(zulu, "a");
    const struct conf_node *alpha = conf_get(source, "alpha");

    ok(source->n == 2 && source->first == zulu, "keys keep the order of the file");
    ok(at(zulu->key_at, 1, 9), "place of a section's name");
    is_str(conf_get_z(zulu, "b"), "M\xc3\xbcller", "a string");
    ok(at(conf_get(zulu, "b")->key_at, 2, 3), "place of a key");
    ok(at(conf_get(zulu, "b")->at, 2, 7), "place of its value");
    ok(list->n == 3 && list->first->integer == 1 && list->first->parent == list,
       "a list");
    ok(at(list->first->next->at, 3, 10), "place of an element");
    ok(!list->first->key.ptr, "an element has no key");
    is_int(list->last->first->type, CONF_BOOL, "a list in a list");
    is_str(conf_get(zulu, "when")->string.ptr, "2026-11-21T20:58:22Z", "a time");
    is_int(conf_get(conf_get(alpha, "c"), "n")->integer, -7, "a number");
    ok(conf_get(conf_get(alpha, "c"), "f")->real == 1.5, "a fraction");
    is_int(conf_get(conf_get(alpha, "k k"), "sub")->integer, 16, "a quoted, dotted key");
    ok(!conf_get(alpha, "none") && !conf_get(NULL, "x") && !conf_get(list, "x"),
       "what is not there");
    ok(!conf_get_z(zulu, "a"), "a list is no string");
    is_str(zulu->at.file->name, "a.toml", "every place knows its file");
    conf_destroy(conf);
    conf_destroy(NULL);
}

static void test_nul(void)
{
    struct conf *conf = parse("a = \"x\\u0000y\"\n");

    is_int(conf_get(conf_root(conf), "a")->string.len, 3, "a NUL within is kept");
    ok(!conf_get_z(conf_root(conf), "a"), "and makes it no C string");
    conf_destroy(conf);
}

/* One error, at a place, naming another. */
static bool said_twice(const char *text, const char *place, const char *first)
{
    const char *said = WRONG(text);
    bool good = strncmp(said, place, strlen(place)) == 0 && strstr(said, first) &&
                strchr(said, '\n') == said + strlen(said) - 1;

    if (!good)
        printf("# said %s", said);
    return good;
}

static void test_syntax(void)
{
    ok(strncmp(WRONG("a = 1\nb = \"C:\\data\"\n"), "a.toml:2:9: error: ", 19) == 0 &&
           strstr(WRONG("b = \"C:\\data\"\n"), "or use 'single quotes'"),
       "a Windows path");
    is_str(
        WRONG("m\xc3\xbcller = 1\n"),
        "a.toml:1:2: error: only a-z, digits, '_' and '-' may stand outside of quotes\n",
        "an umlaut in a key");
    is_str(WRONG("\"m\xc3\xbcller\" = \"\"\"\xc3\xa4\\\n  \xc3\xb6\"\"\" # \xc3\xbc\n"),
           "", "in quotes and comments it is fine");
    ok(strstr(WRONG("a = yes\n"), "a.toml:1:5: error: ") &&
           strstr(WRONG("a = yes\n"), "as true or false"),
       "yes instead of true");
    ok(strstr(WRONG("a = \"x\nb = 1\n"), "a.toml:1:"), "a string without its end");
    ok(said_twice("[s.a]\nb=1\n\n [s.a]\n", "a.toml:4:", "a.toml:1:4"), "a section");
    ok(said_twice("a=1\n  a = '=' # x\n", "a.toml:2:", "a.toml:1:1"), "a key");
    ok(said_twice("[x]\na=1\n[s.\"t.u\"]\nb.c=1\n[y]\n[s.\"t.u\".v]\na=1\na=2",
                  "a.toml:8:", "a.toml:7:1"),
       "a key in its section");
    ok(said_twice("[[s]]\na=1\n[[s]]\nb=1\nb=2\n", "a.toml:5:", "a.toml:4:1"),
       "a key in a list of sections");
    ok(said_twice("a=1\n[a]\nb=2\n", "a.toml:2:", "a.toml:1:1"), "a key as section");
    ok(said_twice("a=[\n[1]]\na=[\n2]\n", "a.toml:", "error"),
       "what cannot be found is left out");
    is_str(WRONG(""), "", "an empty file");
    is_str(WRONG("\xef\xbb\xbf"
                 "a=1\r\nb=2\r\n"),
           "", "a byte order mark and CRLF, as Windows writes");
}

/* n times `text`, between two others; the caller frees. */
static char *repeated(const char *before, const char *text, unsigned n, const char *after)
{
    struct strbuf b = {0};

    strbuf_z(&b, before);
    while (n-- > 0)
        strbuf_z(&b, text);
    strbuf_z(&b, after);
    return strbuf_take(&b);
}

static bool refused(char *text, const char *with)
{
    const char *said = WRONG(text);
    bool good = strstr(said, with) != NULL;

    if (!good)
        printf("# said %.200s\n", said);
    free(text);
    return good;
}

static void test_hostile(void)
{
    char noise[2000];
    unsigned state = 1;

    ok(refused(repeated("a = ", "[", 100000, ""), "nested too deeply"), "deep lists");
    ok(refused(repeated("a = ", "{a=", 100000, ""), "nested too deeply"), "deep tables");
    ok(refused(repeated("a", ".a", 100000, " = 1"), "too many dots"), "a key of dots");
    ok(refused(repeated("[a", ".a", 100000, "]"), "too many dots"), "a header of dots");
    ok(refused(repeated("[a", ".\"a\"", 100000, "]"), "too many dots"),
       "a header of quoted dots");
    ok(refused(repeated("\"\"\"\"\"\na = ", "[", 100000, ""), "error"),
       "quotes that do not hide nesting");
    ok(refused(repeated("a = ", "{a.a.a.a.a.a.a.a.a.a.a=", 30, ""), "error"),
       "dots within braces, unfinished");
    ok(refused(repeated("a.a.a.a.a.a.a.a = {a.a.a.a.a.a.a.a.a.a.a.a.a=",
                        "{a.a.a.a.a.a.a.a.a.a.a.a=", 2, "1}}}"),
               "tables are nested too deeply"),
       "dots within braces");
    ok(refused(repeated("a = [", "1,", 200000, "]"), "too many keys"), "a long list");
    ok(refused(repeated("", "a", 100000, "=1"), "too long"), "a long key");
    ok(refused(xstrdup("\xef\xbb\xbf [a]\r\b"), "control characters"),
       "a control character behind a byte order mark");
    is_str(WRONG("a = '''x'''''\nb = \"\"\"y\\\"\"\"\"\"\"\nc.d.e = 1\n"), "",
           "quotes at the end of long strings");
    ok(strstr(parse_problems("a = 1\nb\0c", 9), "a.toml:2:2: error: this is not a text"),
       "a NUL");
    ok(strstr(WRONG("a = \"\xff\xfe\""), "a.toml:1:"), "bytes that are no UTF-8");
    for (unsigned i = 0; i < 200; i++) {
        for (size_t k = 0; k < sizeof(noise); k++) {
            state = state * 1103515245 + 12345;
            noise[k] = (char)(state >> 16);
        }
        if (!*parse_problems(noise, sizeof(noise)))
            break;
    }
    ok(true, "noise is refused");
}

static void test_sections(void)
{
    static const char *const known[] = {"source", "frontend", "user", NULL};
    struct diag diag = {0};
    struct conf *conf =
        parse("user = 1\n[source]\nodd = 7\n"
              "[source.crm]\n[source.\"a/b\"]\n[source.\"\"]\n[source.ad]\n"
              "[sorce.x]\n[\"bad\\nname\"]\n");
    const struct conf_node *it = conf_section_next(conf, "source", NULL, &diag);

    is_str(it->key.ptr, "crm", "the first section of a kind");
    it = conf_section_next(conf, "source", it, &diag);
    is_str(it->key.ptr, "ad", "the next");
    ok(!conf_section_next(conf, "source", it, &diag), "no more");
    ok(!conf_section_next(conf, "user", NULL, &diag), "not a table: none");
    ok(!conf_section_next(conf, "none", NULL, &diag), "no such kind: none");
    conf_check_sections(conf, known, &diag);
    is_str(
        problems(&diag),
        "a.toml:1:1: error: 'user' must be a section, not a number\n"
        "a.toml:3:1: error: 'odd' must be a section [source.odd], not a number\n"
        "a.toml:5:9: error: the name 'a/b' in [source.NAME] holds a slash or a control "
        "character\n"
        "a.toml:6:9: error: the name '' in [source.NAME] is empty\n"
        "a.toml:8:2: error: unknown section 'sorce'; did you mean 'source'?\n"
        "a.toml:9:2: error: unknown section 'bad\\x0aname'\n",
        "all problems, sorted, with suggestions");
    conf_destroy(conf);
}

static void test_dropins(void)
{
    struct diag diag = {0};
    struct conf *conf;
    const struct conf_node *crm;

    mkdir(in_folder("conf.d"), 0700);
    write_file("main.toml", "[source.crm]\nplugin = \"csv\"\nname = \"x\"\n");
    write_file("conf.d/20-b.toml", "[source.crm]\nfile = \"b.csv\"\n");
    write_file("conf.d/10-a.toml", "[source.crm]\npriority = 5\n[source.new]\n");
    write_file("conf.d/ignored.toml~", "not toml");
    write_file("conf.d/.hidden.toml", "not toml");
    is_int(conf_load(in_folder("main.toml"), &diag, &conf), 0, "drop-ins are merged");
    crm = conf_get(conf_get(conf_root(conf), "source"), "crm");
    is_int(crm->n, 4, "into one section");
    is_str(crm->last->key.ptr, "file", "in the order of the files' names");
    is_str(conf_get(crm, "file")->at.file->name, in_folder("conf.d/20-b.toml"),
           "every place in its own file");
    is_str(conf_get(crm, "file")->at.file->folder, in_folder("conf.d"),
           "relative paths start beside the file that holds them");
    ok(conf_get(conf_get(conf_root(conf), "source"), "new"), "new sections come in");
    conf_destroy(conf);

    write_file("conf.d/30-c.toml", "\n[source]\ncrm.plugin = \"odbc\"\ncrm.x = 1\n"
                                   "new = 3\n");
    is_int(conf_load(in_folder("main.toml"), &diag, &conf), 0, "a key twice: readable");
    ok(conf_get(conf_get(conf_get(conf_root(conf), "source"), "crm"), "x"),
       "what is not twice is there");
    conf_destroy(conf);
    is_str(problems(&diag),
           "conf.d/30-c.toml:3:5: error: 'plugin' is set twice; the first time at "
           "main.toml:2:1\n"
           "conf.d/30-c.toml:5:1: error: 'new' is set twice; the first time at "
           "conf.d/10-a.toml:3:9\n",
           "the error names both places");
}

static void test_files(void)
{
    struct diag diag = {0};
    struct conf *conf;
    char *big = repeated("# ", "0123456789abcdef", CONF_FILE_MAX / 16 + 1, "\n");

    write_file("conf.d/20-b.toml", "b = \n");
    write_file("conf.d/30-c.toml", "c = \n");
    is_int(conf_load(in_folder("none.toml"), &diag, &conf), -CTR_ECONF, "no main file");
    ok(!conf, "no tree");
    is_int(diag.errors, 3, "the mistakes of all files are told");
    ok(strncmp(problems(&diag), "none.toml: error: cannot be read: No such file", 45) ==
           0,
       "first that of the main file");
    write_file("big.toml", big);
    conf_load(in_folder("big.toml"), &diag, &conf);
    ok(strstr(problems(&diag), "big.toml: error: cannot be read: it is too large"),
       "a huge file");
    mkfifo(in_folder("fifo.toml"), 0600);
    conf_load(in_folder("fifo.toml"), &diag, &conf);
    ok(strstr(problems(&diag), "it is not a regular file"), "a FIFO does not block");
    conf_load(folder, &diag, &conf);
    ok(strstr(problems(&diag), "it is a folder"), "a folder");
    free(big);
}

static void test_bare_name(void)
{
    struct diag diag = {0};
    struct conf *conf;

    ensure(chdir(folder) == 0);
    unlink("conf.d/20-b.toml");
    unlink("conf.d/30-c.toml");
    is_int(conf_load("main.toml", &diag, &conf), 0, "a name without folder");
    is_str(conf_get(conf_get(conf_root(conf), "source"), "new")->key_at.file->name,
           "conf.d/10-a.toml", "drop-ins are shown likewise");
    is_str(conf_place_of(conf).file->folder, folder, "the folder is absolute anyway");
    conf_destroy(conf);
    problems(&diag);
}

static void test_diag_bounds(void)
{
    static char text[65536];
    struct diag diag = {0};
    struct conf_file file = {.name = "a.toml"};
    struct conf_place place = {.file = &file};
    char *much = repeated("", "\xc3\xa4", 2000, "");

    for (place.line = 130; place.line > 0; place.line--)
        diag_warning(&diag, place, "w%u", place.line);
    place.line = 3;
    place.column = 9;
    diag_error(&diag, place, "the error\n%s", "\x1b");
    diag_error(&diag, (struct conf_place){0}, "nowhere");
    snprintf(text, sizeof(text), "%s", problems(&diag));
    ok(strncmp(text, "error: nowhere\na.toml:", 22) == 0,
       "what has no place comes first");
    ok(strstr(text, "a.toml:3:9: error: the error\\x0a\\x1b\n"),
       "an error takes the room of a warning; control characters are escaped");
    ok(strstr(text, "\nand 32 more\n"), "the rest is counted");
    is_int(diag.n, 0, "finished");
    diag_error(&diag, place, "%s", much);
    snprintf(text, sizeof(text), "%s", problems(&diag));
    ok(str_is_utf8(str_of(text)) && strstr(text, "\xc3\xa4...\n"),
       "a long text is cut between characters");
    free(much);
}

static void test_suggest(void)
{
    static const char *const names[] = {"dsn", "listen", "id"};
    char out[64];

    is_str(conf_suggest("dns", names, 3, out, sizeof(out)), "; did you mean 'dsn'?",
           "near");
    is_str(conf_suggest("password", names, 3, out, sizeof(out)), "", "far");
    is_str(conf_suggest("xy", names, 3, out, sizeof(out)), "",
           "short words are not all alike");
}

static void remove_folder(void)
{
    pid_t child = fork();

    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

int main(void)
{
    ensure(mkdtemp(folder));
    test_tree();
    test_nul();
    test_syntax();
    test_hostile();
    test_sections();
    test_dropins();
    test_files();
    test_bare_name();
    test_diag_bounds();
    test_suggest();
    remove_folder();
    return tap_done();
}
