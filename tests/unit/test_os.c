/* test_os.c - the service manager's protocol, privileges, and the two cages.
 *
 * What cannot be undone is done in a child, which answers with its exit status. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "os/confine.h"
#include "os/limits.h"
#include "os/notify.h"
#include "os/privileges.h"
#include "os/sanitized.h"
#include "tap.h"

/* Runs the checks in a child: each line it writes is a failure. */
static void in_child(const char *name, void (*checks)(FILE *out))
{
    char text[4096];
    size_t n = 0;
    int fds[2], status = 0;
    pid_t pid;

    if (pipe(fds) < 0)
        return;
    pid = fork();
    if (pid == 0) {
        FILE *out = fdopen(fds[1], "w");

        close(fds[0]);
        checks(out);
        fclose(out);
        _exit(0);
    }
    close(fds[1]);
    for (ssize_t got; (got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = 0;
    close(fds[0]);
    waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: ends well", name);
    is_str(text, "", "%s", name);
}

#define need(cond) \
    ((cond) ? (void)0 : (void)fprintf(out, "%s (%s)\n", #cond, strerror(errno)))

static int manager_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    if (bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'))) <
        0)
        printf("# bind: %s\n", strerror(errno));
    return fd;
}

static const char *manager_read(int fd)
{
    static char text[1024];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = 0;
    return text;
}

static void notify_at(const char *path)
{
    struct notify *n;
    char error[200];
    char pid[32];
    int fd = manager_open(path);

    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "3000000", 1);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    is_int(notify_open(&n, error, sizeof(error)), 0, "a service manager at %s", path);
    ok(n && !getenv("NOTIFY_SOCKET") && !getenv("WATCHDOG_USEC"), "is ours alone");
    is_int(notify_watchdog_interval(n), 1500, "half the watchdog's time");
    is_int(notify_ready(n, "serving"), 0, "ready");
    is_str(manager_read(fd), "READY=1\nSTATUS=serving", "is said");
    is_int(notify_reloading(n), 0, "reloading");
    ok(strncmp(manager_read(fd), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0,
       "with the time");
    is_int(notify_status(n, "line\nREADY=0 %d%%", 5), 0, "a status");
    is_str(manager_read(fd), "STATUS=line READY=0 5%", "is one line");
    is_int(notify_watchdog(n), 0, "watchdog");
    is_str(manager_read(fd), "WATCHDOG=1", "is said");
    is_int(notify_stopping(n, NULL), 0, "stopping");
    is_str(manager_read(fd), "STOPPING=1", "is said");
    close(fd);
    is_int(notify_watchdog(n), -CTR_EIO, "a manager that is gone");
    notify_close(n);
}

static void test_notify(void)
{
    struct notify *n = (struct notify *)&n;
    char error[200];
    char path[100];

    unsetenv("NOTIFY_SOCKET");
    is_int(notify_open(&n, error, sizeof(error)), 0, "no service manager");
    ok(!n, "nobody to tell");
    is_int(notify_ready(n, "x"), 0, "so nothing is done");
    is_int(notify_watchdog_interval(n), 0, "no watchdog");
    setenv("NOTIFY_SOCKET", "relative", 1);
    is_int(notify_open(&n, error, sizeof(error)), -CTR_EINVAL, "not a path: %s", error);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    is_int(notify_open(&n, error, sizeof(error)), -CTR_EIO, "not there: %s", error);
    snprintf(path, sizeof(path), "/tmp/test_os.%d", (int)getpid());
    notify_at(path);
    unlink(path);
    snprintf(path, sizeof(path), "@test_os.%d", (int)getpid());
    notify_at(path);
}

static void test_limits(void)
{
    struct rlimit limit;
    uint64_t files = 0;
    char error[200];

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max / 2;
    setrlimit(RLIMIT_NOFILE, &limit);
    is_int(limits_raise_files(&files, error, sizeof(error)), 0, "open files");
    is_int(files, limit.rlim_max, "up to the hard limit");
    is_int(limits_no_core(error, sizeof(error)), 0, "core files");
    getrlimit(RLIMIT_CORE, &limit);
    is_int(limit.rlim_max, 0, "none");
}

static void drop_to_user(FILE *out)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    struct privileges_user user;
    char error[200] = "";
    gid_t groups[8];

    need(privileges_find("nobody", NULL, &user, error, sizeof(error)) == 0);
    if (privileges_drop(&user, error, sizeof(error)) != 0)
        fprintf(out, "%s\n", error);
    need(getuid() == user.uid && geteuid() == user.uid && getgid() == user.gid);
    need(getgroups(8, groups) <= user.n_groups);
    need(setuid(0) < 0 && errno == EPERM);
    need(setgroups(0, NULL) < 0 && errno == EPERM);
    need(syscall(SYS_capget, &header, data) == 0);
    need((data[0].permitted | data[0].effective | data[0].inheritable) == 0);
    need((data[1].permitted | data[1].effective | data[1].inheritable) == 0);
    need(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    need(OS_SANITIZED || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    need(open("/etc/shadow", O_RDONLY) < 0);
    need(privileges_drop(NULL, error, sizeof(error)) == 0); /* nothing left to drop */
}

static void drop_as_root(FILE *out)
{
    char error[200] = "";

    if (privileges_drop(NULL, error, sizeof(error)) != 0)
        fprintf(out, "%s\n", error);
    need(setgroups(0, NULL) < 0 && errno == EPERM);
    need(mount("none", "/tmp", "tmpfs", 0, NULL) < 0 && errno == EPERM);
}

static void *keeps_running(void *arg)
{
    (void)arg;
    pause();
    return NULL;
}

static void drop_with_thread(FILE *out)
{
    char error[200] = "";
    pthread_t thread;

    pthread_create(&thread, NULL, keeps_running, NULL);
    need(privileges_drop(NULL, error, sizeof(error)) == -CTR_EBUSY);
    need(strstr(error, "thread") != NULL);
}

static void test_privileges(void)
{
    struct privileges_user user;
    char error[200] = "";

    is_int(privileges_find("no-such-user", NULL, &user, error, sizeof(error)),
           -CTR_ENOENT, "%s", error);
    is_int(privileges_find("nobody", "no-such-group", &user, error, sizeof(error)),
           -CTR_ENOENT, "%s", error);
    is_int(privileges_find("root", NULL, &user, error, sizeof(error)), -CTR_EINVAL, "%s",
           error);
    is_int(privileges_find("65534", "root", &user, error, sizeof(error)), 0, "by number");
    is_str(user.name, "nobody", "is the same user");
    is_int(user.gid, 0, "in another group");
    if (!privileges_is_root())
        return;
    in_child("becoming a user", drop_to_user);
    in_child("root without capabilities", drop_as_root);
    in_child("a thread that kept its rights is found", drop_with_thread);
}

static int gate;

static void *other_thread(void *arg)
{
    int *result = arg;

    while (!__atomic_load_n(&gate, __ATOMIC_ACQUIRE))
        usleep(1000);
    *result = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
    return NULL;
}

static void *nothing(void *arg)
{
    return arg;
}

static long refused(long rc)
{
    return rc < 0 && errno == EPERM;
}

static void check_refused(FILE *out)
{
    char io_uring[256] = {0};

    need(refused(syscall(SYS_unshare, CLONE_NEWUSER)));
    need(refused(syscall(SYS_setns, 0, 0)));
    need(refused(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL)));
    need(refused(syscall(SYS_umount2, "/tmp", 0)));
    need(refused(syscall(SYS_init_module, NULL, 0, "")));
    need(refused(syscall(SYS_finit_module, 0, "", 0)));
    need(refused(syscall(SYS_delete_module, "x", 0)));
    need(refused(syscall(SYS_kexec_load, 0, 0, NULL, 0)));
    need(refused(syscall(SYS_bpf, 0, NULL, 0)));
    need(refused(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)));
    need(refused(syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
    need(refused(syscall(SYS_add_key, "user", "x", "x", 1, 0)));
    need(refused(syscall(SYS_userfaultfd, 0)));
    need(refused(syscall(SYS_io_uring_setup, 1, io_uring)));
    need(refused(syscall(SYS_open_by_handle_at, 0, NULL, 0)));
    need(refused(syscall(SYS_chroot, "/")));
    need(refused(syscall(SYS_setuid, 0)));
    need(refused(syscall(SYS_reboot, 0, 0, 0, NULL)));
    need(refused(syscall(SYS_clock_settime, CLOCK_REALTIME, NULL)));
    need(refused(syscall(SYS_fanotify_init, 0, 0)));
    need(refused(syscall(SYS_pidfd_getfd, 0, 0, 0)));
    need(refused(syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0)));
    need(refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL)));
    need(refused(socket(AF_PACKET, SOCK_RAW, 0)));
    need(refused(ioctl(0, TIOCSTI, "x")));
    need(refused(syscall(SYS_ioctl, 0, (1ul << 32) | TIOCSTI, "x")));
    if (!OS_SANITIZED) {
        need(refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
        need(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    }
}

static void check_allowed(FILE *out)
{
    pthread_t thread;
    int status = -1, fds[2], on = 1;
    pid_t pid;
    void *page;

    need(pthread_create(&thread, NULL, nothing, NULL) == 0 &&
         pthread_join(thread, NULL) == 0);
    pid = fork();
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    need(waitpid(pid, &status, 0) == pid && status == 0);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    need(ioctl(fds[0], FIONBIO, &on) == 0);
    need(socket(AF_INET6, SOCK_STREAM, 0) >= 0);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(page != MAP_FAILED && mprotect(page, 4096, PROT_READ) == 0);
    need(system("exit 7") == 7 << 8);
    need(popen("true", "r") != NULL);
}

static void confine_calls(FILE *out)
{
    char error[200] = "";
    pthread_t thread;
    int result = 0;

    pthread_create(&thread, NULL, other_thread, &result);
    if (confine_syscalls(NULL, error, sizeof(error)) != 0)
        fprintf(out, "%s\n", error);
    check_refused(out);
    check_allowed(out);
    __atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    need(result == EPERM); /* a thread that was there before */
}

static void confine_calls_jit(FILE *out)
{
    struct confine_syscalls_options options = {.allow_jit = true};
    char error[200] = "";

    need(confine_syscalls(&options, error, sizeof(error)) == 0);
    need(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0) != MAP_FAILED);
    check_allowed(out);
}

static char dir[64];

static const char *path(const char *name)
{
    static char text[4][128];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof(text[0]), "%s/%s", dir, name);
    return text[turn];
}

static bool landlock_there(void)
{
    return syscall(444, NULL, 0, 1) >= 1;
}

static void confine_folders(FILE *out)
{
    const char *read_only[] = {path("ro"), path("missing"), NULL};
    const char *read_write[] = {path("rw"), path("file"), NULL};
    const char *execute[] = {"/bin/true", "/usr/bin/true", NULL};
    struct confine_paths paths = {read_only, read_write, execute};
    char error[200] = "";
    int status = -1, fd;
    bool active = true;
    pid_t pid;

    if (confine_files(&paths, &active, error, sizeof(error)) != 0)
        fprintf(out, "%s\n", error);
    need(active == landlock_there());
    if (!active)
        return;
    need(open(path("ro/there"), O_RDONLY) >= 0);
    need(open(path("ro/there"), O_RDWR) < 0 && errno == EACCES);
    need(open(path("ro/new"), O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
    need(open(path("other"), O_RDONLY) < 0 && errno == EACCES);
    fd = open(path("rw/new"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    need(fd >= 0 && ftruncate(fd, 10) == 0);
    need(rename(path("rw/new"), path("rw/renamed")) == 0);
    need(unlink(path("rw/renamed")) == 0 && mkdir(path("rw/d"), 0700) == 0);
    need(open(path("file"), O_RDWR) >= 0);
    need(open("/etc/passwd", O_RDONLY) >= 0);
    need(open("/dev/null", O_RDWR) >= 0);
    pid = fork();
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    need(waitpid(pid, &status, 0) == pid && status == 0);
    need(execl("/bin/sh", "sh", "-c", "true", (char *)NULL) < 0 && errno == EACCES);
}

static void touch(const char *name)
{
    close(open(path(name), O_WRONLY | O_CREAT, 0600));
}

static void test_confine(void)
{
    char command[128];

    snprintf(dir, sizeof(dir), "/tmp/test_os.XXXXXX");
    if (!mkdtemp(dir))
        return;
    mkdir(path("ro"), 0700);
    mkdir(path("rw"), 0700);
    touch("ro/there");
    touch("other");
    touch("file");
    printf("# landlock: %s\n", landlock_there() ? "yes" : "not in this kernel");
    in_child("folders", confine_folders);
    in_child("system calls", confine_calls);
    in_child("system calls with a JIT", confine_calls_jit);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ok(system(command) == 0, "cleaned up");
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    confine_prepare();
    is_str(getenv("UV_USE_IO_URING"), "0", "the event library is told");
    test_notify();
    test_limits();
    test_privileges();
    test_confine();
    return tap_done();
}
