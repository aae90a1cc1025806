
/*
 * The shared zone (C-15, C-16, C-18 to C-20, C-29).  Property: any sequence of
 * what workers do with it (requests, answers of Redis, requests while it is
 * away, items of the outbox, notices, reloads), at times that the input
 * chooses, gives what plain models of it give, in a zone that is so small that
 * it is full; clocks jump, and workers die at any store while they hold the
 * lock.
 *
 * Inputs have at most 200 bytes.
 */

#include "fuzz.h"
#include "zone_nginx.h"
#include "zone_limits.h"
#include "zone_outbox.h"


#define HASHES  8

static uint32_t    versions[HASHES], epoch;
static ngx_pid_t   holder;
static ngx_msec_t  held;
static ngx_uint_t  heard;
static uint64_t    totals[4];
static u_char      states[NGX_SPOCR_ZONE_WORKERS];

static struct {
    int         said;
    int64_t     at;
    ngx_uint_t  skipped;
} topics[NGX_SPOCR_ZONE_TOPICS];


static void
board_notice(u_char n)
{
    unsigned                  i;
    ngx_spocr_zone_version_t  v;

    if (n & 0x40) {
        ngx_spocr_zone_notice_all(&handle);
        epoch++;

    } else {
        ngx_spocr_zone_notice(&handle, n % HASHES * 0x20000000u);
        versions[n % HASHES]++;
    }

    for (i = 0; i < HASHES; i++) {
        v = ngx_spocr_zone_version(&handle, i * 0x20000000u);
        property(v.record == versions[i] && v.epoch == epoch, "version %u",
                 i);
    }
}


static void
board_hold(u_char n)
{
    ngx_int_t   rc;
    ngx_uint_t  may;

    ngx_pid = 100 + n % 3;

    switch ((n >> 2) % 4) {

    case 0:
        may = holder == ngx_pid || held <= ngx_current_msec;
        rc = ngx_spocr_zone_hold(&handle, n * 8u);
        property((rc == NGX_OK) == may, "%d", (int) rc);

        if (may) {
            heard = holder == ngx_pid ? heard : 0;
            holder = ngx_pid;
            held = ngx_current_msec + n * 8u;
        }

        break;

    case 1:
        ngx_spocr_zone_let_go(&handle);

        if (holder == ngx_pid) {
            holder = 0;
            held = ngx_current_msec;
            heard = 0;
        }

        break;

    default:
        ngx_spocr_zone_subscribed(&handle, n >> 7);

        if (holder == ngx_pid) {
            heard = n >> 7;
        }
    }

    property(ngx_spocr_zone_hears(&handle)
             == (heard && held > ngx_current_msec), "hears");
}


static void
board_say(u_char n)
{
    int         may;
    time_t      seconds;
    ngx_uint_t  skipped, topic;

    topic = n % NGX_SPOCR_ZONE_TOPICS;
    seconds = n >> 4;

    may = !topics[topic].said || wall / 1000 - topics[topic].at >= seconds
          || wall / 1000 < topics[topic].at;

    property(ngx_spocr_zone_may_say(&handle, topic, seconds, &skipped)
             == (ngx_uint_t) may, "may say");
    property(skipped == (may ? topics[topic].skipped : 0), "skipped");

    if (may) {
        topics[topic].said = wall / 1000 != 0;
        topics[topic].at = wall / 1000;
        topics[topic].skipped = 0;

    } else {
        topics[topic].skipped++;
    }
}


static void
board_count(u_char n)
{
    unsigned    i;
    ngx_uint_t  said;

    ngx_worker = n >> 1;

    ngx_spocr_zone_count(&handle, n % 4, n);
    totals[n % 4] += n;
    property(ngx_spocr_zone_total(&handle, n % 4) == totals[n % 4], "total");

    ngx_spocr_zone_state(&handle, n % 5);
    states[ngx_worker % NGX_SPOCR_ZONE_WORKERS] = n % 5;

    for (i = 0, said = 0; i < NGX_SPOCR_ZONE_WORKERS; i++) {
        said += states[i] == n % 5;
    }

    property(ngx_spocr_zone_states(&handle, n % 5) == said, "states");
}


