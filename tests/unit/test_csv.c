/* test_csv.c - the CSV source on real files: encodings, presets, broken rows, files that
 * are not ready, and what the administrator is told. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "testhost.h"

static char folder[] = "/tmp/test_csv.XXXXXX";
static char path[64];

static void put_file(const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    close(fd);
}

#define PUT(literal) put_file(literal, sizeof(literal) - 1)

/* A source over the file; options and map come in pairs, ended by NULL. */
static struct testhost *start(const char *const *options)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "file", path);
    testhost_set(t, "settle", "0ms");
    for (; options && *options; options += 2)
        testhost_set(t, options[0], options[1]);
    if (testhost_start(t) != 0)
        printf("# start: %s\n",
               t->option_errors.n ? t->option_errors.at[0].b : t->failure);
    return t;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define MAP          "map.id", "id", "map.surname", "name", "map.phone_business", "phone"

/* Writes the text, syncs with MAP. */
static struct testhost *sync_text(const char *text, int32_t want)
{
    struct testhost *t;

    put_file(text, strlen(text));
    t = start(OPTIONS(MAP));
    is_int(testhost_sync(t, NULL), want, "the sync of \"%.12s\"", text);
    if (t->sync_status != want)
        printf("# %s\n", t->failure);
    return t;
}

static void is_field(const struct testhost *t, const char *id, uint32_t kind,
                     const char *want)
{
    is_str(testhost_value(testhost_find(t, id), kind, NULL, 0), want, "%s has kind %u",
           id, kind);
}

static void says(const struct testhost *t, const char *text)
{
    if (!ok(strstr(t->failure, text) != NULL, "the reason says \"%s\"", text))
        printf("# it says: %s\n", t->failure);
}

static void rejects(const struct testhost *t, const char *text)
{
    if (!ok(testhost_rejected(t, text), "rejected: %s", text))
        for (uint32_t i = 0; i < t->rejects.n; i++)
            printf("# %s: %s\n", t->rejects.at[i].a, t->rejects.at[i].b);
}

/* --- reading --------------------------------------------------------------------------
 */

static void test_plain(void)
{
    struct testhost *t =
        sync_text("ID;Name ;PHONE\r\n1;Meier;+49 89 1\r\n2; Huber ;\r\n", 0);
    struct stat st;

    is_int(t->n_contacts, 2, "two contacts");
    is_field(t, "1", CTR_FIELD_SURNAME, "Meier");
    is_field(t, "1", CTR_FIELD_PHONE_BUSINESS, "+49 89 1");
    is_field(t, "2", CTR_FIELD_SURNAME, "Huber");
    ok(!testhost_value(testhost_find(t, "2"), CTR_FIELD_PHONE_BUSINESS, NULL, 0),
       "an empty cell is no value");
    is_int(t->watches.n, 1, "the file is watched");
    is_str(t->watches.at[0].a, path, "by its path");
    stat(path, &st);
    is_int(t->progress_done, st.st_size, "progress reached the end");
    is_int(t->progress_total, st.st_size, "of the file");
    ok(testhost_logged(t, "contacts=2 rejected=0"), "the log says how it went");
    testhost_destroy(t);
}

static void test_delimiters(void)
{
    static const char *const files[] = {
        "id,name,phone\n1,Meier,12\n",
        "id;name;phone\n1;Meier;12\n",
        "id\tname\tphone\n1\tMeier\t12\n",
        "id|name|phone\n1|Meier|12\n",
        "sep=;\r\nid;name;phone\r\n1;Meier;12",
        "sep=|\nid|name,a|phone\n1|Meier|12",
        "\"id\",\"name\",\"phone\"\n\"1\",\"Meier\",\"12\"",
        "id,name,phone\r1,Meier,12\r",
        "\n\n  \nid,name,phone,,\n\n1,Meier,12,,\n;\n",
        "id, \"name\", phone\n1, \"Meier\" , 12\n",
        "\xef\xbb\xbfsep=;\nid;name;phone\n1;Meier;12\n"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct testhost *t;

        put_file(files[i], strlen(files[i]));
        t = start(OPTIONS("map.id", "id", "map.phone_business", "phone"));
        is_int(testhost_sync(t, NULL), 0, "file %zu", i);
        is_field(t, "1", CTR_FIELD_PHONE_BUSINESS, "12");
        testhost_destroy(t);
    }
    PUT("id;name,phone\n1;Meier,12\n");
    struct testhost *t = start(OPTIONS("delimiter", ",", "map.phone_business", "phone"));
    is_int(testhost_sync(t, NULL), 0, "a delimiter that is set is obeyed");
    is_int(t->n_contacts, 1, "and gives the contact");
    testhost_destroy(t);
}

