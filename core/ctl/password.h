/* password.h - contactorctl hash-password. */
#ifndef CTL_PASSWORD_H
#define CTL_PASSWORD_H

/* Asks for a password (twice on a terminal, else one line of the input) and prints what
 * password_file should hold. returns the exit code */
int hash_password(void);

#endif
