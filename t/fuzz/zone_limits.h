
/*
 * The model of counters, for t/fuzz/zone.c: one plain table of them, and a
 * Redis that counts in windows of its own.
 */

#ifndef _FUZZ_ZONE_LIMITS_H_INCLUDED_
#define _FUZZ_ZONE_LIMITS_H_INCLUDED_


#define IDS    40                   /* of counters here; as many of Redis' */


typedef struct {
    uint64_t    end;                /* by the zone's time; 0: none */
    uint32_t    count;
    uint32_t    lacks;              /* of what stands in for Redis */
    uint32_t    number;             /* of Redis' window */
} count_t;

typedef struct {
    uint64_t    window;
    uint32_t    count;
} truth_t;

typedef struct {
    ngx_uint_t  i;                  /* of the counter, of Redis' */
    uint64_t    begun;
    uint64_t    left;
    uint32_t    count;
    uint32_t    number;
} told_t;


static count_t   counts[IDS], known[IDS], own[IDS];
static truth_t   redis[IDS];
static told_t    told[8];           /* answers that are under way */
static unsigned  ntold;
static uint64_t  width;
static int64_t   lead;              /* of Redis' clock */
static int64_t   zone_offset;
static uint64_t  zone_last, zone_over;
static int       jumped;            /* the node's clock did */
static ngx_uint_t  dying[2];        /* counters that a dead worker was at */


/* The zone's time, as the model has it. */

static uint64_t
zone_time(void)
{
    zone_offset = ngx_max(zone_offset, wall - mono);
    zone_last = ngx_max(zone_last, (uint64_t) (mono + zone_offset));

    return zone_last;
}


/* Few buckets are named by many ids, so that they are full. */

static void
make_id(u_char *id, ngx_uint_t i, ngx_uint_t of_redis)
{
    uint64_t  words[2];

    words[0] = ((uint64_t) (i % 3) * 0x2aaaaaaa + 1) << 32 | (i + 1) << 1
               | of_redis;
    words[1] = ((uint64_t) (i / 3 % 3) * 0x2aaaaaaa + 1) << 32 | (i + 1);

    memcpy(id, words, sizeof(words));
}


static void
opposite(u_char *id)
{
    unsigned  i;

    for (i = 0; i < NGX_SPOCR_ZONE_ID_LEN; i++) {
        id[i] = (u_char) ~id[i];
    }
}


static ngx_spocr_bucket_t *
bucket_of(const u_char *id, unsigned i)
{
    uint64_t  words[2];

    memcpy(words, id, sizeof(words));

    return &handle.sh->buckets[((words[i] >> 32) * handle.sh->nbuckets) >> 32];
}


/* As the zone has it. */

static ngx_spocr_window_t *
peek(const u_char *id)
{
    unsigned              i;
    ngx_uint_t            w;
    ngx_spocr_window_t   *found;
    ngx_spocr_bucket_t   *bucket;
    ngx_spocr_counter_t  *c;

    found = NULL;

    for (i = 0; i < 2; i++) {
        bucket = bucket_of(id, i);

        if (i && bucket == bucket_of(id, 0)) {
            break;
        }

        for (w = 0; w < NGX_SPOCR_ZONE_WAYS; w++) {
            c = &bucket->ways[w];

            if (memcmp(c->id, id, NGX_SPOCR_ZONE_ID_LEN) == 0) {
                property(found == NULL, "a counter stands twice");
                found = &c->window;
            }
        }
    }

    return found;
}


/* No room: all of the two buckets' counters are live. */

static void
full(const u_char *id, uint64_t now)
{
    unsigned    i;
    ngx_uint_t  w;

    property(peek(id) == NULL, "no room for a counter that is there");

    for (i = 0; i < 2; i++) {
        for (w = 0; w < NGX_SPOCR_ZONE_WAYS; w++) {
            property(bucket_of(id, i)->ways[w].window.end > now,
                     "there is room");
        }
    }
}


