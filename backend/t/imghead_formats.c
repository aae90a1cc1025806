/*
 * The headers of each format of image: their sizes, the orientation in them,
 * and what a file may have between and instead of what it should have.
 */

#include <stdlib.h>

#include "imghead.h"
#include "tap.h"


static unsigned char  file[4096];
static size_t         len;


static void
begin(void)
{
    len = 0;
}


static void
put(const void *p, size_t n)
{
    memcpy(file + len, p, n);
    len += n;
}


#define text(s)  put(s, sizeof(s) - 1)


static void
little(unsigned long v, int n)
{
    while (n-- > 0) {
        file[len++] = (unsigned char) v;
        v >>= 8;
    }
}


static void
big(unsigned long v, int n)
{
    while (n-- > 0) {
        file[len++] = (unsigned char) (v >> 8 * n);
    }
}


/* A directory of one entry, an orientation. */

static void
exif(int orientation)
{
    text("II*\0");
    little(8, 4);
    little(1, 2);
    little(274, 2);
    little(3, 2);
    little(1, 4);
    little((unsigned long) orientation, 4);
    little(0, 4);
}


#define EXIF_LEN  26


/* A copy of just that size, so that a sanitizer sees each read behind it. */

static const char *
head(be_imghead_t *h)
{
    const char     *why;
    unsigned char  *p = malloc(len ? len : 1);

    memcpy(p, file, len);
    why = be_imghead(p, len, h);
    free(p);

    return why;
}


static void
is_size(const char *format, unsigned long width, unsigned long height,
    int orientation, const char *what)
{
    int            good;
    be_imghead_t   h;
    const char    *why = head(&h);

    good = why == NULL && strcmp(h.format, format) == 0 && h.width == width
           && h.height == height && h.orientation == orientation;
    ok(good, what);

    if (!good) {
        printf("# %s: %s %lu x %lu, %d\n", why ? why : "taken",
               h.format ? h.format : "", h.width, h.height, h.orientation);
    }
}


static void
is_refused(const char *part, const char *what)
{
    be_imghead_t   h;
    const char    *why = head(&h);

    ok(why != NULL && strstr(why, part) != NULL, what);
}


static void
segment(int marker, unsigned long n)
{
    big(0xFF, 1);
    big((unsigned long) marker, 1);
    big(n, 2);
}


static void
frame(int marker, unsigned long width, unsigned long height)
{
    segment(marker, 11);
    big(8, 1);
    big(height, 2);
    big(width, 2);
    text("\1\1\x11\0");
}


static void
jpeg(void)
{
    int         m;
    static int  others[] = { 0xC4, 0xC8, 0xCC, 0xDB, 0xE0, 0xFE };

    for (m = 0xC0; m <= 0xCF; m++) {
        if (m == 0xC4 || m == 0xC8 || m == 0xCC) {
            continue;
        }
        begin();
        text("\xFF\xD8");
        frame(m, 320, 200);
        is_size("JPEG", 320, 200, 1, "JPEG: each kind of frame");
    }

    begin();
    text("\xFF\xD8");
    for (m = 0; m < 6; m++) {
        segment(others[m], 11);
        big(8, 1);
        big(1, 4);
        big(1, 4);
    }
    frame(0xC0, 30, 20);
    is_size("JPEG", 30, 20, 1, "JPEG: segments that are no frames");

    begin();
    text("\xFF\xD8\xFF\xFF\xFF\xE1");
    big(2 + 6 + EXIF_LEN, 2);
    text("Exif\0\0");
    exif(6);
    frame(0xC2, 30, 20);
    frame(0xC2, 300, 200);
    is_size("JPEG", 30, 20, 6, "JPEG: fill bytes, EXIF, the first frame");

    begin();
    text("\xFF\xD8\xFF\x01\xFF\xD0\xFF\xD7\xFF\xD8");
    frame(0xC1, 30, 20);
    is_size("JPEG", 30, 20, 1, "JPEG: markers without a segment");

    begin();
    text("\xFF\xD8\xFF\xE1");
    big(2 + EXIF_LEN, 2);
    exif(9);
    frame(0xC0, 30, 20);
    is_size("JPEG", 30, 20, 1, "JPEG: an orientation that is none");

    begin();
    text("\xFF\xD8\xFF\xE1\0\7Exif\0");
    frame(0xC0, 30, 20);
    is_size("JPEG", 30, 20, 1, "JPEG: a short EXIF");

    begin();
    text("\xFF\xD8\xFF\xE1\0\x11http://ns.adobe");
    frame(0xC0, 30, 20);
    is_size("JPEG", 30, 20, 1, "JPEG: XMP in the place of EXIF");

    begin();
    text("\xFF\xD8\xFF\xD9");
    frame(0xC0, 30, 20);
    is_refused("no size", "JPEG: its end before the frame");

    begin();
    text("\xFF\xD8\xFF\xDA\0\x0C");
    text("\1\1\1\0\0\x3F\0abc");
    frame(0xC0, 30, 20);
    is_refused("no size", "JPEG: pixels before the frame");

    begin();
    text("\xFF\xD8\xFF\xE0\0\1");
    frame(0xC0, 30, 20);
    is_refused("no size", "JPEG: a segment of no length");

    begin();
    text("\xFF\xD8\xFF\xE0\xFF\xFF");
    frame(0xC0, 30, 20);
    is_refused("no size", "JPEG: a segment longer than the file");

    begin();
    text("\xFF\xD8\xFF\xC0\0\6\x08\0\x14\0\x1E");
    is_refused("no size", "JPEG: a frame that is cut");

    begin();
    text("\xFF\xD8\xFF\xE0\0\2garbage");
    is_refused("no size", "JPEG: no marker where one should be");
}


