/* test_vcard.c - the vCard source on what real programs export: one file of each form in
 * tests/scenario/vcards (the persons are invented), and its options. */
#include "testhost.h"
#include "vcard_util.h"

static struct testhost *start(const char *file, const char *const *options)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", VCARDS, file);
    testhost_set(t, "path", path);
    testhost_set(t, "settle", "0ms");
    for (; options && *options; options += 2)
        testhost_set(t, options[0], options[1]);
    if (testhost_start(t) != 0)
        printf("# start: %s\n",
               t->option_errors.n ? t->option_errors.at[0].b : t->failure);
    return t;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The file gives so many contacts and so many rejects. */
static struct testhost *sync_file(const char *file, const char *const *options,
                                  long long contacts, long long rejects)
{
    struct testhost *t = start(file, options);

    if (!is_int(testhost_sync(t, NULL), 0, "%s is read", file))
        printf("# %s\n", t->failure);
    is_int((long long)t->n_contacts, contacts, "%s: contacts", file);
    if (!is_int(t->rejects.n, rejects, "%s: rejects", file))
        for (uint32_t i = 0; i < t->rejects.n; i++)
            printf("# %s: %s\n", t->rejects.at[i].a, t->rejects.at[i].b);
    return t;
}

static void is_card(const struct testhost *t, uint64_t i, const char *want,
                    const char *what)
{
    if (ok(i < t->n_contacts, "%s is there", what))
        is_contact(t->contacts[i], want, what);
}

/* --- exporters ------------------------------------------------------------------------
 */

static void test_outlook(void)
{
    struct testhost *t = sync_file("outlook.vcf", NULL, 1, 0);

    is_card(
        t, 0,
        "phone_other=+49 (89) 840798-199|mail=joerg.mueller@strassenbau.example|"
        "surname=Müller|given_name=Jörg|display_name=Dr. Jörg Müller|"
        "organisation=Straßenbau Groß GmbH|department=Einkauf|title=Leiter Einkauf|"
        "note=Erste Zeile\r\nZweite Zeile; mit Semikolon und einem Preis von 5 €, der "
        "so lang ist, dass er umgebrochen wird|"
        "phone_business=+49 (89) 840798-192|phone_home=08151 12345|"
        "phone_mobile=+49 (171) 5556677|phone_fax=+49 (89) 840798-292|"
        "phone_main=+49 (89) 840798-0|phone_other=+49 (89) 840798-193|"
        "street=Hauptstraße 5|city=München|state=Bayern|postal_code=80331|"
        "country=Deutschland|url=http://www.strassenbau.example|photo=134 bytes",
        "Outlook, Windows-1252");
    testhost_destroy(t);

    t = sync_file("outlook-utf8.vcf", NULL, 1, 0);
    is_card(t, 0,
            "surname=Řeháček|given_name=Jiří|display_name=Jiří Řeháček|"
            "phone_business=+420 224 123 456",
            "Outlook, UTF-8");
    ok(testhost_logged(t, "private_left_out=1"), "the log says what was left out");
    testhost_destroy(t);
}

static void test_apple(void)
{
    struct testhost *t = sync_file(
        "apple.vcf",
        OPTIONS("map.phone_business", "TEL/zentrale", "map.x_category", "CATEGORIES"), 2,
        0);

    is_card(t, 0,
            "mail=siobhan@emerald.example|phone_mobile=+353 87 123 4567|"
            "street=12 Harp Lane\nFloor 2|city=Dublin|state=Leinster|"
            "postal_code=D02 X285|country=Ireland|url=https://emerald.example/|"
            "surname=O'Neill|given_name=Siobhán|display_name=Siobhán O'Neill|"
            "organisation=Emerald, Harp & Co.|department=Sales, EMEA|"
            "title=Head of Sales|mail=s.oneill@emerald.example|"
            "phone_business=+353 1 555 0100|phone_fax=+353 1 555 0101|"
            "phone_home=+353 1 555 0199|phone_fax=+353 1 555 0102|"
            "phone_mobile=+353 87 765 4321|"
            "note=Met at the fair\nlikes trumpets; and harps, too. This note is long "
            "enough to be folded in the middle of a word, as folding does it.|"
            "x_category=Customers|x_category=VIP|photo=134 bytes",
            "Apple, a person");
    is_card(
        t, 1,
        "display_name=Café Central|organisation=Café Central|phone_main=+43 1 5333763",
        "Apple, a company");
    is_str(t->contacts[0]->id.ptr, "5A1F0C5E-1B0E-4F0C-9A53-0AB1C2D3E4F5", "its id");
    ok(testhost_logged(t, "groups=1"), "a group is no contact");
    testhost_destroy(t);

    t = sync_file("apple.vcf", OPTIONS("photos", "false"), 2, 0);
    ok(!testhost_value(t->contacts[0], CTR_FIELD_PHOTO, NULL, 0),
       "photos may be left out");
    is_str(testhost_value(t->contacts[0], CTR_FIELD_PHONE_MAIN, NULL, 0),
           "+353 1 555 0100", "a label in German is understood without a map");
    testhost_destroy(t);
}