static void
roll(count_t *c, uint64_t now)
{
    if (c->end <= now) {
        c->end = now - now % width + width;
        c->count = 0;
        c->lacks = 0;
    }
}


/* What both levels' counters and limits come to. */

static void
decided(ngx_int_t rc, ngx_uint_t refused, count_t *c[2],
    ngx_spocr_zone_level_t *levels, const uint32_t *limits)
{
    ngx_uint_t  i, expected;

    expected = 0;

    for (i = 0; i < 2; i++) {
        if (c[i] && c[i]->count >= limits[i]) {
            expected |= (ngx_uint_t) 1 << i;
        }
    }

    property(refused == expected
             && rc == (expected ? NGX_BUSY : NGX_OK), "%d, %lx is not %lx",
             (int) rc, refused, expected);

    for (i = 0; i < 2; i++) {
        if (c[i]) {
            c[i]->count += expected == 0;
        }

        property(levels[i].count == (c[i] ? c[i]->count : 0), "%u is not %u",
                 levels[i].count, c[i] ? c[i]->count : 0);
    }
}


static uint32_t
a_limit(u_char n)
{
    return n % 8 ? n % 8 : NGX_SPOCR_LIMIT_NONE;
}


static void
limit_take(fuzz_input_t *in)
{
    count_t                *c[2];
    uint32_t                limits[2];
    uint64_t                now, left;
    ngx_int_t               rc;
    ngx_uint_t              i, n[2], refused;
    ngx_spocr_zone_level_t  levels[2];

    for (i = 0; i < 2; i++) {
        n[i] = fuzz_byte(in) % (IDS / 2) * 2 + i;
        limits[i] = a_limit(fuzz_byte(in));
        make_id(levels[i].id, n[i], 0);
        levels[i].limit = limits[i];
        dying[i] = n[i];
    }

    now = zone_time();
    rc = ngx_spocr_zone_take(&handle, levels, width, &refused, &left);

    property(left == width - now % width, "left");

    for (i = 0; i < 2; i++) {
        c[i] = limits[i] == NGX_SPOCR_LIMIT_NONE ? NULL : &counts[n[i]];

        if (c[i] == NULL) {
            continue;
        }

        if (rc == NGX_DECLINED && (i == 1 || peek(levels[0].id) == NULL)) {
            property(c[i]->end <= now, "a live counter was lost");
            full(levels[i].id, now);
            return;
        }

        roll(c[i], now);
    }

    property(rc != NGX_DECLINED, "no room, but for what?");
    decided(rc, refused, c, levels, limits);
}


/* A request that Redis is asked for: it counts, and answers later. */

static void
redis_count(ngx_uint_t i, uint64_t begun)
{
    uint64_t  now;

    now = (uint64_t) (mono + lead);

    if (now / width != redis[i].window) {
        redis[i].window = now / width;
        redis[i].count = 0;
    }

    redis[i].count++;

    if (ntold < 8) {
        told[ntold].i = i;
        told[ntold].begun = begun;
        told[ntold].left = width - now % width;
        told[ntold].count = redis[i].count;
        told[ntold].number = (uint32_t) (redis[i].window
                                         % NGX_SPOCR_ZONE_NUMBERS);
        ntold++;
    }
}


/* What this node has taken meanwhile is told to Redis, if it is new. */

static void
recall(const count_t *stand_in, uint64_t now, uint32_t limit, uint32_t *count,
    uint32_t *number)
{
    uint32_t  all;

    all = stand_in->count + stand_in->lacks;

    if (zone_over <= now || stand_in->end <= now || all <= *count) {
        return;
    }

    if (*count == 0) {
        if (stand_in->end % width) {
            return;
        }

        *number = (uint32_t) ((stand_in->end / width - 1)
                              % NGX_SPOCR_ZONE_NUMBERS);
    }

    *count = ngx_min(all, limit);
}