static void test_quotes(void)
{
    struct testhost *t = sync_text("id;name;phone\n"
                                   "1;\"Meier; \"\"Hugo\"\"\nund Söhne\";1\n"
                                   "2;Rohr 5\" Zoll;2\n"
                                   "3;\"\";3\n"
                                   "4;\"\"\"\"\"\";4\n"
                                   "5;\"x\"y;5\n"
                                   "6;Huber;6\n",
                                   0);

    is_field(t, "1", CTR_FIELD_SURNAME, "Meier; \"Hugo\"\nund Söhne");
    is_field(t, "2", CTR_FIELD_SURNAME, "Rohr 5\" Zoll");
    ok(!testhost_value(testhost_find(t, "3"), CTR_FIELD_SURNAME, NULL, 0),
       "\"\" is empty");
    is_field(t, "4", CTR_FIELD_SURNAME, "\"\"");
    ok(!testhost_find(t, "5"), "\"x\"y is not repaired");
    is_field(t, "6", CTR_FIELD_SURNAME, "Huber");
    is_int(t->rejects.n, 1, "one row rejected");
    rejects(t, "line 7: text follows a closing quote");
    testhost_destroy(t);
}

static void test_columns(void)
{
    struct testhost *t =
        sync_text("id;name;phone\n1;Meier\n2\n3;A;1;;\n4;A;1;x\n5;B;2\n", 0);

    is_field(t, "1", CTR_FIELD_SURNAME, "Meier");
    is_field(t, "3", CTR_FIELD_SURNAME, "A");
    rejects(t, "line 3: none of the mapped columns has a value");
    rejects(t, "line 5: has 4 columns, the header has 3");
    is_int(t->n_contacts, 3, "the others are there");
    testhost_destroy(t);
}

static void test_ids(void)
{
    struct testhost *t = sync_text("id;name;phone\n1;A;\n;B;\n1;C;\n2;D;\n 1 ;E;\n", 0);

    is_field(t, "1", CTR_FIELD_SURNAME, "A");
    is_int(t->n_contacts, 2, "first wins");
    is_int(t->rejects.n, 3, "three rejected");
    rejects(t, "line 3: the id is empty");
    rejects(t, "line 4: id already used in line 2");
    rejects(t, "line 6: id already used in line 2");
    is_int(t->metric_value[1], 3, "and counted");
    testhost_destroy(t);
}

static void test_long_values(void)
{
    static char text[40000];
    struct testhost *t;
    size_t n = (size_t)sprintf(text, "id;name;phone\n1;A;1\n");

    memset(text + n, 'x', 401);
    n += 401;
    n += (size_t)sprintf(text + n, ";B;2\n3;");
    memset(text + n, 'y', 17000);
    n += 17000;
    sprintf(text + n, ";3\n");
    t = sync_text(text, 0);
    rejects(t, "line 3: the id is longer than 400 bytes");
    rejects(t, "line 4: surname is longer than 16384 bytes and was left out");
    is_field(t, "3", CTR_FIELD_PHONE_BUSINESS, "3");
    testhost_destroy(t);
}

static void test_derived_ids(void)
{
    struct testhost *t;
    char first[CTR_ID_MAX + 1];
    const char a[] = "name,phone,note\nMeier,1,x\nHuber,2,y\nMeier,1,z\n,,w\n";
    const char b[] = "name,phone,note\nHuber,2,y\nMeier,1,new\n";

    put_file(a, strlen(a));
    t = start(
        OPTIONS("map.surname", "name", "map.phone_mobile", "phone", "map.note", "note"));
    is_int(testhost_sync(t, NULL), 0, "a file without ids");
    is_int(t->n_contacts, 2, "two contacts");
    snprintf(first, sizeof(first), "%s", t->contacts[0]->id.ptr);
    is_int((long long)strlen(first), 32, "with made ids");
    rejects(t, "line 4: has the name, organisation, mail and number of line 2");
    rejects(t, "line 5: has no name, organisation, mail or number");
    put_file(b, strlen(b));
    is_int(testhost_sync(t, NULL), 0, "other order, other note");
    is_field(t, first, CTR_FIELD_NOTE, "new");
    testhost_destroy(t);
}

static void test_map(void)
{
    const char text[] = "Nr,Werk,Vor,Nach,Tel,Tel,Besitzer,Farbe\n"
                        "7,M,Eva,Groß,1,2,anna,rot\n8,M,Udo,,3,3,,\n";
    struct testhost *t;
    const struct ctr_contact *c;

    put_file(text, strlen(text));
    t = start(OPTIONS("map.id", "Werk", "map.id", "Nr", "map.display_name", "Vor",
                      "map.display_name", "Nach", "map.phone_other", "Tel", "map.owner",
                      "Besitzer", "map.x_Colour", "farbe"));
    is_int(testhost_sync(t, NULL), 0, "lists, a name that occurs twice, a custom field");
    c = testhost_find(t, "M/7");
    is_str(testhost_value(c, CTR_FIELD_DISPLAY_NAME, NULL, 0), "Eva Groß", "joined name");
    is_str(testhost_value(c, CTR_FIELD_PHONE_OTHER, NULL, 1), "2", "second number");
    is_str(testhost_value(c, CTR_FIELD_CUSTOM, "colour", 0), "rot", "custom");
    is_str(c ? c->owner.ptr : NULL, "anna", "owner");
    is_field(t, "M/8", CTR_FIELD_DISPLAY_NAME, "Udo");
    testhost_destroy(t);
}

static void test_no_header(void)
{
    struct testhost *t;

    PUT("1;Meier;12\n2;Huber;13\n");
    t = start(OPTIONS("header", "false", "map.id", "1", "map.surname", "2",
                      "map.phone_home", "3"));
    is_int(testhost_sync(t, NULL), 0, "columns by number");
    is_field(t, "1", CTR_FIELD_SURNAME, "Meier");
    is_field(t, "2", CTR_FIELD_PHONE_HOME, "13");
    testhost_destroy(t);
}

