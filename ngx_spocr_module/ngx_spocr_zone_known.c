
/*
 * What Redis told of its counters, kept in the zone: the limit step asks here
 * first (C-18), and counts here while Redis is away (C-19).  Invariant: what
 * Redis told alone refuses; what was counted meanwhile is told to it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_zone_shm.h"
#include "ngx_spocr_keys.h"


/*
 * Of what Redis told, a counter's note keeps the window's number and, in its
 * lowest byte, how many ms later than its end the window may end: as long as
 * the answer took.  Up to 127 in ms, then in steps of 16.
 *
 * Of a counter that stands in for Redis, the note is what it lacks of what
 * Redis would have, as far as this node knows.
 */

#define NGX_SPOCR_ZONE_SLACK_FINE    0x80
#define NGX_SPOCR_ZONE_SLACK_STEP    16
#define NGX_SPOCR_ZONE_SLACK_MAX                                              \
    ((NGX_SPOCR_ZONE_SLACK_FINE - 1) * NGX_SPOCR_ZONE_SLACK_STEP)

#define ngx_spocr_zone_number(note)  ((note) >> 8)


/* So close to its end, ms, a window may have passed since the loop began. */
#define NGX_SPOCR_ZONE_CLOSE         50


static ngx_int_t ngx_spocr_zone_look(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_known_t *levels, uint64_t width,
    uint64_t *now, ngx_uint_t *refused, uint64_t *left);
static void ngx_spocr_zone_recall(ngx_spocr_zone_shm_t *sh,
    ngx_spocr_zone_known_t *level, uint64_t now, uint64_t width);
static void ngx_spocr_zone_told(ngx_spocr_counter_t *c,
    const ngx_spocr_zone_known_t *level, uint64_t now, uint64_t begun,
    uint64_t left);
static ngx_spocr_counter_t *ngx_spocr_zone_begin(ngx_spocr_zone_shm_t *sh,
    const u_char *id, uint64_t now, uint64_t width, uint32_t nodes);
static void ngx_spocr_zone_own(u_char *own, const u_char *id);
static uint32_t ngx_spocr_zone_note(uint32_t number, uint64_t slack);
static uint64_t ngx_spocr_zone_slack(uint32_t note);


ngx_int_t
ngx_spocr_zone_known(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_known_t *levels, uint64_t width,
    uint64_t *now, ngx_uint_t *refused, uint64_t *left)
{
    ngx_int_t  rc;

    rc = ngx_spocr_zone_look(zone, levels, width, now, refused, left);

    if (rc == NGX_BUSY && *left <= NGX_SPOCR_ZONE_CLOSE) {

        /* nginx's time is that of the loop's last turn */

        ngx_time_update();

        rc = ngx_spocr_zone_look(zone, levels, width, now, refused, left);
    }

    return rc;
}


