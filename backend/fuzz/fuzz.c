/*
 * Runs a driver: backend-fuzz-NAME SEED COUNT [FILE]...
 *
 * First the inputs that the driver makes and the files are tried as they are,
 * then COUNT changed ones.  The same arguments try the same inputs.  An input
 * that fails is left in the working folder, in backend-fuzz-NAME.failed; as
 * the only FILE, with COUNT 0, it is tried again.  Built with BE_FUZZ_LIBRARY,
 * the rest is libFuzzer's.
 *
 * Invariant: an input has its own allocation, so that the address sanitizer
 * sees a read of the byte after it.
 */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "fuzz.h"


#define BE_FUZZ_LARGEST  (256u * 1024)
#define BE_FUZZ_SECONDS  30      /* of a processor, for an input */

/* Sanitizers end the program by SIGABRT, as be_fuzz_fail() does. */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);


typedef struct {
    uint8_t  *data;
    size_t    len;
} be_fuzz_input_t;


static be_fuzz_input_t  *be_seeds;
static int               be_nseeds;


void
be_fuzz_seed(const void *data, size_t len)
{
    be_seeds = be_grow(be_seeds, (size_t) (be_nseeds + 1)
                                 * sizeof(be_fuzz_input_t));
    be_seeds[be_nseeds].data = (uint8_t *) be_strndup(data, len);
    be_seeds[be_nseeds++].len = len;
}


void
be_fuzz_seed_text(const char *s)
{
    be_fuzz_seed(s, strlen(s));
}


void
be_fuzz_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}


unsigned
be_fuzz_byte(be_fuzz_in_t *in)
{
    return in->p < in->end ? *in->p++ : 0;
}


int
be_fuzz_below(be_fuzz_in_t *in, int n)
{
    unsigned  v = be_fuzz_byte(in);

    if (n > 256) {
        v = v << 8 | be_fuzz_byte(in);
    }

    return (int) (v % (unsigned) n);
}


char *
be_fuzz_until(be_fuzz_in_t *in, int c)
{
    char           *s;
    size_t          i, n = (size_t) (in->end - in->p);
    const uint8_t  *end = n ? memchr(in->p, c, n) : NULL;

    n = end ? (size_t) (end - in->p) : n;
    s = be_strndup((const char *) in->p, n);
    in->p += n + (end != NULL);

    for (i = 0; i < n; i++) {
        s[i] = s[i] ? s[i] : '0';
    }

    return s;
}


#ifndef BE_FUZZ_LIBRARY


static uint64_t         be_state;
static char             be_failed[256];
static be_fuzz_input_t  be_now;


static uint64_t
be_random(void)
{
    uint64_t  z = (be_state += 0x9E3779B97F4A7C15u);

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;

    return z ^ z >> 31;
}


static size_t
be_random_below(size_t n)
{
    return n ? (size_t) (be_random() % n) : 0;
}


/* Puts n bytes in the place of "old" ones at a place. */

static void
be_put(be_fuzz_input_t *in, size_t at, size_t old, const void *with, size_t n)
{
    uint8_t  *to;

    if (in->len - old + n > BE_FUZZ_LARGEST) {
        return;
    }

    to = be_alloc(in->len - old + n + 1);
    memcpy(to, in->data, at);
    memcpy(to + at, with, n);
    memcpy(to + at + n, in->data + at + old, in->len - at - old);
    free(in->data);
    in->data = to;
    in->len = in->len - old + n;
}


static void
be_put_number(be_fuzz_input_t *in)
{
    size_t    n, i, at;
    uint8_t   b[4];
    uint32_t  v;
    static const uint32_t  some[] = {
        0, 1, 2, 15, 16, 17, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF,
        20000, 20001, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF
    };

    n = (size_t) 1 << be_random_below(3);
    if (in->len < n) {
        return;
    }

    v = some[be_random_below(sizeof(some) / sizeof(some[0]))];
    at = be_random_below(in->len - n + 1);

    if (be_random() & 1) {
        for (i = 0; i < n; i++, v >>= 8) {
            b[i] = (uint8_t) v;
        }

    } else {
        for (i = n; i-- > 0; v >>= 8) {
            b[i] = (uint8_t) v;
        }
    }

    be_put(in, at, n, b, n);
}


static void
be_put_word(be_fuzz_input_t *in)
{
    size_t       n, at, old, words = 0;
    const char  *w;

    while (be_fuzz_words[words] != NULL) {
        words++;
    }

    if (words != 0) {
        w = be_fuzz_words[be_random_below(words)];
        n = strlen(w);
        at = be_random_below(in->len + 1);
        old = be_random() & 1 ? 0 : n;
        be_put(in, at, old > in->len - at ? in->len - at : old, w, n);
    }
}


/* A piece of an input, this or another, in the place of one of this. */

static void
be_put_piece(be_fuzz_input_t *in)
{
    size_t                  at, from, old, n;
    uint8_t                *copy;
    const be_fuzz_input_t  *other = in;

    if (be_random() & 1) {
        other = &be_seeds[be_random_below((size_t) be_nseeds)];
    }

    at = be_random_below(in->len + 1);
    from = be_random_below(other->len + 1);
    n = be_random_below(other->len - from + 1);
    n = be_random() & 3 ? n % 64 : n;
    old = be_random() & 1 ? be_random_below(in->len - at + 1) : 0;
    copy = (uint8_t *) be_strndup((char *) other->data + from, n);
    be_put(in, at, old, copy, n);
    free(copy);
}


