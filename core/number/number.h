/* number.h - telephone numbers as people mean them.
 *
 * A dial plan says how numbers are written at one place (a source) or arrive at one
 * client interface. number_parse reads one number for storing: one result.
 * number_readings reads one number as asked: several are possible ("192" is an extension
 * or a service number), best first. Both are pure and thread-safe after
 * number_global_init. */
#ifndef NUMBER_NUMBER_H
#define NUMBER_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { NUMBER_DIGITS_MAX = 24, NUMBER_READINGS_MAX = 6, NUMBER_TEXT_MAX = 96 };

/* Loads metadata, builds the fast path's tables. Once, before threads. returns 0 |
 * -CTR_E* */
int number_global_init(void);

struct dialplan {
    char country[3];       /* ISO 3166, upper case; "" only in the neutral plan */
    uint32_t calling_code; /* 49 */
    char area_code[8];     /* without national prefix: "89"; "" none */
    char main_number[NUMBER_DIGITS_MAX +
                     1];          /* E.164 digits without plus and extension; "" none */
    uint8_t extension_length;     /* longest extension; 0: none */
    char outside_line[4];         /* "0": digits dialled for a line; "" none */
    char international_prefix[6]; /* "00" */
    char national_prefix[4];      /* "0"; "" where there is none */
};

/* What an administrator wrote; NULL or 0 for what is not set. Fills defaults by country.
 * error: a sentence naming the wrong option (static or in buf). returns 0 | -CTR_ECONF */
struct dialplan_options {
    const char *country, *area_code, *main_number, *outside_line, *international_prefix,
        *national_prefix;
    bool outside_line_set;
    int extension_length;
};
int dialplan_init(struct dialplan *plan, const struct dialplan_options *options,
                  const char **bad_option, char *error, size_t cap);
/* No country: only international notation is understood. */
void dialplan_neutral(struct dialplan *plan);
bool dialplan_same(const struct dialplan *a, const struct dialplan *b);

enum number_class {
    NUMBER_NONE = 0, /* not a number: "anonymous", "sip:...", letters only, too long */
    NUMBER_E164 = 1, /* digits: country code and on, no plus */
    NUMBER_LOCAL = 2 /* short, emergency, service, feature codes, extensions without a
                      * main number: digits (and * #) as dialled; never compared with the
                      * tail of an E.164 number */
};

/* Why a number is what it is: for lookup --explain and the hygiene report. */
enum number_note {
    NUMBER_NOTE_INTERNATIONAL = 1, /* + or international prefix */
    NUMBER_NOTE_NATIONAL,          /* national prefix, country added */
    NUMBER_NOTE_LOCAL_AREA,        /* no prefix, area code added */
    NUMBER_NOTE_EXTENSION,         /* extension of the own main number */
    NUMBER_NOTE_MISSING_PLUS,      /* E.164 without plus */
    NUMBER_NOTE_OUTSIDE_LINE,      /* outside-line digit taken off */
    NUMBER_NOTE_SHORT,             /* short or emergency number */
    NUMBER_NOTE_FEATURE,           /* * and # codes */
    NUMBER_NOTE_IMPOSSIBLE,        /* right form, length no number there has */
    NUMBER_NOTE_NOT_A_NUMBER,
    NUMBER_NOTE_NATIONAL_BARE, /* national number without prefix (US, IT, ES, ...) */
    NUMBER_NOTE_COUNT
};
const char *number_note_text(enum number_note note);

struct number {
    uint8_t class; /* enum number_class */
    uint8_t note;  /* enum number_note */
    uint8_t len;
    uint8_t trunk_len; /* > 0: the notation shows a direct-dial extension ("840798-192"):
                        * the first trunk_len digits are the company's trunk */
    char digits[NUMBER_DIGITS_MAX + 1]; /* NUL-terminated */
};

/* Read a number for storing. Never fails: class NUMBER_NONE says it is none. ";ext=7" and
 * "x7" become part of the digits only under a plan's own main number. */
void number_parse(const struct dialplan *plan, struct ctr_str text, struct number *out);

/* Read a number as asked, best first. returns how many (0: not a number). */
unsigned number_readings(const struct dialplan *plan, struct ctr_str text,
                         struct number out[NUMBER_READINGS_MAX]);

/* A piece of a number as asked by prefix: "+4989*", "08984*", "19*". The digits every
 * match begins with, readings as above. */
unsigned number_prefix_readings(const struct dialplan *plan, struct ctr_str text,
                                struct number out[NUMBER_READINGS_MAX]);

/* The digits of a piece: separators, (0) and tel: removed, letters make it no piece.
 * returns the count, 0 if there is none, or SIZE_MAX when it is not part of a number. */
size_t number_piece_digits(struct ctr_str text, char out[NUMBER_DIGITS_MAX + 1]);

/* A number nothing may match only by its tail: short and emergency numbers of the plan.
 */
bool number_is_short(const struct dialplan *plan, struct ctr_str digits);

enum number_format {
    NUMBER_FORMAT_E164 = 0, /* +4989840798192 */
    NUMBER_FORMAT_NATIONAL, /* 089840798192; +43... abroad */
    NUMBER_FORMAT_DIALABLE, /* what a phone behind the client's plan dials: own extensions
                             * short, others with outside line, national or 00 */
    NUMBER_FORMAT_STORED,   /* as the source has it */
    NUMBER_FORMAT_ASKED     /* the number that was asked, as it was asked; else E164 */
};

/* Write a number. digits: of class E164, else stored is given back as it is. asked: the
 * question's own text when this number answered it, else absent. NUL-terminated; what
 * does not fit is not written at all, a cut number would ring somewhere else. returns
 * bytes, < cap. */
size_t number_format(const struct dialplan *plan, enum number_format format,
                     struct ctr_str e164_digits, struct ctr_str stored,
                     struct ctr_str asked, char *out, size_t cap);

#endif
