/* reason.c - what went wrong, in one sentence that says what to do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

/* OpenSSL's numbers of what is wrong with a certificate (x509_vfy.h), stable for ever. */
enum {
    CERT_UNSPECIFIED = 1, /* libcurl compares names first, and then has nothing more */
    CERT_NOT_YET_VALID = 9,
    CERT_EXPIRED = 10,
    CERT_SELF_SIGNED = 18,
    CERT_SELF_SIGNED_IN_CHAIN = 19,
    CERT_NO_LOCAL_ISSUER = 20,
    CERT_NO_ISSUER = 21,
    CERT_NAME_MISMATCH = 62
};

__attribute__((format(printf, 3, 4))) static int32_t
because(struct http_request *r, int32_t code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
    va_end(ap);
    return code;
}

static int32_t certificate(struct http_request *r, const char *host)
{
    long verified = 0;

    curl_easy_getinfo(r->easy, CURLINFO_SSL_VERIFYRESULT, &verified);
    switch (verified) {
    case CERT_EXPIRED:
        return because(r, -CTR_EACCES,
                       "the certificate of %s has expired; renew it at the server (and "
                       "check this machine's clock)",
                       host);
    case CERT_NOT_YET_VALID:
        return because(r, -CTR_EACCES,
                       "the certificate of %s is not valid yet; check the clocks of "
                       "server and this machine",
                       host);
    case CERT_SELF_SIGNED:
    case CERT_SELF_SIGNED_IN_CHAIN:
    case CERT_NO_LOCAL_ISSUER:
    case CERT_NO_ISSUER:
        return because(r, -CTR_EACCES,
                       "the certificate of %s is signed by nobody this machine trusts; "
                       "name the authority's certificate (or the server's own, if it is "
                       "self-signed) in ca_file",
                       host);
    case CERT_NAME_MISMATCH:
    case CERT_UNSPECIFIED:
    case 0:
        return because(r, -CTR_EACCES,
                       "the certificate of the server is made out to another name than "
                       "%s; use the name it has in the url",
                       host);
    default:
        return because(r, -CTR_EACCES, "the certificate of %s is not accepted: %s", host,
                       r->error[0] ? r->error : "verification failed");
    }
}

static int32_t no_connection(struct http_request *r, const char *host)
{
    long number = 0;

    curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &number);
    return because(r, -CTR_EUNAVAIL,
                   "cannot connect to %s: %s; is the server running, and the port in the "
                   "url right?",
                   host, number ? strerror((int)number) : "no answer");
}

/* How far it had come. */
static int32_t too_slow(struct http_request *r, const char *host)
{
    unsigned seconds = r->h->options.timeout / 1000;
    double asked = 0, looked_up = 0;
    long connected = 0; /* a port of ours: libcurl's own time of it comes after TLS */

    curl_easy_getinfo(r->easy, CURLINFO_PRETRANSFER_TIME, &asked);
    curl_easy_getinfo(r->easy, CURLINFO_LOCAL_PORT, &connected);
    curl_easy_getinfo(r->easy, CURLINFO_NAMELOOKUP_TIME, &looked_up);
    if (r->status != 0)
        return because(r, -CTR_ETIMEDOUT,
                       "%s began to answer but went on too slowly (timeout = %u s)", host,
                       seconds);
    if (asked > 0)
        return because(r, -CTR_ETIMEDOUT,
                       "%s was connected but did not answer within %u s; raise timeout "
                       "if the server is that slow",
                       host, seconds);
    if (connected > 0)
        return because(r, -CTR_ETIMEDOUT,
                       "%s was connected but did not finish the TLS handshake within %u "
                       "s; is that port one for https?",
                       host, seconds);
    if (looked_up > 0)
        return because(r, -CTR_ETIMEDOUT,
                       "%s does not answer: no connection within %u s; check address, "
                       "port and firewall",
                       host, seconds);
    return because(r, -CTR_ETIMEDOUT,
                   "the name %s was not resolved in %u s; check this machine's DNS", host,
                   seconds);
}

int32_t reason_of(struct http_request *r, CURLcode code)
{
    char host[256];

    http_host(r->url, host, sizeof(host));
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return because(r, -CTR_ENOMEM, "out of memory");
    case CURLE_COULDNT_RESOLVE_HOST:
        return because(r, -CTR_EUNAVAIL,
                       "the name %s is not known; check the url and this machine's DNS",
                       host);
    case CURLE_COULDNT_CONNECT:
        return no_connection(r, host);
    case CURLE_OPERATION_TIMEDOUT:
        return too_slow(r, host);
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate(r, host);
    case CURLE_SSL_CACERT_BADFILE:
        return because(r, -CTR_ECONF,
                       "ca_file %s cannot be read, or holds no certificate in PEM form",
                       r->h->options.ca_file ? r->h->options.ca_file : "of the system");
    case CURLE_SSL_CONNECT_ERROR:
        return because(r, -CTR_EPROTO,
                       "no TLS connection to %s: %s; does the url say https where the "
                       "server speaks http?",
                       host, r->error[0] ? r->error : "handshake failed");
    case CURLE_FILESIZE_EXCEEDED:
        return because(r, -CTR_ESIZE, "the answer is longer than %llu bytes",
                       (unsigned long long)r->max_bytes);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return because(r, -CTR_EIO,
                       "%s closed the connection before its answer was complete", host);
    case CURLE_BAD_CONTENT_ENCODING:
        return because(r, -CTR_EPROTO, "%s sends compressed data that are damaged", host);
    default:
        return because(r, -CTR_EPROTO, "%s does not answer as a web server does: %s",
                       host, r->error[0] ? r->error : curl_easy_strerror(code));
    }
}

/* --- answers that are no success ------------------------------------------------------
 */

int32_t http_explain(const struct http_result *result, const char *what,
                     char out[HTTP_REASON_MAX])
{
    char host[256], wait[64] = "";
    int32_t code = -CTR_EPROTO;
    const char *text = "that is no answer to this; the url may lead to a web page";

    if (result->error != 0) {
        snprintf(out, HTTP_REASON_MAX, "%s", result->reason);
        return result->error;
    }
    if (result->status == 401) {
        code = -CTR_EACCES;
        text = "the server refuses the login; check user and password, and whether it "
               "wants an app password or another auth";
    } else if (result->status == 403) {
        code = -CTR_EACCES;
        text = "the user may not do this there";
    } else if (result->status == 404 || result->status == 410) {
        code = -CTR_ENOENT;
        text = "nothing is there; check the url";
    } else if (result->status == 429) {
        code = -CTR_EUNAVAIL;
        text = "the server is asked too often";
    } else if (result->status >= 500) {
        code = -CTR_EUNAVAIL;
        text = "the server has a problem of its own; its log knows more";
    }
    if (result->retry_after > 0)
        snprintf(wait, sizeof(wait), "; it asks to be left alone for %lld s",
                 (long long)result->retry_after);
    http_host(result->url, host, sizeof(host));
    snprintf(out, HTTP_REASON_MAX, "%s answers %d when asked for %s: %s%s", host,
             result->status, what, text, wait);
    return code;
}
