/* faults.h - allocations of the plugin that fail when a check wants it. */
#ifndef CHECK_FAULTS_H
#define CHECK_FAULTS_H

#include "check.h"

/* Lays functions of ours into the plugin's references to malloc and its kin; once.
 * returns how many references it has */
uint32_t faults_lay(const struct subject *s);
/* Counts from here on. from: this allocation fails (1..); 0: none does.
 * on: and so do all that follow */
void faults_arm(uint32_t from, bool on);
/* returns how many allocations there were */
uint32_t faults_disarm(void);

#endif
