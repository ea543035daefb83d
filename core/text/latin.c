/* latin.c - the folds of Latin-1 Supplement and Latin Extended-A.
 *
 * Where a letter is written two ways, form 0 spells it and form 1 is its first letter:
 * German ä ae/a, ö oe/o, ü ue/u; Danish, Norwegian and Swedish æ ae/a, ø oe/o, å aa/a;
 * also œ oe/o and ŋ ng/n. ß is ss, þ is th, ĳ is ij in both. */
#include "text/latin.h"

/* clang-format off */
#define ALL(s) {s, {sizeof(s) - 1, sizeof(s) - 1}}
#define TWO(s) {s, {2, 1}}
#define DROP   {"", {0, 0}}
#define KEEP   {"", {LATIN_KEEP, LATIN_KEEP}}

const struct latin_fold latin_folds[LATIN_END - LATIN_FIRST] = {
    /* U+00A0  ¡¢£¤¥¦§ */
    ALL(" "), KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, KEEP,
    /* U+00A8 ¨©ª«¬ ®¯ */
    KEEP, KEEP, ALL("a"), KEEP, KEEP, DROP, KEEP, KEEP,
    /* U+00B0 °±²³´µ¶· */
    KEEP, KEEP, ALL("2"), ALL("3"), DROP, KEEP, KEEP, KEEP,
    /* U+00B8 ¸¹º»¼½¾¿ */
    KEEP, ALL("1"), ALL("o"), KEEP, KEEP, KEEP, KEEP, KEEP,
    /* U+00C0 ÀÁÂÃÄÅÆÇ */
    ALL("a"), ALL("a"), ALL("a"), ALL("a"), TWO("ae"), TWO("aa"), TWO("ae"), ALL("c"),
    /* U+00C8 ÈÉÊËÌÍÎÏ */
    ALL("e"), ALL("e"), ALL("e"), ALL("e"), ALL("i"), ALL("i"), ALL("i"), ALL("i"),
    /* U+00D0 ÐÑÒÓÔÕÖ× */
    ALL("d"), ALL("n"), ALL("o"), ALL("o"), ALL("o"), ALL("o"), TWO("oe"), KEEP,
    /* U+00D8 ØÙÚÛÜÝÞß */
    TWO("oe"), ALL("u"), ALL("u"), ALL("u"), TWO("ue"), ALL("y"), ALL("th"), ALL("ss"),
    /* U+00E0 àáâãäåæç */
    ALL("a"), ALL("a"), ALL("a"), ALL("a"), TWO("ae"), TWO("aa"), TWO("ae"), ALL("c"),
    /* U+00E8 èéêëìíîï */
    ALL("e"), ALL("e"), ALL("e"), ALL("e"), ALL("i"), ALL("i"), ALL("i"), ALL("i"),
    /* U+00F0 ðñòóôõö÷ */
    ALL("d"), ALL("n"), ALL("o"), ALL("o"), ALL("o"), ALL("o"), TWO("oe"), KEEP,
    /* U+00F8 øùúûüýþÿ */
    TWO("oe"), ALL("u"), ALL("u"), ALL("u"), TWO("ue"), ALL("y"), ALL("th"), ALL("y"),
    /* U+0100 ĀāĂăĄąĆć */
    ALL("a"), ALL("a"), ALL("a"), ALL("a"), ALL("a"), ALL("a"), ALL("c"), ALL("c"),
    /* U+0108 ĈĉĊċČčĎď */
    ALL("c"), ALL("c"), ALL("c"), ALL("c"), ALL("c"), ALL("c"), ALL("d"), ALL("d"),
    /* U+0110 ĐđĒēĔĕĖė */
    ALL("d"), ALL("d"), ALL("e"), ALL("e"), ALL("e"), ALL("e"), ALL("e"), ALL("e"),
    /* U+0118 ĘęĚěĜĝĞğ */
    ALL("e"), ALL("e"), ALL("e"), ALL("e"), ALL("g"), ALL("g"), ALL("g"), ALL("g"),
    /* U+0120 ĠġĢģĤĥĦħ */
    ALL("g"), ALL("g"), ALL("g"), ALL("g"), ALL("h"), ALL("h"), ALL("h"), ALL("h"),
    /* U+0128 ĨĩĪīĬĭĮį */
    ALL("i"), ALL("i"), ALL("i"), ALL("i"), ALL("i"), ALL("i"), ALL("i"), ALL("i"),
    /* U+0130 İıĲĳĴĵĶķ */
    ALL("i"), ALL("i"), ALL("ij"), ALL("ij"), ALL("j"), ALL("j"), ALL("k"), ALL("k"),
    /* U+0138 ĸĹĺĻļĽľĿ */
    ALL("k"), ALL("l"), ALL("l"), ALL("l"), ALL("l"), ALL("l"), ALL("l"), ALL("l"),
    /* U+0140 ŀŁłŃńŅņŇ */
    ALL("l"), ALL("l"), ALL("l"), ALL("n"), ALL("n"), ALL("n"), ALL("n"), ALL("n"),
    /* U+0148 ňŉŊŋŌōŎŏ */
    ALL("n"), ALL("n"), TWO("ng"), TWO("ng"), ALL("o"), ALL("o"), ALL("o"), ALL("o"),
    /* U+0150 ŐőŒœŔŕŖŗ */
    ALL("o"), ALL("o"), TWO("oe"), TWO("oe"), ALL("r"), ALL("r"), ALL("r"), ALL("r"),
    /* U+0158 ŘřŚśŜŝŞş */
    ALL("r"), ALL("r"), ALL("s"), ALL("s"), ALL("s"), ALL("s"), ALL("s"), ALL("s"),
    /* U+0160 ŠšŢţŤťŦŧ */
    ALL("s"), ALL("s"), ALL("t"), ALL("t"), ALL("t"), ALL("t"), ALL("t"), ALL("t"),
    /* U+0168 ŨũŪūŬŭŮů */
    ALL("u"), ALL("u"), ALL("u"), ALL("u"), ALL("u"), ALL("u"), ALL("u"), ALL("u"),
    /* U+0170 ŰűŲųŴŵŶŷ */
    ALL("u"), ALL("u"), ALL("u"), ALL("u"), ALL("w"), ALL("w"), ALL("y"), ALL("y"),
    /* U+0178 ŸŹźŻżŽžſ */
    ALL("y"), ALL("z"), ALL("z"), ALL("z"), ALL("z"), ALL("z"), ALL("z"), ALL("s"),
};
/* clang-format on */
