/* test_vcard_reader.c - the vCard reader piece by piece: lines however they are cut,
 * encodings, limits, cards within cards, and texts that end too soon. */
#include <errno.h>

#include "testhost.h"
#include "vcard/vcard.h"
#include "vcard_util.h"

/* What a reader told, as text: "1 [uid] field=value|...\n", "! 3 reason\n", "? 3 ...\n".
 */
struct told {
    char text[1 << 20];
    size_t n;
    uint32_t contacts;
    int32_t stop; /* what on_contact returns */
};

static void tell(struct told *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    t->n += (size_t)vsnprintf(t->text + t->n, sizeof(t->text) - t->n, fmt, ap);
    va_end(ap);
    if (t->n >= sizeof(t->text))
        abort();
}

static int32_t on_contact(void *user, const struct ctr_contact *c, uint64_t line)
{
    static char text[1 << 19];
    struct told *t = user;

    contact_text(c, text, sizeof(text));
    tell(t, "%llu", (unsigned long long)line);
    if (c->id.len)
        tell(t, " [%.*s]", (int)c->id.len, c->id.ptr);
    if (c->owner.len)
        tell(t, " <%.*s>", (int)c->owner.len, c->owner.ptr);
    tell(t, " %s\n", text);
    t->contacts++;
    return t->stop;
}

static void on_reject(void *user, uint64_t line, const char *reason)
{
    tell(user, "! %llu %s\n", (unsigned long long)line, reason);
}

static void on_warn(void *user, uint64_t line, const char *reason)
{
    tell(user, "? %llu %s\n", (unsigned long long)line, reason);
}

static const struct vcard_events events = {on_contact, on_reject, on_warn};
static struct told told;

static struct vcard_reader *reader(const struct vcard_options *options)
{
    static const struct vcard_options defaults = {.photo_max = CTR_PHOTO_MAX};

    told.n = told.contacts = 0;
    told.text[0] = 0;
    told.stop = 0;
    return vcard_reader_create(options ? options : &defaults, &events, &told);
}

static int32_t read_all(const struct vcard_options *options, const void *data, size_t n,
                        size_t step)
{
    struct vcard_reader *r = reader(options);
    const char *s = data;
    int32_t rc = 0;

    for (size_t i = 0; i < n && rc == 0; i += step)
        rc = vcard_reader_feed(r, s + i, n - i < step ? n - i : step);
    rc = vcard_reader_end(r);
    vcard_reader_destroy(r);
    return rc;
}

static void says(const struct vcard_options *options, const char *text, const char *want,
                 const char *what)
{
    read_all(options, text, strlen(text), strlen(text) + 1);
    is_str(told.text, want, "%s", what);
}

/* A card of 3.0 around some properties. */
#define CARD(properties)        "BEGIN:VCARD\nVERSION:3.0\n" properties "\nEND:VCARD\n"
#define CARD21(properties)      "BEGIN:VCARD\nVERSION:2.1\n" properties "\nEND:VCARD\n"
#define MEANS(properties, want) says(NULL, CARD(properties), "1 " want "\n", #properties)
#define MEANS21(properties, want) \
    says(NULL, CARD21(properties), "1 " want "\n", #properties)

/* --- lines ----------------------------------------------------------------------------
 */

/* However the bytes are cut, the same is told. */
static void test_pieces(void)
{
    static const char *const files[] = {"android.vcf",   "apple.vcf",  "broken.vcf",
                                        "cardbook.vcf",  "google.vcf", "mac-utf16.vcf",
                                        "nextcloud.vcf", "outlook.vcf"};
    const struct vcard_options all = {.photo_max = CTR_PHOTO_MAX, .show_private = true};
    static char whole[sizeof(told.text)], data[1 << 16];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[512];
        size_t n;
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", VCARDS, files[i]);
        f = fopen(path, "rb");
        if (!f)
            abort();
        n = fread(data, 1, sizeof(data), f);
        fclose(f);
        read_all(&all, data, n, n);
        snprintf(whole, sizeof(whole), "%s", told.text);
        for (size_t step = 1; step < 8; step++) {
            read_all(&all, data, n, step);
            ok(strcmp(told.text, whole) == 0 && told.n, "%s by %zu", files[i], step);
        }
    }
}

