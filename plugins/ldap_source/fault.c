/* fault.c - faults in words: LDAP's result codes, Active Directory's reasons, and the
 * remedy of each. */
#include "fault.h"

#include <stdlib.h>

#include "kit/kit.h"
#include "text.h"

int32_t fault_set(struct fault *f, int32_t code, const char *step, const char *remedy,
                  const char *fmt, ...)
{
    va_list ap;

    if (f->code != 0)
        return f->code;
    f->code = code;
    f->step = step;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    snprintf(f->remedy, sizeof(f->remedy), "%s", remedy ? remedy : "");
    return code;
}

int32_t fault_nomem(struct fault *f)
{
    return fault_set(f, -CTR_ENOMEM, "memory", NULL, "out of memory");
}

void fault_clean(char *out, size_t cap, const char *words)
{
    size_t n = 0, len = words ? strlen(words) : 0;

    for (size_t i = 0; i < len && n + 5 < cap;) {
        size_t step = text_utf8_step(words + i, len - i);

        if (step == 0 || (uint8_t)words[i] < ' ' || words[i] == 0x7f) {
            out[n++] = (uint8_t)words[i] < ' ' ? ' ' : '?';
            i++;
            continue;
        }
        memcpy(out + n, words + i, step);
        n += step;
        i += step;
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = 0;
}

/* Active Directory puts why a login failed into its words: "... data 52e, v4563". */
static const char *ad_reason(const char *words)
{
    static const struct {
        const char *data, *meaning;
    } reasons[] = {
        {"data 525,", "the user does not exist"},
        {"data 52e,", "wrong password"},
        {"data 530,", "logon is not allowed at this time"},
        {"data 531,", "logon is not allowed from this computer"},
        {"data 532,", "the password has expired"},
        {"data 533,", "the account is disabled"},
        {"data 701,", "the account has expired"},
        {"data 773,", "the password must be changed first"},
        {"data 775,", "the account is locked"},
    };

    for (size_t i = 0; words && i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strstr(words, reasons[i].data))
            return reasons[i].meaning;
    return NULL;
}

struct meaning {
    int rc;
    int32_t code;
    const char *remedy;
};

static const struct meaning meanings[] = {
    {LDAP_OPERATIONS_ERROR, -CTR_EIO, NULL},
    {LDAP_TIMELIMIT_EXCEEDED, -CTR_ETIMEDOUT,
     "narrow base or filter, have the attributes of the filter indexed, or have the "
     "server allow this login more time"},
    {LDAP_SIZELIMIT_EXCEEDED, -CTR_ESIZE,
     "have the server allow this login more entries (OpenLDAP: olcLimits: "
     "dn.exact=\"BIND_DN\" size.prtotal=unlimited), or narrow base or filter"},
    {LDAP_ADMINLIMIT_EXCEEDED, -CTR_ESIZE,
     "have the server allow this login more work (389-ds: nsslapd-lookthroughlimit), or "
     "narrow base or filter"},
    {LDAP_STRONG_AUTH_REQUIRED, -CTR_EACCES,
     "use an ldaps:// URL, or leave start_tls on: the server takes no password over an "
     "unencrypted connection"},
    {LDAP_CONFIDENTIALITY_REQUIRED, -CTR_EACCES,
     "use an ldaps:// URL, or leave start_tls on: the server wants encryption"},
    {LDAP_REFERRAL, -CTR_ENOENT,
     "this server does not hold the base: use the server it names, or another base"},
    {LDAP_NO_SUCH_OBJECT, -CTR_ENOENT,
     "correct base, or let bind_dn read it: servers also hide what may not be read"},
    {LDAP_INVALID_DN_SYNTAX, -CTR_ECONF,
     "write base and bind_dn as a DN: \"ou=people,dc=example,dc=com\""},
    {LDAP_INVALID_CREDENTIALS, -CTR_EACCES,
     "correct bind_dn and the content of password_file"},
    {LDAP_INAPPROPRIATE_AUTH, -CTR_EACCES,
     "this server or entry does not allow this kind of login: set bind_dn and "
     "password_file, or sasl_external"},
    {LDAP_AUTH_METHOD_NOT_SUPPORTED, -CTR_EACCES,
     "this server does not know the login method: use bind_dn and password_file"},
    {LDAP_INSUFFICIENT_ACCESS, -CTR_EACCES, "let bind_dn read the base"},
    {LDAP_BUSY, -CTR_EUNAVAIL, NULL},
    {LDAP_UNAVAILABLE, -CTR_EUNAVAIL, NULL},
    {LDAP_UNWILLING_TO_PERFORM, -CTR_EACCES,
     "the server refuses; its words say why: often a login or encryption is missing"},
    {LDAP_UNAVAILABLE_CRITICAL_EXTENSION, -CTR_ENOTSUP, NULL},
    {LDAP_FILTER_ERROR, -CTR_ECONF, "correct filter: \"(objectClass=person)\""},
    {LDAP_PROTOCOL_ERROR, -CTR_EPROTO, NULL},
};

/* What Active Directory, and Samba as one, say to who is not logged in. */
static const struct meaning not_logged_in = {
    LDAP_OPERATIONS_ERROR, -CTR_EACCES,
    "Active Directory shows nothing to who is not logged in: set bind_dn and "
    "password_file"};

static const struct meaning *meaning_of(int rc, const char *words)
{
    if (rc == LDAP_OPERATIONS_ERROR && words &&
        (strstr(words, "a successful bind must be completed") ||
         strstr(words, "without authentication")))
        return &not_logged_in;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].rc == rc)
            return &meanings[i];
    return NULL;
}

int32_t fault_answer(struct fault *f, const char *step, const char *asked, int rc,
                     const char *words, const char *matched)
{
    const struct meaning *meaning = meaning_of(rc, words);
    const char *ad = rc == LDAP_INVALID_CREDENTIALS ? ad_reason(words) : NULL;
    char said[200], known[160];

    if (f->code == 0)
        f->ldap = rc;
    fault_clean(said, sizeof(said), words);
    fault_clean(known, sizeof(known), matched);
    return fault_set(f, meaning ? meaning->code : -CTR_EIO, step,
                     meaning ? meaning->remedy : NULL, "%s: %s%s%s%s%s%s%s%s", asked,
                     ldap_err2string(rc), ad ? ": " : "", ad ? ad : "",
                     said[0] ? " (the server says: " : "", said, said[0] ? ")" : "",
                     known[0] ? "; it knows " : "", known);
}

int32_t fault_tell(const struct fault *f, const struct ctr_host *host)
{
    return kit_fail(host, f->code, "%s%s%s", f->text, f->remedy[0] ? "; " : "",
                    f->remedy);
}
