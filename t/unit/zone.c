
/*
 * The zone, held against a model: C-15, C-16, C-20, C-29.  The clock, the
 * slab pool and the lock of nginx are replaced by ones that the test moves.
 * Counters and clock can be written while the lock is held, and at no other
 * time: who tries dies of SIGSEGV.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <setjmp.h>
#include <sys/mman.h>
#include "tap.h"

/*
 * The file itself: what it calls of nginx is replaced below.  Setters of
 * directives return literals as char *, as nginx's own do.
 */
#ifdef __clang__
#pragma GCC diagnostic ignored \
    "-Wincompatible-pointer-types-discards-qualifiers"
#else
#pragma GCC diagnostic ignored "-Wdiscarded-qualifiers"
#endif
#include "../../ngx_spocr_module/ngx_spocr_zone.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_board.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_counter.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_known.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_outbox.c" /* NOLINT */


#define WIDTH  1000


volatile ngx_msec_t   ngx_current_msec;
volatile ngx_time_t  *ngx_cached_time;
ngx_uint_t            ngx_pagesize = 4096;
ngx_uint_t            ngx_worker;
ngx_pid_t             ngx_pid = 100;

static ngx_time_t     clock_now;
static int            locked;
static int            unbalanced;

/* what the zone allocates, in its order; totals and board need no lock */
enum { CLOCK, TOTALS, BOARD, COUNTERS, BLOCKS };

static struct {
    void   *start;
    size_t  size;
} blocks[BLOCKS];

static int            nblocks;


static void
protect(int prot)
{
    if (nblocks == BLOCKS
        && (mprotect(blocks[CLOCK].start, blocks[CLOCK].size, prot) != 0
            || mprotect(blocks[COUNTERS].start, blocks[COUNTERS].size, prot)
               != 0))
    {
        perror("mprotect");
        exit(1);
    }
}


static ngx_shm_zone_t   shm_zone;
static ngx_slab_pool_t  shpool;


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    size = (size + ngx_pagesize - 1) / ngx_pagesize;

    if (pool->pfree < size) {
        return NULL;
    }

    pool->pfree -= size;

    if (posix_memalign(&p, ngx_pagesize, size * ngx_pagesize) != 0) {
        return NULL;
    }

    memset(p, 0x5a, size * ngx_pagesize);

    blocks[nblocks].start = p;
    blocks[nblocks].size = size * ngx_pagesize;
    nblocks++;

    return p;
}


/* What the zone allocates later: from what pages are left. */

static size_t         taken_bytes;
static ngx_uint_t     unlocked;
static jmp_buf        killed;
static int            kills;            /* which free it dies in */


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    size_t  *p;

    unlocked += !locked;

    if (taken_bytes + size > pool->pfree * ngx_pagesize) {
        return NULL;
    }

    p = malloc(2 * sizeof(size_t) + size);
    p[0] = size;
    taken_bytes += size;

    return memset(p + 2, 0x5a, size);
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *mem)
{
    size_t  *p;

    unlocked += !locked;

    p = (size_t *) mem - 2;
    taken_bytes -= p[0];
    memset(p, 0xa5, p[0]);
    free(p);

    if (kills && --kills == 0) {
        longjmp(killed, 1);
    }
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    unbalanced += locked++ != 0;
    protect(PROT_READ|PROT_WRITE);
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    unbalanced += --locked != 0;
    protect(PROT_READ);
}


/* One zone at a time: its handle is all that comes from a pool. */

void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    static ngx_spocr_zone_t  handle;

    return size == sizeof(handle) ? memset(&handle, 0, size) : NULL;
}


/* "spocr_zone" itself is tested through nginx -t */

ssize_t
ngx_parse_size(ngx_str_t *line)
{
    return NGX_ERROR;
}


ngx_shm_zone_t *
ngx_shared_memory_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    shm_zone.shm.name = *name;
    shm_zone.shm.size = size;

    return &shm_zone;
}


void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
}


static ngx_log_t   zone_log;
static ngx_uint_t  warned;              /* lines at warn */


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    warned += level == NGX_LOG_WARN;
}


static void
set_clock(int64_t wall, int64_t mono)
{
    clock_now.sec = wall / 1000;
    clock_now.msec = (ngx_uint_t) (wall % 1000);
    ngx_cached_time = &clock_now;
    ngx_current_msec = (ngx_msec_t) mono;
}


/* What nginx's clock shows when it is asked again, if that is set. */

static int64_t        updated;


void
ngx_time_update(void)
{
    if (updated) {
        set_clock(updated, (int64_t) ngx_current_msec + 20);
    }
}


static size_t         reserve;          /* for the outbox */


