/* request.h - LDAP requests encoded once, before the clock starts. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#define MAX_DEPTH 256         /* searches under way on a connection */
#define ID_BASE   0x01000000u /* keeps every message id at four bytes */

typedef struct {
    uint8_t *p;
    size_t len, cap;
} buf;

void buf_room(buf *b, size_t more);
void put_bytes(buf *b, const void *src, size_t n);

/* What is asked with every filter. */
struct request_form {
    const char *base, *attrs; /* attrs: separated by commas */
    int sizelimit;
};

typedef struct {
    uint32_t at, len, id_at; /* in `wire`; the message id's four bytes */
    uint32_t expect;         /* entries that match */
} query;

struct request_set {
    query *queries;
    uint32_t n;
    buf wire; /* all encoded searches, one after the other */
};

/* A file with lines EXPECTED <TAB> FILTER. */
void requests_load(struct request_set *set, const char *path,
                   const struct request_form *form);
/* dn: the first %u in it is replaced by the number. */
void request_bind(buf *out, const char *dn, unsigned number, const char *password);
void request_unbind(buf *out);

/* Prints and exits with status 1. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