static void test_folding(void)
{
    MEANS("FN:An\n na\n\t Me\n ier", "display_name=Anna Meier");
    MEANS("FN:A\n\n\n B", "display_name=AB");
    MEANS("TEL;TYPE=\n WORK,\n FAX:1\n 2", "phone_fax=12");
    MEANS21("FN:Anna\n Meier", "display_name=Anna Meier");
    says(NULL, "BEGIN:VCARD\r\nFN:A\r\n B\r\nEND:VCARD\r\n", "1 display_name=AB\n",
         "CRLF");
    says(NULL, "BEGIN:VCARD\rFN:A\r B\rEND:VCARD\r", "1 display_name=AB\n", "CR");
    says(NULL, "BEGIN:VCARD\nFN:A\nEND:VCARD", "1 display_name=A\n", "no last line end");
    says(NULL, "", "", "nothing");
    says(NULL, "\xef\xbb\xbf", "", "a mark alone");
}

static void test_quoted_printable(void)
{
    MEANS21("FN;QUOTED-PRINTABLE:A=\nB=\n=20C", "display_name=AB C");
    MEANS21("FN;ENCODING=QUOTED-PRINTABLE:A=\n", "display_name=A");
    MEANS21("FN;ENCODING=QUOTED-PRINTABLE:A=", "display_name=A");
    MEANS21("FN;ENCODING=QUOTED-PRINTABLE:A=\n\nTEL:1", "display_name=A|phone_other=1");
    MEANS21("FN;ENCODING=quoted-printable:5 = 5 =zz =4", "display_name=5 = 5 =zz =4");
    MEANS21("N;QUOTED-PRINTABLE:A=3BB;C\\;D;E", "surname=A;B|given_name=C;D");
    MEANS("FN:a=\nTEL:1", "display_name=a=|phone_other=1");
    says(NULL, CARD21("FN;QUOTED-PRINTABLE:A=00B"), "! 1 holds a NUL byte\n", "a NUL");
}

static void test_escapes(void)
{
    MEANS("N:A\\;B;C\\,D\\\\;;;", "surname=A;B|given_name=C,D\\");
    MEANS("NOTE:a\\nb\\Nc\\:d\\", "note=a\nb\nc:d\\");
    MEANS("NOTE:\\\\srv\\dir", "note=\\srv\\dir");
    MEANS("NICKNAME:a,b\\,c,,d", "nickname=a|nickname=b,c|nickname=d");
    MEANS("ORG:;A;;B", "department=A, B");
    MEANS("ADR:;;;;;;\nADR:;;S;C", "street=S|city=C");
    MEANS("ADR:;;S;C\nADR;WORK:;;;;;;", "street=S|city=C");
    MEANS("ADR;HOME:1;2;S;C;;;D\nADR;WORK:9;;;;;;\nADR;PREF:;;;X", "street=9");
}

static void test_parameters(void)
{
    MEANS("TEL;TYPE=\"cell,work\":1", "phone_mobile=1");
    MEANS("TEL;TYPE=work;TYPE=fax:1", "phone_fax=1");
    MEANS("TEL;type=Home;X-A=\"a;b:c\":1", "phone_home=1");
    MEANS("TEL;X=\"open:1", "phone_other=1");
    MEANS("TEL;TYPE=x;PREF=50:1\nTEL;PREF=2:2\nTEL;PREF=0:3",
          "phone_other=2|phone_other=1|phone_other=3");
    MEANS("TEL;TYPE=PAGER,CELL:1\nTEL;CAR:2\nTEL;TYPE=VOIP:3\nTEL;TYPE=MSG:4",
          "phone_pager=1|phone_mobile=2|phone_ip=3|phone_other=4");
    MEANS("tel;value=uri:TEL:+49-89;ext=1\nTEL: \nTEL;VALUE=uri:tel:",
          "phone_other=+49-89;ext=1");
    MEANS("a.TEL:1\nb.TEL:2\nA.X-ABLabel:Privat\nb.X-ABLABEL:_$!<Pager>!$_\nc.TEL:3",
          "phone_home=1|phone_pager=2|phone_other=3");
    MEANS("FN:a\nFN;PREF=1:b\nFN:c\nN:S;G\nN:T;H",
          "display_name=b|surname=S|given_name=G");
}