static ngx_spocr_zone_t *
make_zone(size_t size)
{
    ngx_str_t          name = ngx_string("test");
    ngx_conf_t         cf;
    ngx_spocr_zone_t  *zone;

    memset(&cf, 0, sizeof(cf));
    memset(&shm_zone, 0, sizeof(shm_zone));
    memset(&shpool, 0, sizeof(shpool));

    zone = ngx_spocr_zone_add(&cf, &name, size, NULL);

    if (zone != NULL) {
        ngx_spocr_zone_outbox_reserve(zone, reserve);
    }

    zone_log.log_level = NGX_LOG_NOTICE;

    shm_zone.shm.log = &zone_log;
    shm_zone.shm.addr = (u_char *) &shpool;
    shpool.pfree = size / ngx_pagesize - 1;

    protect(PROT_READ|PROT_WRITE);

    while (nblocks) {
        free(blocks[--nblocks].start);
    }

    if (zone == NULL || ngx_spocr_zone_init(&shm_zone, NULL) != NGX_OK) {
        return NULL;
    }

    if (nblocks != BLOCKS) {
        diag("the zone's blocks are not what this test knows");
        return NULL;
    }

    protect(PROT_READ);

    return zone;
}


static void
set_level(ngx_spocr_zone_level_t *level, uint64_t n, uint32_t limit)
{
    uint64_t  words[2];

    /* spread as a digest is (splitmix64's finisher) */

    words[0] = n * 0x9e3779b97f4a7c15ULL;
    words[0] = (words[0] ^ (words[0] >> 30)) * 0xbf58476d1ce4e5b9ULL;
    words[0] = (words[0] ^ (words[0] >> 27)) * 0x94d049bb133111ebULL;
    words[0] ^= words[0] >> 31;
    words[1] = (words[0] ^ n) * 0xd6e8feb86659fd93ULL;
    words[1] ^= words[1] >> 32;
    words[1] *= 0xd6e8feb86659fd93ULL;

    memcpy(level->id, words, sizeof(words));
    level->limit = limit;
}


static ngx_int_t
take(ngx_spocr_zone_t *zone, uint64_t key, uint32_t key_limit, uint64_t uid,
    uint32_t uid_limit, uint64_t *left)
{
    uint64_t                ignored;
    ngx_uint_t              refused;
    ngx_spocr_zone_level_t  levels[NGX_SPOCR_LEVELS];

    set_level(&levels[NGX_SPOCR_LEVEL_KEY], 2 * key + 1, key_limit);
    set_level(&levels[NGX_SPOCR_LEVEL_UID], 2 * uid + 2, uid_limit);

    return ngx_spocr_zone_take(zone, levels, WIDTH, &refused,
                               left ? left : &ignored);
}


static void
test_window(void)
{
    uint64_t           left;
    ngx_int_t          i, taken;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(5000250, 1000);

    for (i = 0, taken = 0; i < 100; i++) {
        taken += take(zone, 1, 10, 1, 100, &left) == NGX_OK;
    }

    is_int(taken, 10, "the key's limit");
    is_int(left, 750, "time left to the epoch-aligned end");

    for (i = 0, taken = 0; i < 200; i++) {
        taken += take(zone, 100 + (uint64_t) i, 10, 1, 100, NULL) == NGX_OK;
    }

    is_int(taken, 90, "the uid's limit, of which nothing was wasted");

    set_clock(5001000, 1750);
    is_int(take(zone, 1, 10, 1, 100, &left), NGX_OK,
           "the first moment of a window admits");
    is_int(left, 1000, "with all of it left");
}


static void
test_clock(void)
{
    uint64_t           left, i, taken;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(9000500, 500);
    (void) take(zone, 1, 1, 1, 1, NULL);
    is_int(take(zone, 1, 1, 1, 1, NULL), NGX_BUSY, "the limit is used up");

    /* C-16: the window number never goes back */

    set_clock(9000500 - 3600000, 510);
    is_int(take(zone, 1, 1, 1, 1, &left), NGX_BUSY,
           "a clock set back an hour opens nothing");
    is_int(left, 490, "and the wait is what it was");

    set_clock(9000500 - 3600000 + 600, 1010);
    is_int(take(zone, 1, 1, 1, 1, NULL), NGX_OK,
           "the next window comes in time all the same");

    set_clock(9000500 + 3600000, 1020);
    is_int(take(zone, 1, 1, 1, 1, NULL), NGX_OK, "set forward: a new window");
    set_clock(9000600, 1120);
    is_int(take(zone, 1, 1, 1, 1, NULL), NGX_BUSY, "and back: not another");

    for (i = 0, taken = 0; i < 100; i++) {
        set_clock(9000700 + (int64_t) i * 100, 1220 + (int64_t) i * 100);
        taken += take(zone, 1, 1, 1, 1, &left) == NGX_OK;

        if (left > WIDTH) {
            taken += 1000;
        }
    }

    is_int(taken, 10, "and from then on one window a second");

    /* another worker's cached time is a little older */

    set_clock(9011000, 11520);
    (void) take(zone, 2, 1, 2, 1, NULL);
    set_clock(9010990, 11510);
    is_int(take(zone, 2, 1, 2, 1, NULL), NGX_BUSY,
           "a worker that is behind counts in the same window");
}


