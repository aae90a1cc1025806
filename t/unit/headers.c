
/*
 * Lists of headers, held against a model: C-12 stands on them.  nginx's list
 * and pool functions are replaced by small ones of the same behaviour.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "tap.h"

/* the file itself: what it calls of nginx is replaced below */
#include "../../ngx_spocr_module/ngx_spocr_headers.c" /* NOLINT */


#define ROUNDS  20000
#define NALLOC  4
#define MOST    24


static void  *blocks[4096];
static int    nblocks;


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    blocks[nblocks] = malloc(size);
    return blocks[nblocks++];
}


/* As nginx has it: the last part takes elements up to list->nalloc. */

void *
ngx_list_push(ngx_list_t *list)
{
    void             *elt;
    ngx_list_part_t  *last;

    last = list->last;

    if (last->nelts == list->nalloc) {
        last = ngx_palloc(list->pool, sizeof(ngx_list_part_t));
        last->elts = ngx_palloc(list->pool, list->nalloc * list->size);
        last->nelts = 0;
        last->next = NULL;

        list->last->next = last;
        list->last = last;
    }

    elt = (char *) last->elts + list->size * last->nelts;
    last->nelts++;

    return elt;
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


static void
list_create(ngx_list_t *list)
{
    memset(list, 0, sizeof(*list));
    list->part.elts = ngx_palloc(NULL, NALLOC * sizeof(ngx_table_elt_t));
    list->last = &list->part;
    list->nalloc = NALLOC;
    list->size = sizeof(ngx_table_elt_t);
}


/* The walk that nginx's modules do, word for word in what it assumes. */

static size_t
list_walk(ngx_list_t *list, ngx_table_elt_t *out[], size_t max)
{
    size_t            n;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    part = &list->part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return n;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (n == max) {
            return max + 1;
        }

        out[n++] = &h[i];
    }
}


/* Pushes and removals at random; elements never move and never get lost. */

static void
test_model(void)
{
    size_t           n, i, count;
    unsigned         seed;
    ngx_int_t        bad;
    ngx_uint_t       round, op;
    ngx_list_t       list;
    ngx_table_elt_t  *model[MOST + 1], *walked[MOST + 2];
    ngx_uint_t       marks[MOST + 1], mark;

    seed = 7;
    bad = 0;
    mark = 0;

    for (round = 0; round < ROUNDS && !bad; round++) {
        list_create(&list);
        n = 0;

        for (op = 0; op < 40 && !bad; op++) {
            seed = seed * 1103515245 + 12345;

            if ((seed >> 16) % 5 < 3 && n < MOST) {
                model[n] = ngx_list_push(&list);
                model[n]->hash = marks[n] = ++mark;
                n++;

            } else if (n) {
                i = (seed >> 20) % n;
                ngx_spocr_header_remove(NULL, &list, model[i]);

                for (n--; i < n; i++) {
                    model[i] = model[i + 1];
                    marks[i] = marks[i + 1];
                }
            }

            count = list_walk(&list, walked, MOST + 1);
            bad = count != n;

            for (i = 0; i < n && !bad; i++) {
                bad = walked[i] != model[i] || walked[i]->hash != marks[i];
            }
        }

        while (nblocks) {
            free(blocks[--nblocks]);
        }
    }

    ok(!bad, "%d lists of pushes and removals equal the model", ROUNDS);
}


static void
test_replace(void)
{
    ngx_list_t        list;
    ngx_str_t         one = ngx_string("1"), two = ngx_string("2");
    ngx_table_elt_t  *h, *walked[8];

    static const ngx_spocr_header_name_t  name = {
        ngx_string("X-Request-Id"), ngx_string("x-request-id"), 1
    };

    list_create(&list);

    is_int(ngx_spocr_header_replace(&list, &name, &one), NGX_OK, "added");

    h = ngx_spocr_header_add(&list, &name, &one);
    ngx_str_set(&h->key, "x-REQUEST-id");

    is_int(ngx_spocr_header_replace(&list, &name, &two), NGX_OK, "replaced");
    is_int(list_walk(&list, walked, 8), 2, "no third was added");
    is_int(!!walked[0]->hash + !!walked[1]->hash, 1, "one is shown");
    is_int((walked[0]->hash ? walked[0] : walked[1])->value.data[0], '2',
           "with the new value");
}


static ngx_uint_t
begins(const char *text)
{
    return ngx_spocr_header_begins((const u_char *) text, strlen(text),
                                   "x-spocr-", 8);
}


static void
test_begins(void)
{
    ok(begins("x-spocr-uid"), "a dash is a dash");
    ok(begins("x_spocr_uid"), "an underscore is one too");
    ok(begins("x-spocr-"), "the prefix alone");
    ok(!begins("x-spocr"), "shorter than the prefix");
    ok(!begins("y-spocr-uid"), "another");
}


int
main(void)
{
    test_model();
    test_replace();
    test_begins();

    return done_testing();
}