static void
be_change(be_fuzz_input_t *in)
{
    size_t   n, at = be_random_below(in->len);
    uint8_t  b[8];

    switch (in->len ? be_random_below(9) : 4) {
    case 0:
        in->data[at] ^= (uint8_t) (1u << be_random_below(8));
        break;
    case 1:
        in->data[at] = (uint8_t) be_random();
        break;
    case 2:
        in->data[at] = (uint8_t) (in->data[at] + be_random_below(9) - 4);
        break;
    case 3:
        n = be_random_below(in->len - at) + 1;
        be_put(in, at, be_random() & 3 && n > 8 ? 8 : n, "", 0);
        break;
    case 4:
        for (n = 0; n < sizeof(b); n++) {
            b[n] = (uint8_t) be_random();
        }
        be_put(in, at, 0, b, be_random_below(sizeof(b)) + 1);
        break;
    case 5:
        be_put_number(in);
        break;
    case 6:
        be_put_piece(in);
        break;
    default:
        be_put_word(in);
        break;
    }
}


const char *
__asan_default_options(void)
{
    return "abort_on_error=1";
}


const char *
__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}


static void
be_say(const char *s)
{
    (void) !write(STDERR_FILENO, s, strlen(s));
}


static void
be_keep_failed(void)
{
    int  fd = be_now.data ? open(be_failed, O_WRONLY | O_CREAT | O_TRUNC, 0644)
                          : -1;

    if (fd >= 0) {
        (void) !write(fd, be_now.data, be_now.len);
        (void) close(fd);
        be_say("the input is in ");
        be_say(be_failed);
        be_say("\n");
    }
}


/* SIGPROF, or SIGABRT. */

static void
be_late(int sig)
{
    if (sig == SIGPROF) {
        be_say("an input takes too long\n");
    }

    be_keep_failed();
    (void) signal(SIGABRT, SIG_DFL);
    abort();
}


static double
be_try(const be_fuzz_input_t *in)
{
    struct timespec   a, b;
    struct itimerval  most = { { 0, 0 }, { BE_FUZZ_SECONDS, 0 } };

    /* to the byte: the copy has nothing after it */

    be_now.len = in->len;
    be_now.data = malloc(in->len ? in->len : 1);
    if (be_now.data == NULL) {
        abort();
    }

    memcpy(be_now.data, in->data, in->len);

    (void) setitimer(ITIMER_PROF, &most, NULL);
    clock_gettime(CLOCK_MONOTONIC, &a);
    (void) LLVMFuzzerTestOneInput(be_now.data, be_now.len);
    clock_gettime(CLOCK_MONOTONIC, &b);

    free(be_now.data);
    be_now.data = NULL;

    return (double) (b.tv_sec - a.tv_sec)
           + (double) (b.tv_nsec - a.tv_nsec) / 1e9;
}


static int
be_read_seed(const char *path)
{
    char    *data;
    FILE    *in = fopen(path, "rb");
    size_t   n;

    if (in == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        return -1;
    }

    data = be_alloc(BE_FUZZ_LARGEST);
    n = fread(data, 1, BE_FUZZ_LARGEST, in);
    (void) fclose(in);
    be_fuzz_seed(data, n);
    free(data);

    return 0;
}


int
main(int argc, char **argv)
{
    int              i;
    long             n, count;
    double           took, slowest = 0;
    const char      *name;
    be_fuzz_input_t  in;

    if (argc < 3) {
        fprintf(stderr, "usage: %s SEED COUNT [FILE]...\n", argv[0]);
        return 2;
    }

    name = strrchr(argv[0], '/');
    snprintf(be_failed, sizeof(be_failed), "%.200s.failed",
             name ? name + 1 : argv[0]);
    be_state = strtoull(argv[1], NULL, 10);
    count = strtol(argv[2], NULL, 10);

    (void) signal(SIGPROF, be_late);
    (void) signal(SIGABRT, be_late);

    be_fuzz_seeds();

    for (i = 3; i < argc; i++) {
        if (be_read_seed(argv[i]) != 0) {
            return 2;
        }
    }

    for (i = 0; i < be_nseeds; i++) {
        took = be_try(&be_seeds[i]);
        slowest = took > slowest ? took : slowest;
    }

    for (n = 0; n < count; n++) {
        in = be_seeds[be_random_below((size_t) be_nseeds)];
        in.data = (uint8_t *) be_strndup((char *) in.data, in.len);

        do {
            be_change(&in);
        } while (be_random() & 3);

        took = be_try(&in);
        slowest = took > slowest ? took : slowest;
        free(in.data);
    }

    for (i = 0; i < be_nseeds; i++) {
        free(be_seeds[i].data);
    }

    free(be_seeds);
    printf("%s: seed %s, %d inputs and %ld changed ones, the slowest took"
           " %.1f ms\n", name ? name + 1 : argv[0], argv[1], be_nseeds, count,
           1000 * slowest);

    return 0;
}

#endif