static void
test_full(void)
{
    uint64_t              i, ok_count, full, first;
    ngx_spocr_zone_t     *zone;
    ngx_spocr_zone_use_t  use;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(7000000, 1);

    ngx_spocr_zone_use(zone, &use);
    is_int(use.live, 0, "empty");

    /* a key at its limit, then more keys than there is room for */

    (void) take(zone, 0, 1, 0, NGX_SPOCR_LIMIT_NONE, NULL);

    for (i = 1, ok_count = 0, full = 0, first = 0;
         i < 3 * use.counters;
         i++)
    {
        switch (take(zone, i, 1, 0, NGX_SPOCR_LIMIT_NONE, NULL)) {

        case NGX_OK:
            ok_count++;
            break;

        case NGX_DECLINED:
            if (full++ == 0) {
                first = ok_count;
            }
            break;

        default:
            diag("a counter was found that nobody made");
            ok_count = 1000000;
        }
    }

    ok(full > 0, "more than there is room for: full");
    ok(first * 100 > use.counters * 70,
       "and not before 70 of 100 were in use (%u of %u)",
       (unsigned) first, (unsigned) use.counters);

    is_int(take(zone, 0, 1, 0, NGX_SPOCR_LIMIT_NONE, NULL), NGX_BUSY,
           "a flood pushes no live counter out");           /* C-20 */

    ngx_spocr_zone_use(zone, &use);
    is_int(use.live, ok_count + 1, "the use is what was taken");

    set_clock(7001000, 1001);
    ngx_spocr_zone_use(zone, &use);

    for (i = 1000000, ok_count = 0; i < 1000000 + use.counters / 2; i++) {
        ok_count += take(zone, i, 1, 0, NGX_SPOCR_LIMIT_NONE, NULL) == NGX_OK;
    }

    is_int(ok_count, use.counters / 2, "what has expired is given away");

    ok(use.size <= 160 * use.counters, "%u bytes for %u counters, all in all",
       (unsigned) use.size, (unsigned) use.counters);
}


/* Random keys, limits and times against a plain array of counts. */

static void
test_model(void)
{
    enum { KEYS = 50, UIDS = 5 };

    static struct { uint64_t end; uint32_t count; } keys[KEYS], uids[UIDS];

    int64_t            now;
    uint64_t           end;
    ngx_int_t          rc, expected;
    ngx_uint_t         i, k, u, wrong;
    unsigned           seed;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    now = 1000000;
    seed = 3;
    wrong = 0;

    for (i = 0; i < 60000; i++) {
        seed = seed * 1103515245 + 12345;
        now += (seed >> 28) == 0 ? 7 : 0;
        set_clock(now, now - 900000);
        end = ngx_spocr_window_end((uint64_t) now, WIDTH);

        k = (seed >> 16) % KEYS;
        u = k % UIDS;

        if (keys[k].end != end) {
            keys[k].end = end;
            keys[k].count = 0;
        }

        if (uids[u].end != end) {
            uids[u].end = end;
            uids[u].count = 0;
        }

        expected = keys[k].count < 20 && uids[u].count < 120 ? NGX_OK
                                                             : NGX_BUSY;
        if (expected == NGX_OK) {
            keys[k].count++;
            uids[u].count++;
        }

        rc = take(zone, k, 20, u, 120, NULL);
        wrong += rc != expected;
    }

    is_int(wrong, 0, "60000 decisions equal the model's");
    is_int(unbalanced, 0, "the lock is taken and released once each time");
}


static void
test_totals(void)
{
    ngx_uint_t         i;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);

    for (i = 0; i < 100; i++) {
        ngx_worker = i;
        ngx_spocr_zone_count(zone, 3, 2);
    }

    is_int(ngx_spocr_zone_total(zone, 3), 200, "workers' totals are summed");
    is_int(ngx_spocr_zone_total(zone, 4), 0, "another total is another");
}


/*
 * What Redis told: a call is begun now, and answered ms later.  number: of
 * the window that ends left ms after the answer.
 */