static void test_many_rows(void)
{
    enum { N = 20000 };
    char *text = malloc(N * 80), line[32];
    size_t n = (size_t)sprintf(text, "id,name,phone\n");
    struct testhost *t;

    for (int i = 0; i < N; i++)
        n += (size_t)sprintf(text + n, "%d,\"Name \"\"%d\"\"\nzwei\",+49 89 %07d\n", i, i,
                             i);
    t = sync_text(text, 0);
    is_int(t->n_contacts, N, "%d contacts over many blocks", N);
    snprintf(line, sizeof(line), "Name \"%d\"\nzwei", N - 1);
    is_field(t, "19999", CTR_FIELD_SURNAME, line);
    is_field(t, "4097", CTR_FIELD_PHONE_BUSINESS, "+49 89 0004097");
    testhost_destroy(t);

    put_file(text, n);
    t = start(OPTIONS("max_rows", "19999", MAP));
    is_int(testhost_sync(t, NULL), -CTR_EREFUSED, "more rows than allowed");
    says(t, "max_rows");
    testhost_destroy(t);
    t = start(OPTIONS("max_size", "64K", MAP));
    is_int(testhost_sync(t, NULL), -CTR_EREFUSED, "more bytes than allowed");
    testhost_destroy(t);
    t = start(OPTIONS(MAP));
    t->cancel_after = 3;
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "canceled in the middle");
    testhost_destroy(t);
    free(text);
}

/* --- encodings ------------------------------------------------------------------------
 */

static const char utf8[] = "id;name;phone\r\n1;M\xc3\xbcller \xe2\x82\xac;1\r\n";

static void check_encoding(const char *what, const char *option, const void *data,
                           size_t n)
{
    struct testhost *t;

    put_file(data, n);
    t = start(OPTIONS("encoding", option, MAP));
    is_int(testhost_sync(t, NULL), 0, "%s as %s", what, option);
    is_field(t, "1", CTR_FIELD_SURNAME, "Müller €");
    testhost_destroy(t);
}

/* ASCII, ü and the Euro sign are all the text has. */
static size_t to_utf16(char *out, bool big, bool bom)
{
    size_t n = 0;

    for (const char *p = utf8; *p; p++) {
        unsigned c = (unsigned char)*p;

        if (p == utf8 && bom) {
            out[n++] = big ? '\xfe' : '\xff';
            out[n++] = big ? '\xff' : '\xfe';
        }
        if (c == 0xc3)
            c = 0xfc, p++;
        else if (c == 0xe2)
            c = 0x20ac, p += 2;
        out[n++] = (char)(big ? c >> 8 : c & 0xff);
        out[n++] = (char)(big ? c & 0xff : c >> 8);
    }
    return n;
}

static void test_encodings(void)
{
    char data[256];
    const char cp1252[] = "id;name;phone\r\n1;M\xfcller \x80;1\r\n";
    size_t n;

    check_encoding("UTF-8", "auto", utf8, sizeof(utf8) - 1);
    check_encoding("UTF-8", "utf-8", utf8, sizeof(utf8) - 1);
    n = (size_t)sprintf(data, "\xef\xbb\xbf%s", utf8);
    check_encoding("UTF-8 with a mark", "auto", data, n);
    check_encoding("UTF-8 with a mark", "windows-1252", data, n);
    check_encoding("Windows-1252", "auto", cp1252, sizeof(cp1252) - 1);
    check_encoding("Windows-1252", "windows-1252", cp1252, sizeof(cp1252) - 1);
    for (int i = 0; i < 4; i++) {
        n = to_utf16(data, i & 1, i & 2);
        check_encoding("UTF-16", "auto", data, n);
        check_encoding("UTF-16", "utf-16", data, n);
    }
}

static void test_encoding_blocks(void)
{
    enum { N = 300000 };
    char *data = malloc(N * 2 + 400);
    size_t n = to_utf16(data, false, true);
    struct testhost *t;

    n -= 4; /* the row goes on: blocks must cut a pair of surrogates somewhere */
    for (int i = 0; i < N / 4; i++, n += 4)
        memcpy(data + n, "\x3d\xd8\x00\xde", 4); /* U+1F600 */
    memcpy(data + n, "\n\0", 2);
    put_file(data, n + 2);
    t = start(OPTIONS("map.id", "id", "map.surname", "name"));
    is_int(testhost_sync(t, NULL), 0, "UTF-16 over blocks");
    is_field(t, "1", CTR_FIELD_SURNAME, "Müller €");
    is_int(t->rejects.n, 0, "no pair is broken");
    testhost_destroy(t);
    free(data);
}

