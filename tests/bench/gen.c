/* gen.c - deterministic synthetic contact directory and query sets.
 *
 *   gen N OUTDIR
 *
 * writes, all from the same rows (row i is the same whatever N is, so the
 * 10k set is a prefix of the 100k set and so on):
 *   contacts.ldif  inetOrgPerson entries, numbers in E.164   (for LDAP peers)
 *   contacts.csv   id,first_name,last_name,company,email,phone_business,
 *                  phone_mobile,phone_home, numbers in mixed human formats
 *   changed.csv    the same, but one row in twenty has another home number and mail
 *                  address: no answer to the queries below changes
 *   truth.tsv      id <TAB> e164 business <TAB> mobile <TAB> home
 *   q.hit q.miss q.or3 q.suffix q.prefix q.contains q.words
 *                  one query a line: EXPECTED <TAB> FILTER, where EXPECTED is
 *                  the number of entries that match, counted here by brute
 *                  force and not by any server
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gen_texts.h"

#define SUFFIX_DN "ou=contacts,dc=contactor,dc=test"
#define NQ_NUM    20000
#define NQ_PREFIX 4000
#define NQ_TEXT   100 /* each is counted in all rows, three times */
#define CHANGED   20  /* one row in so many */
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

/* ---- word lists ---------------------------------------------------------------- */
static const char *const sn_de[] = {
    "Müller",     "Schmidt",  "Schneider", "Fischer", "Weber",   "Meyer",      "Wagner",
    "Becker",     "Schulz",   "Hoffmann",  "Schäfer", "Koch",    "Bauer",      "Richter",
    "Klein",      "Wolf",     "Schröder",  "Neumann", "Schwarz", "Zimmermann", "Braun",
    "Krüger",     "Hofmann",  "Hartmann",  "Lange",   "Schmitt", "Werner",     "Schmitz",
    "Krause",     "Meier",    "Lehmann",   "Schmid",  "Schulze", "Maier",      "Köhler",
    "Herrmann",   "König",    "Walter",    "Mayer",   "Huber",   "Kaiser",     "Fuchs",
    "Peters",     "Lang",     "Scholz",    "Möller",  "Weiß",    "Jung",       "Hahn",
    "Schubert",   "Vogel",    "Friedrich", "Keller",  "Günther", "Frank",      "Berger",
    "Winkler",    "Roth",     "Beck",      "Lorenz",  "Baumann", "Franke",     "Albrecht",
    "Schuster",   "Simon",    "Ludwig",    "Böhm",    "Winter",  "Kraus",      "Martin",
    "Schumacher", "Krämer",   "Vogt",      "Stein",   "Jäger",   "Otto",       "Sommer",
    "Groß",       "Seidel",   "Heinrich",  "Brandt",  "Haas",    "Schreiber",  "Graf",
    "Dietrich",   "Ziegler",  "Kuhn",      "Kühn",    "Pohl",    "Engel",      "Horn",
    "Busch",      "Bergmann", "Thomas",    "Voigt",   "Sauer",   "Arnold",     "Wolff",
    "Pfeiffer",   "Özdemir",  "Überschär", "Ährlich", "Mull",    "Mullmann"};
static const char *const sn_en[] = {
    "Smith",    "Jones",    "Taylor",  "Brown",    "Williams",  "Wilson",   "Johnson",
    "Davies",   "Robinson", "Wright",  "Thompson", "Evans",     "Walker",   "White",
    "Roberts",  "Green",    "Hall",    "Wood",     "Jackson",   "Clarke",   "Mullen",
    "Mulligan", "Mullins",  "O'Brien", "O'Neill",  "MacDonald", "Campbell", "Stewart",
    "Anderson", "Murphy",   "Kelly",   "Sullivan", "Walsh",     "Byrne",    "Ryan",
    "Doyle",    "Murray",   "Quinn",   "Moore",    "Baker",     "Harris",   "Cooper",
    "King",     "Lee",      "Turner",  "Parker",   "Morris",    "Edwards"};
