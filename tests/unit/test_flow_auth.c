/* test_flow_auth.c - passwords: right, wrong, unknown, remembered, slowed down. */
#include <sodium.h>

#include "flow/throttle.h"
#include "flow_util.h"

static char phc[crypto_pwhash_STRBYTES];

static void configure(struct world *w, const char *bobs)
{
    struct flow_user_config users[] = {
        {.name = "alice", .secret = STR_LIT("wonderland")},
        {.name = "bob", .secret = str_of(bobs)},
        {.name = "carol", .secret = str_of(phc)},
        {.name = "nobody", .secret = {NULL, 0}},
        {.name = "broken", .secret = STR_LIT("$argon2id$v=19$garbage")},
        {.name = "frank@example.com", .secret = STR_LIT("principal")}};
    struct flow_client_config clients[] = {{.name = "test", .plan = munich()}};
    struct flow_config config = {
        .users = users, .n_users = 6, .clients = clients, .n_clients = 1};

    flow_configure(w->flow, &config);
}

static int64_t took_us;

static int try_from(struct world *w, const char *peer, const char *name,
                    const char *password)
{
    struct ctr_request *request;
    int64_t began = clock_us();
    struct login l;
    int r = login_start(w, name, password, peer, &l, &request);

    if (r < 0)
        return r;
    ensure(!l.done); /* never before it returned */
    world_until(w, &l.done);
    took_us = l.at_us - began;
    principal_unref(l.principal);
    return l.status;
}

/* Each from an address of its own, so that nothing is slowed down. */
static int try_login(struct world *w, const char *name, const char *password)
{
    static unsigned peers;
    char peer[40];

    peers++;
    snprintf(peer, sizeof(peer), "10.%u.%u.%u:4711", peers / 65536, peers / 256 % 256,
             peers % 256);
    return try_from(w, peer, name, password);
}

