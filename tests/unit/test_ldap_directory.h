/* test_ldap_directory.h - the small company the LDAP tests ask about. */
#ifndef TEST_LDAP_DIRECTORY_H
#define TEST_LDAP_DIRECTORY_H

#include "test_ldap_client.h"

static UNUSED void fill_directory(struct testhost *t)
{
    testhost_add(
        t, "crm", "1",
        (struct testhost_field[]){{CTR_FIELD_DISPLAY_NAME, "Anna Huber", NULL},
                                  {CTR_FIELD_GIVEN_NAME, "Anna", NULL},
                                  {CTR_FIELD_SURNAME, "Huber", NULL},
                                  {CTR_FIELD_ORGANISATION, "Acme GmbH", NULL},
                                  {CTR_FIELD_MAIL, "anna@acme.example", NULL},
                                  {CTR_FIELD_MAIL, "huber@acme.example", NULL},
                                  {CTR_FIELD_PHONE_MOBILE, "+491711234567", NULL},
                                  {CTR_FIELD_PHONE_OTHER, "+4930555", NULL},
                                  {CTR_FIELD_PHONE_BUSINESS, "+4989840798192", NULL},
                                  {CTR_FIELD_CUSTOM, "K-17", "customer"},
                                  {CTR_FIELD_PHOTO, "\xff\xd8jpeg", NULL},
                                  {0, NULL, NULL}});
    testhost_add(t, "crm", "a,b+c",
                 (struct testhost_field[]){{CTR_FIELD_DISPLAY_NAME, "Bäcker Bernd", NULL},
                                           {CTR_FIELD_GIVEN_NAME, "Bernd", NULL},
                                           {CTR_FIELD_SURNAME, "Bäcker", NULL},
                                           {CTR_FIELD_CITY, "Köln", NULL},
                                           {CTR_FIELD_PHONE_HOME, "+492214711", NULL},
                                           {0, NULL, NULL}});
    testhost_add(t, "team", "1",
                 (struct testhost_field[]){{CTR_FIELD_DISPLAY_NAME, "Acme GmbH", NULL},
                                           {CTR_FIELD_ORGANISATION, "Acme GmbH", NULL},
                                           {CTR_FIELD_DEPARTMENT, "Sales", NULL},
                                           {CTR_FIELD_PHONE_MAIN, "+4989840798", NULL},
                                           {0, NULL, NULL}});
    testhost_add(
        t, "team", "secret",
        (struct testhost_field[]){{CTR_FIELD_DISPLAY_NAME, "Private Paula", NULL},
                                  {CTR_FIELD_SURNAME, "Paula", NULL},
                                  {CTR_FIELD_PHONE_MOBILE, "+49170999999", NULL},
                                  {CTR_FIELD_OWNER, "max", NULL},
                                  {0, NULL, NULL}});
    testhost_user(t, "sbc", "pw");
    testhost_user(t, "max", "secret");
    testhost_user(t, "otto@example.com", "upn");
}

/* options: name, value, ..., NULL */
static UNUSED struct testhost *start_with(const char *const *options)
{
    struct testhost *t = testhost_create(&contactor_plugin, "frontend.test");

    for (; options && options[0]; options += 2)
        testhost_set(t, options[0], options[1]);
    fill_directory(t);
    if (testhost_start(t)) {
        printf("# does not start: %s\n", t->failure);
        for (uint32_t i = 0; i < t->option_errors.n; i++)
            printf("# %s: %s\n", t->option_errors.at[i].a, t->option_errors.at[i].b);
        testhost_destroy(t);
        return NULL;
    }
    return t;
}

/* A connection from this machine, bound as the SBC. */
static UNUSED struct client open_bound(struct testhost *t)
{
    struct client c = client_open(t, "127.0.0.1", CTR_PEER_LOOPBACK);

    client_bind(&c, "uid=sbc,ou=users,dc=contacts", "pw");
    return c;
}

#endif