static void test_bad_bytes(void)
{
    const char text[] =
        "id;name;phone\n1;M\xc3\xbcller;1\n2;M\xfcller;2\n3;J\xc3\xa4ger;3\n";
    const char nul[] = "id;name;phone\n1;A;1\n2;B\0B;2\n3;C;3\n";
    struct testhost *t = sync_text(text, 0);

    is_int(t->n_contacts, 2, "one bad byte costs one row");
    rejects(t, "line 3: holds bytes that are not UTF-8");
    testhost_destroy(t);
    put_file(nul, sizeof(nul) - 1);
    t = start(OPTIONS("encoding", "utf-8", MAP));
    is_int(testhost_sync(t, NULL), 0, "a file with a NUL");
    is_int(t->n_contacts, 2, "costs one row");
    rejects(t, "line 3: holds a NUL byte");
    testhost_destroy(t);
    PUT("id;name;phone\n1;A\x81;1\n2;B\xfc;2\n");
    t = start(OPTIONS("encoding", "windows-1252", MAP));
    is_int(testhost_sync(t, NULL), 0, "a byte that Windows-1252 does not have");
    rejects(t, "line 2: holds bytes that are not Windows-1252");
    is_field(t, "2", CTR_FIELD_SURNAME, "Bü");
    testhost_destroy(t);
    PUT("id;name;phone\n1;A\x80\xfc;1\n");
    t = start(OPTIONS("encoding", "iso-8859-1", MAP));
    is_int(testhost_sync(t, NULL), 0, "ISO-8859-1");
    is_field(t, "1", CTR_FIELD_SURNAME, "A\xc2\x80\xc3\xbc");
    testhost_destroy(t);
}

/* --- broken rows ----------------------------------------------------------------------
 */

static void test_stray_quotes(void)
{
    struct testhost *t = sync_text("id;name;phone\n"
                                   "1;A;1\n"
                                   "2;\"B;2\n" /* opens, and runs into the next quote */
                                   "3;C;3\n"
                                   "4;\"D\";4\n"
                                   "5;E;5\n"
                                   "6;\"F;6\n" /* opens, and runs into the end */
                                   "7;G;7\n"
                                   "8;H;8\n",
                                   0);

    is_int(t->n_contacts, 6, "a stray quote costs its row");
    is_int(t->rejects.n, 2, "nothing else is rejected");
    rejects(t, "line 3: text follows a closing quote");
    rejects(t, "line 7: a quote is opened and never closed");
    is_field(t, "4", CTR_FIELD_SURNAME, "D");
    is_field(t, "8", CTR_FIELD_SURNAME, "H");
    testhost_destroy(t);
}

static void test_numbers_in_one_cell(void)
{
    struct testhost *t = sync_text("id;name;phone\n"
                                   "1;A;+49 89 1234567 / +49 89 1234568\n"
                                   "2;B;\"+49 89 1\r\n089/2\"\n"
                                   "3;C;\"089/840798,,192\"\n"
                                   "4;D;\"tel:+49-89-1;ext=2\"\n"
                                   "5;E;\"+49 89 1;+49 89 2,\"\n",
                                   0);

    ok(testhost_find(t, "1")->n_fields == 3 && testhost_find(t, "2")->n_fields == 3 &&
           testhost_find(t, "5")->n_fields == 3,
       "two numbers in a cell are two numbers");
    is_field(t, "1", CTR_FIELD_PHONE_BUSINESS, "+49 89 1234567");
    is_field(t, "2", CTR_FIELD_PHONE_BUSINESS, "+49 89 1");
    is_field(t, "3", CTR_FIELD_PHONE_BUSINESS, "089/840798,,192");
    is_field(t, "4", CTR_FIELD_PHONE_BUSINESS, "tel:+49-89-1;ext=2");
    testhost_destroy(t);
}

static void test_broken_multi_line(void)
{
    struct testhost *t = sync_text("id;name;phone\n"
                                   "1;\"Note\nfragment\nwith \"bad\" quotes\";1\n"
                                   "2;B;2\n",
                                   0);

    is_int(t->n_contacts, 1, "the inside of a broken field makes no contact");
    is_field(t, "2", CTR_FIELD_SURNAME, "B");
    rejects(t, "line 2: text follows a closing quote");
    rejects(t, "line 3: seems to be a piece of the broken row above");
    testhost_destroy(t);
}

static void test_endless_row(void)
{
    size_t n, big = 3 * 1024 * 1024;
    char *text = malloc(big + 200);
    struct testhost *t;

    n = (size_t)sprintf(text, "id;name;phone\n1;A;1\n2;\"");
    memset(text + n, 'x', big);
    n += big;
    sprintf(text + n, "\n3;C;3\n");
    t = sync_text(text, 0);
    is_int(t->n_contacts, 2, "a row of 3 MiB costs itself");
    rejects(t, "line 3: is longer than 1 MiB");
    is_field(t, "3", CTR_FIELD_PHONE_BUSINESS, "3");
    testhost_destroy(t);

    n = (size_t)sprintf(text, "id;name;phone\n1;A;1\n2;\"B;2\n");
    for (int i = 3; n < big; i++)
        n += (size_t)sprintf(text + n, "%d;N;%d\n", i, i);
    t = sync_text(text, 0);
    rejects(t, "line 3: is longer than 1 MiB");
    is_int(t->rejects.n, 1, "a quote open for a MiB costs one row");
    ok(testhost_find(t, "3") && testhost_find(t, "90000"), "the rows behind are there");
    testhost_destroy(t);
    free(text);
}