static void
tell(ngx_spocr_zone_t *zone, uint64_t key, uint32_t count, uint32_t number,
    int64_t ms, uint64_t left)
{
    uint64_t                now;
    ngx_spocr_zone_known_t  levels[NGX_SPOCR_LEVELS];
    ngx_spocr_zone_level_t  level;

    set_level(&level, key, 1);
    memcpy(levels[0].id, level.id, sizeof(level.id));
    levels[0].limit = 1;
    levels[0].count = count;
    levels[0].number = number;
    levels[1].limit = NGX_SPOCR_LIMIT_NONE;

    now = (uint64_t) clock_now.sec * 1000 + clock_now.msec;
    set_clock((int64_t) now + ms, (int64_t) ngx_current_msec + ms);

    ngx_spocr_zone_learn(zone, levels, now, left);
}


static ngx_int_t
known(ngx_spocr_zone_t *zone, uint64_t key, uint32_t limit,
    ngx_spocr_zone_known_t *level, uint64_t *left)
{
    uint64_t                now;
    ngx_int_t               rc;
    ngx_uint_t              refused;
    ngx_spocr_zone_known_t  levels[NGX_SPOCR_LEVELS];
    ngx_spocr_zone_level_t  id;

    set_level(&id, key, 1);
    memcpy(levels[0].id, id.id, sizeof(id.id));
    levels[0].limit = limit;
    levels[1].limit = NGX_SPOCR_LIMIT_NONE;

    rc = ngx_spocr_zone_known(zone, levels, WIDTH, &now, &refused, left);
    *level = levels[0];

    return rc;
}


/* C-18: a refusal that is known is not asked for again. */

static void
test_known(void)
{
    uint64_t                left;
    ngx_spocr_zone_t       *zone;
    ngx_spocr_zone_known_t  level;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(5000100, 1000);

    is_int(known(zone, 1, 10, &level, &left), NGX_OK, "nothing is known");
    is_int(level.count, 0, "of its count");

    tell(zone, 1, 9, 5000, 4, 500);
    is_int(known(zone, 1, 10, &level, &left), NGX_OK, "9 of 10");
    is_int(level.count, 9, "the count");
    is_int(level.number, 5000, "and its window");

    /* answers of two workers in the wrong order */

    tell(zone, 1, 10, 5000, 2, 494);
    tell(zone, 1, 8, 5000, 0, 494);
    is_int(known(zone, 1, 10, &level, &left), NGX_BUSY, "10 of 10");
    ok(left >= 494 && left <= 500, "not sooner than its end: %u ms",
       (unsigned) left);

    is_int(known(zone, 1, 11, &level, &left), NGX_OK,
           "a raised limit acts at once");
    is_int(known(zone, 1, 5, &level, &left), NGX_BUSY, "so does a lower one");

    tell(zone, 1, 3, 4999, 0, 100);
    is_int(known(zone, 1, 10, &level, &left), NGX_BUSY,
           "an answer of the window before says nothing");

    /* C-18: never past the window's end */

    updated = 0;
    set_clock(5000604, 1504);
    is_int(known(zone, 1, 10, &level, &left), NGX_OK,
           "forgotten when begun + left has come");

    set_clock(5000590, 1490);
    tell(zone, 1, 10, 5001, 0, 30);
    updated = 5000625;
    is_int(known(zone, 1, 10, &level, &left), NGX_OK,
           "near its end the clock is asked again");
    updated = 0;

    tell(zone, 2, 10, 0xfffffe, 0, 500);
    tell(zone, 2, 1, 0, 0, 500);
    is_int(known(zone, 2, 10, &level, &left), NGX_OK,
           "a window after the highest number is a later one");
    is_int(level.count, 1, "whose count is valid");

    tell(zone, 4, 10, 7, 300, 700);
    is_int(known(zone, 4, 10, &level, &left), NGX_BUSY, "a slow answer");
    ok(left >= 700 && left <= 716, "may be as old as it was slow: %u ms",
       (unsigned) left);

    tell(zone, 5, 10, 7, 2100, 9000);
    is_int(known(zone, 5, 10, &level, &left), NGX_OK,
           "one that is too slow tells nothing");

    tell(zone, 3, 10, 7, 600, 500);
    is_int(known(zone, 3, 10, &level, &left), NGX_OK,
           "an answer that took longer than the window tells nothing");
}


static ngx_int_t
over(ngx_spocr_zone_t *zone, uint64_t key, uint32_t limit, uint32_t nodes,
    uint64_t *left)
{
    ngx_uint_t              refused;
    ngx_spocr_zone_level_t  levels[NGX_SPOCR_LEVELS];

    set_level(&levels[0], key, limit);
    levels[1].limit = NGX_SPOCR_LIMIT_NONE;

    return ngx_spocr_zone_take_over(zone, levels, WIDTH, nodes, &refused,
                                    left);
}


