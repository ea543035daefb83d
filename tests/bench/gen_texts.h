/* gen_texts.h - every row's names, folded as directories fold them, to count by brute
 * force what a search must find. */
#ifndef BENCH_GEN_TEXTS_H
#define BENCH_GEN_TEXTS_H

#include <stdint.h>

enum { TEXTS_FIELDS = 3 }; /* surname, given name, company */

void texts_add(const char *const fields[TEXTS_FIELDS]);
/* Rows with a field that begins with the prefix, umlauts folded both ways. */
uint32_t texts_count_prefix(const char *prefix);
/* Rows where each word is contained in some field. strict: capitals are all that does not
 * matter; otherwise umlauts are folded both ways. */
uint32_t texts_count_words(const char *const *words, int n, int strict);

#endif