static void test_google(void)
{
    struct testhost *t = sync_file("google.vcf", NULL, 1, 0);

    is_card(t, 0,
            "display_name=Max von Mustermann|surname=Mustermann|given_name=Max|"
            "nickname=Mäxchen|mail=max@home.example|mail=max@acme.example|"
            "phone_mobile=+49 160 1234567|phone_business=030 901820|"
            "phone_fax=030 901822|phone_business=030 901821|street=Allee 3|city=Berlin|"
            "postal_code=10117|country=DE|organisation=Acme GmbH|title=Vorstand|"
            "url=http://www.google.com/profiles/123|note=zweite Zeile\nnach der ersten",
            "Google");
    is_int((long long)strlen(t->contacts[0]->id.ptr), 32, "no UID: a made id");
    testhost_destroy(t);
}

static void test_phones(void)
{
    struct testhost *t =
        sync_file("android.vcf", OPTIONS("map.phone_ip", "TEL/X-Durchwahl"), 2, 0);

    is_card(t, 0,
            "phone_business=089-840798-0|surname=Größe|given_name=Jürgen|"
            "display_name=Jürgen Größe genannt der Große|phone_mobile=0160-7654321|"
            "phone_ip=089840798193|mail=juergen@home.example|organisation=Groß Bau|"
            "department=Planung|note=Erste\r\nzweite; da|photo=134 bytes",
            "Android");
    is_card(t, 1, "given_name=Zoë|display_name=Zoë|phone_mobile=+31612345678",
            "Android, one name");
    testhost_destroy(t);

    t = sync_file("gigaset.vcf", NULL, 2, 0);
    is_card(t, 0,
            "surname=Schäfer|given_name=Grete|phone_home=0891234567|"
            "phone_business=0897654321|phone_mobile=01711234567",
            "Gigaset");
    testhost_destroy(t);

    t = sync_file("yealink.vcf", NULL, 2, 0);
    is_card(t, 0, "display_name=Empfang|phone_business=200", "Yealink");
    is_card(t, 1, "display_name=Pförtner|phone_other=201|phone_mobile=01719876543",
            "Yealink, no type");
    testhost_destroy(t);
}

static void test_servers(void)
{
    struct testhost *t =
        sync_file("nextcloud.vcf", OPTIONS("map.x_label", "TEL/portable perso"), 3, 0);

    is_card(t, 0,
            "display_name=Łukasz Wiśniewski|surname=Wiśniewski|given_name=Łukasz|"
            "street=ul. Długa 7|city=Kraków|postal_code=31-147|country=Polska|"
            "mail=lukasz@example.org|phone_home=+48 12 345 67 89|"
            "phone_mobile=+48 601 234 567|organisation=Huta Szkła|title=Kierownik",
            "Nextcloud, 3.0");
    is_card(t, 1,
            "display_name=Amélie Dupont|phone_business=+33 1 42 68 53 00|"
            "mail=a.dupont@voltaire.example|mail=amelie@perso.example|surname=Dupont|"
            "given_name=Amélie|phone_home=+33 1 42 68 53 01|x_label=+33 6 12 34 56 78|"
            "photo=134 bytes",
            "Nextcloud, 4.0: preferences, labels, data: URI");
    is_card(t, 2,
            "display_name=Voltaire SA|phone_main=+33 1 42 68 50 00|"
            "organisation=Voltaire SA",
            "an organisation; a photo elsewhere is not fetched");
    testhost_destroy(t);

    t = sync_file("cardbook.vcf",
                  OPTIONS("private", "show", "map.x_customer", "x-customer-no"), 1, 0);
    is_card(t, 0,
            "phone_business=+49-89-840798;ext=192|mail=renee@zimmer.example|"
            "display_name=Renée Zimmer|surname=Zimmer|given_name=Renée|"
            "phone_mobile=+49-171-5556688|phone_ip=sip:renee@pbx.example|"
            "street=Am Ring 1|city=Köln|state=NRW|postal_code=50667|country=Deutschland|"
            "x_customer=K-4711|organisation=Zimmer KG|department=Vertrieb|"
            "note=Umlaut über die Faltung hinweg ist möglich, wenn ein Programm Bytes "
            "zählt.",
            "CardBook, 4.0: URIs, folded within a character");
    testhost_destroy(t);

    t = sync_file("mac-utf16.vcf", NULL, 1, 0);
    is_card(t, 0, "display_name=Zürich 😀 Büro|phone_business=+41 44 123 45 67",
            "UTF-16 with the line ends of old");
    testhost_destroy(t);
}