static ngx_int_t
ngx_spocr_zone_look(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_known_t *levels, uint64_t width,
    uint64_t *now, ngx_uint_t *refused, uint64_t *left)
{
    uint64_t               end;
    ngx_uint_t             i;
    ngx_spocr_bucket_t    *buckets[2];
    ngx_spocr_counter_t   *c;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;
    *refused = 0;
    *left = 0;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ngx_spocr_zone_fetch(sh, levels[i].id);
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    *now = ngx_spocr_zone_now(sh);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {

        levels[i].count = 0;
        levels[i].number = 0;

        if (levels[i].limit == NGX_SPOCR_LIMIT_NONE) {
            continue;
        }

        c = ngx_spocr_zone_find(sh, levels[i].id, buckets);

        if (c && c->window.end > *now) {
            levels[i].count = c->window.count;
            levels[i].number = ngx_spocr_zone_number(c->window.note);

            if (levels[i].count >= levels[i].limit) {
                *refused |= (ngx_uint_t) 1 << i;

                end = c->window.end + ngx_spocr_zone_slack(c->window.note);
                *left = ngx_max(*left, end - *now);
            }
        }

        if (sh->over > *now) {
            ngx_spocr_zone_recall(sh, &levels[i], *now, width);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return *refused ? NGX_BUSY : NGX_OK;
}


/*
 * What Redis told last, and what this node has taken since then while Redis
 * was away: it is told that, so that it is not given twice.
 */

static void
ngx_spocr_zone_recall(ngx_spocr_zone_shm_t *sh,
    ngx_spocr_zone_known_t *level, uint64_t now, uint64_t width)
{
    u_char                own[NGX_SPOCR_ZONE_ID_LEN];
    uint32_t              count;
    ngx_spocr_bucket_t   *buckets[2];
    ngx_spocr_counter_t  *c;

    ngx_spocr_zone_own(own, level->id);

    c = ngx_spocr_zone_find(sh, own, buckets);

    if (c == NULL || c->window.end <= now) {
        return;
    }

    count = c->window.count + c->window.note;

    if (count <= level->count) {
        return;
    }

    if (level->count == 0) {

        /* the window began meanwhile: by the node's clock, or not at all */

        if (c->window.end % width != 0) {
            return;
        }

        level->number = (uint32_t) ((c->window.end / width - 1)
                                    % NGX_SPOCR_ZONE_NUMBERS);
    }

    level->count = ngx_min(count, level->limit);
}


void
ngx_spocr_zone_learn(ngx_spocr_zone_t *zone,
    const ngx_spocr_zone_known_t *levels, uint64_t begun,
    uint64_t left)
{
    uint64_t               now;
    ngx_uint_t             i;
    ngx_spocr_counter_t   *c;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ngx_spocr_zone_fetch(sh, levels[i].id);
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    now = ngx_spocr_zone_now(sh);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {

        if (levels[i].limit == NGX_SPOCR_LIMIT_NONE
            || begun + left <= now
            || now - begun > NGX_SPOCR_ZONE_SLACK_MAX)
        {
            continue;
        }

        c = ngx_spocr_zone_counter(sh, levels[i].id, now);

        if (c) {
            ngx_spocr_zone_told(c, &levels[i], now, begun, left);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/*
 * The window ends left ms after Redis answered, so not before begun + left
 * and not after now + left.  Answers of two workers may come in any order:
 * the higher count and the narrower end are the better ones.
 */

static void
ngx_spocr_zone_told(ngx_spocr_counter_t *c,
    const ngx_spocr_zone_known_t *level, uint64_t now, uint64_t begun,
    uint64_t left)
{
    uint32_t  behind;
    uint64_t  first, last;

    first = begun + left;
    last = now + left;

    if (c->window.end > now) {
        behind = (ngx_spocr_zone_number(c->window.note) - level->number)
                 % NGX_SPOCR_ZONE_NUMBERS;

        if (behind && behind < NGX_SPOCR_ZONE_NUMBERS / 2) {

            /* an answer of a window before */

            return;
        }

        if (behind == 0) {
            last = ngx_min(last, c->window.end
                                 + ngx_spocr_zone_slack(c->window.note));
            first = ngx_max(first, c->window.end);
            last = ngx_max(last, first);

            c->window.note = ngx_spocr_zone_note(level->number, last - first);
            c->window.end = first;

            if (level->count > c->window.count) {
                c->window.count = level->count;
            }

            return;
        }
    }

    /* as with a roll: who dies here must not leave an old count */

    c->window.end = 0;
    ngx_memory_barrier();

    c->window.count = level->count;
    c->window.note = ngx_spocr_zone_note(level->number, last - first);
    ngx_memory_barrier();

    c->window.end = first;
}


ngx_int_t
ngx_spocr_zone_take_over(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS], uint64_t width,
    uint32_t nodes, ngx_uint_t *refused, uint64_t *left)
{
    uint32_t               limits[NGX_SPOCR_LEVELS];
    uint64_t               now;
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_spocr_window_t    *windows[NGX_SPOCR_LEVELS];
    ngx_spocr_counter_t   *c;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;
    *refused = 0;
    *left = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    now = ngx_spocr_zone_now(sh);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {

        windows[i] = NULL;
        limits[i] = levels[i].limit;

        if (levels[i].limit == NGX_SPOCR_LIMIT_NONE) {
            continue;
        }

        limits[i] = ngx_max(levels[i].limit / nodes, 1);

        c = ngx_spocr_zone_begin(sh, levels[i].id, now, width, nodes);

        if (c == NULL) {
            rc = NGX_DECLINED;
            goto done;
        }

        windows[i] = &c->window;
        *left = ngx_max(*left, c->window.end - now);
    }

    *refused = ngx_spocr_window_take(windows, limits);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        levels[i].count = windows[i] ? windows[i]->count : 0;
        levels[i].limit = limits[i];
    }

    rc = *refused ? NGX_BUSY : NGX_OK;

done:

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/*
 * The counter that stands in for the one of that id while Redis is away, in a
 * window that is not over.  Of what Redis told last, it begins with this
 * node's share; without that, the node's clock says when a window begins.
 */

static ngx_spocr_counter_t *
ngx_spocr_zone_begin(ngx_spocr_zone_shm_t *sh, const u_char *id, uint64_t now,
    uint64_t width, uint32_t nodes)
{
    u_char                own[NGX_SPOCR_ZONE_ID_LEN];
    uint32_t              share, all;
    ngx_spocr_bucket_t   *buckets[2];
    ngx_spocr_counter_t  *c, *known;

    ngx_spocr_zone_own(own, id);

    c = ngx_spocr_zone_counter(sh, own, now);

    if (c == NULL) {
        return NULL;
    }

    known = ngx_spocr_zone_find(sh, id, buckets);

    if (known && known->window.end <= now) {
        known = NULL;
    }

    if (c->window.end <= now) {
        c->window.count = 0;
        c->window.note = 0;
        ngx_memory_barrier();

        c->window.end = known ? known->window.end
                              : ngx_spocr_window_end(now, width);
    }

    if (known) {
        all = ngx_max(c->window.count + c->window.note, known->window.count);
        share = (known->window.count + nodes - 1) / nodes;

        c->window.count = ngx_max(c->window.count, share);
        c->window.note = all - c->window.count;
    }

    sh->over = ngx_max(sh->over, c->window.end);

    return c;
}


/* The name of the counter that stands in for another one. */

static void
ngx_spocr_zone_own(u_char *own, const u_char *id)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_SPOCR_ZONE_ID_LEN; i++) {
        own[i] = (u_char) ~id[i];
    }
}


static uint32_t
ngx_spocr_zone_note(uint32_t number, uint64_t slack)
{
    if (slack >= NGX_SPOCR_ZONE_SLACK_FINE) {
        slack = ngx_min(slack, NGX_SPOCR_ZONE_SLACK_MAX);
        slack = NGX_SPOCR_ZONE_SLACK_FINE
                | ((slack + NGX_SPOCR_ZONE_SLACK_STEP - 1)
                   / NGX_SPOCR_ZONE_SLACK_STEP);
    }

    return number << 8 | (uint32_t) slack;
}


static uint64_t
ngx_spocr_zone_slack(uint32_t note)
{
    if (note & NGX_SPOCR_ZONE_SLACK_FINE) {
        return (note % NGX_SPOCR_ZONE_SLACK_FINE) * NGX_SPOCR_ZONE_SLACK_STEP;
    }

    return note & 0xff;
}
