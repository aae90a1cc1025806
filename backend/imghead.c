/*
 * What a file says of itself in its first bytes: format, size, orientation.
 * The front asks before it hands the file to a decoder, because a picture of
 * 150 KB may claim a gigabyte.  Pure; every read is checked against the end.
 */

#include <string.h>

#include "imghead.h"


typedef struct {
    const unsigned char  *p;
    size_t                len;
    int                   little;
} be_bytes_t;


static unsigned long
be_be16(const unsigned char *p)
{
    return (unsigned long) p[0] << 8 | p[1];
}


static unsigned long
be_be32(const unsigned char *p)
{
    return be_be16(p) << 16 | be_be16(p + 2);
}


static unsigned long
be_le16(const unsigned char *p)
{
    return (unsigned long) p[1] << 8 | p[0];
}


static unsigned long
be_le24(const unsigned char *p)
{
    return (unsigned long) p[2] << 16 | be_le16(p);
}


static unsigned long
be_le32(const unsigned char *p)
{
    return be_le16(p + 2) << 16 | be_le16(p);
}


static unsigned long
be_tiff16(const be_bytes_t *t, size_t at)
{
    if (at > t->len || t->len - at < 2) {
        return 0;
    }

    return t->little ? be_le16(t->p + at) : be_be16(t->p + at);
}


static unsigned long
be_tiff32(const be_bytes_t *t, size_t at)
{
    if (at > t->len || t->len - at < 4) {
        return 0;
    }

    return t->little ? be_le32(t->p + at) : be_be32(t->p + at);
}


/* Entries of the first directory of a TIFF file, or of an EXIF block, which
 * is one; *at is the first one's place.  0: it is not there, or not whole. */

static unsigned long
be_tiff_entries(const be_bytes_t *t, size_t *at)
{
    unsigned long  n;

    if (t->len < 8) {
        return 0;
    }

    *at = be_tiff32(t, 4);
    n = be_tiff16(t, *at);

    if (*at < 8 || *at + 2 + 12 * n > t->len) {
        return 0;
    }

    *at += 2;

    return n;
}


/* Which of two sizes a decoder goes by, and which other types it takes for a
 * number, is its own affair: such a file has none. */

static void
be_tiff_directory(const unsigned char *p, size_t len, be_imghead_t *h,
    int sizes)
{
    int            turned = 0, clear = 1;
    size_t         at = 0;
    be_bytes_t     t = { p, len, len > 0 && p[0] == 'I' };
    unsigned long  i, n, tag, type, v, *side;

    n = be_tiff_entries(&t, &at);
    if (n == 0) {
        return;
    }

    for (i = 0; i < n; i++, at += 12) {
        tag = be_tiff16(&t, at);
        type = be_tiff16(&t, at + 2);
        v = type == 3 ? be_tiff16(&t, at + 8)
            : type == 4 ? be_tiff32(&t, at + 8) : 0;

        if (tag == 274 && v >= 1 && v <= 8 && !turned) {
            h->orientation = (int) v;
            turned = 1;

        } else if (sizes && (tag == 256 || tag == 257)) {
            side = tag == 256 ? &h->width : &h->height;
            clear = clear && *side == 0 && v > 0
                    && be_tiff32(&t, at + 4) == 1;    /* a number, one */
            *side = v;
        }
    }

    if (!clear) {
        h->width = 0;
    }

    if (sizes && be_tiff32(&t, at) != 0) {
        h->pages = 2;
    }
}


void
be_imghead_upright(unsigned char *p, size_t len)
{
    size_t         at = 0;
    be_bytes_t     t = { p, len, len > 0 && p[0] == 'I' };
    unsigned long  n;
    static const unsigned char  little[] = { 3, 0, 1, 0, 0, 0, 1, 0, 0, 0 };
    static const unsigned char  big[] = { 0, 3, 0, 0, 0, 1, 0, 1, 0, 0 };

    for (n = be_tiff_entries(&t, &at); n > 0; n--, at += 12) {
        if (be_tiff16(&t, at) == 274) {
            memcpy(p + at + 2, t.little ? little : big, sizeof(little));
        }
    }
}


