/* front.c - a front end that says its name and hangs up. Its second URL scheme is found
 * only where the host knows the stride of the table: STRIDE says it (1.1), or nothing
 * does (1.0); WIDE makes the schemes longer, as a later minor may. */
#include <string.h>

#include "contactor/ext/net.h"
#include "contactor/plugin.h"

struct scheme {
    struct ctr_scheme known;
#ifdef WIDE
    const char *later;
#endif
};

static const struct ctr_host *the_host; /* one instance only: a test's plugin may */
static int instance;

static int32_t front_open(void *self, struct ctr_stream *stream,
                          const struct ctr_peer *peer, void **conn)
{
    const struct ctr_net *net = the_host->extension(the_host, CTR_NET_ID);

    (void)self;
    (void)peer;
    net->write(stream, NAME "\n", strlen(NAME) + 1);
    net->close(stream);
    *conn = stream;
    return 0;
}

static int64_t front_data(void *conn, const uint8_t *data, uint64_t n)
{
    (void)conn;
    (void)data;
    return (int64_t)n;
}

static void front_close(void *conn, uint32_t reason)
{
    (void)conn;
    (void)reason;
}

static int32_t front_create(const struct ctr_host *host, const struct ctr_config *config,
                            void **out)
{
    (void)config;
    the_host = host;
    *out = &instance;
    return 0;
}

static void front_destroy(void *self)
{
    (void)self;
}

static const struct ctr_stream_ops stream = {.size = sizeof(stream),
                                             .on_open = front_open,
                                             .on_data = front_data,
                                             .on_close = front_close};

static const struct scheme schemes[] = {{.known = {.name = "first", .default_port = 1}},
                                        {.known = {.name = "second", .default_port = 2}}};

static const struct ctr_frontend frontend = {
    .size = sizeof(frontend),
    .n_schemes = 2,
    .schemes = &schemes[0].known,
    .stream = &stream,
#ifdef STRIDE
    .scheme_size = STRIDE,
#endif
};

CTR_PLUGIN = {.size = sizeof(struct ctr_plugin),
              .abi_built = CTR_ABI_CURRENT,
              .abi_needs = CTR_ABI(1, 0),
              .name = NAME,
              .version = "1.0",
              .summary = "says its name",
              .frontend = &frontend,
              .create = front_create,
              .destroy = front_destroy};
