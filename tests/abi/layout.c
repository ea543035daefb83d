/* layout.c - every offset, size and constant of the ABI on LP64, for ever. Compiling is
 * the test: what breaks a line here breaks every plugin that was ever built.
 *
 * A new member at the end of a struct adds a line and changes the size of that struct; no
 * other line may change. */
#include <stdio.h>

#include "contactor/ext/net.h"
#include "contactor/ext/poll.h"
#include "contactor/plugin.h"

#define AT(type, member, offset)                              \
    _Static_assert(offsetof(struct type, member) == (offset), \
                   "ABI broken: struct " #type "." #member)
#define SIZE(type, bytes) \
    _Static_assert(sizeof(struct type) == (bytes), "ABI broken: size of struct " #type)
#define IS(name, value) _Static_assert((name) == (value), "ABI broken: " #name)

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "these figures are of LP64");

/* types.h */
AT(ctr_str, ptr, 0);
AT(ctr_str, len, 8);
SIZE(ctr_str, 16);

/* config.h */
AT(ctr_option, name, 0);
AT(ctr_option, type, 8);
AT(ctr_option, flags, 12);
AT(ctr_option, min, 16);
AT(ctr_option, max, 24);
AT(ctr_option, default_value, 32);
AT(ctr_option, choices, 40);
AT(ctr_option, doc, 48);
SIZE(ctr_option, 56);

/* contact.h */
AT(ctr_field, kind, 0);
AT(ctr_field, flags, 4);
AT(ctr_field, value, 8);
AT(ctr_field, name, 24);
AT(ctr_field, e164, 40);
SIZE(ctr_field, 56);

AT(ctr_contact, size, 0);
AT(ctr_contact, flags, 4);
AT(ctr_contact, id, 8);
AT(ctr_contact, owner, 24);
AT(ctr_contact, source, 40);
AT(ctr_contact, fields, 56);
AT(ctr_contact, n_fields, 64);
AT(ctr_contact, field_size, 68);
AT(ctr_contact, as_of, 72);
AT(ctr_contact, group_size, 80);
AT(ctr_contact, reserved, 84);
SIZE(ctr_contact, 88);

/* query.h */
AT(ctr_filter, op, 0);
AT(ctr_filter, n_values, 4);
AT(ctr_filter, kinds, 8);
AT(ctr_filter, name, 16);
AT(ctr_filter, values, 32);
AT(ctr_filter, children, 40);
AT(ctr_filter, n_children, 48);
AT(ctr_filter, reserved, 52);
SIZE(ctr_filter, 56);

AT(ctr_sort_key, kinds, 0);
AT(ctr_sort_key, reverse, 8);
AT(ctr_sort_key, reserved, 12);
SIZE(ctr_sort_key, 16);

AT(ctr_query, size, 0);
AT(ctr_query, flags, 4);
AT(ctr_query, filter, 8);
AT(ctr_query, principal, 16);
AT(ctr_query, want, 24);
AT(ctr_query, limit, 32);
AT(ctr_query, time_limit, 36);
AT(ctr_query, source, 40);
AT(ctr_query, id, 56);
AT(ctr_query, client, 72);
AT(ctr_query, asked, 88);
AT(ctr_query, sort, 104);
AT(ctr_query, n_sort, 112);
AT(ctr_query, window, 116);
AT(ctr_query, window_before, 120);
AT(ctr_query, window_after, 124);
AT(ctr_query, window_offset, 128);
AT(ctr_query, window_count, 132);
AT(ctr_query, window_value, 136);
AT(ctr_query, resume, 152);
AT(ctr_query, page, 168);
AT(ctr_query, reserved, 172);
SIZE(ctr_query, 176);

AT(ctr_outcome, size, 0);
AT(ctr_outcome, status, 4);
AT(ctr_outcome, hits, 8);
AT(ctr_outcome, total, 12);
AT(ctr_outcome, position, 16);
AT(ctr_outcome, reserved, 20);
AT(ctr_outcome, cursor, 24);
AT(ctr_outcome, oldest, 40);
SIZE(ctr_outcome, 48);

AT(ctr_query_ops, size, 0);
AT(ctr_query_ops, reserved, 4);
AT(ctr_query_ops, on_hits, 8);
AT(ctr_query_ops, on_done, 16);
SIZE(ctr_query_ops, 24);

/* source.h */
AT(ctr_sync_request, size, 0);
AT(ctr_sync_request, flags, 4);
AT(ctr_sync_request, cursor, 8);
SIZE(ctr_sync_request, 24);

AT(ctr_source, size, 0);
AT(ctr_source, threading, 4);
AT(ctr_source, flags, 8);
AT(ctr_source, reserved, 12);
AT(ctr_source, sync, 16);
AT(ctr_source, sync_cancel, 24);
AT(ctr_source, search, 32);
AT(ctr_source, search_cancel, 40);
AT(ctr_source, test, 48); /* 1.1 */
SIZE(ctr_source, 56);

/* frontend.h */
AT(ctr_scheme, name, 0);
AT(ctr_scheme, default_port, 8);
AT(ctr_scheme, tls, 12);
SIZE(ctr_scheme, 16);

AT(ctr_frontend, size, 0);
AT(ctr_frontend, n_schemes, 4);
AT(ctr_frontend, schemes, 8);
AT(ctr_frontend, stream, 16);
SIZE(ctr_frontend, 24);

AT(ctr_credentials, size, 0);
AT(ctr_credentials, reserved, 4);
AT(ctr_credentials, name, 8);
AT(ctr_credentials, password, 24);
AT(ctr_credentials, client, 40);
SIZE(ctr_credentials, 56);

/* host.h */
AT(ctr_source_info, size, 0);
AT(ctr_source_info, flags, 4);
AT(ctr_source_info, name, 8);
AT(ctr_source_info, contacts, 24);
AT(ctr_source_info, as_of, 32);
SIZE(ctr_source_info, 40);

AT(ctr_host, size, 0);
AT(ctr_host, abi, 4);
AT(ctr_host, instance, 8);
AT(ctr_host, log, 16);
AT(ctr_host, fail, 24);
AT(ctr_host, extension, 32);
AT(ctr_host, now, 40);
AT(ctr_host, wall, 48);
AT(ctr_host, post, 56);
AT(ctr_host, timer_start, 64);
AT(ctr_host, timer_stop, 72);
AT(ctr_host, metric_define, 80);
AT(ctr_host, metric_add, 88);
AT(ctr_host, metric_set, 96);
AT(ctr_host, option_str, 104);
AT(ctr_host, option_int, 112);
AT(ctr_host, option_set, 120);
AT(ctr_host, option_list_len, 128);
AT(ctr_host, option_list_at, 136);
AT(ctr_host, option_map_at, 144);
AT(ctr_host, option_error, 152);
AT(ctr_host, stopped, 160);
AT(ctr_host, request_sync, 168);
AT(ctr_host, watch, 176);
AT(ctr_host, sync_put, 184);
AT(ctr_host, sync_delete, 192);
AT(ctr_host, sync_reject, 200);
AT(ctr_host, sync_cursor, 208);
AT(ctr_host, sync_full, 216);
AT(ctr_host, sync_progress, 224);
AT(ctr_host, sync_canceled, 232);
AT(ctr_host, sync_done, 240);
AT(ctr_host, search_hits, 248);
AT(ctr_host, search_done, 256);
AT(ctr_host, query_start, 264);
AT(ctr_host, query_resume, 272);
AT(ctr_host, query_cancel, 280);
AT(ctr_host, sources, 288);
AT(ctr_host, authenticate, 296);
AT(ctr_host, authenticate_cancel, 304);
AT(ctr_host, principal_name, 312);
AT(ctr_host, principal_ref, 320);
AT(ctr_host, principal_unref, 328);
AT(ctr_host, test_step, 336); /* 1.1 */
AT(ctr_host, sync_group, 344);
SIZE(ctr_host, 352);

/* ext/poll.h, 1.1 */
AT(ctr_polls, size, 0);
AT(ctr_polls, reserved, 4);
AT(ctr_polls, start, 8);
AT(ctr_polls, change, 16);
AT(ctr_polls, stop, 24);
SIZE(ctr_polls, 32);
IS(CTR_POLL_READ, 1);
IS(CTR_POLL_WRITE, 2);

/* plugin.h */
AT(ctr_plugin, size, 0);
AT(ctr_plugin, abi_built, 4);
AT(ctr_plugin, abi_needs, 8);
AT(ctr_plugin, n_options, 12);
AT(ctr_plugin, name, 16);
AT(ctr_plugin, version, 24);
AT(ctr_plugin, summary, 32);
AT(ctr_plugin, options, 40);
AT(ctr_plugin, option_size, 48);
AT(ctr_plugin, reserved, 52);
AT(ctr_plugin, source, 56);
AT(ctr_plugin, frontend, 64);
AT(ctr_plugin, check, 72);
AT(ctr_plugin, create, 80);
AT(ctr_plugin, bind, 88);
AT(ctr_plugin, start, 96);
AT(ctr_plugin, stop, 104);
AT(ctr_plugin, destroy, 112);
SIZE(ctr_plugin, 120);

/* ext/net.h */
AT(ctr_peer, size, 0);
AT(ctr_peer, flags, 4);
AT(ctr_peer, address, 8);
AT(ctr_peer, port, 24);
AT(ctr_peer, reserved, 28);
SIZE(ctr_peer, 32);

AT(ctr_stream_ops, size, 0);
AT(ctr_stream_ops, reserved, 4);
AT(ctr_stream_ops, on_open, 8);
AT(ctr_stream_ops, on_data, 16);
AT(ctr_stream_ops, on_drain, 24);
AT(ctr_stream_ops, on_tls, 32);
AT(ctr_stream_ops, on_goodbye, 40);
AT(ctr_stream_ops, on_close, 48);
SIZE(ctr_stream_ops, 56);

AT(ctr_net, size, 0);
AT(ctr_net, reserved, 4);
AT(ctr_net, write, 8);
AT(ctr_net, reserve, 16);
AT(ctr_net, commit, 24);
AT(ctr_net, queued, 32);
AT(ctr_net, pause, 40);
AT(ctr_net, resume, 48);
AT(ctr_net, set_limit, 56);
AT(ctr_net, set_busy, 64);
AT(ctr_net, start_tls, 72);
AT(ctr_net, close, 80);
AT(ctr_net, abort, 88);
SIZE(ctr_net, 96);

/* constants of error.h */
IS(CTR_EINVAL, 1);
IS(CTR_ENOMEM, 2);
IS(CTR_EIO, 3);
IS(CTR_ENOENT, 4);
IS(CTR_EEXIST, 5);
IS(CTR_EACCES, 6);
IS(CTR_EPAUSE, 7);
IS(CTR_ECANCELED, 8);
IS(CTR_ETIMEDOUT, 9);
IS(CTR_EWORK, 10);
IS(CTR_ESIZE, 11);
IS(CTR_EPROTO, 12);
IS(CTR_ECONF, 13);
IS(CTR_EUNAVAIL, 14);
IS(CTR_ENOTSUP, 15);
IS(CTR_EVERSION, 16);
IS(CTR_EBUSY, 17);
IS(CTR_EFORMAT, 18);
IS(CTR_EFULL, 19);
IS(CTR_EINTERNAL, 20);
IS(CTR_EREFUSED, 21);

/* constants of config.h */
IS(CTR_OPT_STRING, 1);
IS(CTR_OPT_BOOL, 2);
IS(CTR_OPT_INT, 3);
IS(CTR_OPT_DURATION, 4);
IS(CTR_OPT_SIZE, 5);
IS(CTR_OPT_CHOICE, 6);
IS(CTR_OPT_PATH, 7);
IS(CTR_OPT_LIST, 8);
IS(CTR_OPT_MAP, 9);
IS(CTR_OPT_REQUIRED, 1);
IS(CTR_OPT_SECRET, 2);
IS(CTR_OPT_PROGRAM, 4); /* 1.1 */

/* constants of contact.h */
IS(CTR_FIELD_CUSTOM, 63);
IS(CTR_ID_MAX, 400);
IS(CTR_VALUE_MAX, 16384);
IS(CTR_PHOTO_MAX, 131072);
IS(CTR_FIELDS_MAX, 128);
IS(CTR_CONTACT_COMPANY, 1);
IS(CTR_CONTACT_AMBIGUOUS, 2);
IS(CTR_CONTACT_STALE, 4);
IS(CTR_CONTACT_LIVE, 8);
IS(CTR_FIELD_ID, 1);
IS(CTR_FIELD_DISPLAY_NAME, 2);
IS(CTR_FIELD_GIVEN_NAME, 3);
IS(CTR_FIELD_SURNAME, 4);
IS(CTR_FIELD_NICKNAME, 5);
IS(CTR_FIELD_ORGANISATION, 6);
IS(CTR_FIELD_DEPARTMENT, 7);
IS(CTR_FIELD_TITLE, 8);
IS(CTR_FIELD_MAIL, 9);
IS(CTR_FIELD_STREET, 10);
IS(CTR_FIELD_CITY, 11);
IS(CTR_FIELD_STATE, 12);
IS(CTR_FIELD_POSTAL_CODE, 13);
IS(CTR_FIELD_COUNTRY, 14);
IS(CTR_FIELD_URL, 15);
IS(CTR_FIELD_NOTE, 16);
IS(CTR_FIELD_PHOTO, 17);
IS(CTR_FIELD_OWNER, 18);
IS(CTR_FIELD_PHONE_BUSINESS, 32);
IS(CTR_FIELD_PHONE_MOBILE, 33);
IS(CTR_FIELD_PHONE_HOME, 34);
IS(CTR_FIELD_PHONE_MAIN, 35);
IS(CTR_FIELD_PHONE_IP, 36);
IS(CTR_FIELD_PHONE_OTHER, 37);
IS(CTR_FIELD_PHONE_PAGER, 38);
IS(CTR_FIELD_PHONE_FAX, 39);

/* constants of query.h */
IS(CTR_OP_FALSE, 0);
IS(CTR_OP_TRUE, 1);
IS(CTR_OP_UNDEFINED, 2);
IS(CTR_OP_AND, 3);
IS(CTR_OP_OR, 4);
IS(CTR_OP_NOT, 5);
IS(CTR_OP_EQUAL, 6);
IS(CTR_OP_SUBSTR, 7);
IS(CTR_OP_PRESENT, 8);
IS(CTR_OP_GE, 9);
IS(CTR_OP_LE, 10);
IS(CTR_OP_APPROX, 11);
IS(CTR_OP_WORDS, 12);
IS(CTR_FILTER_DEPTH_MAX, 64);
IS(CTR_FILTER_LEAVES_MAX, 1000);
IS(CTR_FILTER_PIECES_MAX, 64);
IS(CTR_QUERY_CALLER, 1);
IS(CTR_QUERY_COUNT, 2);
IS(CTR_CURSOR_MAX, 1024);

/* constants of source.h */
IS(CTR_ON_LANE, 0);
IS(CTR_ON_LOOP, 1);
IS(CTR_SOURCE_DELTA, 1);
IS(CTR_SOURCE_SEARCH, 2);
IS(CTR_SOURCE_PARALLEL, 4); /* 1.1 */

/* constants of host.h */
IS(CTR_LOG_ERROR, 3);
IS(CTR_LOG_WARN, 4);
IS(CTR_LOG_INFO, 6);
IS(CTR_LOG_DEBUG, 7);
IS(CTR_METRIC_COUNTER, 1);
IS(CTR_METRIC_GAUGE, 2);

/* constants of ext/net.h */
IS(CTR_PEER_TLS, 1);
IS(CTR_PEER_LOOPBACK, 2);
IS(CTR_PEER_CAN_TLS, 4);
IS(CTR_CLOSE_PEER, 1);
IS(CTR_CLOSE_LOCAL, 2);
IS(CTR_CLOSE_IDLE, 3);
IS(CTR_CLOSE_SLOW, 4);
IS(CTR_CLOSE_TLS, 5);
IS(CTR_CLOSE_SHUTDOWN, 6);
IS(CTR_CLOSE_LIMIT, 7);
IS(CTR_ABI_CURRENT, 0x10001);
IS(CTR_KINDS_PHONE, UINT64_C(0xff) << 32);

int main(void)
{
    puts("ok 1 - the layout of ABI 1.0\n1..1");
    return 0;
}
