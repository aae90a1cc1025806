
/*
 * spocrctl: the operators' command for the gateway's keys, in a file or in
 * Redis, and for Redis itself.
 *
 * Here: which commands and options there are, and --help.  The tables below
 * are the only place that names them; the manual page is compared with
 * --help by a test.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include "ctl.h"


typedef enum {
    OPT_FLAG,
    OPT_VALUE,
    OPT_LIST
} opt_kind_e;


typedef struct {
    const char   *name;
    const char   *value;            /* NULL: a flag */
    const char   *help;
    opt_kind_e    kind;
    size_t        offset;           /* in ctl_opts_t */
    const char   *commands;         /* " key create, ...": who takes it */
} opt_t;


/* What a command works on. */

typedef enum {
    ON_ANY = 0,                     /* the key file, or Redis if that is said */
    ON_REDIS,
    ON_NOTHING
} store_e;


typedef struct {
    const char   *name;
    const char   *args;             /* "ID...", or "" */
    const char   *help;
    void        (*run)(const ctl_opts_t *opts);
    int           min;
    int           max;
    store_e       store;
} command_t;


#define FLAG(field)   OPT_FLAG, offsetof(ctl_opts_t, field)
#define VALUE(field)  OPT_VALUE, offsetof(ctl_opts_t, field)
#define LIST(field)   OPT_LIST, offsetof(ctl_opts_t, field)

/* who takes an option; every name is between commas */
#define ALL           "*"
#define CHANGES       ",key create,key revoke,key rotate,key import,"         \
                      "tenant set,plan set,"
#define SETS          ",key create,tenant set,plan set,"
#define DIRECTIVE     ",explain,limits,"
#define IDEMPOTENCY   ",idempotency show,idempotency forget,"


static const command_t  commands[] = {
    { "key create", "", "Make a key; its text is printed, once.",
      ctl_key_create, 0, 0, ON_ANY },
    { "key list", "", "List the keys.", ctl_key_list, 0, 0, ON_ANY },
    { "key show", "ID", "Show a key's record.", ctl_key_show, 1, 1, ON_ANY },
    { "key revoke", "ID...", "Refuse a key from now on.",
      ctl_key_revoke, 1, 1000, ON_ANY },
    { "key rotate", "ID", "Make a key in place of another, which works on for "
      "a while.", ctl_key_rotate, 1, 1, ON_ANY },
    { "key import", "", "Add existing keys, as texts or digests, from stdin.",
      ctl_key_import, 0, 0, ON_ANY },
    { "tenant set", "UID", "Make or change a tenant.", ctl_tenant_set, 1, 1,
      ON_ANY },
    { "tenant show", "UID", "Show a tenant, its limits and its keys.",
      ctl_tenant_show, 1, 1, ON_ANY },
    { "tenant list", "", "List the tenants.", ctl_tenant_list, 0, 0, ON_ANY },
    { "plan set", "NAME", "Make or change a plan.", ctl_plan_set, 1, 1,
      ON_ANY },
    { "plan list", "", "List the plans.", ctl_plan_list, 0, 0, ON_ANY },
    { "explain", "", "Say what the gateway would do with the key on stdin, "
      "and why.", ctl_explain, 0, 0, ON_ANY },
    { "limits", "UID", "Say how much a uid and its keys have taken in the "
      "windows of now.", ctl_limits, 1, 1, ON_REDIS },
    { "idempotency show", "", "Say what is stored under the Idempotency-Key "
      "on stdin.", ctl_idempotency_show, 0, 0, ON_REDIS },
    { "idempotency forget", "", "Delete that, so that a retry executes the "
      "request again.", ctl_idempotency_forget, 0, 0, ON_REDIS },
    { "request", "REQUEST-ID", "Say when a request was, and find it in "
      "access logs.", ctl_request, 1, 1, ON_NOTHING },
    { "doctor", "", "Say whether Redis is what the gateway needs.",
      ctl_doctor, 0, 0, ON_REDIS },
    { "redis install", "", "Load the functions that the gateway calls.",
      ctl_redis_install, 0, 0, ON_REDIS },
    { "redis acl", "", "Print the command that makes Redis' user for the "
      "gateway.", ctl_redis_acl, 0, 0, ON_NOTHING },
    { "redis import", "FILE", "Copy a key file's records to Redis.",
      ctl_redis_import, 1, 1, ON_REDIS },
    { "redis export", "FILE", "Copy the records of Redis to a new key file.",
      ctl_redis_export, 1, 1, ON_REDIS },
    { NULL, NULL, NULL, NULL, 0, 0, ON_ANY }
};