static void
png(unsigned long width, unsigned long height)
{
    begin();
    text("\x89PNG\r\n\x1A\n");
    big(13, 4);
    text("IHDR");
    big(width, 4);
    big(height, 4);
    text("\x08\2\0\0\0crc!");
}


static void
pngs(void)
{
    png(640, 480);
    is_size("PNG", 640, 480, 1, "PNG");

    big(4, 4);
    text("gAMAabcdcrc!");
    big(EXIF_LEN, 4);
    text("eXIf");
    exif(3);
    text("crc!");
    is_size("PNG", 640, 480, 3, "PNG: its EXIF");

    png(640, 480);
    big(0, 4);
    text("IDATcrc!");
    big(EXIF_LEN, 4);
    text("eXIf");
    exif(3);
    text("crc!");
    is_size("PNG", 640, 480, 1, "PNG: EXIF behind the pixels is not read");

    png(640, 480);
    big(0xFFFFFFFF, 4);
    text("eXIf");
    exif(3);
    is_size("PNG", 640, 480, 1, "PNG: a chunk longer than the file");

    png(640, 480);
    memcpy(file + 12, "IDAT", 4);
    is_refused("no size", "PNG: another chunk first");
    png(640, 480);
    len = 32;
    is_refused("no size", "PNG: cut");

    png(20001, 100);
    is_refused("too many pixels", "a side that is too long");
    png(100, 20001);
    is_refused("too many pixels", "the other one");
    png(7072, 7072);
    is_refused("too many pixels", "more than 50 million pixels");
    png(7071, 7071);
    is_size("PNG", 7071, 7071, 1, "as many as that");
    png(15, 100);
    is_refused("too small", "too narrow");
    png(100, 15);
    is_refused("too small", "too low");
    png(16, 16);
    is_size("PNG", 16, 16, 1, "16 by 16");
    png(0, 100);
    is_refused("no size", "no width");
    png(100, 0);
    is_refused("no size", "no height");
}


static void
chunk(const char *name, unsigned long n)
{
    put(name, 4);
    little(n, 4);
}


static void
webp(void)
{
    begin();
    text("RIFF");
    little(100, 4);
    text("WEBP");
}


