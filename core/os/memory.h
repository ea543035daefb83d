/* memory.h - what a flood of requests took is given back to the system. */
#ifndef OS_MEMORY_H
#define OS_MEMORY_H

/* Before there are threads: large blocks are mapped one by one, and unmapped when freed.
 */
void memory_prepare(void);

/* Gives back what lies unused between blocks in use, when it is much: now and then. */
void memory_tidy(void);

#endif