static void
limit_known(fuzz_input_t *in)
{
    truth_t                *truth;
    uint32_t                count, number;
    uint64_t                now, left, true_left;
    ngx_int_t               rc;
    ngx_uint_t              i, n[2], refused;
    ngx_spocr_zone_known_t  levels[2];

    for (i = 0; i < 2; i++) {
        n[i] = fuzz_byte(in) % (IDS / 2) * 2 + i;
        make_id(levels[i].id, n[i], 1);
        levels[i].limit = a_limit(fuzz_byte(in));
    }

    asked_again = fuzz_byte(in);
    rc = ngx_spocr_zone_known(&handle, levels, width, &now, &refused, &left);
    asked_again = 0;

    property(now == zone_time(), "the zone's time");
    property(rc == (refused ? NGX_BUSY : NGX_OK), "%d", (int) rc);

    for (i = 0; i < 2; i++) {
        count = 0;
        number = 0;

        if (levels[i].limit == NGX_SPOCR_LIMIT_NONE) {
            property(!(refused >> i & 1), "refused without a limit");
            continue;
        }

        if (known[n[i]].end > now) {
            count = known[n[i]].count;
            number = known[n[i]].number;
        }

        property((refused >> i & 1) == (count >= levels[i].limit),
                 "level %lu: %u are known", i, count);

        if (refused >> i & 1) {

            /* what is so in truth */

            truth = &redis[n[i]];
            true_left = (truth->window + 1) * width - (uint64_t) (mono + lead);

            property(truth->window == (uint64_t) (mono + lead) / width
                     && truth->count >= count, "the window has passed");
            property(jumped || left >= true_left, "%lu ms, and %lu are left",
                     left, true_left);
        }

        recall(&own[n[i]], now, levels[i].limit, &count, &number);

        property(levels[i].count == count
                 && (count == 0 || levels[i].number == number),
                 "level %lu: %u in %u, not %u in %u", i, levels[i].count,
                 levels[i].number, count, number);
    }

    if (rc == NGX_OK) {
        redis_count(n[0], now);
        redis_count(n[1], now);
    }
}


static void
limit_learn(fuzz_input_t *in)
{
    told_t                  t;
    count_t                *c;
    uint32_t                behind;
    uint64_t                now;
    ngx_uint_t              i;
    ngx_spocr_window_t     *window;
    ngx_spocr_zone_known_t  levels[2];

    if (ntold == 0) {
        return;
    }

    i = fuzz_byte(in) % ntold;
    t = told[i];
    told[i] = told[--ntold];

    memset(levels, 0, sizeof(levels));
    make_id(levels[0].id, t.i, 1);
    levels[0].limit = 1;
    levels[0].count = t.count;
    levels[0].number = t.number;
    levels[1].limit = NGX_SPOCR_LIMIT_NONE;

    ngx_spocr_zone_learn(&handle, levels, t.begun, t.left);

    now = zone_time();
    c = &known[t.i];

    if (t.begun + t.left <= now || now - t.begun > 127 * 16) {
        return;
    }

    window = peek(levels[0].id);

    if (window == NULL) {
        property(c->end <= now, "a live counter was lost");
        full(levels[0].id, now);
        return;
    }

    behind = (c->number - t.number) % NGX_SPOCR_ZONE_NUMBERS;

    if (c->end > now && behind == 0) {
        c->end = ngx_max(c->end, t.begun + t.left);
        c->count = ngx_max(c->count, t.count);

    } else if (c->end <= now || behind >= NGX_SPOCR_ZONE_NUMBERS / 2) {
        c->end = t.begun + t.left;
        c->count = t.count;
        c->number = t.number;
    }

    property(window->end == c->end && window->count == c->count
             && window->note >> 8 == c->number, "not what was told");
}


