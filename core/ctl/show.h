/* show.h - answers of the daemon for people. Each returns the exit code. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <cjson/cJSON.h>

int show_status(const cJSON *result);
/* Of status or sources. returns CTL_OK | CTL_NO: something has failed */
int status_code(const cJSON *result);
int show_sources(const cJSON *result);
int show_synced(const cJSON *result);
int show_tested(const cJSON *result);
int show_preview(const cJSON *result);
int show_lookup(const cJSON *result);
int show_search(const cJSON *result);
int show_trace(const cJSON *result);
int show_trace_why(const cJSON *result); /* each with all its steps */
int show_numbers(const cJSON *result);
int show_check(const cJSON *result);
int show_reload(const cJSON *result);
int show_log_level(const cJSON *result);
int show_metrics(const cJSON *result);

/* How a sync goes, on a terminal in one line that changes, else now and then a line. */
struct progress {
    int tty;
    int shown;
    double started;
    double told;
};
void show_progress(void *progress, const cJSON *event);
/* How a test goes: a line each step. */
void show_step(void *progress, const cJSON *event);
void show_progress_end(struct progress *progress);

#endif