/* Repeats a piece of text. */
static size_t repeat(char *out, size_t n, const char *piece)
{
    size_t len = strlen(piece);

    for (size_t i = 0; i < n; i++)
        memcpy(out + i * len, piece, len);
    out[n * len] = 0;
    return n * len;
}

static void test_limits(void)
{
    static char text[128 * 1024];
    struct testhost *t;
    size_t n = (size_t)sprintf(text, "id;name;phone\n1;");

    n += repeat(text + n, 2100, ";");
    n += (size_t)sprintf(text + n, "\n2;\"B\n\";\"C\nD\"x\n3;C;3\n;;\n4;D;4\n");
    t = sync_text(text, 0);
    rejects(t, "line 2: has too many columns");
    rejects(t, "line 3: text follows a closing quote (the quote opened in line 4)");
    ok(testhost_find(t, "3") && testhost_find(t, "4"), "the rows behind are read");
    testhost_destroy(t);

    n = (size_t)sprintf(text, "id");
    n += repeat(text + n, 130, ";Tel");
    n += (size_t)sprintf(text + n, "\n1");
    repeat(text + n, 130, ";7");
    put_file(text, strlen(text));
    t = start(OPTIONS("map.id", "id", "map.phone_home", "TEL"));
    is_int(testhost_sync(t, NULL), 0, "130 numbers");
    is_int(t->n_contacts ? t->contacts[0]->n_fields : 0, 128, "128 are kept");
    rejects(t, "line 2: phone_home is beyond the 128 values of a contact");
    testhost_destroy(t);

    n = (size_t)sprintf(text, "id;name;owner\n1;A;");
    n += repeat(text + n, 401, "o");
    n += (size_t)sprintf(text + n, "\n2;");
    n += repeat(text + n, 17000, "n");
    sprintf(text + n, ";anna\n");
    put_file(text, strlen(text));
    t = start(OPTIONS("map.id", "id", "map.owner", "owner", "map.display_name", "name",
                      "map.display_name", "owner", "map.x_b", "name"));
    is_int(testhost_sync(t, NULL), -CTR_EFORMAT, "nothing of this can be used");
    rejects(t, "line 2: the owner is longer than 400 bytes");
    rejects(t, "line 3: display_name is longer than 16384 bytes");
    rejects(t, "line 3: custom field is longer than 16384 bytes");
    testhost_destroy(t);
}

static void test_header_names(void)
{
    static char text[8192];
    struct testhost *t;
    size_t n = (size_t)sprintf(text, "ID;\xc2\xa0STRA\xc3\x9f"
                                     "E \xc2\xa0 \xc3\x9c"
                                     "BER\t;");

    for (int i = 0; i < 100; i++)
        n += (size_t)sprintf(text + n, "a rather long name of a column, number %d;", i);
    sprintf(text + n, "\n1;\xc2\xa0Weg\xc2\xa0\n");
    put_file(text, strlen(text));
    t = start(OPTIONS("map.id", "id", "map.street",
                      "Stra\xc3\x9f"
                      "e \xc3\xbc"
                      "ber"));
    is_int(testhost_sync(t, NULL), 0, "blanks of all kinds and case do not matter");
    is_field(t, "1", CTR_FIELD_STREET, "Weg");
    testhost_destroy(t);
    t = start(OPTIONS("map.id", "id", "map.street", "nowhere"));
    is_int(testhost_sync(t, NULL), -CTR_EFORMAT, "a long header");
    says(t, "... (103 in all)");
    testhost_destroy(t);
}

static void test_bad_utf(void)
{
    static const char rows[] =
        "id;name\n1;\xe0\x80\x80\n2;\xed\xa0\x80\n3;\xf0\x80\x80\x80\n"
        "4;\xf4\x90\x80\x80\n5;\xc3(\n6;\xf0\x9f\x98\x80\n7;\xe2\x82(\n";
    static const char half[] = "i\0d\0;\0n\0\n\0"
                               "1\0;\0\x3d\xd8"
                               "a\0\n\0"
                               "2\0;\0b\0\n\0";
    static const char cut[] = "i\0d\0;\0n\0\n\0"
                              "1\0;\0b\0\n\0"
                              "2\0;\0\x3d";
    struct testhost *t;

    PUT(rows);
    t = start(OPTIONS("encoding", "utf-8", "map.id", "id", "map.surname", "name"));
    is_int(testhost_sync(t, NULL), 0, "all the ways not to be UTF-8");
    is_int(t->n_contacts, 1, "one row is");
    is_field(t, "6", CTR_FIELD_SURNAME, "\xf0\x9f\x98\x80");
    testhost_destroy(t);
    PUT(half);
    t = start(OPTIONS("map.id", "id", "map.surname", "n"));
    is_int(testhost_sync(t, NULL), 0, "half a pair of UTF-16");
    rejects(t, "line 2: holds bytes that are not UTF-16 LE");
    is_field(t, "2", CTR_FIELD_SURNAME, "b");
    put_file(cut, sizeof(cut) - 1);
    is_int(testhost_sync(t, NULL), -CTR_EUNAVAIL, "a file that ends within a character");
    says(t, "within a character");
    testhost_destroy(t);
}