static void test_passwords(struct world *w)
{
    struct ctr_request *request;
    char long_name[300], long_word[3000];
    struct login l;
    int64_t first;

    is_int(try_login(w, "alice", "wonderland"), 0, "the right password");
    first = took_us;
    is_int(try_login(w, "alice", "wonderland"), 0, "again");
    ok(took_us < first / 2 || took_us < 2000, "remembered: %d us after %d", (int)took_us,
       (int)first);
    is_int(try_login(w, "ALICE", "wonderland"), 0, "names ignore case");
    is_int(try_login(w, "alice", "Wonderland"), -CTR_EACCES, "passwords do not");
    is_int(try_login(w, "alice", "wonderlan"), -CTR_EACCES, "a part of it");
    is_int(try_login(w, "alice", "wonderland "), -CTR_EACCES, "more than it");
    is_int(try_login(w, "alice", ""), -CTR_EINVAL, "an empty one is refused");
    is_int(try_login(w, "carol", "from outside"), 0, "a hash of the configuration");
    is_int(try_login(w, "carol", phc), -CTR_EACCES, "the hash is not the password");
    is_int(try_login(w, "dave", "x"), -CTR_EACCES, "an unknown user");
    is_int(try_login(w, "", "x"), -CTR_EACCES, "no name");
    is_int(try_login(w, "nobody", "x"), -CTR_EACCES, "a user without a secret");
    is_int(try_login(w, "broken", "x"), -CTR_EACCES, "an unreadable hash");
    is_int(try_login(w, "frank@Example.com", "principal"), 0, "a name with its domain");
    is_int(try_login(w, "frank", "principal"), -CTR_EACCES, "it is part of the name");
    is_int(try_login(w, "alice@example.com", "wonderland"), 0, "a domain that is not");
    is_int(try_login(w, "alice@example.com", "x"), -CTR_EACCES, "with a wrong password");
    is_int(try_login(w, "@example.com", "x"), -CTR_EACCES, "a domain alone");
    memset(long_word, 'a', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = 0;
    is_int(try_login(w, "alice", long_word), -CTR_EACCES, "an endless password");
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    is_int(try_login(w, long_name, "x"), -CTR_EINVAL, "an endless name");

    ensure(login_start(w, "alice", "wonderland", "::1", &l, &request) == 0);
    is_str(l.done ? "early" : "", "", "not before it returned");
    flow_authenticate_cancel(request);
    ok(l.done && l.status == -CTR_ECANCELED, "canceled: remembered one");
    world_turns(w, 5);
    ensure(login_start(w, "alice", "wrong one", "::1", &l, &request) == 0);
    flow_authenticate_cancel(request);
    ok(l.done && l.status == -CTR_ECANCELED && !l.principal, "canceled: a check");
    world_turns(w, 300);
}

static void test_reload(struct world *w)
{
    is_int(try_login(w, "bob", "builder"), 0, "before the reload");
    configure(w, "changed");
    is_int(try_login(w, "bob", "builder"), -CTR_EACCES, "the old password, after");
    is_int(try_login(w, "bob", "changed"), 0, "the new one");
    is_int(try_login(w, "alice", "wonderland"), 0, "who did not change");
    ok(took_us < 10000, "is still remembered (%d us)", (int)took_us);
}

/* In turns, and the least of each: whatever slows the machine slows both, and the least
 * is the work itself. */
static void test_timing(struct world *w)
{
    static const char *const names[] = {"alice", "eve"};
    int64_t least[2] = {INT64_MAX, INT64_MAX};
    double ratio;

    for (unsigned i = 0; i < 18; i++) {
        char word[40];

        snprintf(word, sizeof(word), "bad%u", i);
        try_login(w, names[i % 2], word);
        if (took_us < least[i % 2])
            least[i % 2] = took_us;
    }
    ratio = (double)least[1] / (double)least[0];
    ok(ratio > 0.5 && ratio < 2, "unknown user and wrong password take as long (%.2f)",
       ratio);
}

static void test_crowd(struct world *w)
{
    static struct login logins[200];
    struct ctr_request *request;
    unsigned right = 0;
    int64_t began;

    configure(w, "crowd");
    began = clock_ms();
    for (unsigned i = 0; i < 200; i++)
        ensure(login_start(w, "bob", "crowd", "192.0.2.200", &logins[i], &request) == 0);
    for (unsigned i = 0; i < 200; i++) {
        world_until(w, &logins[i].done);
        right += logins[i].status == 0;
        principal_unref(logins[i].principal);
    }
    is_int(right, 200, "200 phones of one address and one user");
    ok(clock_ms() - began < 5000, "took %d ms", (int)(clock_ms() - began));
}

static void test_throttle(struct world *w)
{
    static struct login guesses[40];
    struct ctr_request *request;
    int64_t began = clock_ms(), spent;
    unsigned wrong = 0, busy = 0, early = 0;
    char word[40];

    for (unsigned i = 0; i < 40; i++) {
        snprintf(word, sizeof(word), "guess%u", i);
        ensure(login_start(w, "alice", word, "198.51.100.7:999", &guesses[i], &request) ==
               0);
    }
    is_int(try_from(w, "198.51.100.8:999", "alice", "wonderland"), 0, "another address");
    ok(took_us < 1000000, "is not slowed down (%d us)", (int)took_us);
    while (clock_ms() - began < 1000)
        world_turn(w);
    for (unsigned i = 0; i < 40; i++)
        early += guesses[i].done;
    for (unsigned i = 0; i < 40; i++)
        early -= guesses[i].done && guesses[i].status == -CTR_EBUSY;
    ok(early <= 21, "at most 10, and 10 a second (%u)", early);
    for (unsigned i = 0; i < 40; i++) {
        world_until(w, &guesses[i].done);
        wrong += guesses[i].status == -CTR_EACCES;
        busy += guesses[i].status == -CTR_EBUSY;
    }
    spent = clock_ms() - began;
    is_int(wrong + busy, 40, "none is right");
    ok(busy >= 5 && busy <= 12, "who would wait longer than 2 s is told at once (%u)",
       busy);
    ok(spent >= 1800, "%u guesses took %d ms", wrong, (int)spent);
    is_int(try_from(w, "198.51.100.7:1000", "alice", "wonderland"), 0,
           "the right one is right even then");
}

/* The table alone, in made-up time. */
static void test_table(void)
{
    struct throttle *t = throttle_create();
    struct throttle_address *a;
    int64_t at, now = 1000;
    unsigned late = 0;

    for (unsigned i = 0; i < 10; i++) {
        a = throttle_begin(t, STR_LIT("1.2.3.4"), now, &at);
        late += at > now;
        ok(throttle_end(a, true, now) == (i == 9), "failure %u", i + 1);
    }
    is_int(late, 0, "ten failures are free");
    for (unsigned i = 0; i < 5; i++) {
        a = throttle_begin(t, STR_LIT("1.2.3.4"), now, &at);
        throttle_end(a, true, now);
    }
    is_int(at - now, 400, "then one each 100 ms");
    a = throttle_begin(t, STR_LIT("1.2.3.5"), now, &at);
    is_int(at, now, "the neighbour is free");
    throttle_end(a, false, now);
    a = throttle_begin(t, STR_LIT("[2001:db8:1:2:3::4]:389"), now, &at);
    throttle_end(a, true, now);
    ok(a == throttle_begin(t, STR_LIT("2001:db8:1:2::9"), now, &at),
       "an IPv6 network counts as one");
    throttle_end(a, false, now);
    now += 30000;
    a = throttle_begin(t, STR_LIT("1.2.3.4"), now, &at);
    throttle_end(a, false, now);
    ok(a->hot, "still hot after half a minute");
    now += 60000;
    a = throttle_begin(t, STR_LIT("1.2.3.4"), now, &at);
    throttle_end(a, false, now);
    ok(!a->hot, "forgotten after a quiet minute");
    for (unsigned i = 0; i < 3 * THROTTLE_ADDRESSES; i++) {
        char text[30];

        snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        a = throttle_begin(t, str_of(text), now, &at);
        throttle_end(a, true, now);
    }
    ok(true, "the table is bounded");
    throttle_destroy(t);
}

int main(void)
{
    struct world world, *w = &world;

    ensure(sodium_init() >= 0);
    ensure(crypto_pwhash_str(phc, "from outside", 12, 2, 19 * 1024 * 1024) == 0);
    world_open(w);
    configure(w, "builder");
    test_table();
    test_passwords(w);
    test_reload(w);
    test_timing(w);
    test_crowd(w);
    test_throttle(w);
    world_close(w);
    return tap_done();
}