static void test_map(void)
{
    const struct vcard_map map[] = {
        {.property = "X-NO", .kind = CTR_FIELD_CUSTOM, .name = "no"},
        {.property = "X-W", .label = "q\"s", .kind = CTR_FIELD_CUSTOM, .name = "w"},
        {.property = "TEL", .label = "Main desk", .kind = CTR_FIELD_PHONE_IP},
        {.property = "UID2", .kind = CTR_FIELD_ID},
        {.property = "X-OWN", .label = "me", .kind = CTR_FIELD_OWNER}};
    struct vcard_options o = {.map = map, .n_map = 5};

    says(&o,
         CARD("x-no:7\nX-W;TYPE=q^'s:1\nX-W:2\nTEL;TYPE=\"main desk\":3\ni.TEL:4\n"
              "i.X-ABLabel:MAIN DESK\nUID2:b\nUID:a\nj.X-OWN:eve\nj.X-ABLabel:me"),
         "1 [b] <eve> x_no=7|x_w=1|phone_ip=3|phone_ip=4\n", "map");
}

/* --- encodings ------------------------------------------------------------------------
 */

static void test_charsets(void)
{
    struct vcard_options o = {.charset = "ISO-8859-2"};

    MEANS21("FN:M\xfcller \x80", "display_name=Müller €");
    MEANS("FN;CHARSET=utf-8:M\xfcller", "display_name=Müller");
    MEANS("FN;CHARSET=iso-8859-1:M\xc3\xbc", "display_name=MÃ¼");
    MEANS("FN;CHARSET=cp1251:\xcc\xe8\xf0", "display_name=Мир");
    MEANS("FN;CHARSET=Shift_JIS:\x93\xfa\x96\x7b", "display_name=日本");
    MEANS("FN;CHARSET=klingon:ascii", "display_name=ascii");
    says(&o, CARD("FN:\330eh\341\350ek"), "1 display_name=Řeháček\n", "by the option");
    says(NULL, CARD("FN:\x81"),
         "! 1 holds bytes that are neither UTF-8 nor of the option "
         "charset\n",
         "no byte of Windows-1252");
    says(NULL, CARD("FN;CHARSET=gb18030:\x81"),
         "! 1 holds bytes that are not of the "
         "CHARSET it names\n",
         "cut within a character");
    says(NULL, CARD("FN;CHARSET=../../evil:\xfc"),
         "! 1 names a CHARSET that is not known\n", "a path as CHARSET");
    o.charset = "UTF-7";
    errno = 0;
    ok(!vcard_reader_create(&o, &events, &told) && errno == EINVAL, "UTF-7 is not taken");
}

static void test_utf16(void)
{
    static const char le[] = "B\0E\0G\0I\0N\0:\0V\0C\0A\0R\0D\0\n\0F\0N\0:\0"
                             "\x3d\xd8\x00\xde\x3d\xd8\xfc\0\n\0"
                             "E\0N\0D\0:\0V\0C\0A\0R\0D\0";
    char be[sizeof(le) - 1];

    for (size_t i = 0; i < sizeof(be); i++)
        be[i] = le[i ^ 1];
    for (size_t step = 1; step < 6; step++) {
        read_all(NULL, le, sizeof(le) - 1, step);
        is_str(told.text, "1 display_name=😀\xef\xbf\xbdü\n", "UTF-16 LE by %zu", step);
        read_all(NULL, be, sizeof(be), step);
        is_str(told.text, "1 display_name=😀\xef\xbf\xbdü\n", "UTF-16 BE by %zu", step);
    }
}

