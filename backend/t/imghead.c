/*
 * The headers of images: what the front lets pass is what the decoder sees.
 */

#include "imghead.h"
#include "tap.h"


typedef struct {
    unsigned  tag;
    unsigned  type;
    unsigned  value;
} entry_t;


/* A TIFF of these entries; its length. */

static size_t
tiff(unsigned char *p, int big, const entry_t *e, unsigned n)
{
    size_t    at = 0;
    unsigned  i, k, v[5];

    memset(p, 0, 200);
    memcpy(p, big ? "MM\0*\0\0\0\x08" : "II*\0\x08\0\0\0", 8);
    p[8 + big] = (unsigned char) n;

    for (i = 0; i < n; i++) {
        at = 10 + 12 * i;
        v[0] = e[i].tag;
        v[1] = e[i].type;
        v[2] = 1;
        v[3] = big && e[i].type == 3 ? e[i].value << 16 : e[i].value;

        for (k = 0; k < 2; k++) {
            p[at + 2 * k + (big ? 1 : 0)] = (unsigned char) v[k];
            p[at + 2 * k + (big ? 0 : 1)] = (unsigned char) (v[k] >> 8);
        }

        for (k = 0; k < 8; k++) {
            p[at + 4 + k] = (unsigned char)
                            (v[2 + k / 4] >> 8 * (big ? 3 - k % 4 : k % 4));
        }
    }

    return at + 12 + 4;
}


int
main(void)
{
    int             big;
    size_t          n;
    be_imghead_t    h;
    unsigned char   p[200];
    static const entry_t  twice[] = {
        { 256, 4, 60000 }, { 257, 3, 100 }, { 256, 3, 100 }
    };
    static const entry_t  odd[] = { { 256, 16, 100 }, { 257, 3, 100 } };
    static const entry_t  turned[] = {
        { 256, 3, 100 }, { 257, 4, 50 }, { 274, 3, 6 }, { 274, 3, 8 }
    };

    for (big = 0; big < 2; big++) {
        n = tiff(p, big, turned, 4);
        ok(be_imghead(p, n, &h) == NULL && h.width == 100 && h.height == 50,
           "a TIFF's size");
        ok(h.orientation == 6, "the first orientation");

        be_imghead_upright(p, n);
        ok(be_imghead(p, n, &h) == NULL && h.orientation == 1
           && h.width == 100, "is taken out of it");

        n = tiff(p, big, twice, 3);
        ok(be_imghead(p, n, &h) != NULL, "the first width, not a later one");

        n = tiff(p, big, odd, 2);
        ok(be_imghead(p, n, &h) != NULL, "a width that is an offset");
    }

    memcpy(p, "II*\0\xFF\xFF\xFF\xFF", 8);
    be_imghead_upright(p, 8);
    be_imghead_upright(p, 4);
    be_imghead_upright(p, 0);
    ok(memcmp(p, "II*\0\xFF\xFF\xFF\xFF", 8) == 0, "no directory, no change");

    return done();
}
