/*
 * What a helper can still do to the system when a file has taken it over: each
 * try is a child of its own, which says how it went.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"
#include "tap.h"


typedef long (*try_pt)(void);

static char  dir[] = "/tmp/sandbox-XXXXXX";
static char  file[64], other[64];
static int   fd;


static long  try_read(void) { return open(file, O_RDONLY | O_CLOEXEC); }
static long  try_raise(void) { return raise(SIGCONT); }
static long  try_self(void) { return kill(getpid(), SIGCONT); }

static long  try_write(void) { return open(file, O_WRONLY); }
static long  try_both(void) { return open(file, O_RDWR); }
static long  try_create(void) { return open(other, O_RDONLY | O_CREAT, 0600); }
static long  try_cut(void) { return open(file, O_RDONLY | O_TRUNC); }
static long  try_tmp(void) { return open(dir, O_TMPFILE | O_RDWR, 0600); }
static long  try_unlink(void) { return unlink(file); }
static long  try_unlinkat(void) { return unlinkat(AT_FDCWD, file, 0); }
static long  try_rename(void) { return rename(file, other); }
static long  try_renameat(void)
{
    return renameat(AT_FDCWD, file, AT_FDCWD, other);
}
static long  try_mkdir(void) { return mkdir(other, 0700); }
static long  try_rmdir(void) { return rmdir(other); }
static long  try_truncate(void) { return truncate(file, 0); }
static long  try_ftruncate(void) { return ftruncate(fd, 0); }
static long  try_chmod(void) { return chmod(file, 0777); }
static long  try_fchmod(void) { return fchmod(fd, 0777); }
static long  try_fchmodat(void) { return fchmodat(AT_FDCWD, file, 0777, 0); }
static long  try_chown(void) { return chown(file, getuid(), getgid()); }
static long  try_fchown(void) { return fchown(fd, getuid(), getgid()); }
static long  try_lchown(void) { return lchown(file, getuid(), getgid()); }
static long  try_link(void) { return link(file, other); }
static long  try_symlink(void) { return symlink(file, other); }
static long  try_mkfifo(void) { return mkfifo(other, 0600); }
static long  try_parent(void) { return kill(getppid(), SIGCONT); }
static long  try_group(void) { return kill(0, SIGCONT); }

static long
try_thread(void)
{
    return syscall(__NR_tgkill, getppid(), getppid(), SIGCONT);
}


static long
try_ring(void)
{
    struct io_uring_params  p = { 0 };

    return syscall(__NR_io_uring_setup, 4, &p);
}


static long
try_memory(void)
{
    char          c;
    struct iovec  here = { &c, 1 }, there = { dir, 1 };

    return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}


static long
try_openat2(void)
{
#ifdef __NR_openat2
    unsigned long long  how[3] = { O_WRONLY, 0, 0 };

    return syscall(__NR_openat2, AT_FDCWD, file, how, sizeof(how));
#else
    errno = EPERM;
    return -1;
#endif
}


/* The calls of old, which the C library makes by others. */

static long
try_open(void)
{
#ifdef __NR_open
    return syscall(__NR_open, file, O_WRONLY);
#else
    errno = EPERM;
    return -1;
#endif
}


static long
try_creat(void)
{
#ifdef __NR_creat
    return syscall(__NR_creat, other, 0600);
#else
    errno = EPERM;
    return -1;
#endif
}


static long
try_exec(void)
{
    static char  *args[] = { (char *) "true", NULL };

    return execv("/bin/true", args);
}


static const struct {
    const char  *what;
    try_pt       call;
    int          may;
} tries[] = {
    { "reads a file", try_read, 1 },
    { "signals itself by raise()", try_raise, 1 },
    { "and by kill()", try_self, 1 },
    { "writes a file", try_write, 0 },
    { "reads and writes one", try_both, 0 },
    { "makes one", try_create, 0 },
    { "empties one", try_cut, 0 },
    { "makes one without a name", try_tmp, 0 },
    { "openat2()", try_openat2, 0 },
    { "open()", try_open, 0 },
    { "creat()", try_creat, 0 },
    { "unlink()", try_unlink, 0 },
    { "unlinkat()", try_unlinkat, 0 },
    { "rename()", try_rename, 0 },
    { "renameat()", try_renameat, 0 },
    { "mkdir()", try_mkdir, 0 },
    { "rmdir()", try_rmdir, 0 },
    { "truncate()", try_truncate, 0 },
    { "ftruncate()", try_ftruncate, 0 },
    { "chmod()", try_chmod, 0 },
    { "fchmod()", try_fchmod, 0 },
    { "fchmodat()", try_fchmodat, 0 },
    { "chown()", try_chown, 0 },
    { "fchown()", try_fchown, 0 },
    { "lchown()", try_lchown, 0 },
    { "link()", try_link, 0 },
    { "symlink()", try_symlink, 0 },
    { "mkfifo()", try_mkfifo, 0 },
    { "signals its parent", try_parent, 0 },
    { "its group", try_group, 0 },
    { "a thread of its parent", try_thread, 0 },
    { "io_uring_setup()", try_ring, 0 },
    { "reads its parent's memory", try_memory, 0 },
    { "runs a program", try_exec, 0 },
};


/* 0: it works; 1: it is refused; 2: something else failed; 3: there is no
 * filter here, or a sanitizer that has none. */

static int
outcome(void (*enter)(void), try_pt call)
{
    int    status = 0;
    pid_t  pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        enter();

        if (prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER) {
            _exit(3);
        }

        _exit(call() >= 0 ? 0 : errno == EPERM || errno == EACCES ? 1 : 2);
    }

    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        return -1;
    }

    return WEXITSTATUS(status);
}


static void
sandbox(const char *name, void (*enter)(void))
{
    int     is;
    char    what[100];
    size_t  i;

    for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        is = outcome(enter, tries[i].call);
        snprintf(what, sizeof(what), "%s: %s%s", name, tries[i].what,
                 is == 3 ? ", where it could be refused" : "");
        ok(is == 3 || is == (tries[i].may ? 0 : 1), what);

        if (is != 3 && is != (tries[i].may ? 0 : 1)) {
            printf("# %d\n", is);
        }

        (void) unlink(other);
        (void) rmdir(other);
    }
}


/* A front cannot be read by who has its user, but for root. */

static void
front(void)
{
    int    status = 0;
    pid_t  pid = fork();

    if (pid == 0) {
        be_sandbox_front();
        _exit(prctl(PR_GET_DUMPABLE));
    }

    waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "the front is nobody's to look into");
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    sandbox("OCR", be_sandbox_ocr);
    sandbox("fetch", be_sandbox_fetch);
    front();

    close(fd);
    (void) unlink(file);
    (void) rmdir(dir);

    return done();
}