/* C-19: while Redis is away. */

static void
test_take_over(void)
{
    uint64_t                left;
    ngx_int_t               i, taken;
    ngx_spocr_zone_t       *zone;
    ngx_spocr_zone_known_t  level;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(6000100, 1000);

    tell(zone, 1, 4, 6000, 0, 700);

    for (i = 0, taken = 0; i < 20; i++) {
        taken += over(zone, 1, 10, 1, &left) == NGX_OK;
    }

    is_int(taken, 6, "it goes on from what was known");
    is_int(left, 700, "in Redis' window");

    is_int(known(zone, 1, 10, &level, &left), NGX_OK,
           "Redis, when it is back, is asked");
    is_int(level.count, 10, "and told what was taken meanwhile");
    is_int(level.number, 6000, "in the window that it knows");

    tell(zone, 1, 10, 6000, 0, 700);
    is_int(known(zone, 1, 10, &level, &left), NGX_BUSY, "its answer decides");

    set_clock(6000800, 1700);

    for (i = 0, taken = 0; i < 20; i++) {
        taken += over(zone, 1, 10, 1, &left) == NGX_OK;
    }

    is_int(taken, 10, "the next window is whole");
    is_int(left, 200, "and the node's clock ends it");

    is_int(known(zone, 1, 10, &level, &left), NGX_OK, "nothing was told");
    is_int(level.count, 10, "of what this node has taken");
    is_int(level.number, 6000, "in the window of its clock");

    /* a fleet of three: a third of the limit, and of what is known */

    tell(zone, 2, 4, 6000, 0, 500);

    for (i = 0, taken = 0; i < 20; i++) {
        taken += over(zone, 2, 12, 3, &left) == NGX_OK;
    }

    is_int(taken, 2, "a node's share of 12, less its share of 4");

    (void) known(zone, 2, 13, &level, &left);
    is_int(level.count, 6, "what Redis told, and two of this node");

    tell(zone, 2, 7, 6000, 0, 500);
    (void) over(zone, 2, 15, 3, &left);
    (void) known(zone, 2, 13, &level, &left);
    is_int(level.count, 8, "Redis has them now: they are not added again");

    for (i = 0, taken = 0; i < 5; i++) {
        taken += over(zone, 3, 2, 3, &left) == NGX_OK;
    }

    is_int(taken, 1, "a share is at least 1");

    is_int(take(zone, 1, 10, 1, 10, NULL), NGX_OK,
           "its counters are no others'");
}


static void
test_notices(void)
{
    ngx_spocr_zone_t          *zone;
    ngx_spocr_zone_version_t   a, b, c;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);

    a = ngx_spocr_zone_version(zone, 0xffffffff);
    b = ngx_spocr_zone_version(zone, 0);

    ngx_spocr_zone_notice(zone, 0xffffffff);
    c = ngx_spocr_zone_version(zone, 0xffffffff);
    ok(c.record != a.record && c.epoch == a.epoch, "a record has changed");

    c = ngx_spocr_zone_version(zone, 0);
    ok(c.record == b.record, "another has not");

    ngx_spocr_zone_notice_all(zone);
    c = ngx_spocr_zone_version(zone, 0);
    ok(c.record == b.record && c.epoch != b.epoch, "all may have");
}


static void
test_hold(void)
{
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(6000000, 100000);

    is_int(ngx_spocr_zone_hold(zone, 750), NGX_OK, "the first one takes it");
    is_int(ngx_spocr_zone_hold(zone, 750), NGX_OK, "and keeps it");

    ngx_pid++;
    is_int(ngx_spocr_zone_hold(zone, 750), NGX_DECLINED, "the next one waits");

    ngx_spocr_zone_subscribed(zone, 1);
    is_int(ngx_spocr_zone_hears(zone), 0, "who only waits hears nothing");

    ngx_pid--;
    ngx_spocr_zone_subscribed(zone, 1);
    is_int(ngx_spocr_zone_hears(zone), 1, "the holder does");
    ngx_pid++;

    set_clock(6000750, 100750);
    is_int(ngx_spocr_zone_hears(zone), 0, "as long as it is there");
    is_int(ngx_spocr_zone_hold(zone, 750), NGX_OK, "until its time is up");
    is_int(ngx_spocr_zone_hears(zone), 0, "the next one has to subscribe");

    ngx_pid--;
    ngx_spocr_zone_let_go(zone);
    is_int(ngx_spocr_zone_hold(zone, 750), NGX_DECLINED,
           "who holds nothing lets nothing go");

    ngx_pid++;
    ngx_spocr_zone_let_go(zone);
    ngx_pid--;
    is_int(ngx_spocr_zone_hold(zone, 750), NGX_OK, "and then at once");
}