static const char *const sn_head[] = {
    "Acker",     "Alten",   "Bach",   "Bären",  "Berg",   "Birken", "Blumen",  "Brücken",
    "Brunn",     "Buchen",  "Burg",   "Dachs",  "Dorn",   "Ebers",  "Eichen",  "Eisen",
    "Erlen",     "Falken",  "Feld",   "Felsen", "Forst",  "Frauen", "Freuden", "Garten",
    "Gold",      "Grün",    "Hagen",  "Hammer", "Haupt",  "Heide",  "Hirsch",  "Hohen",
    "Holz",      "Kirch",   "Kohl",   "König",  "Korn",   "Kreuz",  "Lauen",   "Lichten",
    "Linden",    "Löwen",   "Mühl",   "Münz",   "Nieder", "Ober",   "Öl",      "Pfann",
    "Rauch",     "Reichen", "Ritter", "Rosen",  "Rothen", "Salz",   "Sand",    "Schön",
    "Schwarzen", "See",     "Silber", "Sonnen", "Stein",  "Stern",  "Strauß",  "Tannen",
    "Teich",     "Tier",    "Über",   "Vogel",  "Wald",   "Wasser", "Weiden",  "Wein",
    "Weißen",    "Wiesen",  "Winter", "Wolfs",  "Ziegen", "Zimmer", "Zucker",  "Zwei"};
static const char *const sn_tail[] = {
    "bach",    "bauer", "baum",    "berg",   "berger", "brand",   "burg",   "dorf",
    "eck",     "egger", "feld",    "felder", "gruber", "haus",    "hauser", "hofer",
    "huber",   "kamp",  "lechner", "mann",   "maier",  "meister", "müller", "reiter",
    "schmidt", "stein", "thaler",  "wald",   "weber",  "winkler"};
static const char *const gn_de[] = {
    "Anna",      "Andreas", "Bärbel",   "Bernd",   "Birgit",    "Björn",   "Christian",
    "Claudia",   "Daniel",  "Dörte",    "Elke",    "Felix",     "Florian", "Frank",
    "Franziska", "Gerd",    "Günter",   "Hannah",  "Hans",      "Heike",   "Ingrid",
    "Jan",       "Jens",    "Jörg",     "Julia",   "Jürgen",    "Karin",   "Katharina",
    "Klaus",     "Lars",    "Laura",    "Lena",    "Lukas",     "Manfred", "Maria",
    "Markus",    "Martin",  "Matthias", "Michael", "Monika",    "Nicole",  "Oliver",
    "Petra",     "Rainer",  "Renate",   "Sabine",  "Sebastian", "Söhnke",  "Stefan",
    "Susanne",   "Sven",    "Thomas",   "Torsten", "Ulrike",    "Ursula",  "Uwe",
    "Wolfgang",  "Yvonne"};
static const char *const gn_en[] = {
    "Alan",    "Alice", "Brian",  "Caroline", "Charles", "Claire", "David",
    "Eleanor", "Emily", "Fiona",  "George",   "Grace",   "Harry",  "Ian",
    "Jack",    "James", "Kate",   "Liam",     "Lucy",    "Megan",  "Neil",
    "Oliver",  "Paul",  "Rachel", "Robert",   "Sarah",   "Simon",  "William"};
static const char *const branch[] = {
    "Maschinenbau",   "Elektrotechnik", "Logistik",       "Software",
    "Bäckerei",       "Spedition",      "Kältetechnik",   "Anlagenbau",
    "Versicherungen", "Steuerberatung", "Medizintechnik", "Gebäudereinigung",
    "Druckerei",      "Möbelwerke",     "Consulting",     "Systems",
    "Trading",        "Engineering"};
static const char *const legal[] = {"GmbH", "AG", "GmbH & Co. KG", "KG", "e.K.",
                                    "OHG",  "SE", "Ltd",           "UG"};
