/*
 * The command line.  Called by main.c.
 * Invariant: what is accepted here is whole: an option that needs another one
 * is refused without it, before anything is opened.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http.h"
#include "ocr.h"
#include "options.h"


#define BE_FREE_SCANS      100
#define BE_FETCHERS        6         /* they wait, mostly */
#define BE_REMOTE_TIMEOUT  20

static const char  be_usage[] =
"Usage: spocr-backend [OPTION]...\n"
"       spocr-backend grant | flatfee | ledger --help\n"
"Reads invoices and receipts from images, and stores them in sheets.\n"
"\n"
"  --listen ADDRESS        unix:PATH, 127.0.0.1:PORT or [::1]:PORT; port 0\n"
"                          takes a free one (default 127.0.0.1:8090); other\n"
"                          addresses only with --gateway-secret-file\n"
"  --socket-mode MODE      permissions of the unix socket (default 0660)\n"
"  --workers N             OCR processes (default: one for each processor)\n"
"  --queue N               calls under way and waiting, at most; the next\n"
"                          gets a 503 (default 32)\n"
"  --timeout SECONDS       for a call, its waiting included; then 503 or 502\n"
"                          (default 45)\n"
"  --allow-url-host HOST:PORT\n"
"                          fetch images from this host, and deliver webhooks\n"
"                          to it, even if it is not on the public internet;\n"
"                          may be repeated\n"
"  --gateway-secret-file PATH\n"
"                          refuse what the gateway has not signed with one of\n"
"                          the secrets in this file; all but what is open\n"
"\n"
"What is stored, and paid for:\n"
"  --data DIR              the folder of sheets, images, jobs and money; it\n"
"                          is made where there is none.  Without it nothing\n"
"                          is stored or charged\n"
"  --free-scans N          of each tenant in a month (default 100)\n"
"  --webhook-retries S,... seconds before each further attempt (default\n"
"                          60,300,1800,7200,43200)\n"
"\n"
"Services of your own, in the place of what is built in:\n"
"  --ocr-url URL           an OCR engine over HTTP\n"
"  --llm-url URL           an OpenAI-compatible API, without /v1/...\n"
"  --llm-model NAME        its model\n"
"  --llm-key-file PATH     its key\n"
"  --llm-strict            its failure is a 502; else the built-in rules do\n"
"                          what they can\n"
"  --remote-timeout SECONDS  for one request to either (default 20)\n"
"\n"
"  --help, --version\n"
"\n"
"It trusts the X-Spocr-Uid, X-Spocr-Key-Id and X-Request-Id of the gateway in\n"
"front of it, and so listens on loopback and unix sockets only, where it is\n"
"not given the gateway's secret.\n"
"SIGTERM and SIGINT end it once the running calls are answered.\n";

enum {
    BE_OPT_LISTEN = 256, BE_OPT_MODE, BE_OPT_WORKERS, BE_OPT_QUEUE,
    BE_OPT_TIMEOUT, BE_OPT_ALLOW, BE_OPT_SECRET, BE_OPT_DATA, BE_OPT_FREE,
    BE_OPT_RETRIES, BE_OPT_OCR_URL, BE_OPT_LLM_URL, BE_OPT_LLM_MODEL,
    BE_OPT_LLM_KEY, BE_OPT_LLM_STRICT, BE_OPT_REMOTE_TIMEOUT, BE_OPT_HELP,
    BE_OPT_VERSION
};

static const struct option  be_option_names[] = {
    { "listen", required_argument, NULL, BE_OPT_LISTEN },
    { "socket-mode", required_argument, NULL, BE_OPT_MODE },
    { "workers", required_argument, NULL, BE_OPT_WORKERS },
    { "queue", required_argument, NULL, BE_OPT_QUEUE },
    { "timeout", required_argument, NULL, BE_OPT_TIMEOUT },
    { "allow-url-host", required_argument, NULL, BE_OPT_ALLOW },
    { "gateway-secret-file", required_argument, NULL, BE_OPT_SECRET },
    { "data", required_argument, NULL, BE_OPT_DATA },
    { "free-scans", required_argument, NULL, BE_OPT_FREE },
    { "webhook-retries", required_argument, NULL, BE_OPT_RETRIES },
    { "ocr-url", required_argument, NULL, BE_OPT_OCR_URL },
    { "llm-url", required_argument, NULL, BE_OPT_LLM_URL },
    { "llm-model", required_argument, NULL, BE_OPT_LLM_MODEL },
    { "llm-key-file", required_argument, NULL, BE_OPT_LLM_KEY },
    { "llm-strict", no_argument, NULL, BE_OPT_LLM_STRICT },
    { "remote-timeout", required_argument, NULL, BE_OPT_REMOTE_TIMEOUT },
    { "help", no_argument, NULL, BE_OPT_HELP },
    { "version", no_argument, NULL, BE_OPT_VERSION },
    { NULL, 0, NULL, 0 }
};


