/* fuzz_exec.c - any bytes as what a program writes: the first byte says in which pieces
 * they arrive. Besides not crashing, what becomes of them must be a contact as the host
 * takes it, of UTF-8 without NUL, and a log line of printable characters. */
#include <stdlib.h>
#include <string.h>

#include "plugins/exec/contacts.h"
#include "plugins/exec/errlog.h"
#include "plugins/exec/json.h"
#include "plugins/exec/lines.h"
#include "plugins/exec/message.h"
#include "testhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

static void check_text(struct ctr_str s)
{
    require(s.ptr && s.len > 0 && json_utf8(s) && !memchr(s.ptr, 0, (size_t)s.len));
}

static void check_field(const struct ctr_field *f)
{
    require(f->kind > 1 && f->kind <= CTR_FIELD_CUSTOM && f->kind != CTR_FIELD_OWNER);
    require((f->kind == CTR_FIELD_CUSTOM) == (f->name.len > 0));
    require(f->name.len <= CONTACTS_NAME_MAX);
    if (f->kind == CTR_FIELD_PHOTO)
        require(f->value.len > 0 && f->value.len <= CTR_PHOTO_MAX);
    else
        check_text(f->value);
    require(f->kind == CTR_FIELD_PHOTO || f->value.len <= CTR_VALUE_MAX);
}

static int32_t put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    (void)user;
    require(n >= 1 && n <= CONTACTS_BATCH);
    for (uint32_t i = 0; i < n; i++) {
        check_text(contacts[i].id);
        require(contacts[i].id.len <= CTR_ID_MAX && contacts[i].owner.len <= CTR_ID_MAX);
        require(contacts[i].n_fields >= 1 && contacts[i].n_fields <= CTR_FIELDS_MAX);
        for (uint32_t k = 0; k < contacts[i].n_fields; k++)
            check_field(&contacts[i].fields[k]);
    }
    return 0;
}

static void note(void *user, const char *reason)
{
    (void)user;
    require(reason[0] && json_utf8((struct ctr_str){reason, strlen(reason)}));
}

static void take(struct contacts *c, struct ctr_str line)
{
    struct message m;
    const char *why;

    if (message_read(line, &m, &why) != 0) {
        note(NULL, why);
        return;
    }
    (void)message_is_stale(&m, message_number(&m, "progress"));
    (void)message_text(&m, "cursor");
    if (m.kind == MESSAGE_CONTACT)
        contacts_take(c, m.root, NULL, m.length);
    else if (m.kind == MESSAGE_CONTACTS && cJSON_IsArray(m.item))
        contacts_take(c, m.root, m.item, m.length);
    else
        message_finish(&m);
}

static void read_stdout(const uint8_t *data, size_t size, size_t piece)
{
    static const struct contacts_sink sink = {put, note, NULL};
    struct contacts *c = malloc(sizeof(*c));
    enum lines_result r = LINES_MORE;
    struct lines lines;
    struct ctr_str line;

    require(c && contacts_init(c, &sink) == 0 && lines_init(&lines, 4096) == 0);
    while (size > 0 && r == LINES_MORE) {
        size_t room, n = size < piece ? size : piece;
        char *to = lines_room(&lines, &room);

        require(room >= LINES_READ);
        memcpy(to, data, n);
        lines_filled(&lines, n);
        data += n;
        size -= n;
        while ((r = lines_next(&lines, &line)) == LINES_LINE) {
            require(line.len <= 4096 && line.ptr[line.len] == '\0');
            take(c, line);
        }
    }
    if (r == LINES_MORE && lines_rest(&lines, &line))
        take(c, line);
    contacts_flush(c);
    contacts_finish(c);
    lines_finish(&lines);
    free(c);
}

static void read_stderr(const uint8_t *data, size_t size)
{
    static const struct ctr_plugin nothing = {.size = sizeof(nothing), .name = "x"};
    struct testhost *t = testhost_create(&nothing, "source.fuzz");
    struct errlog log;

    errlog_init(&log, &t->host, "secret", 0);
    errlog_add(&log, (const char *)data, size, 0);
    errlog_finish(&log, 0);
    for (uint32_t i = 0; i < t->logs.n; i++)
        for (const char *p = t->logs.at[i].b; *p; p++)
            require((uint8_t)*p >= ' ' && *p != 0x7f);
    testhost_destroy(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    read_stdout(data + 1, size - 1, data[0] ? data[0] : 4096);
    read_stderr(data + 1, size - 1);
    return 0;
}
