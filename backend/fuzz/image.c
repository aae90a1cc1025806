/*
 * Image files: what the front reads of a header, and the whole of the
 * decoding, as the helpers do it.  A picture is no larger than its header has
 * said, since that is what the front lets pass.
 */

#include <string.h>

#include "fuzz.h"
#include "imghead.h"
#include "picture.h"


const char *const  be_fuzz_words[] = {
    "\xFF\xD8\xFF", "\xFF\xE1", "\xFF\xC0", "\xFF\xC2", "\xFF\xDA", "\xFF\xD9",
    "Exif", "II*", "MM", "\x89PNG\r\n\x1A\n", "IHDR", "IDAT", "eXIf", "PLTE",
    "tRNS", "IEND", "GIF87a", "GIF89a", "!\xF9", ",", ";", "BM", "RIFF",
    "WEBP", "VP8 ", "VP8L", "VP8X", "ALPH", "EXIF", "%PDF-", "ftyp", NULL
};


/* A small picture, grey or in colour. */

static PIX *
be_small(int depth)
{
    int   x, y;
    PIX  *pix = pixCreate(40, 24, depth);

    for (y = 0; y < 24; y++) {
        for (x = 0; x < 40; x++) {
            pixSetPixel(pix, x, y, depth == 1 ? (x ^ y) & 1u
                        : depth == 8 ? (unsigned) (x * y) & 0xFF
                                     : (unsigned) (x * y) << 12 | 0x80);
        }
    }

    return pix;
}


static void
be_seed_picture(int depth, int format)
{
    PIX      *pix = be_small(depth);
    size_t    n;
    l_uint8  *data = NULL;

    if (pixWriteMem(&data, &n, pix, format) == 0) {
        be_fuzz_seed(data, n);
    }

    lept_free(data);
    pixDestroy(&pix);
}


/* A JPEG with an EXIF orientation. */

static void
be_seed_turned(void)
{
    PIX            *pix = be_small(8);
    size_t          n;
    l_uint8        *data = NULL;
    unsigned char  *with;
    static const unsigned char  exif[] =
        "\xFF\xE1\x00\x22" "Exif\0\0II*\0\x08\0\0\0\x01\0"
        "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const size_t    m = sizeof(exif) - 1;

    if (pixWriteMem(&data, &n, pix, IFF_JFIF_JPEG) == 0) {
        with = malloc(n + m);
        if (with != NULL) {
            memcpy(with, data, 2);
            memcpy(with + 2, exif, m);
            memcpy(with + 2 + m, data + 2, n - 2);
            be_fuzz_seed(with, n + m);
        }
        free(with);
    }

    lept_free(data);
    pixDestroy(&pix);
}


void
be_fuzz_seeds(void)
{
    size_t  i;
    static const struct {
        int  depth;
        int  format;
    } all[] = {
        { 8, IFF_JFIF_JPEG }, { 32, IFF_JFIF_JPEG }, { 1, IFF_PNG },
        { 8, IFF_PNG }, { 32, IFF_PNG }, { 8, IFF_GIF }, { 1, IFF_BMP },
        { 8, IFF_BMP }, { 32, IFF_BMP }, { 1, IFF_TIFF_G4 },
        { 1, IFF_TIFF_PACKBITS }, { 8, IFF_TIFF_LZW }, { 32, IFF_TIFF_ZIP },
        { 8, IFF_TIFF }, { 32, IFF_TIFF_JPEG }, { 32, IFF_WEBP }
    };

    setMsgSeverity(L_SEVERITY_NONE);

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        be_seed_picture(all[i].depth, all[i].format);
    }

    be_seed_turned();
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PIX            *pix;
    json_t         *warnings;
    const char     *err;
    be_fault_t      f = { 0 };
    be_imghead_t    h;
    unsigned long   w, v;

    err = be_imghead(data, size, &h);

    if (err == NULL) {
        be_fuzz_holds(h.width >= BE_MIN_SIDE && h.height >= BE_MIN_SIDE
                      && h.width <= BE_MAX_SIDE && h.height <= BE_MAX_SIDE);
        be_fuzz_holds(h.orientation >= 1 && h.orientation <= 8);
    }

    warnings = json_array();
    pix = be_picture_decode(data, size, warnings, &f);
    be_fuzz_holds(pix == NULL || err == NULL);

    if (pix != NULL) {
        w = (unsigned long) pixGetWidth(pix);
        v = (unsigned long) pixGetHeight(pix);
        be_fuzz_holds(pixGetDepth(pix) == 8);

        if (h.orientation > 4) {
            be_fuzz_holds(w <= h.height && v <= h.width);

        } else {
            be_fuzz_holds(w <= h.width && v <= h.height);
        }
    }

    be_fuzz_fault(&f, pix == NULL);
    pixDestroy(&pix);
    json_decref(warnings);

    return 0;
}