static const char *const de_area[] = {
    "30",   "40",   "89",   "69",   "221",  "211",  "711",  "911",  "351",  "341",
    "511",  "421",  "201",  "231",  "621",  "721",  "761",  "821",  "851",  "941",
    "6221", "6421", "7531", "8031", "8141", "9131", "5251", "4131", "2241", "3641"};
static const char *const de_mob[] = {"151", "152", "157", "159", "160", "162",
                                     "163", "170", "171", "172", "173", "174",
                                     "175", "176", "177", "178"};
static const char *const uk_area[] = {"20",  "121", "161", "113",
                                      "131", "141", "117", "151"};
static const char *const us_area[] = {"212", "415", "312", "617", "206", "303"};

/* ---- deterministic random numbers (splitmix64 over row and stream) ------------- */
typedef struct {
    uint64_t s;
} rng;
static uint64_t rnd(rng *r)
{
    uint64_t z = (r->s += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
static uint32_t below(rng *r, uint32_t n)
{
    return (uint32_t)(((rnd(r) >> 32) * n) >> 32);
}
/* skewed pick: low indexes are more frequent, about as common names are */
static uint32_t skewed(rng *r, uint32_t n)
{
    uint32_t a = below(r, n), b = below(r, n);
    return a < b ? a : b;
}

/* ---- one contact --------------------------------------------------------------- */
enum { BUSINESS, MOBILE, HOME, NPHONE };
typedef struct {
    char e164[20]; /* "" when the contact has no such number */
    char text[40]; /* as a person wrote it */
} phone;
typedef struct {
    uint32_t id;
    char first[40], last[80], company[200], mail[256];
    phone ph[NPHONE];
} contact;

static void fmt_number(rng *r, phone *p, const char *cc, const char *area,
                       const char *sub)
{
    int de = !strcmp(cc, "49"), us = !strcmp(cc, "1");
    uint32_t w = below(r, 100);
    snprintf(p->e164, sizeof p->e164, "+%s%s%s", cc, area, sub);
    char a[8], b[12]; /* subscriber number in two groups */
    size_t half = us ? 3 : (strlen(sub) + 1) / 2;
    snprintf(a, sizeof a, "%.*s", (int)half, sub);
    snprintf(b, sizeof b, "%s", sub + half);
#define F(...) snprintf(p->text, sizeof p->text, __VA_ARGS__)
    if (us) {
        if (w < 30)
            F("+1%s%s", area, sub);
        else if (w < 60)
            F("+1 %s-%s-%s", area, a, b);
        else if (w < 85)
            F("+1 (%s) %s-%s", area, a, b);
        else
            F("001 %s %s%s", area, a, b);
    } else if (!de) { /* UK, always written internationally by a German company */
        if (w < 30)
            F("+%s%s%s", cc, area, sub);
        else if (w < 65)
            F("+%s %s %s %s", cc, area, a, b);
        else if (w < 80)
            F("+%s (0)%s %s %s", cc, area, a, b);
        else
            F("00%s %s %s%s", cc, area, a, b);
    } else {
        if (w < 15)
            F("+49%s%s", area, sub);
        else if (w < 30)
            F("+49 %s %s%s", area, a, b);
        else if (w < 35)
            F("+49 %s %s-%s", area, a, b);
        else if (w < 45)
            F("+49 (0)%s %s%s", area, a, b);
        else if (w < 50)
            F("+49 (%s) %s-%s", area, a, b);
        else if (w < 55)
            F("0049 %s %s%s", area, a, b);
        else if (w < 60)
            F("0049%s%s", area, sub);
        else if (w < 72)
            F("0%s/%s%s", area, a, b);
        else if (w < 85)
            F("0%s %s %s", area, a, b);
        else if (w < 90)
            F("0%s-%s%s", area, a, b);
        else if (w < 95)
            F("(0%s) %s %s", area, a, b);
        else if (w < 98)
            F("0%s%s", area, sub);
        else
            switch (below(
                r,
                4)) { /* what people paste: no-break spaces, dashes, words, extensions */
            case 0:
                F("+49\u00a0%s\u00a0%s%s", area, a, b);
                break;
            case 1:
                F("0%s\u2013%s%s", area, a, b);
                break;
            case 2:
                F("Tel. 0%s %s%s", area, a, b);
                break;
            default:
                F("+49 %s %s%s ext. 12", area, a, b);
            }
    }
#undef F
}

static void ascii_fold(const char *s, char *out, size_t cap)
{
    static const struct {
        const char *u, *a;
    } map[] = {{"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"Ä", "ae"},
               {"Ö", "oe"}, {"Ü", "ue"}, {"ß", "ss"}};
    size_t o = 0;
    while (*s && o + 3 < cap) {
        size_t k;
        for (k = 0; k < COUNT(map); k++)
            if (!strncmp(s, map[k].u, 2))
                break;
        if (k < COUNT(map)) {
            out[o++] = map[k].a[0];
            out[o++] = map[k].a[1];
            s += 2;
            continue;
        }
        if (*s >= 'A' && *s <= 'Z')
            out[o++] = (char)(*s + 32);
        else if ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9'))
            out[o++] = *s;
        s++;
    }
    out[o] = 0;
}

static void surname(rng *r, int german, char *out, size_t cap)
{
    uint32_t w = below(r, 100);
    if (!german)
        snprintf(out, cap, "%s", sn_en[skewed(r, COUNT(sn_en))]);
    else if (w < 45)
        snprintf(out, cap, "%s", sn_de[skewed(r, COUNT(sn_de))]);
    else {
        const char *h = sn_head[below(r, COUNT(sn_head))],
                   *t = sn_tail[below(r, COUNT(sn_tail))];
        snprintf(out, cap, "%s%s", h, t);
        if (w < 50) { /* a double-barrelled name */
            size_t l = strlen(out);
            snprintf(out + l, cap - l, "-%s", sn_de[skewed(r, COUNT(sn_de))]);
        }
    }
}

static void make_company(uint32_t c, char *out, size_t cap)
{
    rng r = {0xC0FFEEull * 2654435761u + c};
    char s[80], s2[80];
    surname(&r, c % 6 != 0, s, sizeof s);
    switch (below(&r, 8)) {
    case 0: /* a comma and an ampersand: CSV must quote it */
        surname(&r, 1, s2, sizeof s2);
        snprintf(out, cap, "%s, %s & Partner %s", s, s2, legal[below(&r, COUNT(legal))]);
        break;
    case 1:
        snprintf(out, cap, "Gebr. %s \"%s\" %s", s, branch[below(&r, COUNT(branch))],
                 "GmbH");
        break;
    default:
        snprintf(out, cap, "%s %s %s", s, branch[below(&r, COUNT(branch))],
                 legal[below(&r, COUNT(legal))]);
    }
}

static void make_contact(uint32_t i, contact *c)
{
    rng r = {0x5EED0000ull + (uint64_t)i * 0x100000001B3ull};
    int german = below(&r, 100) < 80, uk = below(&r, 100) < 70;
    memset(c, 0, sizeof *c);
    c->id = i + 1;
    snprintf(c->first, sizeof c->first, "%s",
             german ? gn_de[skewed(&r, COUNT(gn_de))] : gn_en[skewed(&r, COUNT(gn_en))]);
    surname(&r, german, c->last, sizeof c->last);
    uint32_t co = skewed(&r, 50000);
    if (below(&r, 100) < 85)
        make_company(co, c->company, sizeof c->company);
    char f[64], l[120];
    ascii_fold(c->first, f, sizeof f);
    ascii_fold(c->last, l, sizeof l);
    snprintf(c->mail, sizeof c->mail, "%s.%s.%u@firma%u.example", f, l, c->id, co);

    /* affine permutations of the row number keep every number distinct */
    uint32_t s7 = (uint32_t)(((uint64_t)i * 7654321u + 1234567u) % 10000000u);
    uint32_t h7 = (uint32_t)(((uint64_t)i * 3141593u + 7654321u) % 10000000u);
    uint32_t m8 = (uint32_t)(((uint64_t)i * 27182819u + 31415926u) % 100000000u);
    char sub[12];
    uint32_t have = below(&r, 100); /* which numbers it has */
    int b = have < 90, m = have >= 12, h = below(&r, 100) < 45;
    if (!m)
        b = 1;
    if (german) {
        const char *ar = de_area[skewed(&r, COUNT(de_area))];
        if (b) {
            snprintf(sub, sizeof sub, "%07u", s7);
            fmt_number(&r, &c->ph[BUSINESS], "49", ar, sub);
        }
        if (m) {
            snprintf(sub, sizeof sub, "%08u", m8);
            fmt_number(&r, &c->ph[MOBILE], "49", de_mob[below(&r, COUNT(de_mob))], sub);
        }
        if (h) {
            snprintf(sub, sizeof sub, "%07u", h7);
            fmt_number(&r, &c->ph[HOME], "49", de_area[below(&r, COUNT(de_area))], sub);
        }
    } else if (uk) {
        if (b) {
            const char *ar = uk_area[below(&r, COUNT(uk_area))];
            if (ar[2])
                snprintf(sub, sizeof sub, "%07u", s7); /* 3-digit area: 7 digits */
            else
                snprintf(sub, sizeof sub, "7%07u", s7); /* London: 8 digits */
            fmt_number(&r, &c->ph[BUSINESS], "44", ar, sub);
        }
        if (m) {
            char ar[8];
            snprintf(ar, sizeof ar, "7%u", 4 + m8 / 10000000u % 5);
            snprintf(sub, sizeof sub, "%08u", m8);
            fmt_number(&r, &c->ph[MOBILE], "44", ar, sub);
        }
    } else {
        const char *ar = us_area[below(&r, COUNT(us_area))];
        snprintf(sub, sizeof sub, "%07u", s7);
        if (b)
            fmt_number(&r, &c->ph[BUSINESS], "1", ar, sub);
        snprintf(sub, sizeof sub, "%07u", h7);
        if (m)
            fmt_number(&r, &c->ph[MOBILE], "1", "917", sub);
    }
}

/* ---- writers ------------------------------------------------------------------- */
static void put_csv(FILE *f, const char *s, char end)
{
    if (!strpbrk(s, ",\"\n"))
        fputs(s, f);
    else {
        putc('"', f);
        for (; *s; s++) {
            if (*s == '"')
                putc('"', f);
            putc(*s, f);
        }
        putc('"', f);
    }
    putc(end, f);
}
static void put_header(FILE *f)
{
    fputs(
        "id,first_name,last_name,company,email,phone_business,phone_mobile,phone_home\n",
        f);
}
static void put_row(FILE *f, const contact *c)
{
    fprintf(f, "%u,", c->id);
    put_csv(f, c->first, ',');
    put_csv(f, c->last, ',');
    put_csv(f, c->company, ',');
    put_csv(f, c->mail, ',');
    for (int p = 0; p < NPHONE; p++)
        put_csv(f, c->ph[p].text, p == HOME ? '\n' : ',');
}
/* What none of the queries asks for. No generated number has this area code. */
static void change(contact *c)
{
    snprintf(c->mail, sizeof c->mail, "changed.%u@firma.example", c->id);
    snprintf(c->ph[HOME].text, sizeof c->ph[HOME].text, "+49 39831 %07u", c->id);
}
static void put_ldif(FILE *f, const char *attr, const char *v)
{
    static const char b64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!*v)
        return;
    const unsigned char *s = (const unsigned char *)v;
    size_t n = strlen(v);
    int safe = *s != ' ' && *s != ':' && *s != '<' && s[n - 1] != ' ';
    for (size_t i = 0; i < n; i++)
        if (s[i] >= 0x80)
            safe = 0;
    if (safe) {
        fprintf(f, "%s: %s\n", attr, v);
        return;
    }
    fprintf(f, "%s:: ", attr);
    for (size_t i = 0; i < n; i += 3) {
        uint32_t x = (uint32_t)s[i] << 16 | (i + 1 < n ? s[i + 1] << 8 : 0) |
                     (i + 2 < n ? s[i + 2] : 0);
        putc(b64[x >> 18], f);
        putc(b64[x >> 12 & 63], f);
        putc(i + 1 < n ? b64[x >> 6 & 63] : '=', f);
        putc(i + 2 < n ? b64[x & 63] : '=', f);
    }
    putc('\n', f);
}
static void put_filter(FILE *f, const char *v)
{ /* RFC 4515 escaping */
    for (; *v; v++)
        if (strchr("*()\\", *v))
            fprintf(f, "\\%02x", (unsigned char)*v);
        else
            putc(*v, f);
}

/* ---- query sets: expected counts by brute force -------------------------------- */
typedef struct {
    char num[20];
    uint32_t row;
} numrow;
static int by_num(const void *a, const void *b)
{
    const numrow *x = a, *y = b;
    int c = strcmp(x->num, y->num);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}
static uint32_t count_num(const numrow *v, size_t n, const char *num)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t m = (lo + hi) / 2;
        if (strcmp(v[m].num, num) < 0)
            lo = m + 1;
        else
            hi = m;
    }
    uint32_t c = 0;
    for (size_t k = lo; k < n && !strcmp(v[k].num, num); k++)
        if (k == lo || v[k].row != v[k - 1].row)
            c++;
    return c;
}
/* the first 8 bytes of a value, lower-cased, as one big-endian word */
static uint64_t fold8(const char *s)
{
    unsigned char b[8] = {0};
    for (int i = 0; i < 8 && s[i]; i++) {
        b[i] = (unsigned char)s[i];
        if (b[i] >= 'A' && b[i] <= 'Z')
            b[i] += 32;
        if (i && b[i - 1] == 0xC3 && b[i] >= 0x80 && b[i] <= 0x9E)
            b[i] += 0x20;
    }
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | b[i];
    return x;
}

