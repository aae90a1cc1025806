/*
 * Linked into the backend that "make coverage" builds, by the linker's
 * --wrap: the backend's own code is the one that is shipped, and all of it
 * runs.  But its helpers may not write files, and so could not leave their
 * counts; and tests kill it.  Here the limit of a file's size, the filter of
 * system calls and Landlock, the only use of syscall(), are asked for in vain,
 * and counts are written after each answer of a helper, before exec() and
 * _exit(), and on SIGUSR2, which then kills the process, as SIGKILL does,
 * which the test has in mind.
 */

#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>


int __real_setrlimit(int what, const struct rlimit *r);
int __real_prctl(int what, ...);
int __real_be_frame_write(int fd, const void *fr, unsigned long long deadline);
int __real_execv(const char *path, char *const argv[]);
void __real__exit(int status) __attribute__((noreturn));

int __wrap_setrlimit(int what, const struct rlimit *r);
int __wrap_prctl(int what, ...);
long __wrap_syscall(long number, ...);
int __wrap_be_frame_write(int fd, const void *fr, unsigned long long deadline);
int __wrap_execv(const char *path, char *const argv[]);
void __wrap__exit(int status) __attribute__((noreturn));

void __gcov_dump(void);
void __gcov_reset(void);


static int  helper;


static void
counts(void)
{
    __gcov_dump();
    __gcov_reset();
}


static void *
killer(void *set)
{
    int  signo;

    if (sigwait(set, &signo) == 0) {
        __gcov_dump();
        raise(SIGKILL);
    }

    return NULL;
}


/* All threads have that signal blocked, as the first one has. */

static void __attribute__((constructor))
begin(int argc, char **argv)
{
    sigset_t         all, before;
    pthread_t        thread;
    static sigset_t  set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);

    if (argc < 2 || strstr(argv[1], "-helper") == NULL) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_create(&thread, NULL, killer, &set);
        pthread_detach(thread);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}


int
__wrap_setrlimit(int what, const struct rlimit *r)
{
    if (what == RLIMIT_FSIZE) {
        return 0;
    }

    return __real_setrlimit(what, r);
}


int
__wrap_prctl(int what, ...)
{
    va_list        args;
    unsigned long  a[4];

    va_start(args, what);
    for (int i = 0; i < 4; i++) {
        a[i] = va_arg(args, unsigned long);
    }
    va_end(args);

    if (what == PR_SET_NO_NEW_PRIVS) {
        helper = 1;
    }

    if (what == PR_SET_SECCOMP) {
        return 0;
    }

    return __real_prctl(what, a[0], a[1], a[2], a[3]);
}


long
__wrap_syscall(long number, ...)
{
    (void) number;
    errno = ENOSYS;

    return -1;
}


int
__wrap_be_frame_write(int fd, const void *fr, unsigned long long deadline)
{
    int  rc = __real_be_frame_write(fd, fr, deadline);

    if (helper) {
        counts();
    }

    return rc;
}


int
__wrap_execv(const char *path, char *const argv[])
{
    counts();

    return __real_execv(path, argv);
}


void
__wrap__exit(int status)
{
    counts();
    __real__exit(status);
}
