/* What must hold in a plain test program; otherwise it says what does not, and where, and ends. */
#ifndef PLAIN_HOLD_H
#define PLAIN_HOLD_H
#include <stdio.h>
#include <stdlib.h>

#define HOLD(x)                                                                         \
    do {                                                                                \
        if (!(x)) {                                                                     \
            fprintf(stderr, "%s: line %d: %s does not hold\n", __FILE__, __LINE__, #x); \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)
#endif