/* Rows that make the machine go back again and again: it must stay linear. */
static void test_rescan(void)
{
    enum { N = 400000 };
    char *text = malloc(N * 8 + 64);
    size_t n = (size_t)sprintf(text, "id;name;phone\n0;Z;0\n");
    struct testhost *t;

    for (int i = 0; i < 60; i++) {
        n += repeat(text + n, 1, "1;\"x\n");
        n += repeat(text + n, N / 60, "a\"\"\n");
    }
    sprintf(text + n, "9;Y;9\n");
    t = sync_text(text, 0);
    ok(testhost_find(t, "0") && testhost_find(t, "9"), "first and last row are there");
    testhost_destroy(t);
    free(text);
}

/* --- files that are not ready ---------------------------------------------------------
 */

static void test_half_written(void)
{
    static const char *const cut[] = {
        "id;name;phone\n1;A;1\n2;\"B",
        "id;name;phone\n1;A;1\n2;\"B\nno",
        "id;name;phone\n1;A;1\n2;B",
        "id;name;phone\n1;A;1\n2;B;\xc3",
    };
    struct testhost *t;

    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        t = sync_text(cut[i], -CTR_EUNAVAIL);
        says(t, "seems half written");
        says(t, "line 3");
        testhost_destroy(t);
    }
    t = sync_text("id;name;phone\n1;A;1\n2;B;2", 0);
    is_int(t->n_contacts, 2, "a last line without its end is complete");
    testhost_destroy(t);
    t = sync_text("id;name;phone\n1;A\n2;B;3\n3;C", 0);
    is_int(t->n_contacts, 3, "short rows are the custom of this file");
    testhost_destroy(t);
}

static void test_empty(void)
{
    struct testhost *t = sync_text("", -CTR_EFORMAT);

    says(t, "holds no contacts");
    testhost_destroy(t);
    t = sync_text("id;name;phone\n", -CTR_EFORMAT);
    says(t, "allow_empty");
    testhost_destroy(t);
    t = sync_text("id;name;phone\n;A;1\n", -CTR_EFORMAT);
    says(t, "none of the 1 rows");
    says(t, "line 2: the id is empty");
    testhost_destroy(t);
    PUT("id;name;phone\n");
    t = start(OPTIONS("allow_empty", "true", MAP));
    is_int(testhost_sync(t, NULL), 0, "an empty file, allowed");
    is_int(t->n_contacts, 0, "empties the source");
    testhost_destroy(t);
}

static void test_not_a_file(void)
{
    struct testhost *t;

    unlink(path);
    t = start(OPTIONS(MAP));
    is_int(testhost_sync(t, NULL), -CTR_ENOENT, "a file that is not there");
    says(t, path);
    says(t, "No such file");
    PUT("id;name;phone\n1;A;1\n");
    is_int(testhost_sync(t, NULL), 0, "and then is");
    unlink(path);
    is_int(testhost_sync(t, NULL), -CTR_ENOENT, "and vanishes");
    says(t, "the last good data stay");
    mkfifo(path, 0600);
    is_int(testhost_sync(t, NULL), -CTR_EINVAL, "a pipe does not block");
    says(t, "is a pipe, not a regular file");
    unlink(path);
    mkdir(path, 0700);
    is_int(testhost_sync(t, NULL), -CTR_EINVAL, "a folder");
    rmdir(path);
    if (geteuid() != 0) {
        PUT("x");
        chmod(path, 0);
        is_int(testhost_sync(t, NULL), -CTR_EACCES, "a file we may not read");
        unlink(path);
    }
    testhost_destroy(t);
}

/* Changes the file at the first put, as a writer beside us would. */
static int (*meddle)(void);

static int32_t put_and_meddle(const struct ctr_host *host, struct ctr_sync *sync,
                              const struct ctr_contact *contacts, uint32_t n)
{
    (void)host, (void)sync, (void)contacts, (void)n;
    if (meddle && meddle() != 0)
        abort();
    meddle = NULL;
    return 0;
}

static int append(void)
{
    int fd = open(path, O_WRONLY | O_APPEND);

    return write(fd, "9;Z;9\n", 6) == 6 ? close(fd) : -1;
}

static int replace(void)
{
    char other[80];

    snprintf(other, sizeof(other), "%s.new", path);
    return rename(path, other) == 0 ? (PUT("id;name;phone\n"), unlink(other)) : -1;
}

static int vanish(void)
{
    return unlink(path);
}

static void test_changes(void)
{
    static int (*const ways[])(void) = {append, replace, vanish};
    static const int32_t codes[] = {-CTR_EUNAVAIL, -CTR_EUNAVAIL, -CTR_ENOENT};
    static const char *const words[] = {"changed while", "was replaced", "No such file"};

    for (int i = 0; i < 3; i++) {
        struct testhost *t;

        PUT("id;name;phone\n1;A;1\n");
        t = start(OPTIONS(MAP));
        t->host.sync_put = put_and_meddle;
        meddle = ways[i];
        is_int(testhost_sync(t, NULL), codes[i], "changed while it was read");
        says(t, words[i]);
        testhost_destroy(t);
    }
}

