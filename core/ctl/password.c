/* password.c - a password as the configuration may hold it: argon2id, as a PHC string. */
#include "ctl/password.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ctl/connect.h"

/* What OWASP asks for at least: phones bind often, and each check costs this. */
enum { PASSWORD_MAX = 1024, OPERATIONS = 2, MEMORY = 19 * 1024 * 1024 };

/* One line without its end. returns its length, or -1 */
static int read_line(char *out)
{
    if (!fgets(out, PASSWORD_MAX, stdin))
        return -1;
    out[strcspn(out, "\r\n")] = '\0';
    return (int)strlen(out);
}

static int ask(const char *prompt, char *out)
{
    struct termios was, quiet;
    int n;

    if (tcgetattr(STDIN_FILENO, &was) != 0)
        return -1;
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    n = read_line(out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
    fputc('\n', stderr);
    return n;
}

static int read_password(char *out)
{
    char again[PASSWORD_MAX];
    int n;

    if (!isatty(STDIN_FILENO))
        return read_line(out);
    n = ask("Password: ", out);
    if (n > 0 && (ask("Again:    ", again) < 0 || strcmp(out, again) != 0)) {
        fprintf(stderr, "contactorctl: the two are not the same\n");
        n = -1;
    }
    wipe(again, sizeof(again));
    return n;
}

int hash_password(void)
{
    char password[PASSWORD_MAX], hash[crypto_pwhash_STRBYTES];
    int n, code = CTL_FAILED;

    if (sodium_init() < 0) {
        fprintf(stderr, "contactorctl: no source of randomness\n");
        return CTL_FAILED;
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* no second copy of it */
    n = read_password(password);
    if (n <= 0)
        fprintf(stderr, "contactorctl: no password was given\n");
    else if (crypto_pwhash_str_alg(hash, password, (unsigned long long)n, OPERATIONS,
                                   MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
        fprintf(stderr, "contactorctl: not enough memory to hash a password\n");
    else {
        printf("%s\n", hash);
        code = CTL_OK;
    }
    wipe(password, sizeof(password));
    return n <= 0 ? CTL_USAGE : code;
}
