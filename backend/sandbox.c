/*
 * What helpers give up before they touch anything that a client sent.
 * Each step is taken where the system permits it: a container may refuse
 * namespaces and filters, and the resource limits still hold.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"


#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BE_SANITIZED  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BE_SANITIZED  1
#endif
#endif

#ifndef BE_SANITIZED
#define BE_SANITIZED  0
#endif

#if defined(__x86_64__)
#define BE_AUDIT_ARCH  AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define BE_AUDIT_ARCH  AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define BE_AUDIT_ARCH  AUDIT_ARCH_RISCV64
#endif

/* 50 million pixels take 450 MB at the decoder's peak. */

#define BE_OCR_MEMORY    (1536ul * 1024 * 1024)
#define BE_FETCH_MEMORY  (512ul * 1024 * 1024)


static void
be_limit(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit  r = { soft, hard };

    (void) setrlimit((__rlimit_resource_t) what, &r);
}


static void
be_limits(rlim_t memory, rlim_t files)
{
    be_limit(RLIMIT_CORE, 0, 0);
    be_limit(RLIMIT_NOFILE, files, files);

    /* sanitizers reserve terabytes of address space, and write reports */

    if (!BE_SANITIZED) {
        be_limit(RLIMIT_FSIZE, 0, 0);
        be_limit(RLIMIT_AS, memory, memory);
    }
}


void
be_sandbox_cpu(int seconds)
{
    struct rusage  u;

    if (getrusage(RUSAGE_SELF, &u) == 0) {
        be_limit(RLIMIT_CPU, (rlim_t) (u.ru_utime.tv_sec + u.ru_stime.tv_sec
                                       + seconds + 1), RLIM_INFINITY);
    }
}


#ifdef BE_AUDIT_ARCH

/* Programs, other processes, the kernel's larger doors. */

static const int  be_never[] = {
    __NR_execve, __NR_execveat, __NR_ptrace, __NR_process_vm_readv,
    __NR_process_vm_writev, __NR_mount, __NR_umount2, __NR_unshare,
    __NR_setns, __NR_bpf, __NR_keyctl, __NR_add_key, __NR_request_key,
    __NR_perf_event_open, __NR_userfaultfd, __NR_open_by_handle_at,
    __NR_tkill, __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo,
#ifdef __NR_io_uring_setup
    __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register,
#endif
#ifdef __NR_pidfd_send_signal
    __NR_pidfd_send_signal,
#endif
#ifdef __NR_pidfd_getfd
    __NR_pidfd_getfd,
#endif

    /* whatever changes a file or a folder; those of old first, for which the
     * C library has others, and which some systems have not */

#ifdef __NR_creat
    __NR_creat, __NR_unlink, __NR_rename, __NR_rmdir, __NR_mkdir, __NR_mknod,
    __NR_chmod, __NR_chown, __NR_lchown, __NR_link, __NR_symlink,
#endif
#ifdef __NR_renameat
    __NR_renameat,
#endif
#ifdef __NR_openat2
    __NR_openat2,
#endif
#ifdef __NR_fchmodat2
    __NR_fchmodat2,
#endif
    __NR_unlinkat, __NR_renameat2, __NR_mkdirat, __NR_mknodat, __NR_truncate,
    __NR_ftruncate, __NR_fallocate, __NR_fchmod, __NR_fchmodat, __NR_fchown,
    __NR_fchownat, __NR_linkat, __NR_symlinkat, __NR_setxattr, __NR_lsetxattr,
    __NR_fsetxattr, __NR_removexattr, __NR_lremovexattr, __NR_fremovexattr
};

static const int  be_no_network[] = {
    __NR_socket, __NR_connect, __NR_bind, __NR_listen
};

static const int  be_no_server[] = {
    __NR_listen
};

#define BE_WRITES  (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

typedef struct {
    struct sock_filter  code[256];
    unsigned short      n;
} be_filter_t;

#define be_size(a)  (sizeof(a) / sizeof((a)[0]))


static void
be_filter_add(be_filter_t *f, unsigned code, unsigned char yes,
    unsigned char no, uint32_t k)
{
    if (f->n < be_size(f->code)) {
        f->code[f->n++] = (struct sock_filter) { (uint16_t) code, yes, no, k };
    }
}


static void
be_filter_load(be_filter_t *f, size_t offset)
{
    be_filter_add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t) offset);
}


static void
be_filter_end(be_filter_t *f, uint32_t how)
{
    be_filter_add(f, BPF_RET | BPF_K, 0, 0, how);
}


#define BE_REFUSED  (SECCOMP_RET_ERRNO | EPERM)


static void
be_filter_refuse(be_filter_t *f, const int *calls, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        be_filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1,
                      (uint32_t) calls[i]);
        be_filter_end(f, BE_REFUSED);
    }
}