static void test_settle(void)
{
    struct timespec a, b;
    struct testhost *t;
    long ms;

    PUT("id;name;phone\n1;A;1\n");
    t = start(OPTIONS("settle", "300ms", MAP));
    clock_gettime(CLOCK_MONOTONIC, &a);
    is_int(testhost_sync(t, NULL), 0, "a fresh file");
    clock_gettime(CLOCK_MONOTONIC, &b);
    ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    ok(ms >= 200 && ms < 3000, "is left alone until it is quiet: %ld ms", ms);
    is_str(t->watches.at[0].b, "300", "the watch settles as long");
    testhost_destroy(t);
}

/* --- what the administrator gets wrong -------------------------------------------------
 */

static void test_missing_column(void)
{
    const char text[] = "Nummer;Vorname;Nachname;Telefon\n1;A;B;2\n";
    struct testhost *t;

    put_file(text, strlen(text));
    t = start(OPTIONS("map.id", "Nummer", "map.given_name", "Vornamme"));
    is_int(testhost_sync(t, NULL), -CTR_EFORMAT, "a column that is not there");
    says(t, "no column \"Vornamme\" (map.given_name); did you mean \"vorname\"?");
    says(t, "columns found: \"nummer\", \"vorname\", \"nachname\", \"telefon\"");
    testhost_destroy(t);
    t = start(NULL);
    is_int(testhost_sync(t, NULL), -CTR_EFORMAT, "no map and an unknown header");
    says(t, "name the columns in a map");
    testhost_destroy(t);
    t = start(OPTIONS("preset", "google"));
    is_int(testhost_sync(t, NULL), -CTR_EFORMAT, "a preset that does not fit");
    says(t, "does not have the header of its preset");
    testhost_destroy(t);
}

static void test_check(void)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "preset", "none");
    testhost_set(t, "file", path);
    is_int(testhost_check(t), -CTR_ECONF, "preset none needs a map");
    testhost_set(t, "map.photo", "Bild");
    is_int(testhost_check(t), -CTR_ECONF, "a photo");
    is_str(t->option_errors.at[0].b, "map.photo cannot come from a CSV file", "says so");
    testhost_destroy(t);
}

/* --- presets --------------------------------------------------------------------------
 */

static struct testhost *sync_preset(const char *text)
{
    struct testhost *t;

    put_file(text, strlen(text));
    t = start(NULL);
    is_int(testhost_sync(t, NULL), 0, "the header is recognised");
    if (t->sync_status)
        printf("# %s\n", t->failure);
    is_int(t->n_contacts, 1, "one contact");
    return t;
}

static void is_value(const struct testhost *t, uint32_t kind, uint32_t i,
                     const char *want)
{
    is_str(t->n_contacts ? testhost_value(t->contacts[0], kind, NULL, i) : NULL, want,
           "kind %u, value %u", kind, i);
}

static void test_outlook(void)
{
    /* Windows-1252, as Outlook writes it. */
    struct testhost *t = sync_preset(
        "\"Anrede\",\"Vorname\",\"Weitere Vornamen\",\"Nachname\",\"Suffix\",\"Firma\","
        "\"Abteilung\",\"Position\",\"Stra\xdf"
        "e gesch\xe4"
        "ftlich\",\"Ort gesch\xe4"
        "ftlich\",\"Telefon Assistent\",\"Fax gesch\xe4"
        "ftlich\",\"Telefon gesch\xe4"
        "ftlich\",\"Telefon gesch\xe4"
        "ftlich 2\",\"Telefon Firma\",\"Telefon "
        "privat\",\"Mobiltelefon\",\"Haupttelefon\","
        "\"E-Mail-Adresse\",\"E-Mail 2: Adresse\",\"Notizen\"\r\n"
        "\"Frau\",\"Maria\",\"\",\"Gro\xdf\",\"\",\"Isar GmbH\",\"Technik\",\"Leiterin\","
        "\"Weg "
        "1\",\"M\xfcnchen\",\"999\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\","
        "\"a@b.example\",\"c@d.example\",\"Zeile 1\r\nZeile 2\"\r\n");

    is_value(t, CTR_FIELD_GIVEN_NAME, 0, "Maria");
    is_value(t, CTR_FIELD_SURNAME, 0, "Groß");
    is_value(t, CTR_FIELD_TITLE, 0, "Leiterin");
    is_value(t, CTR_FIELD_CITY, 0, "München");
    is_value(t, CTR_FIELD_STREET, 0, "Weg 1");
    is_value(t, CTR_FIELD_PHONE_FAX, 0, "10");
    is_value(t, CTR_FIELD_PHONE_BUSINESS, 0, "11");
    is_value(t, CTR_FIELD_PHONE_BUSINESS, 1, "12");
    is_value(t, CTR_FIELD_PHONE_MAIN, 0, "13");
    is_value(t, CTR_FIELD_PHONE_HOME, 0, "14");
    is_value(t, CTR_FIELD_PHONE_MOBILE, 0, "15");
    is_value(t, CTR_FIELD_PHONE_OTHER, 0, "16");
    is_value(t, CTR_FIELD_MAIL, 1, "c@d.example");
    is_value(t, CTR_FIELD_NOTE, 0, "Zeile 1\r\nZeile 2");
    testhost_destroy(t);

    t = sync_preset(
        "Title,First Name,Last Name,Company,Department,Job Title,Business Phone,"
        "Company Main Phone,Home Phone,Mobile Phone,Business Fax,E-mail Address,"
        "Business Country/Region,Web Page\n"
        "Ms,Ann,Lee,Acme,Sales,Head,1,2,3,4,5,ann@acme.example,UK,acme.example\n");
    is_value(t, CTR_FIELD_SURNAME, 0, "Lee");
    is_value(t, CTR_FIELD_TITLE, 0, "Head");
    is_value(t, CTR_FIELD_PHONE_BUSINESS, 0, "1");
    is_value(t, CTR_FIELD_PHONE_MAIN, 0, "2");
    is_value(t, CTR_FIELD_PHONE_MOBILE, 0, "4");
    is_value(t, CTR_FIELD_COUNTRY, 0, "UK");
    ok(testhost_logged(t, "preset=outlook"), "and the log says which it is");
    testhost_destroy(t);
}

