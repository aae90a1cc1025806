
/*
 * Makes the N-th call fail, in an nginx that is not built for it.
 *
 * It is preloaded.  The C library's functions are interposed that way, for
 * all of the process.  nginx's own cannot be, since a program's symbols come
 * first: so the module's objects, as they are, are linked a second time with
 * --wrap for each function in fail.wrap, and find the __wrap_ functions here.
 *
 * Which call fails is told by a page of a file, FAIL_PAGE in the environment,
 * that the test writes to; without that variable nothing ever fails.  The
 * arguments have no types of nginx: all that is said of them is their size.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include "fail.h"


/* the C library's own names of what is interposed */

extern void  *__libc_malloc(size_t size);
extern void  *__libc_calloc(size_t n, size_t size);
extern void  *__libc_realloc(void *p, size_t size);
extern void  *__libc_memalign(size_t alignment, size_t size);
extern void   __libc_free(void *p);


static fail_page_t  *page;
static pid_t         first;         /* who was started, not forked */
static int           begun;         /* the module has called something */


static void __attribute__((constructor))
fail_open(void)
{
    int          fd;
    void        *p;
    const char  *name;

    first = getpid();
    name = getenv("FAIL_PAGE");
    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(fail_page_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
             0);
    close(fd);

    if (p != MAP_FAILED) {
        page = p;
    }
}


/* Where the call came from, for whoever has to find it: file and offset, as
 * addr2line takes them. */

static void
fail_tell(const char *what, void *caller)
{
    size_t       room, len;
    Dl_info      info;
    const char  *name;
    static const char  digits[] = "0123456789abcdef";
    uintptr_t    offset;
    int          shift;

    room = sizeof(page->where);
    memset(page->where, 0, room);
    len = strlen(what);
    memcpy(page->where, what, len);
    page->where[len++] = ' ';

    if (dladdr(caller, &info) == 0 || info.dli_fname == NULL) {
        return;
    }

    name = strrchr(info.dli_fname, '/');
    name = name ? name + 1 : info.dli_fname;
    memcpy(page->where + len, name, strnlen(name, 40));
    len += strnlen(name, 40);
    memcpy(page->where + len, " 0x", 3);
    len += 3;

    offset = (uintptr_t) caller - (uintptr_t) info.dli_fbase - 1;

    for (shift = 28; shift >= 0; shift -= 4) {
        page->where[len++] = digits[(offset >> shift) & 15];
    }
}


static int
fail_mine(void)
{
    return page->pid == 0
           || (page->pid == -1 ? getpid() != first : getpid() == page->pid);
}


static int
fail_now(int kind, const char *what, void *caller)
{
    int64_t  n;
    int      saved;

    begun |= kind & (FAIL_OURS|FAIL_CRYPTO|FAIL_NGINX);

    if (page == NULL || !(page->mask & kind)) {
        return 0;
    }

    saved = errno;

    if (!fail_mine()
        || (kind == FAIL_HEAP && (page->mask & FAIL_LATER) && !begun))
    {
        errno = saved;
        return 0;
    }

    n = ++page->count;

    if (page->at == 0 || n < page->at || (n > page->at && !page->on)) {
        return 0;
    }

    if (page->fired++ == 0) {
        fail_tell(what, caller);
    }

    return 1;
}


static void
fail_count(int n)
{
    if (page && page->pid && page->pid == getpid()) {
        page->live += n;
    }
}


/* --- what our module calls */

#define HERE  __builtin_return_address(0)