static void
webps(void)
{
    webp();
    chunk("VP8 ", 10);
    text("\x30\1\0\x9D\1\x2A");
    little(0x4000 | 300, 2);
    little(0x8000 | 200, 2);
    is_size("WebP", 300, 200, 1, "WebP, lossy; the scale is no size");

    webp();
    chunk("VP8L", 5);
    text("\x2F");
    little((300 - 1) | (200 - 1) << 14, 4);
    is_size("WebP", 300, 200, 1, "WebP, lossless");

    webp();
    chunk("ALPH", 3);
    text("abc\0");
    chunk("VP8L", 5);
    text("\x2F");
    little((20 - 1) | (30 - 1) << 14, 4);
    is_refused("no size", "WebP: another chunk first");

    webp();
    text("\x30\1\0\x9D\1\x2A\xFF\x3F\xFF\x3F");
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(299, 3);
    little(199, 3);
    is_refused("no size", "WebP: no chunk first");

    webp();
    chunk("VP8 ", 10);
    text("\x30\1\0\x9D\1\x2A\xFF\x3F\xFF\x3F");
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(299, 3);
    little(199, 3);
    is_refused("too many pixels", "WebP, lossy: a canvas behind it");

    webp();
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(299, 3);
    little(199, 3);
    chunk("XMP ", 3);
    text("abc\0");
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(29, 3);
    little(19, 3);
    chunk("EXIF", 6 + EXIF_LEN);
    text("Exif\0\0");
    exif(8);
    is_size("WebP", 300, 200, 8, "WebP: two canvasses, an odd length");

    webp();
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(299, 3);
    little(199, 3);
    chunk("VP8L", 5);
    text("\x2F");
    little((20 - 1) | (30 - 1) << 14, 4);
    text("\0");
    chunk("EXIF", 6 + EXIF_LEN);
    text("Exif\0\0");
    exif(8);
    is_size("WebP", 300, 200, 8, "WebP, extended: the canvas, and EXIF");

    webp();
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(299, 3);
    little(199, 3);
    chunk("VP8 ", 10);
    text("\x30\1\0\x9D\1\x2A\x40\0\x40\0");
    chunk("EXIF", 4000);
    exif(8);
    is_size("WebP", 300, 200, 1, "WebP: EXIF longer than the file");

    webp();
    chunk("VP8X", 10);
    text("\x08\0\0\0\1");
    is_refused("no size", "WebP, extended: cut");
    webp();
    chunk("VP8 ", 10);
    text("\x30\1\0\x9D\1\x2A\x40\0\x40");
    is_refused("no size", "WebP, lossy: cut");
    webp();
    chunk("VP8L", 5);
    text("\x2F\0\0\0");
    is_refused("no size", "WebP, lossless: cut");
    webp();
    little(0, 4);
    is_refused("no size", "WebP: nothing in it");
}


static void
bmps(void)
{
    begin();
    text("BM\0\0\0\0\0\0\0\0\0\0\0\0");
    little(40, 4);
    little(320, 4);
    little(200, 4);
    is_size("BMP", 320, 200, 1, "BMP");

    len = 22;
    little((unsigned long) -200, 4);
    is_size("BMP", 320, 200, 1, "BMP from the top down");

    len = 22;
    little(0x80000000, 4);
    is_refused("too many pixels", "BMP: the least height");

    len = 14;
    little(12, 4);
    little(320, 2);
    little(200, 2);
    text("\1\0\x18\0");
    is_size("BMP", 320, 200, 1, "BMP with the header of OS/2");
}


static void
gif(unsigned long width, unsigned long height, int packed)
{
    begin();
    text("GIF89a");
    little(width, 2);
    little(height, 2);
    little((unsigned long) packed, 1);
    text("\0\0");
}


static void
descriptor(unsigned long width, unsigned long height, int packed)
{
    text(",\0\0\0\0");
    little(width, 2);
    little(height, 2);
    little((unsigned long) packed, 1);
}


/* The pixels of a picture, whatever they are. */

static void
pixels(void)
{
    text("\2\3abc\1,\0");
}


static void
gifs(void)
{
    gif(64, 32, 0);
    descriptor(64, 32, 0);
    is_size("GIF", 64, 32, 1, "GIF");
    memcpy(file, "GIF87a", 6);
    is_size("GIF", 64, 32, 1, "GIF of 1987");

    gif(64, 32, 0x81);
    text("rgbrgbrgbrgb");
    text("!\xFE\2,,\3,\0\0\0!\xF9\4abcd\0");
    descriptor(50, 30, 0);
    is_size("GIF", 50, 30, 1, "GIF: what is drawn, not the screen");

    gif(64, 32, 0);
    descriptor(20000, 20000, 0);
    is_refused("too many pixels", "GIF: a large picture on a small screen");
    gif(60000, 60000, 0);
    descriptor(64, 32, 0);
    is_refused("too many pixels", "GIF: a large screen");
    gif(64, 32, 0);
    descriptor(8, 8, 0);
    is_refused("too small", "GIF: a small picture");
    gif(8, 8, 0);
    descriptor(64, 32, 0);
    is_size("GIF", 64, 32, 1, "GIF: on a smaller screen");

    /* a decoder keeps all of them */

    gif(64, 32, 0);
    descriptor(64, 32, 0x80);
    text("rgbrgb");
    pixels();
    text("!\xFE\1,\0");
    descriptor(6000, 6000, 0);
    pixels();
    is_size("GIF", 64, 32, 1, "GIF: the first of two pictures");
    descriptor(6000, 6000, 0);
    pixels();
    is_refused("too many pixels", "GIF: too many pictures");

    gif(64, 32, 0);
    is_refused("no size", "GIF: no picture");
    text(";");
    descriptor(64, 32, 0);
    is_refused("no size", "GIF: a picture behind the end");
    gif(64, 32, 0x87);
    descriptor(64, 32, 0);
    is_refused("no size", "GIF: a palette longer than the file");
    gif(64, 32, 0);
    text("!\xFE\xFF");
    descriptor(64, 32, 0);
    is_refused("no size", "GIF: a comment longer than the file");
    gif(64, 32, 0);
    text("x");
    descriptor(64, 32, 0);
    is_refused("no size", "GIF: a block that is none");
}