static void
test_may_say(void)
{
    ngx_uint_t         i, said, skipped;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(6000000, 1);

    for (i = 0, said = 0; i < 20; i++) {
        said += ngx_spocr_zone_may_say(zone, 1, 10, &skipped);
    }

    is_int(said, 1, "one line");
    is_int(ngx_spocr_zone_may_say(zone, 2, 10, &skipped), 1, "of each topic");

    set_clock(6010000, 10001);
    is_int(ngx_spocr_zone_may_say(zone, 1, 10, &skipped), 1, "in 10 seconds");
    is_int(skipped, 19, "with the number of those that were not written");

    set_clock(5000000, 10002);
    is_int(ngx_spocr_zone_may_say(zone, 1, 10, &skipped), 1,
           "a clock that was set back silences nothing");
}


static void
test_states(void)
{
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);

    for (ngx_worker = 0; ngx_worker < 3; ngx_worker++) {
        ngx_spocr_zone_state(zone, ngx_worker == 1 ? 2 : 1);
    }

    is_int(ngx_spocr_zone_states(zone, 1), 2, "two workers said 1");
    is_int(ngx_spocr_zone_states(zone, 2), 1, "one said 2");

    warned = 0;
    (void) ngx_spocr_zone_init(&shm_zone, zone);
    is_int(ngx_spocr_zone_states(zone, 1), 0, "a reload asks them again");
    is_int(warned, 0, "and warns of nothing");

    ngx_spocr_zone_outbox_reserve(zone, 16384);
    (void) ngx_spocr_zone_init(&shm_zone, zone);
    is_int(warned, 1, "but that an outbox is wanted now, and has no room");
}


static ngx_int_t
put(ngx_spocr_zone_t *zone, const char *text, ngx_msec_t ttl,
    ngx_spocr_zone_wait_e wait)
{
    ngx_spocr_zone_item_t  item;

    item.len = strlen(text);
    item.expires = ngx_current_msec + ttl;
    item.mark = 0;

    return ngx_spocr_zone_outbox_put(zone, &item, (const u_char *) text, wait);
}


/* The text of the one that is due; "" when none is. */

static const char *
take_item(ngx_spocr_zone_t *zone, uint64_t *id, ngx_uint_t *mark)
{
    static char            text[8192];
    ngx_spocr_zone_item_t  item;

    memset(text, 0, sizeof(text));
    *id = 0;

    switch (ngx_spocr_zone_outbox_take(zone, &item, (u_char *) text,
                                       sizeof(text) - 1))
    {

    case NGX_OK:
        *id = item.id;

        if (mark) {
            *mark = item.mark;
        }

        return text;

    case NGX_DECLINED:
        return "";

    default:
        return "?";
    }
}


static void
drain(ngx_spocr_zone_t *zone)
{
    uint64_t  id;

    ngx_current_msec += 10000;

    while (*take_item(zone, &id, NULL)) {
        (void) ngx_spocr_zone_outbox_done(zone, id);
    }

    is_int(zone->sh->outbox.n, 0, "none is left");
    is_int(zone->sh->outbox.bytes, 0, "of no bytes");
    is_int(taken_bytes, 0, "in no memory");
}


/* C-29: items wait in the zone, and outlive who has put them. */