static void test_google(void)
{
    struct testhost *t = sync_preset(
        "Name,Given Name,Family Name,Notes,E-mail 1 - Type,E-mail 1 - Value,"
        "Phone 1 - Type,Phone 1 - Value,Phone 2 - Type,Phone 2 - Value,Phone 3 - Type,"
        "Phone 3 - Value,Organization 1 - Type,Organization 1 - Name,"
        "Organization 1 - Title,Address 1 - Street,Address 2 - Street\n"
        "Ada Byron,Ada,Byron,,* Work,a@x.example ::: b@x.example,Mobile,1,Work,2 ::: 3,"
        "Work Fax,4,,Engines,Countess,Way 1,Way 2\n");

    is_value(t, CTR_FIELD_DISPLAY_NAME, 0, "Ada Byron");
    is_value(t, CTR_FIELD_SURNAME, 0, "Byron");
    is_value(t, CTR_FIELD_MAIL, 1, "b@x.example");
    is_value(t, CTR_FIELD_PHONE_MOBILE, 0, "1");
    is_value(t, CTR_FIELD_PHONE_BUSINESS, 0, "2");
    is_value(t, CTR_FIELD_PHONE_BUSINESS, 1, "3");
    is_value(t, CTR_FIELD_PHONE_FAX, 0, "4");
    is_value(t, CTR_FIELD_ORGANISATION, 0, "Engines");
    is_value(t, CTR_FIELD_TITLE, 0, "Countess");
    is_value(t, CTR_FIELD_STREET, 0, "Way 1");
    testhost_destroy(t);

    t = sync_preset(
        "First Name,Middle Name,Last Name,Nickname,Organization Name,"
        "Organization Title,Organization Department,Notes,E-mail 1 - Label,"
        "E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,"
        "Phone 2 - Value,Phone 3 - Label,Phone 3 - Value,Website 1 - Value\n"
        "Grace,B,Hopper,,Navy,Admiral,Computing,,* Work,g@n.example,* Mobile,1,"
        "Privat,2,Geschäftlich,3,n.example\n");
    is_value(t, CTR_FIELD_GIVEN_NAME, 0, "Grace");
    is_value(t, CTR_FIELD_DEPARTMENT, 0, "Computing");
    is_value(t, CTR_FIELD_PHONE_MOBILE, 0, "1");
    is_value(t, CTR_FIELD_PHONE_HOME, 0, "2");
    is_value(t, CTR_FIELD_PHONE_BUSINESS, 0, "3");
    is_value(t, CTR_FIELD_URL, 0, "n.example");
    ok(testhost_logged(t, "preset=google"), "and the log says which it is");
    testhost_destroy(t);
}

static void test_own_names(void)
{
    struct testhost *t =
        sync_preset("id,surname,phone_mobile,x_badge,other\n7,Lee,1,B7,x\n");

    is_field(t, "7", CTR_FIELD_PHONE_MOBILE, "1");
    is_str(testhost_value(testhost_find(t, "7"), CTR_FIELD_CUSTOM, "badge", 0), "B7",
           "a custom field");
    testhost_destroy(t);
}

static void test_preset_and_map(void)
{
    const char text[] = "Vorname,Nachname,Firma,Telefon geschäftlich,Zentrale,Nr\n"
                        "A,B,C,1,2,77\n";
    struct testhost *t;

    put_file(text, strlen(text));
    t = start(
        OPTIONS("preset", "outlook", "map.id", "Nr", "map.phone_business", "Zentrale"));
    is_int(testhost_sync(t, NULL), 0, "a preset with a map beside it");
    is_field(t, "77", CTR_FIELD_SURNAME, "B");
    is_field(t, "77", CTR_FIELD_PHONE_BUSINESS, "2");
    testhost_destroy(t);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/contacts.csv", folder);
    test_plain();
    test_delimiters();
    test_quotes();
    test_columns();
    test_ids();
    test_long_values();
    test_derived_ids();
    test_map();
    test_no_header();
    test_many_rows();
    test_encodings();
    test_encoding_blocks();
    test_bad_bytes();
    test_stray_quotes();
    test_numbers_in_one_cell();
    test_broken_multi_line();
    test_endless_row();
    test_limits();
    test_header_names();
    test_bad_utf();
    test_rescan();
    test_half_written();
    test_empty();
    test_not_a_file();
    test_changes();
    test_settle();
    test_missing_column();
    test_check();
    test_outlook();
    test_google();
    test_own_names();
    test_preset_and_map();
    unlink(path);
    rmdir(folder);
    return tap_done();
}