/* Two bytes of a tag, and those of a size. */

static void
entry(int tag, int type, unsigned long n, unsigned long value)
{
    little((unsigned long) tag, 2);
    little((unsigned long) type, 2);
    little(n, 4);
    little(value, 4);
}


static void
tiff(unsigned long n)
{
    begin();
    text("II*\0");
    little(8, 4);
    little(n, 2);
}


static void
tiffs(void)
{
    int         i;
    static int  types[] = { 1, 2, 5, 6, 8, 9, 12, 13, 16, 17, 99 };

    tiff(2);
    entry(256, 3, 1, 300);
    entry(257, 4, 1, 200);
    little(0, 4);
    is_size("TIFF", 300, 200, 1, "TIFF");

    for (i = 0; i < 11; i++) {
        tiff(3);
        entry(256, types[i], 1, 60000);
        entry(256, 3, 1, 300);
        entry(257, 3, 1, 200);
        little(0, 4);
        is_refused("no size", "TIFF: a width of another type, then one");
        tiff(3);
        entry(256, 3, 1, 300);
        entry(257, types[i], 1, 60000);
        entry(257, 4, 1, 200);
        little(0, 4);
        is_refused("no size", "TIFF: a height of another type, then one");
    }

    tiff(3);
    entry(256, 3, 1, 300);
    entry(256, 3, 1, 300);
    entry(257, 3, 1, 200);
    little(0, 4);
    is_refused("no size", "TIFF: two widths");
    tiff(3);
    entry(256, 3, 1, 300);
    entry(257, 3, 1, 0);
    entry(257, 3, 1, 200);
    little(0, 4);
    is_refused("no size", "TIFF: no height, and a height");
    tiff(2);
    entry(256, 3, 1, 300);
    entry(257, 3, 2, 200);
    little(0, 4);
    is_refused("no size", "TIFF: a height of two values");
}


static void
others(void)
{
    size_t         n;
    be_imghead_t   h;

    begin();
    text("%PDF-1.7");
    is_refused("is a PDF", "PDF");
    begin();
    text("\0\0\0\x18" "ftypheic");
    is_refused("HEIC", "HEIC");

    begin();
    is_refused("empty", "nothing");
    begin();
    text("GIF88a\x40\0\x20\0");
    is_refused("not a JPEG", "no GIF");
    begin();
    text("RIFF\0\0\0\0WAVEfmt ");
    is_refused("not a JPEG", "a sound");
    begin();
    text("\xFF\xD8");
    is_refused("not a JPEG", "two bytes of a JPEG");
    begin();
    text("MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10");
    is_refused("not a JPEG", "a TIFF of more than 4 GB");

    n = BE_MAX_IMAGE + 1;
    ok(be_imghead(file, n, &h) != NULL && h.format == NULL,
       "a file that is too large is not looked at");

    /* each format, cut anywhere: never more than it has */
    png(640, 480);
    big(EXIF_LEN, 4);
    text("eXIf");
    exif(3);
    text("crc!");
    for (n = len; len > 0; len--) {
        (void) head(&h);
    }
    ok(n > 33, "a PNG cut at each byte");

    webp();
    chunk("VP8X", 10);
    text("\x08\0\0\0");
    little(299, 3);
    little(199, 3);
    chunk("EXIF", EXIF_LEN);
    exif(8);
    for (n = len; len > 0; len--) {
        (void) head(&h);
    }
    ok(n > 30, "a WebP cut at each byte");

    gif(64, 32, 0x80);
    text("rgbrgb!\xFE\2ab\0");
    descriptor(64, 32, 0x80);
    text("rgbrgb");
    pixels();
    for (n = len; len > 0; len--) {
        (void) head(&h);
    }
    ok(n > 40, "a GIF cut at each byte");

    begin();
    exif(5);
    for (n = len; len > 0; len--) {
        (void) head(&h);
        be_imghead_upright(file, len);
    }
    ok(n == EXIF_LEN, "a TIFF cut at each byte");
}


int
main(void)
{
    jpeg();
    pngs();
    webps();
    bmps();
    gifs();
    tiffs();
    others();

    return done();
}