static void
be_exif(const unsigned char *p, size_t len, be_imghead_t *h)
{
    if (len > 6 && memcmp(p, "Exif\0\0", 6) == 0) {
        p += 6;
        len -= 6;
    }

    if (len > 8 && (memcmp(p, "II*\0", 4) == 0 || memcmp(p, "MM\0*", 4) == 0)) {
        be_tiff_directory(p, len, h, 0);
    }
}


static void
be_jpeg_head(const unsigned char *p, size_t len, be_imghead_t *h)
{
    size_t    at = 2, n;
    unsigned  m;

    while (at + 4 <= len) {
        if (p[at] != 0xFF) {
            return;
        }

        m = p[at + 1];

        if (m == 0xFF) {
            at++;
            continue;
        }

        if (m == 0x01 || (m >= 0xD0 && m <= 0xD8)) {
            at += 2;
            continue;
        }

        n = be_be16(p + at + 2);
        if (m == 0xD9 || n < 2 || at + 2 + n > len) {
            return;
        }

        if (m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC) {
            if (n >= 7) {
                h->height = be_be16(p + at + 5);
                h->width = be_be16(p + at + 7);
            }
            return;
        }

        if (m == 0xDA) {
            return;
        }

        if (m == 0xE1) {
            be_exif(p + at + 4, n - 2, h);
        }

        at += 2 + n;
    }
}


static void
be_png_head(const unsigned char *p, size_t len, be_imghead_t *h)
{
    size_t  at, n;

    if (len < 33 || memcmp(p + 12, "IHDR", 4) != 0) {
        return;
    }

    h->width = be_be32(p + 16);
    h->height = be_be32(p + 20);

    for (at = 33; at + 12 <= len; at += 12 + n) {
        n = be_be32(p + at);

        if (n > len - at - 12 || memcmp(p + at + 4, "IDAT", 4) == 0) {
            return;
        }

        if (memcmp(p + at + 4, "eXIf", 4) == 0) {
            be_exif(p + at + 8, n, h);
        }
    }
}


/* The place behind a GIF's sub-blocks, or len where they do not end. */

static size_t
be_gif_data(const unsigned char *p, size_t len, size_t at)
{
    while (at < len && p[at] != 0) {
        at += 1 + (size_t) p[at];
    }

    return at < len ? at + 1 : len;
}


static size_t
be_gif_palette(int packed)
{
    return packed & 0x80 ? 6u << (packed & 7) : 0;
}


/* The size is that of the first picture, whatever the screen has: so does the
 * decoder, which makes all of them. */

static void
be_gif_head(const unsigned char *p, size_t len, be_imghead_t *h)
{
    int     n = 0;
    size_t  at;
    double  screen;

    if (len < 13) {
        return;
    }

    screen = (double) be_le16(p + 6) * (double) be_le16(p + 8);
    at = 13 + be_gif_palette(p[10]);

    while (at + 10 <= len && (p[at] == '!' || p[at] == ',')) {
        if (p[at] == '!') {
            at = be_gif_data(p, len, at + 2);
            continue;
        }

        if (n++ == 0) {
            h->width = be_le16(p + at + 5);
            h->height = be_le16(p + at + 7);
        }

        h->all += (double) be_le16(p + at + 5) * (double) be_le16(p + at + 7);
        at += 10 + be_gif_palette(p[at + 9]) + 1;
        at = be_gif_data(p, len, at);
    }

    h->all = screen > h->all ? screen : h->all;
}


/* The first chunk has the size, be it the canvas or the picture itself; the
 * decoder knows no other place. */

static void
be_webp_size(const unsigned char *p, size_t len, be_imghead_t *h)
{
    if (memcmp(p, "VP8X", 4) == 0 && len >= 18) {
        h->width = be_le24(p + 12) + 1;
        h->height = be_le24(p + 15) + 1;

    } else if (memcmp(p, "VP8 ", 4) == 0 && len >= 18) {
        h->width = be_le16(p + 14) & 0x3FFF;
        h->height = be_le16(p + 16) & 0x3FFF;

    } else if (memcmp(p, "VP8L", 4) == 0 && len >= 13) {
        h->width = (be_le32(p + 9) & 0x3FFF) + 1;
        h->height = (be_le32(p + 9) >> 14 & 0x3FFF) + 1;
    }
}