static void test_base64(void)
{
    struct vcard_options o = {.photo_max = 3};

    MEANS("FN:A\nPHOTO;ENCODING=b:QUJD\n RA==", "display_name=A|photo=4 bytes");
    MEANS21("FN:A\nPHOTO;BASE64;JPEG:\n QUJ\n D\n\n", "display_name=A|photo=3 bytes");
    MEANS("FN:A\nPHOTO:data:image/png;base64,QQ==", "display_name=A|photo=1 bytes");
    MEANS("FN:A\nPHOTO;VALUE=uri:http://x.example/a", "display_name=A");
    MEANS("FN:A\nPHOTO;ENCODING=b:Q-JD", "display_name=A");
    MEANS("FN:A\nPHOTO;ENCODING=b:QUJDR", "display_name=A");
    MEANS21("FN:A\nPHOTO;BASE64:QUJD\nQUJD\nQUJD", "display_name=A");
    says(&o, CARD("FN:A\nPHOTO;ENCODING=b:QUJD"), "1 display_name=A|photo=3 bytes\n",
         "as large as may be");
    says(&o, CARD("FN:A\nPHOTO;ENCODING=b:QUJDRA=="), "1 display_name=A\n", "larger");
    o.photo_max = 0;
    says(&o, CARD("FN:A\nPHOTO;ENCODING=b:QUJD"), "1 display_name=A\n", "not wanted");
}

/* --- cards ----------------------------------------------------------------------------
 */

static void test_nesting(void)
{
    const char agents[] = "BEGIN:VCARD\nFN:A\nAGENT:\nBEGIN:VCARD\nFN:B\nAGENT:\n\n"
                          "BEGIN:VCARD\nFN:C\nEND:VCARD\nEND:VCARD\nTEL:1\nEND:VCARD\n"
                          "BEGIN:VCARD\nFN:D\nAGENT:BEGIN:VCARD\nFN:E\nEND:VCARD\n"
                          "END:VCARD\n";
    const char lost[] = "BEGIN:VCARD\nFN:A\nAGENT:\nBEGIN:VCARD\nFN:B\nEND:VCARD\n"
                        "BEGIN:VCARD\nFN:C\nEND:VCARD\n";

    says(NULL, agents, "1 display_name=A|phone_other=1\n14 display_name=D\n", "agents");
    says(NULL, lost,
         "! 1 has no END:VCARD before the next card in line 7\n7 display_name=C\n",
         "an END is missing");
    MEANS("FN:A\nBEGIN:VEVENT\nEND:VEVENT", "display_name=A");
    says(NULL, "BEGIN:VCALENDAR\nEND:VCALENDAR\n" CARD("FN:A"),
         "? 1 what stands here is outside a card and was left out\n3 display_name=A\n",
         "something else");
    says(NULL, CARD("KIND:GROUP\nFN:g") CARD("FN:A"), "6 display_name=A\n", "a group");
}

static void test_private(void)
{
    const char text[] = CARD("FN:A\nCLASS:PRIVATE") CARD("FN:B\nCLASS:public")
        CARD("FN:C\nclass:x-secret");
    struct vcard_options o = {.private_owner = "eve"};

    says(NULL, text, "6 display_name=B\n", "hidden");
    says(&o, text, "1 <eve> display_name=A\n6 display_name=B\n11 <eve> display_name=C\n",
         "owned");
    o.show_private = true;
    says(&o, text, "1 display_name=A\n6 display_name=B\n11 display_name=C\n", "shown");
}

static void test_end(void)
{
    const char cut[] = "BEGIN:VCARD\nFN:A\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCA";
    struct vcard_reader *r;

    is_int(read_all(NULL, cut, strlen(cut), 100), -CTR_EFORMAT, "cut within a card");
    is_str(told.text,
           "1 display_name=A\n! 4 has no END:VCARD before the end of the text\n",
           "costs that card");
    r = reader(NULL);
    is_int(vcard_reader_feed(r, cut, 50), 0, "a text");
    is_int(vcard_reader_end(r), -CTR_EFORMAT, "that is cut");
    is_int(vcard_reader_feed(r, CARD("FN:C"), strlen(CARD("FN:C"))), 0, "then another");
    is_int(vcard_reader_end(r), 0, "that is whole");
    ok(strstr(told.text, "\n1 display_name=C\n"), "its lines are counted anew");
    told.stop = -CTR_ECANCELED;
    is_int(vcard_reader_feed(r, CARD("FN:D") CARD("FN:E"), 2 * strlen(CARD("FN:D"))),
           -CTR_ECANCELED, "the caller ends it");
    is_int(vcard_reader_end(r), -CTR_ECANCELED, "and hears so at the end");
    ok(!strstr(told.text, "=E"), "nothing is told after that");
    told.stop = 0;
    is_int(vcard_reader_feed(r, CARD("FN:F"), strlen(CARD("FN:F"))), 0, "and again");
    is_int(vcard_reader_end(r), 0, "it reads on");
    is_int(vcard_reader_counts(r)->contacts, 4, "counted");
    is_int(vcard_reader_counts(r)->rejected, 1, "over all texts");
    vcard_reader_destroy(r);
}