static const opt_t  options[] = {
    { "uid", "UID", "the tenant that the key belongs to", VALUE(uid),
      ",key create,key list,key import," },
    { "id", "ID", "the key's id (default: a random one)", VALUE(id),
      ",key create,key rotate," },
    { "name", "TEXT", "a note for people: whose key, what for", VALUE(name),
      ",key create,key rotate," },
    { "scopes", "LIST", "scopes, with commas; \"all\" (default) or \"none\"",
      VALUE(scopes), ",key create," },
    { "expires", "WHEN", "a date, a date and time, or a duration such as 90d",
      VALUE(expires), ",key create,key rotate," },
    { "meta", "JSON", "an object of your own, up to 1024 bytes", VALUE(meta),
      ",key create," },
    { "grace", "TIME", "how long the old key works on (default: 24h)",
      VALUE(grace), ",key rotate," },
    { "format", "FORMAT", "csv or json (default: by the first byte)",
      VALUE(format), ",key import," },
    { "plan", "NAME", "the tenant's plan; \"none\" for no plan", VALUE(plan),
      ",tenant set," },
    { "status", "STATUS", "active or disabled", VALUE(status),
      ",tenant set," },
    { "status", "STATUS", "only keys that are active, disabled, revoked or "
      "expired", VALUE(status), ",key list," },
    { "key-limit", "N", "requests a window per key; or \"unlimited\", "
      "\"unset\"", VALUE(key_limit), SETS },
    { "uid-limit", "N", "requests a window per uid; or \"unlimited\", "
      "\"unset\"", VALUE(uid_limit), ",tenant set,plan set," },
    { "limit", "NAME.LEVEL=N", "the same for a named limit: upload.key=10",
      LIST(limits), SETS },
    { "key-limit", "N", "what spocr_limit says there (default: 60)",
      VALUE(key_limit), DIRECTIVE },
    { "uid-limit", "N", "what spocr_limit says there (default: 600)",
      VALUE(uid_limit), DIRECTIVE },
    { "scope", "NAME", "the scope that the location requires", VALUE(scope),
      ",explain," },
    { "uid", "UID", "the tenant whose request it was", VALUE(uid),
      IDEMPOTENCY },
    { "key-id", "ID", "and its key, for spocr_idempotency_scope key",
      VALUE(key_id), IDEMPOTENCY },
    { "secret-file", "PATH", "open the stored answer: the file of "
      "spocr_secret_file", VALUE(secret_file), ",idempotency show," },
    { "body", NULL, "print the stored body, too", FLAG(body),
      ",idempotency show," },
    { "log", "FILE", "an access log to search; may be repeated", LIST(logs),
      ",request," },

    { "force", NULL, "replace what is there and looks otherwise",
      FLAG(force), ",redis install,redis import,redis export," },
    { "force", NULL, "even if its request is in progress", FLAG(force),
      ",idempotency forget," },
    { "user", "NAME", "the user's name (default: spocr; of spocrctl: "
      "spocrctl)", VALUE(user), ",redis acl," },
    { "for", "WHOM", "gateway (default) or spocrctl", VALUE(whose),
      ",redis acl," },
    { "auto-load", NULL, "the gateway may load the functions by itself",
      FLAG(auto_load), ",redis acl," },

    { "reload", NULL, "then test nginx's configuration and reload it",
      FLAG(reload), CHANGES },
    { "nginx", "PATH", "the nginx that --reload runs (default: nginx)",
      VALUE(nginx), CHANGES },
    { "nginx-conf", "PATH", "its configuration, if not the default one",
      VALUE(nginx_conf), CHANGES },

    { "file", "PATH", "the key file (default: $SPOCR_KEYS, or "
      CTL_DEFAULT_FILE ")", VALUE(file), ALL },
    { "redis", "URL", "Redis instead of a file (default: $SPOCR_REDIS)",
      VALUE(redis), ALL },
    { "password-file", "PATH", "its first line is the password for Redis",
      VALUE(password_file), ALL },
    { "prefix", "TEXT", "what Redis' keys begin with (default: spocr:)",
      VALUE(prefix), ALL },
    { "ca", "PATH", "certificates to trust, for rediss:// (default: the "
      "system's)", VALUE(ca), ALL },
    { "cert", "PATH", "our certificate, for rediss://", VALUE(cert), ALL },
    { "key", "PATH", "and its private key", VALUE(cert_key), ALL },
    { "server-name", "NAME", "the name in Redis' certificate (default: the "
      "host)", VALUE(server_name), ALL },
    { "timeout", "TIME", "how long to wait for Redis (default: 5s)",
      VALUE(timeout), ALL },
    { "json", NULL, "print JSON", FLAG(json), ALL },
    { "quiet", NULL, "no notes on stderr", FLAG(quiet), ALL },
    { "help", NULL, "this text", FLAG(help), ALL },
    { "version", NULL, "print the version", FLAG(version), ALL },
    { NULL, NULL, NULL, OPT_FLAG, 0, NULL }
};


