/* What the machine has to give: memory, as a number to plan with. Linux; elsewhere -1 (not known). Any thread. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H
#include <stdint.h>

/* Bytes that this process could still take without swapping: the system's MemAvailable, or what its control group leaves if that is less. */
int64_t memory_available(void);
/* Bytes the process holds on its heap now (in use, mapped blocks included); -1 where the C library does not tell. */
int64_t heap_bytes(void);
#endif