static void
test_outbox(void)
{
    uint64_t                      id, other;
    ngx_uint_t                    mark;
    ngx_spocr_zone_t             *zone;
    ngx_spocr_zone_use_t          use;
    ngx_spocr_zone_item_t         item;
    ngx_spocr_zone_outbox_use_t   outbox;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(5000000, 1000);
    is_int(put(zone, "one", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW), NGX_DECLINED,
           "a zone without an outbox has no room");
    is_str(take_item(zone, &id, NULL), "", "and gives nothing");

    reserve = NGX_SPOCR_ZONE_MIN;
    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    ngx_spocr_zone_use(zone, &use);
    ngx_spocr_zone_outbox_use(zone, &outbox);
    ok(outbox.size == 5 * ngx_pagesize && use.counters >= 5 * 128,
       "at most a half of what there is: %u bytes, %u counters",
       (unsigned) outbox.size, (unsigned) use.counters);
    is_int(ngx_spocr_zone_size(zone), NGX_SPOCR_ZONE_MIN, "of the zone");

    (void) put(zone, "one", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW);
    (void) put(zone, "second", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW);
    (void) put(zone, "soon", 60000, NGX_SPOCR_ZONE_OUTBOX_SOON);
    ngx_spocr_zone_outbox_use(zone, &outbox);
    ok(outbox.items == 3 && outbox.bytes == 13, "three, of 13 bytes");

    is_int(ngx_spocr_zone_outbox_take(zone, &item, NULL, 0), NGX_BUSY,
           "one that is longer than the memory");
    is_int(item.len, 3, "says how long");

    mark = 1;
    is_str(take_item(zone, &id, &mark), "one", "the first");
    is_int(mark, 0, "is new");
    is_str(take_item(zone, &other, NULL), "second", "and the next");
    is_str(take_item(zone, &other, NULL), "", "the third is not due");

    is_int(ngx_spocr_zone_outbox_later(zone, id,
                                       NGX_SPOCR_ZONE_OUTBOX_SECOND, 7),
           NGX_OK, "the first has to wait");
    is_int(ngx_spocr_zone_outbox_done(zone, id), NGX_DECLINED,
           "it is nobody's then");

    ngx_current_msec += 499;
    is_str(take_item(zone, &id, NULL), "", "not yet");
    ngx_current_msec += 1;
    is_str(take_item(zone, &id, NULL), "soon", "but now");
    is_int(ngx_spocr_zone_outbox_done(zone, id), NGX_OK, "it has arrived");
    is_int(ngx_spocr_zone_outbox_done(zone, id), NGX_DECLINED, "once");
    ngx_current_msec += 500;
    is_str(take_item(zone, &id, &mark), "one", "the one that had to wait");
    is_int(mark, 7, "with its mark");

    /* its worker dies: another one takes it over */

    ngx_current_msec += NGX_SPOCR_ZONE_OUTBOX_HOLD - 1001;
    is_str(take_item(zone, &id, NULL), "", "what is held is not given");
    ngx_current_msec += 1;
    (void) ngx_spocr_zone_init(&shm_zone, zone);
    is_str(take_item(zone, &id, NULL), "second",
           "but when its time is over, also after a reload");
    is_int(ngx_spocr_zone_outbox_done(zone, other), NGX_DECLINED,
           "who had it has it no more");
    is_int(ngx_spocr_zone_outbox_later(zone, other,
                                       NGX_SPOCR_ZONE_OUTBOX_NOW, 0),
           NGX_DECLINED, "nor can give it back");
    is_int(ngx_spocr_zone_outbox_done(zone, id), NGX_OK, "the new one has it");

    drain(zone);
}


static void
test_outbox_room(void)
{
    char               text[4096];
    uint64_t           id;
    ngx_uint_t         n;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(5000000, 1000);

    memset(text, 'x', sizeof(text));
    text[4095] = '\0';

    for (n = 0; put(zone, text, 60000, NGX_SPOCR_ZONE_OUTBOX_SOON) == NGX_OK;
         n++)
    {
        ngx_current_msec++;
    }

    is_int(n, 4, "as many as there is room for");
    is_int(put(zone, "", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW), NGX_DECLINED,
           "nothing is no item");
    is_int(take(zone, 1, 10, 1, 100, NULL), NGX_OK, "counters have theirs");
    is_int(put(zone, "x", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW), NGX_OK,
           "a small one fits");
    is_int(ngx_spocr_zone_outbox_expire(zone), 0, "none has expired");
    ngx_current_msec += 59997;
    is_int(ngx_spocr_zone_outbox_expire(zone), 2, "two have");
    is_int(put(zone, text, 10, NGX_SPOCR_ZONE_OUTBOX_NOW), NGX_OK,
           "which makes room");

    ngx_current_msec += 10;
    (void) take_item(zone, &id, NULL);
    is_int(ngx_spocr_zone_outbox_expire(zone), 3,
           "what is held is for its holder to drop");

    drain(zone);
}


/*
 * A worker that is killed with the lock: nginx' master opens the lock.  Each
 * state that a change goes through is made by hand.
 */