static void choose_store(ctl_opts_t *opts, const command_t *command);
static const command_t *parse(ctl_opts_t *opts, int argc, char **argv);
static int parse_option(ctl_opts_t *opts, int argc, char **argv, int i,
    const opt_t **taken);
static void parse_value(ctl_opts_t *opts, const opt_t *opt,
    const char *value);
static const command_t *command_find(int argc, char **argv, int *words);
static bool lists(const opt_t *opt, const command_t *command);
static bool takes(const char *name, const command_t *command);
static void help_options(const command_t *command);
static void help_all(void);
static void help_command(const command_t *command);


int
main(int argc, char **argv)
{
    ctl_opts_t         opts;
    const command_t   *command;

    memset(&opts, 0, sizeof(ctl_opts_t));
    opts.args = ctl_need(calloc((size_t) argc + 1, sizeof(char *)));

    /* a reader that left is an error of write(), not a silent end */
    signal(SIGPIPE, SIG_IGN);

    /* what a bug would leave behind must not be open to others */
    umask(077);

    command = parse(&opts, argc, argv);

    if (opts.version) {
        printf("spocrctl " CTL_VERSION "\n");

    } else if (opts.help && command) {
        help_command(command);

    } else if (opts.help) {
        help_all();

    } else {
        choose_store(&opts, command);
        command->run(&opts);
    }

    ctl_say_done();

    return 0;
}


/*
 * Where the records are.  An option is stronger than the environment, and two
 * that contradict each other are no answer.
 */

static void
choose_store(ctl_opts_t *opts, const command_t *command)
{
    const char  *file, *redis;

    file = getenv("SPOCR_KEYS");
    redis = getenv("SPOCR_REDIS");

    file = (file && *file) ? file : NULL;
    redis = (redis && *redis) ? redis : NULL;

    if (command->store == ON_NOTHING || command->store == ON_REDIS) {
        opts->redis = opts->redis ? opts->redis : redis;

        if (command->store == ON_REDIS && opts->redis == NULL) {
            ctl_die(CTL_USAGE, "%s is about Redis: say which, by --redis or "
                    "$SPOCR_REDIS", command->name);
        }

        return;
    }

    if (opts->file && opts->redis) {
        ctl_die(CTL_USAGE, "--file and --redis are two places: say one");
    }

    if (opts->file || opts->redis) {
        return;
    }

    if (file && redis) {
        ctl_die(CTL_USAGE, "$SPOCR_KEYS and $SPOCR_REDIS are two places: say "
                "which, by --file or --redis");
    }

    opts->redis = redis;
    opts->file = redis ? NULL : file ? file : CTL_DEFAULT_FILE;
}


/* Options may stand before, between and after the words of a command. */

static const command_t *
parse(ctl_opts_t *opts, int argc, char **argv)
{
    int                i, words;
    bool               end;
    size_t             n, k;
    const opt_t       *taken[2 * CTL_LIST_MAX];
    const command_t   *command;

    n = 0;
    end = false;

    for (i = 1; i < argc; i++) {

        if (end || argv[i][0] != '-' || argv[i][1] == '\0') {
            opts->args[opts->nargs++] = argv[i];
            continue;
        }

        if (strcmp(argv[i], "--") == 0) {
            end = true;
            continue;
        }

        if (n == 2 * CTL_LIST_MAX) {
            ctl_die(CTL_USAGE, "too many options");
        }

        i = parse_option(opts, argc, argv, i, &taken[n++]);
    }

    if (opts->nargs == 0) {
        if (!opts->help && !opts->version) {
            ctl_die(CTL_USAGE, "a command is missing; see spocrctl --help");
        }

        return NULL;
    }

    command = command_find(opts->nargs, opts->args, &words);

    opts->args += words;
    opts->nargs -= words;

    for (k = 0; k < n; k++) {
        if (!takes(taken[k]->name, command)) {
            ctl_die(CTL_USAGE, "%s takes no --%s; see spocrctl %s --help",
                    command->name, taken[k]->name, command->name);
        }
    }

    if (!opts->help
        && (opts->nargs < command->min || opts->nargs > command->max))
    {
        ctl_die(CTL_USAGE, "usage: spocrctl %s %s%s[options]", command->name,
                command->args, command->args[0] ? " " : "");
    }

    return command;
}