static FILE *create(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    setvbuf(f, NULL, _IOFBF, 1 << 20);
    return f;
}

/* ---- words within -------------------------------------------------------------- */

/* So many letters out of a name. returns 0 where there are too few */
static int pick_part(rng *q, const char *s, size_t want, char out[32])
{
    size_t words = 1, at, l = 0, chars = 0;

    for (const char *p = s; *p; p++)
        words += *p == ' ';
    for (at = below(q, (uint32_t)words); at > 0; s++)
        at -= *s == ' ';
    if (strlen(s) > 8 && below(q, 2))
        for (s += below(q, 4); ((unsigned char)*s & 0xC0) == 0x80;)
            s++;
    while (chars < want && l < 24 && (unsigned char)s[l] > ' ' &&
           !strchr("\"&.,'-", s[l])) {
        l += (unsigned char)s[l] >= 0xC0 ? 2 : 1;
        chars++;
    }
    snprintf(out, 32, "%.*s", (int)l, s);
    return chars >= 3 && chars + 1 >= want;
}
static void put_word(FILE *f, const char *word)
{
    static const char *const attributes[] = {"sn", "givenName", "o"};

    fputs("(|", f);
    for (int i = 0; i < 3; i++)
        fprintf(f, "(%s=*%s*)", attributes[i], word);
    fputc(')', f);
}
/* A query where folding decides is of no use: servers may differ and both be right. */
static int put_words(FILE *f, const char *const *words, int n)
{
    uint32_t count = texts_count_words(words, n, 1);

    if (count < 20 && texts_count_words(words, n, 0) != count)
        return 0;
    fprintf(f, "%u\t%s", count, n > 1 ? "(&" : "");
    for (int i = 0; i < n; i++)
        put_word(f, words[i]);
    fputs(n > 1 ? ")\n" : "\n", f);
    return 1;
}
static void put_texts(const char *dir, rng *q, uint32_t n)
{
    FILE *contains = create(dir, "q.contains"), *words = create(dir, "q.words");
    const char *mull = "mull";
    char part[3][32];
    contact c;

    /* Found early, found rarely, and not at all: what the whole directory is read for. */
    put_words(contains, &mull, 1);
    for (int k = 1; k < NQ_TEXT;) {
        make_contact(below(q, n), &c);
        if (!pick_part(q, below(q, 2) ? c.last : c.company, k % 4 < 2 ? 4 : 9, part[0]))
            continue;
        snprintf(part[1], sizeof part[1], "%s%.24s", k % 4 == 3 ? "xqj" : "", part[0]);
        k += put_words(contains, &(const char *){part[1]}, 1);
    }
    for (int k = 0; k < NQ_TEXT;) {
        make_contact(below(q, n), &c);
        if (pick_part(q, c.company, 4, part[0]) && pick_part(q, c.first, 3, part[1]) &&
            pick_part(q, c.last, 4, part[2]))
            k += put_words(words, (const char *const[]){part[0], part[1], part[2]}, 3);
    }
    fclose(contains);
    fclose(words);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: gen N OUTDIR\n");
        return 2;
    }
    uint32_t n = (uint32_t)strtoul(argv[1], NULL, 10);
    const char *dir = argv[2];
    if (!n || n > 9000000) {
        fprintf(stderr, "N must be 1 to 9000000\n");
        return 2;
    }
    mkdir(dir, 0777);
    FILE *ldif = create(dir, "contacts.ldif"), *csv = create(dir, "contacts.csv"),
         *changed = create(dir, "changed.csv"), *truth = create(dir, "truth.tsv");
    numrow *nums = malloc(sizeof *nums * n * 3), *biz = malloc(sizeof *biz * n);
    uint64_t(*key)[3] = malloc(sizeof *key * n);
    uint32_t *tail = calloc(1000000, sizeof *tail);
    if (!nums || !biz || !key || !tail) {
        perror("malloc");
        return 1;
    }
    size_t nn = 0, nb = 0;
    fputs("dn: dc=contactor,dc=test\nobjectClass: top\nobjectClass: domain\ndc: "
          "contactor\n\n"
          "dn: " SUFFIX_DN "\nobjectClass: organizationalUnit\nou: contacts\n\n",
          ldif);
    put_header(csv);
    put_header(changed);
    static const char *const pattr[NPHONE] = {"telephoneNumber", "mobile", "homePhone"};
    contact c;
    for (uint32_t i = 0; i < n; i++) {
        make_contact(i, &c);
        char full[160];
        snprintf(full, sizeof full, "%s %s", c.first, c.last);
        fprintf(ldif, "dn: uid=%u," SUFFIX_DN "\nobjectClass: inetOrgPerson\nuid: %u\n",
                c.id, c.id);
        put_ldif(ldif, "cn", full);
        put_ldif(ldif, "displayName", full);
        put_ldif(ldif, "givenName", c.first);
        put_ldif(ldif, "sn", c.last);
        put_ldif(ldif, "o", c.company);
        put_ldif(ldif, "mail", c.mail);
        for (int p = 0; p < NPHONE; p++)
            put_ldif(ldif, pattr[p], c.ph[p].e164);
        putc('\n', ldif);
        put_row(csv, &c);
        if (i % CHANGED == 0)
            change(&c);
        put_row(changed, &c);
        fprintf(truth, "%u\t%s\t%s\t%s\n", c.id, c.ph[0].e164, c.ph[1].e164,
                c.ph[2].e164);
        for (int p = 0; p < NPHONE; p++)
            if (*c.ph[p].e164) {
                strcpy(nums[nn].num, c.ph[p].e164);
                nums[nn++].row = i;
            }
        if (*c.ph[BUSINESS].e164) {
            const char *e = c.ph[BUSINESS].e164;
            strcpy(biz[nb].num, e);
            biz[nb++].row = i;
            tail[strtoul(e + strlen(e) - 6, NULL, 10)]++;
        }
        key[i][0] = fold8(c.last);
        key[i][1] = fold8(c.first);
        key[i][2] = fold8(c.company);
        texts_add((const char *const[]){c.last, c.first, c.company});
    }
    fclose(ldif);
    fclose(csv);
    fclose(changed);
    fclose(truth);
    qsort(nums, nn, sizeof *nums, by_num);
    qsort(biz, nb, sizeof *biz, by_num);

    rng q = {0xDECAFull};
    FILE *hit = create(dir, "q.hit"), *miss = create(dir, "q.miss"),
         *or3 = create(dir, "q.or3"), *suf = create(dir, "q.suffix"),
         *pre = create(dir, "q.prefix");
    for (int k = 0; k < NQ_NUM; k++) {
        const char *e = biz[below(&q, (uint32_t)nb)].num;
        fprintf(hit, "%u\t(telephoneNumber=%s)\n", count_num(biz, nb, e), e);
        e = nums[below(&q, (uint32_t)nn)].num;
        fprintf(or3, "%u\t(|(telephoneNumber=%s)(mobile=%s)(homePhone=%s))\n",
                count_num(nums, nn, e), e, e, e);
        e = biz[below(&q, (uint32_t)nb)].num;
        const char *six = e + strlen(e) - 6;
        fprintf(suf, "%u\t(telephoneNumber=*%s)\n", tail[strtoul(six, NULL, 10)], six);
        char x[24]; /* same shape as a real one, known to nobody */
        do
            snprintf(x, sizeof x, "+49%s%07u", de_area[below(&q, COUNT(de_area))],
                     below(&q, 10000000));
        while (count_num(nums, nn, x));
        fprintf(miss, "0\t(telephoneNumber=%s)\n", x);
    }
    for (int k = 0; k < NQ_PREFIX; k++) {
        do
            make_contact(below(&q, n), &c);
        while (!*c.company);
        uint32_t w = below(&q, 10);
        const char *s = w < 6 ? c.last : w < 8 ? c.first : c.company;
        size_t want = 3 + below(&q, 4), l = 0, chars = 0; /* 3 to 6 characters typed */
        while (s[l] && chars < want) {
            size_t step = (unsigned char)s[l] >= 0xC0 ? 2 : 1;
            if (l + step > 8)
                break;
            l += step;
            chars++;
        }
        char p[9] = {0};
        memcpy(p, s, l);
        uint64_t pk = fold8(p), mask = ~0ull << (64 - 8 * l);
        uint32_t cnt = 0;
        for (uint32_t i = 0; i < n; i++)
            cnt += !((key[i][0] ^ pk) & mask) | !((key[i][1] ^ pk) & mask) |
                   !((key[i][2] ^ pk) & mask);
        /* Where folding decides, servers may differ and both be right: another one. */
        if (cnt < 20 && texts_count_prefix(p) != cnt) {
            k--;
            continue;
        }
        fprintf(pre, "%u\t(|(sn=", cnt);
        put_filter(pre, p);
        fputs("*)(givenName=", pre);
        put_filter(pre, p);
        fputs("*)(o=", pre);
        put_filter(pre, p);
        fputs("*))\n", pre);
    }
    put_texts(dir, &q, n);
    fclose(hit);
    fclose(miss);
    fclose(or3);
    fclose(suf);
    fclose(pre);
    return 0;
}
