/* load_options.c - the command line of the load client. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

struct options opt = {.host = "127.0.0.1",
                      .form = {.base = "dc=contactor,dc=test", .attrs = "displayName"},
                      .dn = "",
                      .pw = "",
                      .label = "-",
                      .port = 389,
                      .conns = 1,
                      .depth = 1,
                      .cpu = -1,
                      .users = 1,
                      .seconds = 2,
                      .warm = 0.3,
                      .max_ops = 20000000};

static void usage(void)
{
    fputs(
        "usage: ldapload -q QUERIES [-h HOST] [-p PORT] [-c CONNS] [-d DEPTH] [-t "
        "SECONDS] [-W WARMUP]\n"
        "       [-n MAXOPS] [-r RATE] [-u] [-T] [-R] [-g] [-s SIZELIMIT] [-a ATTRS] [-b "
        "BASE]\n"
        "       [-D DN -w PW] [-U USERS: %u in DN is 1 to USERS]\n"
        "       [-P SERVERPID] [-C CPU] [-l LABEL]\n",
        stderr);
    exit(2);
}

void options_read(int argc, char **argv)
{
    for (int o;
         (o = getopt(argc, argv, "q:h:p:c:d:t:W:n:r:uTRgs:a:b:D:w:U:P:C:l:")) != -1;)
        switch (o) {
        case 'q':
            opt.queries = optarg;
            break;
        case 'h':
            opt.host = optarg;
            break;
        case 'p':
            opt.port = atoi(optarg);
            break;
        case 'c':
            opt.conns = atoi(optarg);
            break;
        case 'd':
            opt.depth = atoi(optarg);
            break;
        case 't':
            opt.seconds = atof(optarg);
            break;
        case 'W':
            opt.warm = atof(optarg);
            break;
        case 'n':
            opt.max_ops = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            opt.rate = atof(optarg);
            break;
        case 'u':
            opt.sessions = 1;
            break;
        case 'T':
            opt.tls = 1;
            break;
        case 'R':
            opt.resume = 1;
            break;
        case 'g':
            opt.may_give_up = 1;
            break;
        case 's':
            opt.form.sizelimit = atoi(optarg);
            break;
        case 'a':
            opt.form.attrs = optarg;
            break;
        case 'b':
            opt.form.base = optarg;
            break;
        case 'D':
            opt.dn = optarg;
            break;
        case 'w':
            opt.pw = optarg;
            break;
        case 'U':
            opt.users = atoi(optarg);
            break;
        case 'P':
            opt.pid = atoi(optarg);
            break;
        case 'C':
            opt.cpu = atoi(optarg);
            break;
        case 'l':
            opt.label = optarg;
            break;
        default:
            usage();
        }
    if (!opt.queries || opt.conns < 1 || opt.conns > 10000 || opt.depth < 1 ||
        opt.depth > MAX_DEPTH || opt.users < 1 || opt.users > USERS_MAX)
        usage();
    if (opt.sessions)
        opt.depth = 1;
}
