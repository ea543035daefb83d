/* files.h - the file, or the files of the folder, read with care. */
#ifndef VCARD_FILES_H
#define VCARD_FILES_H

#include "run.h"

/* Everything the path holds. returns 0 | a negative code after host->fail */
int32_t files_read(struct run *run);

#endif