int
be_option_number(const char *name, const char *s, int min, int max, int *out)
{
    long   n;
    char  *end;

    errno = 0;
    n = strtol(s, &end, 10);

    if (errno || *s == '\0' || *end != '\0' || n < min || n > max) {
        fprintf(stderr, "spocr-backend: --%s must be a number from %d to %d,"
                " not \"%s\"\n", name, min, max, s);
        return -1;
    }

    *out = (int) n;

    return 0;
}


static int
be_allow_host(be_options_t *o, const char *s)
{
    char        *end;
    long         port;
    const char  *colon = strrchr(s, ':');

    port = colon ? strtol(colon + 1, &end, 10) : 0;

    if (colon == NULL || colon == s || !isdigit((unsigned char) colon[1])
        || *end != '\0' || port < 1 || port > 65535 || strlen(s) > 280)
    {
        fprintf(stderr, "spocr-backend: --allow-url-host must be HOST:PORT,"
                " not \"%s\"\n", s);
        return -1;
    }

    json_array_append_new(o->allowed, json_string(s));

    return 0;
}


static int
be_mode(const char *s, int *mode)
{
    long   n;
    char  *end;

    n = strtol(s, &end, 8);

    if (*s == '\0' || *end != '\0' || n < 0 || n > 0777) {
        fprintf(stderr, "spocr-backend: --socket-mode must be an octal mode"
                " such as 0660, not \"%s\"\n", s);
        return -1;
    }

    *mode = (int) n;

    return 0;
}


static int
be_service_url(const char *name, const char *s, const char **out)
{
    size_t  i;

    if ((strncasecmp(s, "http://", 7) != 0
         && strncasecmp(s, "https://", 8) != 0)
        || strlen(s) > 2000)
    {
        fprintf(stderr, "spocr-backend: --%s must begin with http:// or"
                " https://, not \"%s\"\n", name, s);
        return -1;
    }

    for (i = 0; s[i] != '\0'; i++) {
        if ((unsigned char) s[i] <= ' ' || s[i] == 0x7F) {
            fprintf(stderr, "spocr-backend: --%s contains a blank or control"
                    " character\n", name);
            return -1;
        }
    }

    *out = s;

    return 0;
}


/* The key of the LLM's service: the file's only line. */

static int
be_llm_key(be_options_t *o, const char *path)
{
    int          fd;
    size_t       i, len;
    ssize_t      n = -1;
    const char  *why = NULL;
    struct stat  st;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0
        || (n = read(fd, o->llm_key, sizeof(o->llm_key) - 1)) < 0)
    {
        why = strerror(errno);

    } else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        why = "others than its owner have access to it; use chmod 600";
    }

    len = n < 0 ? 0 : (size_t) n;

    while (len > 0 && isspace((unsigned char) o->llm_key[len - 1])) {
        len--;
    }

    o->llm_key[len] = '\0';

    for (i = 0; i < len; i++) {
        if (o->llm_key[i] <= ' ' || o->llm_key[i] == 0x7F) {
            why = why ? why : "it must have one line with the key";
        }
    }

    if (why == NULL && (len == 0 || len == sizeof(o->llm_key) - 1)) {
        why = len ? "the key is too long" : "it is empty";
    }

    if (fd >= 0) {
        close(fd);
    }

    if (why != NULL) {
        fprintf(stderr, "spocr-backend: --llm-key-file %s: %s\n", path, why);
        return -1;
    }

    o->services.llm_key = o->llm_key;

    return 0;
}


static int
be_retries(be_options_t *o, const char *s)
{
    if (be_retries_parse(s, &o->retries) != 0) {
        fprintf(stderr, "spocr-backend: --webhook-retries must be seconds"
                " with commas between them, %d at most, not \"%s\"\n",
                BE_MAX_RETRIES, s);
        return -1;
    }

    return 0;
}


