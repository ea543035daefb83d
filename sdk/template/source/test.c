/* test_@NAME@.c - the plugin in a fake host: no daemon needed. */
#include <unistd.h>

#include <contactor/kit.h>
#include <contactor/testhost.h>

static int failed;

static void ok(int good, const char *what)
{
    printf("%sok - %s\n", good ? "" : "not ", what);
    failed |= !good;
}

int main(void)
{
    char path[] = "/tmp/test-@NAME@-XXXXXX";
    static const char text[] =
        "1\tAnna Meier\t+49 89 840798-192\nnonsense\n2\tMax\t030 901820\n";
    int fd = mkstemp(path);
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");
    const struct ctr_contact *anna;

    ok(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1,
       "a file is written");
    testhost_set(t, "file", path);
    ok(testhost_start(t) == 0, "it starts");
    ok(testhost_sync(t, NULL) == 0, "a sync succeeds");
    ok(t->n_contacts == 2 && testhost_rejected(t, "line 2"),
       "two contacts, one bad line");
    anna = testhost_find(t, "1");
    ok(anna && strcmp(testhost_value(anna, CTR_FIELD_DISPLAY_NAME, NULL, 0),
                      "Anna Meier") == 0,
       "with their names");
    unlink(path);
    ok(testhost_sync(t, NULL) < 0 && t->failure[0],
       "without the file it fails and says why");
    testhost_destroy(t);
    printf("1..6\n");
    return failed;
}
