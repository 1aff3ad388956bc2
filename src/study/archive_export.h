/* An archive as text for other programs, and transcripts of other programs as an archive.
 *
 * JSON lines: {"text_id", "text"} for each text, {"context_id", "parent_id", "parts": [{"role", "text_id"}]} for each context, then
 * {"key", "fact"} for each fact and {"key", "measured"} for each measurement, in the order of the archive; with `inline`, texts and contexts
 * are left out and each fact carries "texts" {id: text} and "contexts" {id: [{"role", "text"}]} of what it refers to. A text that is not
 * UTF-8 is {"hex": "…"}.
 * Inspect: an EvalLog of Inspect AI as JSON (version 2), one sample a run: a run is what stands before "/turn" in the keys. Messages are the
 * texts of its agent-turns in order; agent, turn and status are in each message's metadata. The head says whether it is planted, and has the
 * study and the registration. What was imported is exported as the samples that it was.
 * docs/archive.md has examples. Errors: those of the archive, IO of the output. */
#ifndef STUDY_ARCHIVE_EXPORT_H
#define STUDY_ARCHIVE_EXPORT_H
#include "study/archive.h"
#include <stdio.h>

struct json_t;
int archive_export_lines(struct archive *a, int inlined, FILE *out, struct err *e);
/* created: RFC 3339, since an archive holds no time among its facts. */
int archive_export_inspect(struct archive *a, const char *created, FILE *out, struct err *e);
/* Every sample of an EvalLog (JSON, n bytes) as a fact sample000000 … with its messages as a context; what is not messages (scores,
 * metadata, target, model, calls of tools) stands in the fact; what stood over the samples in the fact "log". name: for errors. ERR_STATE: the archive is that of a study. *samples: how many. Samples that are there already are left alone. */
int archive_import_inspect(struct archive *a, const char *name, const char *json, size_t n, int64_t *samples, struct err *e);
/* JSON between two texts; takes the reference. */
int archive_write_json(FILE *out, const char *before, struct json_t *j, const char *after, struct err *e);
/* A text as JSON: a string, or {"hex": …}. New reference, NULL: no memory. */
struct json_t *archive_text_json(const char *s, size_t n);
#endif
