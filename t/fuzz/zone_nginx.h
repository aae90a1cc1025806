
/*
 * What the zone's files call of nginx, for t/fuzz/zone.c: a clock that the
 * input moves, pages and slabs whose owner counts them, a lock of one process,
 * and a worker that dies at any barrier.
 */

#ifndef _FUZZ_ZONE_NGINX_H_INCLUDED_
#define _FUZZ_ZONE_NGINX_H_INCLUDED_


#include <ngx_event.h>
#include <setjmp.h>


#define PAGES  9

static jmp_buf   killed;
static unsigned  kills;             /* which point it dies at; 0: none */
static int       locked;


static void
may_die(void)
{
    if (kills && --kills == 0) {
        longjmp(killed, 1);
    }
}


/* between two of these the compiler may reorder stores, as with nginx's */

#undef ngx_memory_barrier
#define ngx_memory_barrier()                                                  \
    do {                                                                      \
        __sync_synchronize();                                                 \
        may_die();                                                            \
    } while (0)


#include "../../ngx_spocr_module/ngx_spocr_window.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_board.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_counter.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_known.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_outbox.c" /* NOLINT */


volatile ngx_msec_t   ngx_current_msec;
volatile ngx_time_t  *ngx_cached_time;
ngx_uint_t            ngx_pagesize = 4096;
ngx_uint_t            ngx_worker;
ngx_pid_t             ngx_pid = 100;

static ngx_time_t        clock_now;
static int64_t           wall, mono;
static ngx_shm_zone_t    shm_zone;
static ngx_slab_pool_t   shpool;
static ngx_spocr_zone_t  handle;
static ngx_log_t         zone_log;
static void             *pages[8];
static size_t            npages;


/* A slab, in a ring of all of them; those of the dead stay there. */

typedef struct slab_s  slab_t;

struct slab_s {
    slab_t  *next;
    slab_t  *prev;
    size_t   size;
    size_t   pad;
};

static slab_t            slabs = { &slabs, &slabs, 0, 0 };
static size_t            slab_bytes;


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    size /= ngx_pagesize;

    if (pool->pfree < size
        || posix_memalign(&p, ngx_pagesize, size * ngx_pagesize) != 0)
    {
        return NULL;
    }

    pool->pfree -= size;
    pages[npages++] = p;

    return p;
}


static int
slab_room(size_t size)
{
    return slab_bytes + size <= shpool.pfree * ngx_pagesize;
}


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    slab_t  *slab;

    property(locked, "a slab without the lock");
    may_die();

    if (!slab_room(size)) {
        return NULL;
    }

    slab = malloc(sizeof(slab_t) + size);
    slab->size = size;
    slab->next = slabs.next;
    slab->prev = &slabs;
    slab->next->prev = slab;
    slabs.next = slab;
    slab_bytes += size;

    memset(slab + 1, 0x5a, size);

    return slab + 1;
}


static void
slab_free(slab_t *slab)
{
    slab->next->prev = slab->prev;
    slab->prev->next = slab->next;
    slab_bytes -= slab->size;
    memset(slab + 1, 0xa5, slab->size);
    free(slab);
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *mem)
{
    property(locked, "a slab without the lock");
    may_die();
    slab_free((slab_t *) mem - 1);
    may_die();
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    property(!locked, "locked twice");
    locked = 1;
    may_die();
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    property(locked, "unlocked twice");
    may_die();
    locked = 0;
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return NULL;
}


ssize_t
ngx_parse_size(ngx_str_t *line)
{
    return NGX_ERROR;
}


ngx_shm_zone_t *
ngx_shared_memory_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    return NULL;
}


void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


static void
set_clock(void)
{
    clock_now.sec = wall / 1000;
    clock_now.msec = (ngx_uint_t) (wall % 1000);
    ngx_cached_time = &clock_now;
    ngx_current_msec = (ngx_msec_t) mono;
}


/* nginx's clock is asked again: time has gone on. */

static unsigned  asked_again;

void
ngx_time_update(void)
{
    wall += asked_again;
    mono += asked_again;
    set_clock();
}


/* nginx reads its configuration: the zone is made, or one is taken over. */

static void
load(size_t outbox)
{
    ngx_spocr_zone_t  old;

    old = handle;
    memset(&handle, 0, sizeof(handle));
    handle.shm_zone = &shm_zone;
    ngx_spocr_zone_outbox_reserve(&handle, outbox);
    shm_zone.data = &handle;
    shm_zone.shm.log = &zone_log;
    shm_zone.shm.addr = (u_char *) &shpool;

    property(ngx_spocr_zone_init(&shm_zone, old.sh ? &old : NULL) == NGX_OK,
             "init");
}


static void
make_zone(size_t outbox)
{
    memset(&handle, 0, sizeof(handle));
    memset(&shm_zone, 0, sizeof(shm_zone));
    memset(&shpool, 0, sizeof(shpool));

    shpool.pfree = PAGES;
    shm_zone.shm.size = (PAGES + 1) * ngx_pagesize;

    load(outbox);
}


static void
free_zone(void)
{
    slab_t  *slab, *next;

    while (npages) {
        free(pages[--npages]);
    }

    for (slab = slabs.next; slab != &slabs; slab = next) {
        next = slab->next;
        free(slab);
    }

    slabs.next = &slabs;
    slabs.prev = &slabs;
    slab_bytes = 0;
}


#endif /* _FUZZ_ZONE_NGINX_H_INCLUDED_ */