/* --- limits ---------------------------------------------------------------------------
 */

/* head, n times piece, tail. */
static void repeated(const char *head, size_t n, const char *piece, const char *tail)
{
    struct vcard_reader *r = reader(NULL);

    vcard_reader_feed(r, head, strlen(head));
    for (size_t i = 0; i < n; i++)
        vcard_reader_feed(r, piece, strlen(piece));
    vcard_reader_feed(r, tail, strlen(tail));
    vcard_reader_end(r);
    vcard_reader_destroy(r);
}

static void test_limits(void)
{
    const char tail[] = "\nTEL:1\nEND:VCARD\n";
    char *text;

    repeated("BEGIN:VCARD\nNOTE:", 16385, "x", tail);
    is_str(told.text,
           "? 1 NOTE is longer than 16384 bytes and was left out\n1 phone_other=1\n",
           "a long note");
    repeated("BEGIN:VCARD\nNOTE:", 100000, "x", tail);
    is_str(told.text,
           "? 1 NOTE is longer than 16384 bytes and was left out\n1 phone_other=1\n",
           "a longer one");
    repeated("BEGIN:VCARD\nNOTE:", 1000000, "xyz", tail);
    is_str(told.text, "? 2 a value longer than 256 KiB was left out\n1 phone_other=1\n",
           "a line of 3 MB");
    repeated("BEGIN:VCARD\nPHOTO;ENCODING=b:", 1000000, "QUJD", tail);
    is_str(told.text, "1 phone_other=1\n", "a photo of 3 MB");
    repeated("BEGIN:VCARD\nPHOTO;ENCODING=b:", 43690, "QUJD", tail);
    is_str(told.text, "1 phone_other=1|photo=131070 bytes\n", "a photo that just fits");
    repeated("BEGIN:VCARD\nFN;QUOTED-PRINTABLE:", 300000, "=\n", tail);
    is_str(told.text, "1 phone_other=1\n", "soft breaks without end");
    repeated("BEGIN:VCARD\nFN", 300000, "=\n ", tail);
    ok(strstr(told.text, "phone_other=1"), "a name without end");
    repeated("", 3000000, "x", "\n" CARD("FN:A"));
    ok(strstr(told.text, "\n2 display_name=A\n"), "garbage without end");
    repeated("BEGIN:VCARD\n", 130, "TEL:2\n", "FN:A\nEND:VCARD\n");
    ok(strstr(told.text, "? 1 has more than 128 values; the others were left out\n1 "),
       "130 numbers");
    repeated("BEGIN:VCARD\n", 100000, "AGENT:\nBEGIN:VCARD\n",
             "END:VCARD\n" CARD("FN:A"));
    ok(strstr(told.text, "display_name=A"), "agents without end");
    repeated("BEGIN:VCARD\nFN:A\nUID:", 401, "u", tail);
    is_str(told.text, "! 1 the id is longer than 400 bytes\n", "a long id");

    text = malloc(20000);
    sprintf(text, "X-A:%016000d\n", 0);
    {
        const struct vcard_map map[] = {
            {.property = "X-A", .kind = CTR_FIELD_CUSTOM, .name = "a"}};
        struct vcard_options o = {.map = map, .n_map = 1};
        struct vcard_reader *r = reader(&o);

        vcard_reader_feed(r, "BEGIN:VCARD\n", 12);
        for (int i = 0; i < 20; i++)
            vcard_reader_feed(r, text, strlen(text));
        vcard_reader_feed(r, "END:VCARD\n", 10);
        vcard_reader_end(r);
        vcard_reader_destroy(r);
    }
    is_str(told.text, "! 1 is larger than 256 KiB without its photo\n", "a huge card");
    free(text);
}

int main(void)
{
    test_pieces();
    test_folding();
    test_quoted_printable();
    test_escapes();
    test_parameters();
    test_map();
    test_charsets();
    test_utf16();
    test_base64();
    test_nesting();
    test_private();
    test_end();
    test_limits();
    return tap_done();
}
