/* folders.c - each sync watches the folders it goes through: the kernel tells of changes
 * within them, and a timer asks it. What cannot be watched, because there are too many,
 * or because others change it over a network, is read again now and then. */
#include "folders.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kit/kit.h"

enum {
    EVENTS = IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE_SELF |
             IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK,
    READS_MAX = 64 /* in one look */
};

/* --- the loop -------------------------------------------------------------------------
 */

static bool any_change(const char *bytes, size_t n)
{
    bool any = false;

    for (size_t at = 0; at + sizeof(struct inotify_event) <= n;) {
        struct inotify_event e;

        memcpy(&e, bytes + at, sizeof(e));
        any = any || !(e.mask & IN_IGNORED); /* that is our own doing, or follows one */
        at += sizeof(e) + e.len;
    }
    return any;
}

static bool take_events(struct folders *f)
{
    char bytes[4096];
    bool any = false;
    ssize_t n = 1;

    for (unsigned i = 0; i < READS_MAX && n > 0; i++) {
        n = read(f->fd, bytes, sizeof(bytes));
        any = any || (n > 0 && any_change(bytes, (size_t)n));
    }
    return any;
}

static void on_look(void *user)
{
    struct folders *f = user;
    int64_t now = f->host->now(f->host), read_at = atomic_load(&f->read_at);

    if (take_events(f))
        f->changed = now;
    if (f->changed && now - f->changed >= f->settle) {
        f->changed = 0;
        f->host->request_sync(f->host);
    } else if (atomic_load(&f->polled) && read_at && now - read_at >= FOLDERS_POLL_MS) {
        atomic_store(&f->read_at, 0);
        f->host->request_sync(f->host);
    }
}

void folders_start(struct folders *f, const struct ctr_host *host, int64_t settle)
{
    f->host = host;
    f->settle = settle;
    f->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* without: none can be watched */
    f->timer = host->timer_start(host, FOLDERS_LOOK_MS, FOLDERS_LOOK_MS, on_look, f);
}

void folders_finish(struct folders *f)
{
    if (!f->host)
        return;
    f->host->timer_stop(f->host, f->timer);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* --- the lane -------------------------------------------------------------------------
 */

void folders_begin(struct folders *f)
{
    atomic_store(&f->read_at, 0);
    f->n_now = f->unseen = 0;
}

/* The kernel hears of no change that another machine makes. */
static bool is_remote(int folder)
{
    static const long magic[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
                                 SMB2_SUPER_MAGIC, AFS_SUPER_MAGIC, CEPH_SUPER_MAGIC,
                                 V9FS_MAGIC,       FUSE_SUPER_MAGIC};
    struct statfs fs;

    if (fstatfs(folder, &fs) != 0)
        return true;
    for (unsigned i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
        if ((uint32_t)fs.f_type == (uint32_t)magic[i])
            return true;
    return false;
}

static bool has(const int *list, uint32_t n, int wd)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == wd)
            return true;
    return false;
}

void folders_see(struct folders *f, int folder, const char *path)
{
    int wd = -1;

    if (!f->host)
        return;
    if (f->n_now < FOLDERS_MAX && !is_remote(folder))
        wd = inotify_add_watch(f->fd, path, EVENTS);
    if (wd < 0)
        f->unseen++;
    else if (!has(f->now, f->n_now, wd))
        f->now[f->n_now++] = wd;
}

static void say_unseen(struct folders *f)
{
    bool before = atomic_exchange(&f->polled, f->unseen > 0);

    if (f->unseen > 0 && !before)
        kit_log(f->host, CTR_LOG_WARN,
                "vcard folders_not_watched=%u effect=\"changes in them are seen every %d "
                "minutes, or with `sync`\"",
                f->unseen, FOLDERS_POLL_MS / 60000);
}

void folders_end(struct folders *f, bool whole)
{
    if (!f->host)
        return;
    for (uint32_t i = 0; i < f->n_old; i++) {
        if (has(f->now, f->n_now, f->old[i]))
            continue;
        if (!whole && f->n_now < FOLDERS_MAX)
            f->now[f->n_now++] = f->old[i];
        else
            (void)inotify_rm_watch(f->fd, f->old[i]); /* or it has gone by itself */
    }
    memcpy(f->old, f->now, f->n_now * sizeof(f->now[0]));
    f->n_old = f->n_now;
    if (whole)
        say_unseen(f);
    atomic_store(&f->read_at, f->host->now(f->host));
}