static void
limit_take_over(fuzz_input_t *in)
{
    count_t                *c[2], *k;
    uint32_t                limits[2], all, nodes, share;
    uint64_t                now, left, expected;
    ngx_int_t               rc;
    ngx_uint_t              i, n[2], refused;
    ngx_spocr_zone_level_t  levels[2];

    nodes = fuzz_byte(in) % 4u + 1;

    for (i = 0; i < 2; i++) {
        n[i] = fuzz_byte(in) % (IDS / 2) * 2 + i;
        limits[i] = a_limit(fuzz_byte(in));
        make_id(levels[i].id, n[i], 1);
        levels[i].limit = limits[i];
    }

    now = zone_time();
    rc = ngx_spocr_zone_take_over(&handle, levels, width, nodes, &refused,
                                  &left);
    expected = 0;

    for (i = 0; i < 2; i++) {
        c[i] = NULL;

        if (limits[i] == NGX_SPOCR_LIMIT_NONE) {
            continue;
        }

        limits[i] = ngx_max(limits[i] / nodes, 1);
        c[i] = &own[n[i]];
        k = known[n[i]].end > now ? &known[n[i]] : NULL;
        opposite(levels[i].id);

        if (rc == NGX_DECLINED && peek(levels[i].id) == NULL) {
            property(c[i]->end <= now, "a live counter was lost");
            full(levels[i].id, now);
            return;
        }

        if (c[i]->end <= now) {
            roll(c[i], now);
            c[i]->end = k ? k->end : c[i]->end;
        }

        if (k) {
            all = ngx_max(c[i]->count + c[i]->lacks, k->count);
            share = (k->count + nodes - 1) / nodes;
            c[i]->count = ngx_max(c[i]->count, share);
            c[i]->lacks = all - c[i]->count;
        }

        zone_over = ngx_max(zone_over, c[i]->end);
        expected = ngx_max(expected, c[i]->end - now);
    }

    property(rc != NGX_DECLINED, "no room, but for what?");
    property(left == expected, "%lu is not %lu", left, expected);
    decided(rc, refused, c, levels, limits);
}


/*
 * After a worker has died in the middle of a take: what was live is as it
 * was, or has the one request more; what was not has nothing.
 */

static void
limit_check_died(int64_t offset, uint64_t last)
{
    u_char               id[NGX_SPOCR_ZONE_ID_LEN];
    uint64_t             now;
    count_t             *c;
    ngx_uint_t           i;
    ngx_spocr_window_t  *window;

    /* it may have died before it looked at the clock */

    property((handle.sh->offset == offset && handle.sh->last == last)
             || (handle.sh->offset == zone_offset
                 && handle.sh->last <= zone_last), "the zone's time");

    zone_offset = handle.sh->offset;
    zone_last = handle.sh->last;
    now = zone_last;

    for (i = 0; i < 2; i++) {
        c = &counts[dying[i]];
        make_id(id, dying[i], 0);
        window = peek(id);

        if (c->end > now) {
            property(window && window->end == c->end
                     && window->count - c->count <= 1,
                     "a live counter is another");
            c->count = window->count;
            continue;
        }

        if (window && window->end > now) {
            property(window->end == now - now % width + width
                     && window->count <= 1, "an old count in a new window");
            c->end = window->end;
            c->count = window->count;
            c->lacks = 0;
        }
    }
}


/* All that is live stands there, and says the same. */

static void
limit_check(void)
{
    u_char               id[NGX_SPOCR_ZONE_ID_LEN];
    uint64_t             now;
    ngx_uint_t           i, kind;
    count_t             *c;
    ngx_spocr_window_t  *window;

    now = zone_time();

    for (i = 0; i < IDS; i++) {
        for (kind = 0; kind < 3; kind++) {
            c = kind == 0 ? &counts[i] : kind == 1 ? &known[i] : &own[i];

            if (c->end <= now) {
                continue;
            }

            make_id(id, i, kind != 0);

            if (kind == 2) {
                opposite(id);
            }

            window = peek(id);
            property(window && window->end == c->end
                     && window->count == c->count, "counter %lu of kind %lu",
                     i, kind);
        }
    }
}


#endif /* _FUZZ_ZONE_LIMITS_H_INCLUDED_ */