/* A call that depends on one of its arguments: it is refused where test
 * (BPF_JSET, BPF_JEQ) says what "refused" is. */

static void
be_filter_argument(be_filter_t *f, int call, int arg, unsigned test,
    uint32_t k, int refused)
{
    be_filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t) call);
    be_filter_load(f, offsetof(struct seccomp_data, args)
                      + (size_t) arg * sizeof(uint64_t));
    be_filter_add(f, BPF_JMP | test | BPF_K, refused ? 0 : 1,
                  refused ? 1 : 0, k);
    be_filter_end(f, BE_REFUSED);
    be_filter_end(f, SECCOMP_RET_ALLOW);
}


static void
be_filter_set(const int *more, size_t n)
{
    be_filter_t        f = { .n = 0 };
    struct sock_fprog  prog;

    be_filter_load(&f, offsetof(struct seccomp_data, arch));
    be_filter_add(&f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, BE_AUDIT_ARCH);
    be_filter_end(&f, SECCOMP_RET_KILL_PROCESS);

    be_filter_load(&f, offsetof(struct seccomp_data, nr));

#ifdef __X32_SYSCALL_BIT

    /* the same calls by other numbers */

    be_filter_add(&f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, __X32_SYSCALL_BIT);
    be_filter_end(&f, BE_REFUSED);

#endif

    be_filter_refuse(&f, be_never, be_size(be_never));
    be_filter_refuse(&f, more, n);

    /* files are for reading: models, certificates */

#ifdef __NR_open
    be_filter_argument(&f, __NR_open, 1, BPF_JSET, BE_WRITES, 1);
#endif
    be_filter_argument(&f, __NR_openat, 2, BPF_JSET, BE_WRITES, 1);

    /* abort() and raise() are signals, too: to itself */

    be_filter_argument(&f, __NR_kill, 0, BPF_JEQ, (uint32_t) getpid(), 0);
    be_filter_argument(&f, __NR_tgkill, 0, BPF_JEQ, (uint32_t) getpid(), 0);

    be_filter_end(&f, SECCOMP_RET_ALLOW);

    prog = (struct sock_fprog) { f.n, f.code };
    (void) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

#endif


/*
 * Landlock, where the kernel has it: no right to change anything in any
 * folder, and none over processes that have not given up the same.  As bits,
 * since the system that compiles may know fewer of them than the one that
 * runs.
 */

#ifdef __NR_landlock_create_ruleset

#define BE_LL_VERSION   1u           /* a flag: tell it */
#define BE_LL_CHANGES   0x1FF2u      /* WRITE_FILE, REMOVE_*, MAKE_* */
#define BE_LL_TRUNCATE  0x4000u      /* from version 3 on */
#define BE_LL_SCOPED    0x3u         /* from 6: abstract sockets, signals */

typedef struct {
    uint64_t  files;
    uint64_t  network;
    uint64_t  scoped;
} be_ruleset_t;


static void
be_landlock(void)
{
    int           fd;
    long          version;
    size_t        size = sizeof(uint64_t);
    be_ruleset_t  r = { .files = BE_LL_CHANGES };

    version = syscall(__NR_landlock_create_ruleset, NULL, (size_t) 0,
                      BE_LL_VERSION);
    if (version < 1) {
        return;
    }

    if (version >= 3) {
        r.files |= BE_LL_TRUNCATE;
    }

    if (version >= 6) {
        r.scoped = BE_LL_SCOPED;
        size = sizeof(r);
    }

    fd = (int) syscall(__NR_landlock_create_ruleset, &r, size, 0u);

    if (fd >= 0) {
        (void) syscall(__NR_landlock_restrict_self, fd, 0u);
        close(fd);
    }
}

#endif


void
be_sandbox_front(void)
{
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}


/* Sanitizers write reports, and read the process' memory. */

static void
be_sandbox(const int *calls, size_t n)
{
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    if (BE_SANITIZED) {
        return;
    }

#ifdef __NR_landlock_create_ruleset
    be_landlock();
#endif

#ifdef BE_AUDIT_ARCH
    be_filter_set(calls, n);
#else
    (void) calls;
    (void) n;
#endif
}


void
be_sandbox_ocr(void)
{
    be_limits(BE_OCR_MEMORY, 32);

    /* an empty network of its own; root may have it without a new user */

    if (unshare(CLONE_NEWNET) != 0) {
        (void) unshare(CLONE_NEWUSER | CLONE_NEWNET);
    }

    be_sandbox(be_no_network, be_size(be_no_network));
}


void
be_sandbox_fetch(void)
{
    be_limits(BE_FETCH_MEMORY, 64);
    be_sandbox(be_no_server, be_size(be_no_server));
}
