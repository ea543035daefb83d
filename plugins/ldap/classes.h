/* classes.h - object classes as a filter names them. */
#ifndef LDAP_CLASSES_H
#define LDAP_CLASSES_H

#include "server.h"

/* The name of the class a name or an OID stands for; ptr NULL: none we know, and a filter
 * with it is Undefined. */
struct ctr_str class_find(struct ctr_str value);
/* Whether every contact has the class: LOCAL_*. */
int class_of_contact(const struct server *s, struct ctr_str value);

#endif