static int
be_option(be_options_t *o, int c, const char *arg)
{
    switch (c) {
    case BE_OPT_LISTEN:
        if (strlen(arg) >= sizeof(o->listen)) {
            fprintf(stderr, "spocr-backend: --listen is too long\n");
            return -1;
        }
        snprintf(o->listen, sizeof(o->listen), "%s", arg);
        return 0;
    case BE_OPT_MODE:
        return be_mode(arg, &o->socket_mode);
    case BE_OPT_WORKERS:
        return be_option_number("workers", arg, 1, 64, &o->workers);
    case BE_OPT_QUEUE:
        return be_option_number("queue", arg, 1, 1000, &o->queue);
    case BE_OPT_TIMEOUT:
        return be_option_number("timeout", arg, 1, 600, &o->timeout);
    case BE_OPT_ALLOW:
        return be_allow_host(o, arg);
    case BE_OPT_SECRET:
        return be_secrets_read(&o->secrets, arg);
    case BE_OPT_DATA:
        o->data = arg;
        return 0;
    case BE_OPT_FREE:
        return be_option_number("free-scans", arg, 0, 1000000000,
                                &o->free_scans);
    case BE_OPT_RETRIES:
        return be_retries(o, arg);
    case BE_OPT_OCR_URL:
        return be_service_url("ocr-url", arg, &o->services.ocr_url);
    case BE_OPT_LLM_URL:
        return be_service_url("llm-url", arg, &o->services.llm_url);
    case BE_OPT_LLM_MODEL:
        o->services.llm_model = arg;
        return 0;
    case BE_OPT_LLM_KEY:
        return be_llm_key(o, arg);
    case BE_OPT_LLM_STRICT:
        o->services.llm_strict = 1;
        return 0;
    case BE_OPT_REMOTE_TIMEOUT:
        return be_option_number("remote-timeout", arg, 1, 600,
                                &o->services.timeout);
    default:
        fprintf(stderr, "Try \"spocr-backend --help\".\n");
        return -1;
    }
}


/* What cannot be used without something else. */

static int
be_options_whole(const be_options_t *o)
{
    const be_remote_t  *s = &o->services;

    if (s->llm_url != NULL
        && (s->llm_model == NULL || s->llm_model[0] == '\0'))
    {
        fprintf(stderr, "spocr-backend: --llm-url needs --llm-model\n");
        return -1;
    }

    if (s->llm_url == NULL && (s->llm_model || s->llm_key || s->llm_strict)) {
        fprintf(stderr, "spocr-backend: --llm-model, --llm-key-file and"
                " --llm-strict need --llm-url\n");
        return -1;
    }

    if (o->data != NULL && o->data[0] == '\0') {
        fprintf(stderr, "spocr-backend: --data needs a folder\n");
        return -1;
    }

    return 0;
}


int
be_options(int argc, char **argv, be_options_t *o)
{
    int   c, rc = 0;
    long  cpus = sysconf(_SC_NPROCESSORS_ONLN);

    memset(o, 0, sizeof(*o));
    snprintf(o->listen, sizeof(o->listen), "127.0.0.1:8090");
    o->socket_mode = 0660;
    o->workers = cpus < 1 ? 1 : cpus > 64 ? 64 : (int) cpus;
    o->fetchers = BE_FETCHERS;
    o->queue = 32;
    o->timeout = 45;
    o->allowed = json_array();
    o->free_scans = BE_FREE_SCANS;
    o->services.timeout = BE_REMOTE_TIMEOUT;
    (void) be_retries_parse("60,300,1800,7200,43200", &o->retries);

    while (rc == 0
           && (c = getopt_long(argc, argv, "", be_option_names, NULL)) != -1)
    {
        if (c == BE_OPT_HELP) {
            fputs(be_usage, stdout);
            return 0;
        }

        if (c == BE_OPT_VERSION) {
            printf("spocr-backend %s (tesseract %s)\n", BE_VERSION,
                   be_tesseract_version());
            return 0;
        }

        rc = be_option(o, c, optarg);
    }

    if (rc == 0 && optind < argc) {
        fprintf(stderr, "spocr-backend: unexpected argument \"%s\"\n",
                argv[optind]);
        rc = -1;
    }

    if (rc == 0) {
        rc = be_options_whole(o);
    }

    return rc == 0 ? BE_RUN : 2;
}