static void
test_outbox_killed(void)
{
    uint64_t                  id;
    ngx_spocr_kept_t         *one, *two, *three;
    ngx_spocr_zone_t         *zone;
    ngx_spocr_zone_outbox_t  *outbox;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(5000000, 1000);
    outbox = &zone->sh->outbox;

    (void) put(zone, "one", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW);
    (void) put(zone, "two", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW);
    (void) put(zone, "three", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW);

    one = outbox->lists[0].head;
    two = one->next;
    three = outbox->lists[0].tail;

    /* linked, and nothing else */

    ngx_shmtx_lock(&shpool.mutex);
    outbox->changing = 1;
    outbox->lists[0].tail = two;
    three->prev = NULL;
    outbox->n = 2;
    outbox->bytes = 6;
    ngx_shmtx_unlock(&shpool.mutex);

    (void) put(zone, "four", 60000, NGX_SPOCR_ZONE_OUTBOX_NOW);
    ok(three->prev == two && three->next && three->next->prev == three
       && outbox->n == 4 && outbox->bytes == 15,
       "killed while it put one: the list is whole");

    /* out of one list, and not in the next one */

    ngx_shmtx_lock(&shpool.mutex);
    outbox->changing = 1;
    outbox->moving = two;
    one->next = three;
    two->wait = NGX_SPOCR_ZONE_OUTBOX_HELD;
    ngx_shmtx_unlock(&shpool.mutex);

    is_str(take_item(zone, &id, NULL), "one", "killed while it took one");
    is_int(outbox->n, 4, "which is not lost");
    ok(three->prev == NULL && outbox->lists[0].tail == two,
       "and is the last now");

    /* in the next one already */

    ngx_shmtx_lock(&shpool.mutex);
    outbox->changing = 1;
    outbox->moving = one;
    outbox->lists[NGX_SPOCR_ZONE_OUTBOX_HELD].tail = NULL;
    ngx_shmtx_unlock(&shpool.mutex);

    is_int(ngx_spocr_zone_outbox_done(zone, id), NGX_OK,
           "killed when it was taken: it is");
    is_int(outbox->n, 3, "once");

    /* taken out, and its memory given back */

    (void) take_item(zone, &id, NULL);

    kills = 1;

    if (setjmp(killed) == 0) {
        (void) ngx_spocr_zone_outbox_done(zone, id);
        ok(0, "killed while it dropped one");
    }

    ngx_shmtx_unlock(&shpool.mutex);
    ngx_current_msec++;

    is_str(take_item(zone, &id, NULL), "four", "the next one is there");
    is_int(outbox->n, 2, "of two");

    drain(zone);
    is_int(unlocked, 0, "memory is given and taken under the lock only");
    is_int(unbalanced, 0, "which is taken and released once each time");
}


/* Random puts, takes, ends and waits: nothing is lost, nothing is twice. */

static void
test_outbox_model(void)
{
    enum { ITEMS = 4000, HELD = 32 };

    static struct { uint64_t id; unsigned n; } held[HELD];
    static unsigned char  arrived[ITEMS];

    char               text[16];
    unsigned           seed, n, i, h, wrong;
    uint64_t           id;
    const char        *got;
    ngx_spocr_zone_t  *zone;

    zone = make_zone(NGX_SPOCR_ZONE_MIN);
    set_clock(5000000, 1000);
    memset(held, 0, sizeof(held));
    seed = 7;
    wrong = 0;

    for (i = 0, n = 0; i < 200000 && n < ITEMS; i++) {
        seed = seed * 1103515245 + 12345;
        h = (seed >> 8) % HELD;

        switch ((seed >> 16) % 4) {

        case 0:
            snprintf(text, sizeof(text), "item %u", n);
            n += put(zone, text, 10000000,
                     (ngx_spocr_zone_wait_e) ((seed >> 20) % 4)) == NGX_OK;
            break;

        case 1:
            if (held[h].id == 0) {
                got = take_item(zone, &id, NULL);

                if (*got) {
                    held[h].id = id;
                    held[h].n = (unsigned) strtoul(got + 5, NULL, 10);
                    wrong += arrived[held[h].n];
                }
            }
            break;

        case 2:
            if (held[h].id && ngx_spocr_zone_outbox_done(zone, held[h].id)
                              == NGX_OK)
            {
                wrong += arrived[held[h].n]++;
            }

            held[h].id = 0;
            break;

        default:
            if (held[h].id && seed & 0x1000000) {
                (void) ngx_spocr_zone_outbox_later(zone, held[h].id,
                           (ngx_spocr_zone_wait_e) ((seed >> 20) % 4), 0);
                held[h].id = 0;
            }

            ngx_current_msec += (seed >> 25) % 64;
        }
    }

    ngx_current_msec += 10000;

    while (*(got = take_item(zone, &id, NULL))) {
        wrong += arrived[strtoul(got + 5, NULL, 10)]++;
        wrong += ngx_spocr_zone_outbox_done(zone, id) != NGX_OK;
    }

    for (i = 0; i < n; i++) {
        wrong += arrived[i] != 1;
    }

    is_int(wrong, 0, "%u items arrive once each", n);
    drain(zone);
}


int
main(void)
{
    test_window();
    test_clock();
    test_full();
    test_model();
    test_totals();
    test_known();
    test_take_over();
    test_notices();
    test_hold();
    test_may_say();
    test_states();
    test_outbox();
    test_outbox_room();
    test_outbox_killed();
    test_outbox_model();

    return done_testing();
}