static void
clock_moves(fuzz_input_t *in)
{
    u_char   n;
    int64_t  by;

    n = fuzz_byte(in);
    by = fuzz_byte(in);

    switch (n & 7) {

    case 0:
        wall += by * 1000 - 128000;
        wall = ngx_max(wall, 0);
        jumped = 1;
        break;

    case 1:
        wall += by * (int64_t) width / 64;
        mono += by * (int64_t) width / 64;
        break;

    default:
        wall += by << (n >> 5);
        mono += by << (n >> 5);
    }

    set_clock();
}


/* A reload; the worker's states are forgotten, nothing else is. */

static void
reload(u_char n)
{
    load(n * 64u);
    memset(states, 0, sizeof(states));
}


/* What a worker is at when it dies. */

static void
last_work(fuzz_input_t *in, unsigned what)
{
    switch (what) {

    case 0:
    case 1:
        limit_take(in);
        break;

    case 2:
        outbox_put(in);
        break;

    case 3:
        outbox_take_and_die();
        break;

    case 4:
        outbox_end(in);
        break;

    default:
        outbox_expire();
    }
}


static void
dies(fuzz_input_t *in)
{
    unsigned          n;
    static unsigned   what;         /* as they are after a longjmp() */
    static int64_t    offset;
    static uint64_t   last;

    n = fuzz_byte(in);
    what = n / 13 % 6;
    offset = zone_offset;
    last = zone_last;
    dying[0] = 0;
    dying[1] = 1;
    touched = NULL;
    kills = n % 13 + 1;

    if (setjmp(killed) == 0) {
        last_work(in, what);
        kills = 0;
        return;
    }

    /* nginx unlocks what a dead worker had locked */

    kills = 0;
    locked = 0;

    if (what < 2) {
        limit_check_died(offset, last);

    } else {
        (void) ngx_spocr_zone_outbox_done(&handle, (uint64_t) -1);
        outbox_check(1);
    }
}


static void
one(fuzz_input_t *in)
{
    u_char  op;

    op = fuzz_byte(in);

    switch (op % 16) {

    case 0: case 1:
        limit_take(in);
        break;

    case 2: case 3:
        limit_known(in);
        break;

    case 4: case 5:
        limit_learn(in);
        break;

    case 6:
        limit_take_over(in);
        break;

    case 7: case 8:
        clock_moves(in);
        break;

    case 9:
        outbox_put(in);
        break;

    case 10:
        outbox_take(in);
        break;

    case 11:
        outbox_end(in);
        break;

    case 12:
        dies(in);
        break;

    case 13:
        outbox_expire();
        break;

    case 14:
        reload(fuzz_byte(in));
        break;

    default:
        switch (op >> 4 & 3) {
        case 0:   board_notice(fuzz_byte(in)); break;
        case 1:   board_hold(fuzz_byte(in));   break;
        case 2:   board_say(fuzz_byte(in));    break;
        default:  board_count(fuzz_byte(in));
        }
    }
}


static void
forget(void)
{
    memset(counts, 0, sizeof(counts));
    memset(known, 0, sizeof(known));
    memset(own, 0, sizeof(own));
    memset(redis, 0, sizeof(redis));
    memset(items, 0, sizeof(items));
    memset(versions, 0, sizeof(versions));
    memset(totals, 0, sizeof(totals));
    memset(states, 0, sizeof(states));
    memset(topics, 0, sizeof(topics));

    ntold = 0;
    zone_offset = 0;
    zone_last = 0;
    zone_over = 0;
    jumped = 0;
    item_order = 0;
    item_tag = 0;
    epoch = 0;
    holder = 0;
    held = 0;
    heard = 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char        n;
    unsigned      ops;
    fuzz_input_t  in = { data, data + size };

    static const uint64_t  widths[] = { 1000, 60000, 997, 3600000 };

    forget();

    n = fuzz_byte(&in);
    width = widths[n & 3];
    lead = (int64_t) fuzz_number(&in, 2) + 1700000000000;
    mono = 1000;
    wall = 1700000000000 + fuzz_byte(&in) * 100;
    set_clock();

    make_zone((size_t) (n >> 2 & 3) * ngx_pagesize);

    for (ops = 0; fuzz_left(&in) && ops < 250; ops++) {
        one(&in);
        property(!locked, "the lock is held");
    }

    outbox_check(0);
    limit_check();
    free_zone();

    return 0;
}