static void
be_webp_head(const unsigned char *p, size_t len, be_imghead_t *h)
{
    size_t  at, n;

    for (at = 12; at + 8 <= len; at += 8 + n + (n & 1)) {
        n = be_le32(p + at + 4);

        if (at == 12) {
            be_webp_size(p + at, len - at, h);
        }

        if (memcmp(p + at, "EXIF", 4) == 0 && n <= len - at - 8) {
            be_exif(p + at + 8, n, h);
        }

        if (n > len - at - 8) {
            return;
        }
    }
}


static const char *
be_sniff(const unsigned char *p, size_t len, be_imghead_t *h)
{
    long  height;

    if (len >= 3 && memcmp(p, "\xFF\xD8\xFF", 3) == 0) {
        h->format = "JPEG";
        be_jpeg_head(p, len, h);

    } else if (len >= 8 && memcmp(p, "\x89PNG\r\n\x1A\n", 8) == 0) {
        h->format = "PNG";
        be_png_head(p, len, h);

    } else if (len >= 10 && (memcmp(p, "GIF87a", 6) == 0
                             || memcmp(p, "GIF89a", 6) == 0))
    {
        h->format = "GIF";
        be_gif_head(p, len, h);

    } else if (len >= 26 && memcmp(p, "BM", 2) == 0) {
        h->format = "BMP";

        if (be_le32(p + 14) >= 40) {
            height = (long) (int) be_le32(p + 22);
            h->width = be_le32(p + 18);
            h->height = (unsigned long) (height < 0 ? -height : height);

        } else {
            h->width = be_le16(p + 18);
            h->height = be_le16(p + 20);
        }

    } else if (len >= 8 && (memcmp(p, "II*\0", 4) == 0
                            || memcmp(p, "MM\0*", 4) == 0))
    {
        h->format = "TIFF";
        be_tiff_directory(p, len, h, 1);

    } else if (len >= 16 && memcmp(p, "RIFF", 4) == 0
               && memcmp(p + 8, "WEBP", 4) == 0)
    {
        h->format = "WebP";
        be_webp_head(p, len, h);

    } else if (len >= 5 && memcmp(p, "%PDF-", 5) == 0) {
        return "The file is a PDF; send an image of the page"
               " (JPEG, PNG, GIF, BMP, TIFF or WebP)";

    } else if (len >= 12 && memcmp(p + 4, "ftyp", 4) == 0) {
        return "The file is a HEIC, HEIF or AVIF picture or a video; send it"
               " as JPEG, PNG, GIF, BMP, TIFF or WebP";

    } else {
        return "The file is not a JPEG, PNG, GIF, BMP, TIFF or WebP image";
    }

    return NULL;
}


const char *
be_imghead(const unsigned char *p, size_t len, be_imghead_t *h)
{
    const char  *err;

    memset(h, 0, sizeof(*h));
    h->orientation = 1;
    h->pages = 1;

    if (len == 0) {
        return "The image is empty";
    }

    if (len > BE_MAX_IMAGE) {
        return "The image is larger than 20 MB";
    }

    err = be_sniff(p, len, h);
    if (err != NULL) {
        return err;
    }

    if (h->width == 0 || h->height == 0) {
        return "The image is damaged: its header gives no size";
    }

    if (h->width > BE_MAX_SIDE || h->height > BE_MAX_SIDE
        || (double) h->width * (double) h->height > BE_MAX_PIXELS
        || h->all > BE_MAX_PIXELS)
    {
        return "The image has too many pixels: at most 50 million,"
               " and 20000 a side";
    }

    if (h->width < BE_MIN_SIDE || h->height < BE_MIN_SIDE) {
        return "The image is too small: at least 16 pixels a side";
    }

    return NULL;
}
