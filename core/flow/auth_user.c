/* auth_user.c - secrets of users: hashed on a lane, then wiped; kept over a reload when
 * they did not change. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "flow/auth_impl.h"

void auth_mac(const struct auth *auth, struct ctr_str name, struct ctr_str secret,
              unsigned char out[AUTH_MAC_SIZE])
{
    crypto_generichash_state state;
    uint64_t len = name.len;

    crypto_generichash_init(&state, auth->key, sizeof(auth->key), AUTH_MAC_SIZE);
    crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
    if (name.len > 0)
        crypto_generichash_update(&state, (const unsigned char *)name.ptr, name.len);
    if (secret.len > 0)
        crypto_generichash_update(&state, (const unsigned char *)secret.ptr, secret.len);
    crypto_generichash_final(&state, out, AUTH_MAC_SIZE);
    sodium_memzero(&state, sizeof(state));
}

/* Lane. */
void auth_user_hash(struct auth_user *who)
{
    if (!who->plain)
        return;
    if (crypto_pwhash_str(who->phc, who->plain, who->plain_len, AUTH_HASH_OPS,
                          AUTH_HASH_MEMORY) < 0) {
        who->phc[0] = 0; /* out of memory: tried again with the next attempt */
        return;
    }
    wipe(who->plain, who->plain_len);
    free(who->plain);
    who->plain = NULL;
}

static void hash_next(struct auth *auth, unsigned lane);

static void on_hash(struct lane_job *lane_job)
{
    auth_user_hash(((struct hash_job *)(void *)lane_job)->who);
}

static void on_hash_done(struct lane_job *lane_job)
{
    struct hash_job *job = (struct hash_job *)(void *)lane_job;
    unsigned lane = job->who->lane;

    auth_user_unref(job->who);
    job->who = NULL;
    if (!job->auth->ending)
        hash_next(job->auth, lane);
}

/* One at a time, so that logins need not wait for a long list of users. */
static void hash_next(struct auth *auth, unsigned lane)
{
    struct hash_job *job = &auth->hashing[lane];
    struct list *waiting = &auth->to_hash[lane];

    if (job->who || list_empty(waiting))
        return;
    job->auth = auth;
    job->who = list_entry(waiting->next, struct auth_user, to_hash);
    job->who->refs++;
    list_remove(&job->who->to_hash);
    job->lane_job.work = on_hash;
    job->lane_job.done = on_hash_done;
    lane_submit(auth->lanes[lane], &job->lane_job);
}

struct auth_user *auth_user_new(struct auth *auth, const char *name,
                                struct ctr_str secret)
{
    struct auth_user *who = xcalloc(1, sizeof(*who));

    who->refs = 1;
    who->auth = auth;
    who->name = xstrdup(name);
    who->lane = auth->next_lane++ % AUTH_LANES;
    who->principal = principal_create(name, false);
    list_init(&who->to_hash);
    auth_mac(auth, str_of("secret"), secret, who->print);
    if (str_starts(secret, STR_LIT("$argon2"))) {
        memcpy(who->phc, secret.ptr, secret.len);
        return who;
    }
    who->plain = xmalloc((size_t)secret.len + 1);
    who->plain_len = (size_t)secret.len;
    if (secret.len > 0)
        memcpy(who->plain, secret.ptr, secret.len);
    list_append(&auth->to_hash[who->lane], &who->to_hash);
    hash_next(auth, who->lane);
    return who;
}

/* A hash nobody can verify would fail faster than others, and tell that the user exists:
 * it counts as no secret. */
static bool is_usable(const char *name, struct ctr_str secret)
{
    char text[crypto_pwhash_STRBYTES];

    if (secret.len == 0)
        return false;
    if (!str_starts(secret, STR_LIT("$argon2")))
        return true;
    if (secret.len < sizeof(text)) {
        memcpy(text, secret.ptr, secret.len);
        memset(text + secret.len, 0, sizeof(text) - secret.len);
        if (crypto_pwhash_str_needs_rehash(text, AUTH_HASH_OPS, AUTH_HASH_MEMORY) >= 0)
            return true;
    }
    log_error("auth",
              "secret_unreadable user=%s: it begins like an argon2 hash and is none; "
              "nobody can log in with it",
              name);
    return false;
}

struct auth_user *auth_user_create(struct auth *auth, const char *name,
                                   struct ctr_str secret, struct auth_user *old)
{
    unsigned char print[AUTH_MAC_SIZE];

    if (!is_usable(name, secret))
        return NULL;
    auth_mac(auth, str_of("secret"), secret, print);
    if (old && strcmp(old->name, name) == 0 &&
        sodium_memcmp(old->print, print, AUTH_MAC_SIZE) == 0) {
        old->refs++;
        return old;
    }
    return auth_user_new(auth, name, secret);
}

void auth_user_unref(struct auth_user *who)
{
    if (!who || --who->refs > 0)
        return;
    list_remove(&who->to_hash);
    if (who->plain) {
        wipe(who->plain, who->plain_len);
        free(who->plain);
    }
    principal_unref(who->principal);
    wipe(who->mac, sizeof(who->mac));
    free(who->name);
    free(who);
}
