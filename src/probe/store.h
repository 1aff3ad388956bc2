/* A folder of traces: what `collect` fills and everything else reads.
 *
 *   store.json            settings: model, tap, layers, width, how it was asked. Facts; a resumed run must have the same
 *   traces.jsonl          one trace a line (trace.h), in the order of the question file
 *   TAP.LNN.npy           states of layer NN, float16 [rows, width]: NumPy reads it at any moment; a trace's rows are row0 … row0 + rows − 1
 *   embeddings.npy        the same of "layer -1": the input of layer 0
 *   choices.npy           what the choices of a trace's question look like to the model (choices.h): float16 [n, choice width]
 *
 * A store of readings ("numbers" and "probe" in its settings) has instead of states and choices only what one probe says of each state
 * (readings.h): readings.LNN.npy, readings.embeddings.npy, float32 [rows, numbers], rows counted alike.
 *
 * States are appended first, the lines of their traces after them: so a kill leaves at most states that no line names, and the next writer
 * cuts them off; it goes through the lines one by one, whatever their number. Readers map the states and never load them whole; of the
 * traces they hold all but the states. A store belongs to one writer, or any number of readers. */
#ifndef PROBE_STORE_H
#define PROBE_STORE_H
#include "kern/fmt.h"
#include "probe/trace.h"

enum { STORE_LAYERS = 512, STORE_NUMBERS = 1 << 12 };
struct store_writer;
struct store;

/* What the rows of a store are. */
struct store_rows {
    const char *tap;
    const int *layer; /* [n_layers], rising; -1: the embeddings */
    int n_layers;
    int64_t width, choice_width; /* of a state, and of the features of a choice: 0, none are stored */
    int numbers;                 /* above 0: a row is so many float32 of a probe instead of the state */
};
/* Makes the folder, or goes on in one of equal settings (compared as JSON; ERR_STATE names the first key that differs); settings is
 * borrowed. *done: traces that are there already. */
int store_create(struct store_writer **out, const char *dir, const json_t *settings, const struct store_rows *r, int64_t *done,
                 struct err *e);
/* Adds a trace with its rows x[n_layers], each f16 [rows, width] or float [rows, numbers], and, if it has rows and choices, their features
 * [n_choices, choice_width]; sets t->row0 and t->choice0. Nothing is on disk before store_flush. */
int store_add(struct store_writer *w, struct trace *t, const void *const *x, const f16 *choices, struct err *e);
int store_flush(struct store_writer *w, struct err *e);
void store_writer_free(struct store_writer *w); /* unflushed traces are lost */

int store_open(struct store **out, const char *dir, struct err *e);
void store_free(struct store *s);
const json_t *store_settings(const struct store *s);
const char *store_setting(const struct store *s, const char *key); /* a string of the settings; "" where there is none */
const char *store_dir(const struct store *s);
int64_t store_n(const struct store *s);
const struct trace *store_trace(const struct store *s, int64_t i);
int store_n_layers(const struct store *s);
int store_layer(const struct store *s, int at);             /* number of the at-th stored layer */
int store_layer_find(const struct store *s, int layer);     /* its place, -1: not stored */
int64_t store_width(const struct store *s);                 /* of a state, in a store of readings too */
const f16 *store_states(const struct store *s, int at);     /* [all rows, width], mapped; NULL in a store of readings */
int store_numbers(const struct store *s);                   /* 0 in a store of states */
const float *store_readings(const struct store *s, int at); /* [all rows, numbers], mapped; NULL in a store of states */
int64_t store_choice_width(const struct store *s);
const f16 *store_choices(const struct store *s); /* [all choices, choice width], mapped */
#endif
