
/*
 * After a change of the file: nginx's test and its reload.
 *
 * Called through ctl_change_done().  Invariant: nginx is told to reload only
 * after its own test has succeeded; the new file stays either way.
 */


#include "ctl.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


static int run_nginx(const ctl_opts_t *opts, const char *a, const char *b);


void
ctl_reload(const ctl_opts_t *opts)
{
    if (run_nginx(opts, "-q", "-t") != 0) {
        ctl_die(CTL_FAILED, "the key file is changed, but nginx -t failed: "
                "nothing was reloaded");
    }

    if (run_nginx(opts, "-s", "reload") != 0) {
        ctl_die(CTL_FAILED, "the key file is changed, but nginx -s reload "
                "failed");
    }

    ctl_note(opts, "nginx reloads");
}


static int
run_nginx(const ctl_opts_t *opts, const char *a, const char *b)
{
    int          status;
    pid_t        pid;
    const char  *argv[6], *nginx;

    nginx = opts->nginx ? opts->nginx : "nginx";

    argv[0] = nginx;
    argv[1] = a;
    argv[2] = b;
    argv[3] = opts->nginx_conf ? "-c" : NULL;
    argv[4] = opts->nginx_conf;
    argv[5] = NULL;

    pid = fork();

    if (pid == -1) {
        ctl_die(CTL_FAILED, "fork: %s", strerror(errno));
    }

    if (pid == 0) {
        /* our stdout is for the answer alone */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        signal(SIGPIPE, SIG_DFL);
        umask(022);

        execvp(nginx, (char **) argv);
        fprintf(stderr, "spocrctl: %s: %s\n", nginx, strerror(errno));
        _exit(127);
    }

    while (waitpid(pid, &status, 0) == -1) {
        if (errno != EINTR) {
            return -1;
        }
    }

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