static int
parse_option(ctl_opts_t *opts, int argc, char **argv, int i,
    const opt_t **taken)
{
    size_t        len;
    const char   *arg, *value;
    const opt_t  *opt;

    arg = (strcmp(argv[i], "-h") == 0) ? "help"
          : (argv[i][1] == '-') ? argv[i] + 2 : "";

    value = strchr(arg, '=');
    len = value ? (size_t) (value - arg) : strlen(arg);

    for (opt = options; opt->name; opt++) {
        if (strlen(opt->name) == len && memcmp(opt->name, arg, len) == 0) {
            break;
        }
    }

    if (opt->name == NULL) {
        /* not repeated: it may be a key */
        ctl_die(CTL_USAGE, "an option is not known; see spocrctl --help");
    }

    *taken = opt;

    if (opt->kind == OPT_FLAG) {
        if (value) {
            ctl_die(CTL_USAGE, "--%s takes no value", opt->name);
        }

        *(bool *) ((char *) opts + opt->offset) = true;
        return i;
    }

    if (value) {
        parse_value(opts, opt, value + 1);
        return i;
    }

    if (i + 1 == argc) {
        ctl_die(CTL_USAGE, "--%s needs a value", opt->name);
    }

    parse_value(opts, opt, argv[i + 1]);

    return i + 1;
}


static void
parse_value(ctl_opts_t *opts, const opt_t *opt, const char *value)
{
    ctl_list_t   *list;
    const char  **single;

    if (opt->kind == OPT_LIST) {
        list = (ctl_list_t *) ((char *) opts + opt->offset);

        if (list->n == CTL_LIST_MAX) {
            ctl_die(CTL_USAGE, "--%s stands more than %d times", opt->name,
                    CTL_LIST_MAX);
        }

        list->items[list->n++] = value;
        return;
    }

    single = (const char **) ((char *) opts + opt->offset);

    if (*single) {
        ctl_die(CTL_USAGE, "--%s stands twice", opt->name);
    }

    *single = value;
}


/* The command of the first one or two words, and how many these are. */

static const command_t *
command_find(int argc, char **argv, int *words)
{
    size_t            len;
    const char       *name;
    const command_t  *command;

    for (command = commands; command->name; command++) {
        name = command->name;
        len = strcspn(name, " ");

        if (strlen(argv[0]) != len || memcmp(argv[0], name, len) != 0) {
            continue;
        }

        *words = (name[len] == ' ') ? 2 : 1;

        if (*words == 1 || (argc > 1 && strcmp(argv[1], name + len + 1) == 0))
        {
            return command;
        }
    }

    ctl_die(CTL_USAGE, "there is no such command; see spocrctl --help");
}


/* Whether this line of the table is for the command. */

static bool
lists(const opt_t *opt, const command_t *command)
{
    char  word[32];

    if (strcmp(opt->commands, ALL) == 0) {
        return true;
    }

    snprintf(word, sizeof(word), ",%s,", command->name);

    return strstr(opt->commands, word) != NULL;
}


static bool
takes(const char *name, const command_t *command)
{
    const opt_t  *opt;

    for (opt = options; opt->name; opt++) {
        if (strcmp(opt->name, name) == 0 && lists(opt, command)) {
            return true;
        }
    }

    return false;
}


static void
help_options(const command_t *command)
{
    const opt_t  *opt;

    printf("\noptions:\n");

    for (opt = options; opt->name; opt++) {
        if (command ? lists(opt, command) : strcmp(opt->commands, ALL) == 0) {
            printf("  --%-22s %s\n",
                   opt->value ? ctl_text("%s %s", opt->name, opt->value)
                              : opt->name, opt->help);
        }
    }
}


static void
help_all(void)
{
    const command_t  *command;

    printf("usage: spocrctl COMMAND [options]\n\n"
           "Keys, tenants and plans of the space-ocr gateway, and its Redis."
           "\n\n"
           "commands:\n");

    for (command = commands; command->name; command++) {
        printf("  %-24s %s\n", ctl_text("%s %s", command->name, command->args),
               command->help);
    }

    help_options(NULL);

    printf("\nspocrctl COMMAND --help lists the options of a command.\n");
}


static void
help_command(const command_t *command)
{
    printf("usage: spocrctl %s%s%s [options]\n\n%s\n", command->name,
           command->args[0] ? " " : "", command->args, command->help);

    help_options(command);
}