#define WRAP1(type, kind, name, t1, bad)                                     \
    extern type name(t1);                                                    \
    type __wrap_##name(t1 a);                                                \
    type __wrap_##name(t1 a)                                                 \
    {                                                                        \
        return fail_now(kind, #name, HERE) ? bad : name(a);                  \
    }

#define WRAP2(type, kind, name, t1, t2, bad)                                 \
    extern type name(t1, t2);                                                \
    type __wrap_##name(t1 a, t2 b);                                          \
    type __wrap_##name(t1 a, t2 b)                                           \
    {                                                                        \
        return fail_now(kind, #name, HERE) ? bad : name(a, b);               \
    }

#define WRAP3(type, kind, name, t1, t2, t3, bad)                             \
    extern type name(t1, t2, t3);                                            \
    type __wrap_##name(t1 a, t2 b, t3 c);                                    \
    type __wrap_##name(t1 a, t2 b, t3 c)                                     \
    {                                                                        \
        return fail_now(kind, #name, HERE) ? bad : name(a, b, c);            \
    }

#define WRAP5(type, kind, name, t1, t2, t3, t4, t5, bad)                     \
    extern type name(t1, t2, t3, t4, t5);                                    \
    type __wrap_##name(t1 a, t2 b, t3 c, t4 d, t5 e);                        \
    type __wrap_##name(t1 a, t2 b, t3 c, t4 d, t5 e)                         \
    {                                                                        \
        return fail_now(kind, #name, HERE) ? bad : name(a, b, c, d, e);      \
    }

#define NGX_ERROR     -1
#define NGX_DECLINED  -5
#define P             void *

WRAP2(P, FAIL_OURS, ngx_palloc, P, size_t, NULL)
WRAP2(P, FAIL_OURS, ngx_pnalloc, P, size_t, NULL)
WRAP2(P, FAIL_OURS, ngx_pcalloc, P, size_t, NULL)
WRAP2(P, FAIL_OURS, ngx_alloc, size_t, P, NULL)
WRAP2(P, FAIL_OURS, ngx_calloc, size_t, P, NULL)
WRAP2(P, FAIL_OURS, ngx_create_pool, size_t, P, NULL)
WRAP3(P, FAIL_OURS, ngx_array_create, P, uintptr_t, size_t, NULL)
WRAP1(P, FAIL_OURS, ngx_array_push, P, NULL)
WRAP1(P, FAIL_OURS, ngx_list_push, P, NULL)
WRAP1(P, FAIL_OURS, ngx_alloc_chain_link, P, NULL)
WRAP2(P, FAIL_OURS, ngx_create_temp_buf, P, size_t, NULL)
WRAP2(P, FAIL_OURS, ngx_pool_cleanup_add, P, size_t, NULL)
WRAP2(P, FAIL_OURS, ngx_slab_alloc, P, size_t, NULL)
WRAP2(P, FAIL_OURS, ngx_slab_alloc_locked, P, size_t, NULL)
WRAP1(P, FAIL_OURS, malloc, size_t, NULL)
WRAP2(P, FAIL_OURS, calloc, size_t, size_t, NULL)
WRAP2(P, FAIL_OURS, realloc, P, size_t, NULL)
WRAP1(P, FAIL_OURS, redisReaderCreateWithFunctions, P, NULL)

WRAP3(intptr_t, FAIL_CALL, ngx_spocr_redis_call, P, P, P, NGX_DECLINED)

WRAP2(int, FAIL_CRYPTO, RAND_bytes, P, int, 0)
WRAP3(ssize_t, FAIL_CRYPTO, getrandom, P, size_t, unsigned, -1)
WRAP3(P, FAIL_CRYPTO, EVP_MD_fetch, P, P, P, NULL)
WRAP3(P, FAIL_CRYPTO, EVP_MAC_fetch, P, P, P, NULL)
WRAP3(P, FAIL_CRYPTO, EVP_CIPHER_fetch, P, P, P, NULL)
WRAP1(P, FAIL_CRYPTO, EVP_MAC_CTX_new, P, NULL)
extern P EVP_MD_CTX_new(void);
P __wrap_EVP_MD_CTX_new(void);
P __wrap_EVP_MD_CTX_new(void)
{
    return fail_now(FAIL_CRYPTO, "EVP_MD_CTX_new", HERE)
           ? NULL : EVP_MD_CTX_new();
}
extern P EVP_CIPHER_CTX_new(void);
P __wrap_EVP_CIPHER_CTX_new(void);
P __wrap_EVP_CIPHER_CTX_new(void)
{
    return fail_now(FAIL_CRYPTO, "EVP_CIPHER_CTX_new", HERE)
           ? NULL : EVP_CIPHER_CTX_new();
}
WRAP3(int, FAIL_CRYPTO, EVP_DigestInit_ex2, P, P, P, 0)
WRAP3(int, FAIL_CRYPTO, EVP_DigestUpdate, P, P, size_t, 0)
WRAP3(int, FAIL_CRYPTO, EVP_DigestFinal_ex, P, P, P, 0)
WRAP2(int, FAIL_CRYPTO, EVP_MD_CTX_copy_ex, P, P, 0)
extern int EVP_MAC_init(P, P, size_t, P);
int __wrap_EVP_MAC_init(P a, P b, size_t c, P d);
int __wrap_EVP_MAC_init(P a, P b, size_t c, P d)
{
    return fail_now(FAIL_CRYPTO, "EVP_MAC_init", HERE)
           ? 0 : EVP_MAC_init(a, b, c, d);
}
WRAP3(int, FAIL_CRYPTO, EVP_MAC_update, P, P, size_t, 0)
extern int EVP_MAC_final(P, P, P, size_t);
int __wrap_EVP_MAC_final(P a, P b, P c, size_t d);
int __wrap_EVP_MAC_final(P a, P b, P c, size_t d)
{
    return fail_now(FAIL_CRYPTO, "EVP_MAC_final", HERE)
           ? 0 : EVP_MAC_final(a, b, c, d);
}
extern int EVP_CipherInit_ex2(P, P, P, P, int, P);
int __wrap_EVP_CipherInit_ex2(P a, P b, P c, P d, int e, P f);
int __wrap_EVP_CipherInit_ex2(P a, P b, P c, P d, int e, P f)
{
    return fail_now(FAIL_CRYPTO, "EVP_CipherInit_ex2", HERE)
           ? 0 : EVP_CipherInit_ex2(a, b, c, d, e, f);
}
WRAP5(int, FAIL_CRYPTO, EVP_CipherUpdate, P, P, P, P, int, 0)
WRAP3(int, FAIL_CRYPTO, EVP_CipherFinal_ex, P, P, P, 0)

WRAP1(intptr_t, FAIL_NGINX, ngx_event_connect_peer, P, NGX_ERROR)
WRAP2(intptr_t, FAIL_NGINX, ngx_handle_read_event, P, uintptr_t, NGX_ERROR)
WRAP2(intptr_t, FAIL_NGINX, ngx_handle_write_event, P, size_t, NGX_ERROR)
WRAP2(intptr_t, FAIL_NGINX, ngx_http_read_client_request_body, P, P, 500)
WRAP1(intptr_t, FAIL_NGINX, ngx_http_discard_request_body, P, 500)
WRAP3(intptr_t, FAIL_NGINX, ngx_http_complex_value, P, P, P, NGX_ERROR)
WRAP3(int, FAIL_NGINX, redisReaderFeed, P, P, size_t, -1)


/* --- what the whole process calls */

void *
malloc(size_t size)
{
    void  *p;

    if (fail_now(FAIL_HEAP, "malloc", HERE)) {
        errno = ENOMEM;
        return NULL;
    }

    p = __libc_malloc(size);
    fail_count(p != NULL);

    return p;
}


void *
calloc(size_t n, size_t size)
{
    void  *p;

    if (fail_now(FAIL_HEAP, "calloc", HERE)) {
        errno = ENOMEM;
        return NULL;
    }

    p = __libc_calloc(n, size);
    fail_count(p != NULL);

    return p;
}


void *
realloc(void *old, size_t size)
{
    void  *p;

    if (fail_now(FAIL_HEAP, "realloc", HERE)) {
        errno = ENOMEM;
        return NULL;
    }

    p = __libc_realloc(old, size);
    fail_count((p != NULL && old == NULL) - (p == NULL && old && size == 0));

    return p;
}


int
posix_memalign(void **memory, size_t alignment, size_t size)
{
    void  *p;

    if (fail_now(FAIL_HEAP, "posix_memalign", HERE)) {
        return ENOMEM;
    }

    p = __libc_memalign(alignment, size);
    if (p == NULL) {
        return ENOMEM;
    }

    fail_count(1);
    *memory = p;

    return 0;
}


void
free(void *p)
{
    fail_count(-(p != NULL));
    __libc_free(p);
}


/* The next definition of a function of the C library. */

#define NEXT(name)                                                           \
    static __typeof__(name) *next;                                           \
    if (next == NULL) {                                                      \
        next = (__typeof__(name) *) dlsym(RTLD_NEXT, #name);                 \
    }

#define FAILS(kind, name, error)                                             \
    if (fail_now(kind, #name, HERE)) {                                       \
        errno = error;                                                       \
        return -1;                                                           \
    }


static int
is_socket(int fd)
{
    int        type, saved;
    socklen_t  len;

    saved = errno;
    len = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0) {
        return 1;
    }

    errno = saved;
    return 0;
}


int
socket(int domain, int type, int protocol)
{
    NEXT(socket)
    FAILS(FAIL_SEND, socket, EMFILE)
    return next(domain, type, protocol);
}


int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
    NEXT(connect)
    FAILS(FAIL_SEND, connect, ECONNREFUSED)
    return next(fd, to, len);
}


ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
    NEXT(send)
    FAILS(FAIL_SEND, send, ECONNRESET)
    return next(fd, bytes, len, flags);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    NEXT(writev)
    FAILS(FAIL_SEND, writev, ECONNRESET)
    return next(fd, iov, n);
}


/* <sys/sendfile.h> would name it another way */

ssize_t sendfile64(int out, int in, int64_t *offset, size_t count);

ssize_t
sendfile64(int out, int in, int64_t *offset, size_t count)
{
    NEXT(sendfile64)
    FAILS(FAIL_SEND, sendfile64, ECONNRESET)
    return next(out, in, offset, count);
}


ssize_t
recv(int fd, void *bytes, size_t len, int flags)
{
    NEXT(recv)
    FAILS(FAIL_RECV, recv, ECONNRESET)

    if (fail_now(FAIL_EOF, "recv", HERE)) {
        return 0;
    }

    return next(fd, bytes, len, flags);
}


ssize_t
readv(int fd, const struct iovec *iov, int n)
{
    NEXT(readv)
    FAILS(FAIL_RECV, readv, ECONNRESET)

    if (fail_now(FAIL_EOF, "readv", HERE)) {
        return 0;
    }

    return next(fd, iov, n);
}


/* glibc has these under two names; nginx calls the second. */

int
open64(const char *name, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    NEXT(open64)
    FAILS(FAIL_FILE, open64, EMFILE)

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);

    return next(name, flags, mode);
}


ssize_t
pread64(int fd, void *bytes, size_t len, off64_t offset)
{
    NEXT(pread64)
    FAILS(FAIL_FILE, pread64, EIO)
    return next(fd, bytes, len, offset);
}


ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    NEXT(pwrite64)
    FAILS(FAIL_FILE, pwrite64, ENOSPC)
    return next(fd, bytes, len, offset);
}


ssize_t
read(int fd, void *bytes, size_t len)
{
    NEXT(read)

    if (page && (page->mask & FAIL_FILE) && !is_socket(fd)) {
        FAILS(FAIL_FILE, read, EIO)
    }

    return next(fd, bytes, len);
}