static void test_broken(void)
{
    static const char *const want[] = {
        "line 1: what stands here is outside a card",
        "line 2: has no END:VCARD before the next card in line 6",
        "line 12: END:VCARD without a BEGIN:VCARD",
        "line 13: holds a NUL byte",
        "line 18: names a CHARSET that is not known",
        "line 23: has neither a name nor a number",
        "line 26: its id was already used by the card in line 6",
        "line 36: a line without a property was left out"};
    struct testhost *t = sync_file("broken.vcf", NULL, 2, 8);

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        ok(testhost_rejected(t, want[i]), "told: %s", want[i]);
    is_card(t, 0, "display_name=Good One|phone_other=+49 89 2222", "after a missing END");
    is_card(t, 1, "display_name=Lower Case|phone_business=+49 89 5555",
            "after a byte order mark in the middle");
    is_int(t->metric_value[1], 6, "cards lost are counted");
    testhost_destroy(t);
}

/* --- options --------------------------------------------------------------------------
 */

static void test_private(void)
{
    struct testhost *t = sync_file("outlook-utf8.vcf",
                                   OPTIONS("private", "owner", "owner", "petra"), 2, 0);

    ok(!t->contacts[0]->owner.len, "a public card is everybody's");
    is_str(t->contacts[1]->owner.ptr, "petra", "a private one its owner's");
    testhost_destroy(t);
    t = start("cardbook.vcf", NULL);
    is_int(testhost_sync(t, NULL), -CTR_EFORMAT, "only private cards: refused");
    ok(strstr(t->failure, "1 private cards") && strstr(t->failure, "'private'"),
       "and told why: %s", t->failure);
    testhost_destroy(t);
    t = sync_file("cardbook.vcf", OPTIONS("allow_empty", "true"), 0, 0);
    testhost_destroy(t);
    t = sync_file("cardbook.vcf",
                  OPTIONS("map.owner", "X-CUSTOMER-NO", "private", "owner", "owner", "x"),
                  1, 0);
    is_str(t->contacts[0]->owner.ptr, "K-4711", "an owner in the card goes first");
    testhost_destroy(t);
}

static void refused(const char *const *options, const char *option, const char *text)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "path", "/tmp/x.vcf");
    for (; *options; options += 2)
        testhost_set(t, options[0], options[1]);
    is_int(testhost_check(t), -CTR_ECONF, "%s is refused", option);
    ok(t->option_errors.n == 1 && strcmp(t->option_errors.at[0].a, option) == 0 &&
           strstr(t->option_errors.at[0].b, text),
       "because: %s", t->option_errors.n ? t->option_errors.at[0].b : "?");
    testhost_destroy(t);
}

static void test_check(void)
{
    refused(OPTIONS("charset", "klingon"), "charset", "not known");
    refused(OPTIONS("owner", "petra"), "owner", "go together");
    refused(OPTIONS("private", "owner"), "private", "go together");
    refused(OPTIONS("map.photo", "X-PIC"), "map", "PHOTO");
    refused(OPTIONS("map.x_a", "BEGIN"), "map", "cannot be mapped");
    refused(OPTIONS("map.x_a", "two words"), "map", "letters, digits");
    refused(OPTIONS("map.x_a", "TEL/"), "map", "no label");
    refused(OPTIONS("map.x_a", "/work"), "map", "must name a property");
}

static void test_map(void)
{
    struct testhost *t =
        sync_file("cardbook.vcf",
                  OPTIONS("private", "show", "map.id", "X-CUSTOMER-NO", "map.phone_main",
                          "TEL/voice", "map.phone_other", "tel", "map.x_Org", "ORG"),
                  1, 0);

    is_str(t->contacts[0]->id.ptr, "K-4711", "an id from elsewhere");
    is_str(testhost_value(t->contacts[0], CTR_FIELD_PHONE_MAIN, NULL, 0),
           "tel:+49-89-840798;ext=192", "a type as label goes before");
    is_str(testhost_value(t->contacts[0], CTR_FIELD_PHONE_OTHER, NULL, 1),
           "sip:renee@pbx.example", "the property without one");
    is_str(testhost_value(t->contacts[0], CTR_FIELD_CUSTOM, "org", 0),
           "Zimmer KG;Vertrieb", "a mapped property is taken whole");
    ok(!testhost_value(t->contacts[0], CTR_FIELD_ORGANISATION, NULL, 0),
       "and not as usual besides");
    testhost_destroy(t);
}

int main(void)
{
    test_outlook();
    test_apple();
    test_google();
    test_phones();
    test_servers();
    test_broken();
    test_private();
    test_check();
    test_map();
    return tap_done();
}
