/* gen_texts.c - see gen_texts.h. One string a row and form: fields, each behind a '\n'.
 */
#include "gen_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1024 };

/* Umlauts spelled out, without their marks, or as they are. */
enum form { SPELLED, BARE, STRICT, FORMS };

static struct texts {
    char *text;
    size_t len, cap;
} texts[FORMS];
static uint32_t rows;

static const struct {
    const char *from, *to[FORMS];
} map[] = {{"ä", {"ae", "a", "ä"}}, {"ö", {"oe", "o", "ö"}}, {"ü", {"ue", "u", "ü"}},
           {"Ä", {"ae", "a", "ä"}}, {"Ö", {"oe", "o", "ö"}}, {"Ü", {"ue", "u", "ü"}},
           {"ß", {"ss", "ss", "ß"}}};
#define MAPPED (sizeof(map) / sizeof(map[0]))

static void fold(const char *s, enum form form, char *out, size_t cap)
{
    size_t n = 0;

    while (*s && n + 3 < cap) {
        size_t k = 0;

        while (k < MAPPED && strncmp(s, map[k].from, 2) != 0)
            k++;
        if (k < MAPPED) {
            n += (size_t)snprintf(out + n, cap - n, "%s", map[k].to[form]);
            s += 2;
        } else {
            out[n++] = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
            s++;
        }
    }
    out[n] = 0;
}

static void append(struct texts *t, const char *s, size_t n)
{
    if (t->len + n > t->cap) {
        t->cap = t->cap ? t->cap * 2 : 1 << 20;
        t->text = realloc(t->text, t->cap);
        if (!t->text) {
            perror("gen");
            exit(1);
        }
    }
    memcpy(t->text + t->len, s, n);
    t->len += n;
}

void texts_add(const char *const fields[TEXTS_FIELDS])
{
    char folded[TEXT_MAX];

    for (int form = 0; form < FORMS; form++) {
        for (int i = 0; i < TEXTS_FIELDS; i++) {
            append(&texts[form], "\n", 1);
            fold(fields[i], (enum form)form, folded, TEXT_MAX);
            append(&texts[form], folded, strlen(folded));
        }
        append(&texts[form], "", 1);
    }
    rows++;
}

/* What is asked counts as it is spelled: one form of the needle, both of the rows. */
uint32_t texts_count_prefix(const char *prefix)
{
    const char *row[2] = {texts[SPELLED].text, texts[BARE].text};
    char needle[TEXT_MAX] = "\n";
    uint32_t count = 0;

    fold(prefix, SPELLED, needle + 1, TEXT_MAX - 1);
    for (uint32_t i = 0; i < rows; i++) {
        count += strstr(row[0], needle) || strstr(row[1], needle);
        row[0] += strlen(row[0]) + 1;
        row[1] += strlen(row[1]) + 1;
    }
    return count;
}

static int has_all(const char *a, const char *b, char (*needles)[TEXT_MAX], int n)
{
    for (int i = 0; i < n; i++)
        if (!strstr(a, needles[i]) && !strstr(b, needles[i]))
            return 0;
    return 1;
}

uint32_t texts_count_words(const char *const *words, int n, int strict)
{
    const char *row[2] = {texts[strict ? STRICT : SPELLED].text,
                          texts[strict ? STRICT : BARE].text};
    static char needles[8][TEXT_MAX];
    uint32_t count = 0;

    for (int i = 0; i < n; i++)
        fold(words[i], strict ? STRICT : SPELLED, needles[i], TEXT_MAX);
    for (uint32_t i = 0; i < rows; i++) {
        count += (uint32_t)has_all(row[0], row[1], needles, n);
        row[0] += strlen(row[0]) + 1;
        row[1] += strlen(row[1]) + 1;
    }
    return count;
}
