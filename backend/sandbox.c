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

#define BE_LOAD(field)                                                        \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

#define BE_REFUSE(name)                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1),                   \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static void
be_filter(const struct sock_filter *code, unsigned short n)
{
    struct sock_fprog  prog = { n, (struct sock_filter *) code };

    (void) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

#define be_filter_set(code)                                                   \
    be_filter(code, (unsigned short) (sizeof(code) / sizeof((code)[0])))

#endif


void
be_sandbox_ocr(void)
{
    be_limits(BE_OCR_MEMORY, 32);

    /* an empty network of its own; root may have it without a new user */

    if (unshare(CLONE_NEWNET) != 0) {
        (void) unshare(CLONE_NEWUSER | CLONE_NEWNET);
    }

    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

#ifdef BE_AUDIT_ARCH
    {
        static const struct sock_filter  code[] = {
            BE_LOAD(arch),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BE_AUDIT_ARCH, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),

            BE_LOAD(nr),
            BE_REFUSE(socket),
            BE_REFUSE(connect),
            BE_REFUSE(bind),
            BE_REFUSE(listen),
            BE_REFUSE(execve),
            BE_REFUSE(execveat),
            BE_REFUSE(ptrace),
            BE_REFUSE(process_vm_readv),
            BE_REFUSE(process_vm_writev),
            BE_REFUSE(unlinkat),
            BE_REFUSE(renameat2),
            BE_REFUSE(mount),
            BE_REFUSE(bpf),
            BE_REFUSE(keyctl),
            BE_REFUSE(perf_event_open),

            /* files are for reading: the models */

            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 3),
            BE_LOAD(args[2]),
            BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT,
                     0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),

            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
        };

        if (!BE_SANITIZED) {
            be_filter_set(code);
        }
    }
#endif
}


void
be_sandbox_fetch(void)
{
    be_limits(BE_FETCH_MEMORY, 64);

    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

#ifdef BE_AUDIT_ARCH
    {
        static const struct sock_filter  code[] = {
            BE_LOAD(arch),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BE_AUDIT_ARCH, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),

            BE_LOAD(nr),
            BE_REFUSE(listen),
            BE_REFUSE(execve),
            BE_REFUSE(execveat),
            BE_REFUSE(ptrace),
            BE_REFUSE(process_vm_readv),
            BE_REFUSE(process_vm_writev),
            BE_REFUSE(mount),
            BE_REFUSE(bpf),
            BE_REFUSE(keyctl),

            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
        };

        if (!BE_SANITIZED) {
            be_filter_set(code);
        }
    }
#endif
}
