/* clients.c - exchanges that front ends are fed with, when the integrator gives none. */
#include "clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXCHANGE_MAX = 1 << 20 };

static const char line[] = "meier\r\n";
static const char web[] = "GET /search?q=meier HTTP/1.1\r\nHost: localhost\r\n"
                          "Connection: close\r\n\r\n";
static const char starttls[] = "STARTTLS\r\nNOOP\r\n";

/* LDAP: an anonymous bind; a search for one number; an unbind. */
static const uint8_t ldap[] = {
    0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00,
    /* search, no base, whole tree, (telephoneNumber=+4989840798192) */
    0x30, 0x42, 0x02, 0x01, 0x02, 0x63, 0x3d, 0x04, 0x00, 0x0a, 0x01, 0x02, 0x0a, 0x01,
    0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x01, 0x01, 0x00, 0xa3, 0x21, 0x04, 0x0f,
    't', 'e', 'l', 'e', 'p', 'h', 'o', 'n', 'e', 'N', 'u', 'm', 'b', 'e', 'r', 0x04, 0x0e,
    '+', '4', '9', '8', '9', '8', '4', '0', '7', '9', '8', '1', '9', '2', 0x30, 0x07,
    0x04, 0x02, 'c', 'n', 0x04, 0x01, '*', 0x30, 0x05, 0x02, 0x01, 0x03, 0x42, 0x00};
/* LDAP: everybody whose surname begins with m, by (sn=m*) */
static const uint8_t ldap_prefix[] = {
    0x30, 0x2b, 0x02, 0x01, 0x07, 0x63, 0x26, 0x04, 0x00, 0x0a, 0x01, 0x02,
    0x0a, 0x01, 0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x01, 0x01, 0x00,
    0xa4, 0x09, 0x04, 0x02, 's',  'n',  0x30, 0x03, 0x80, 0x01, 'm',  0x30,
    0x08, 0x04, 0x02, 'c',  'n',  0x04, 0x02, 's',  'n'};
/* LDAP: StartTLS */
static const uint8_t ldap_tls[] = {0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80,
                                   0x16, '1',  '.',  '3',  '.',  '6',  '.',  '1',
                                   '.',  '4',  '.',  '1',  '.',  '1',  '4',  '6',
                                   '6',  '.',  '2',  '0',  '0',  '3',  '7'};

static void add(struct exchanges *e, const char *name, const void *bytes, uint64_t n)
{
    uint8_t *copy = malloc((size_t)n + 1);

    e->at = realloc(e->at, (e->n + 1) * sizeof(*e->at));
    if (!copy || !e->at) {
        fputs("contactor-plugin-check: out of memory\n", stderr);
        exit(3);
    }
    memcpy(copy, bytes, (size_t)n);
    e->at[e->n++] = (struct exchange){strdup(name), copy, n};
}

void clients_init(struct exchanges *e)
{
    add(e, "a line of text", line, sizeof(line) - 1);
    add(e, "a web request", web, sizeof(web) - 1);
    add(e, "STARTTLS as text", starttls, sizeof(starttls) - 1);
    add(e, "an LDAP bind and search", ldap, sizeof(ldap));
    add(e, "an LDAP search", ldap_prefix, sizeof(ldap_prefix));
    add(e, "LDAP StartTLS", ldap_tls, sizeof(ldap_tls));
}

bool clients_read(struct exchanges *e, const char *path)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = malloc(EXCHANGE_MAX);
    size_t n = file && bytes ? fread(bytes, 1, EXCHANGE_MAX, file) : 0;
    bool fine = file && bytes && !ferror(file) && n > 0 && n < EXCHANGE_MAX;

    if (fine)
        add(e, path, bytes, n);
    else
        fprintf(stderr, "contactor-plugin-check: %s: %s\n", path,
                file ? "it must have 1 byte to 1 MiB" : strerror(errno));
    if (file)
        fclose(file);
    free(bytes);
    return fine;
}

void clients_finish(struct exchanges *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        free((char *)(uintptr_t)e->at[i].name);
        free((uint8_t *)(uintptr_t)e->at[i].bytes);
    }
    free(e->at);
    *e = (struct exchanges){NULL, 0};
}

void clients_directory(struct testhost *t, uint32_t n)
{
    char id[16], name[32], phone[32];
    struct testhost_field fields[] = {{CTR_FIELD_DISPLAY_NAME, name, NULL},
                                      {CTR_FIELD_GIVEN_NAME, "Anna", NULL},
                                      {CTR_FIELD_SURNAME, "Meier", NULL},
                                      {CTR_FIELD_ORGANISATION, "Muster GmbH", NULL},
                                      {CTR_FIELD_MAIL, "anna@muster.example", NULL},
                                      {CTR_FIELD_PHONE_BUSINESS, phone, NULL},
                                      {0, NULL, NULL}};

    testhost_user(t, "user", "password");
    for (uint32_t i = 0; i < n; i++) {
        snprintf(id, sizeof(id), "%u", i + 1);
        snprintf(name, sizeof(name), "Anna Meier %u", i + 1);
        snprintf(phone, sizeof(phone), "+4989840798%u", 192 + i);
        testhost_add(t, "crm", id, fields);
    }
}
