/* Allocation guard: between guard_begin("decode") and guard_end(), any malloc of this thread ends the program with the phase's
 * name. The interposed malloc lives in program/guard_wrap.c and is linked into programs (link option --wrap), not into libcandor;
 * without it the guard counts nothing. guard_count() tells how many allocations a guarded phase would have failed on when the guard is in
 * counting mode (tests). */
#ifndef BASE_GUARD_H
#define BASE_GUARD_H
void guard_begin(const char *phase);
void guard_end(void);
void guard_counting(int on); /* 1: count from 0 instead of aborting (this thread) */
long guard_count(void);
void guard_pause(void); /* nested: allowed allocation inside a guarded phase (a user's callback) */
void guard_resume(void);
/* Called by the interposed allocator. */
void guard_hit(const char *fn, unsigned long n);
#endif
