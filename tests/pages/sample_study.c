/* A study page of a made-up tree: groups in English, Japanese and Arabic, agents that say hostile things. */
#include "lab/study_page.h"
#include "sample.h"
#include <stdlib.h>
#include <string.h>

static const char *const said[] = {
    "I would rather talk about it. </script><script>document.title='broken'</script>",
    "\xE7\xA7\x81\xE3\x81\xAF\xE3\x81\xBF\xE3\x82\x93\xE3\x81\xAA\xE3\x81\xAB\xE5\x90\x88\xE3\x82\x8F\xE3\x81\x9B\xE3\x81\xBE\xE3"
    "\x81\x99\xE3\x80\x82",
    "\xD9\x84\xD9\x86 \xD8\xA3\xD8\xB4\xD8\xA7\xD8\xB1\xD9\x83 \xD9\x81\xD9\x8A \xD9\x87\xD8\xB0\xD8\xA7."};
static const char *const codes[] = {"en", "ja", "ar"};

static json_t *estimate(double v) { return json_pack("{s:f, s:f, s:f}", "value", v, "lo", v - 0.5, "hi", v + 0.5); }

static json_t *measured(json_t *o, unsigned i) {
    static const char *const keys[] = {"cpi", "di", "monologue", "boundary", "protective"};
    for (unsigned m = 0; m < 5; m++) json_object_set_new(o, keys[m], estimate(wobble(5 * i + m)));
    return o;
}

static json_t *turns_of(int language) {
    json_t *turns = json_array();
    for (int t = 1; t <= 3; t++)
        json_array_append_new(turns, json_pack("{s:i, s:s, s:[{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s, s:s}]}]}", "turn",
                                               t, "event", said[language], "said", "who", "Emma", "note", "alignment", "acts",
                                               "channel", "talk", "text", said[language], "channel", "monologue", "text",
                                               said[language], "channel", "whisper", "to", "Noah", "text", said[language]));
    return turns;
}

/* Words left out, between which values they move, a hypothesis, countries. */
static void put_words(json_t *tree) {
    json_t *words = json_array(), *ranges = json_array(), *points = json_array();
    for (unsigned l = 0; l < 3; l++) {
        for (unsigned k = 0; k < 3; k++)
            json_array_append_new(words, json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f}", "language", codes[l], "model",
                                                   "m", "dictionary", k ? "boundary" : "protective", "word", said[(l + k) % 3],
                                                   "hits", 7, "cpi", wobble(l + k), "di", wobble(l + k + 1), "cpi_slope",
                                                   wobble(l + k + 2), "di_slope", wobble(l + k + 3)));
        json_array_append_new(ranges, json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:s, s:s, s:i, s:i}", "language", codes[l],
                                                "model", "m", "figure", "g", "measure", "cpi", "value", wobble(l), "lo",
                                                wobble(l) - 0.1, "hi", wobble(l) + 0.2, "lo_without", said[l], "hi_without",
                                                said[(l + 1) % 3], "words", 3, "turned", 1));
        json_array_append_new(points,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "language", codes[l], "country", "Somewhere",
                                        "model", "m", "figure", "g", "measure", "cpi", "x", 10.0 * l, "y", wobble(l)));
    }
    json_object_set_new(tree, "words", words);
    json_object_set_new(tree, "word_ranges", ranges);
    json_object_set_new(tree, "power_distance", json_pack("{s:o}", "points", points));
    json_object_set_new(tree, "hypothesis_words",
                        json_pack("[{s:s, s:s, s:f, s:f, s:f, s:{s:s}, s:{s:s}, s:i, s:[]}]", "id", "protects", "figure", "g",
                                  "value", -1.5, "lo", -1.75, "hi", -1.25, "lo_without", "word", said[0], "hi_without", "word",
                                  said[1], "words", 9, "verdict_turned_without"));
}

static json_t *study_tree(void) {
    json_t *points = json_array(), *effects = json_array(), *slopes = json_array(), *choices = json_array(), *runs = json_array(),
           *languages = json_array();
    for (int l = 0; l < 3; l++) {
        for (int a = 0; a < 3; a++)
            json_array_append_new(points, measured(json_pack("{s:s, s:s, s:s, s:f, s:b, s:i}", "language", codes[l], "model", "m",
                                                             "arm", "a", "share", a / 2.0, "sweep", 1, "n", 15),
                                                   (unsigned)(3 * l + a)));
        json_array_append_new(effects, measured(json_pack("{s:s, s:s}", "language", codes[l], "model", "m"), (unsigned)l));
        json_array_append_new(slopes, measured(json_pack("{s:s, s:s}", "language", codes[l], "model", "m"), (unsigned)l));
        json_array_append_new(choices, json_pack("{s:s, s:s, s:s, s:o}", "variant", "without boundary", "language", codes[l],
                                                 "model", "m", "cpi", estimate(wobble((unsigned)l))));
        json_array_append_new(runs, json_pack("{s:s, s:o}", "label", codes[l], "turns", turns_of(l)));
        json_array_append_new(languages, json_pack("{s:s, s:s}", "code", codes[l], "name", codes[l]));
    }
    return json_pack("{s:s, s:b, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "title", "A group", "planted", 1, "cells", 9, "points",
                     points, "effects", effects, "slopes", slopes, "sensitivity", choices, "transcripts", runs, "languages",
                     languages);
}

int sample_study(const char *path, struct err *e) {
    struct page *p;
    json_t *tree = study_tree();
    put_words(tree);
    int rc = study_page(&p, tree, e);
    json_decref(tree);
    if (rc < 0) return rc;
    rc = page_write(p, path, e);
    page_free(p);
    return rc;
}
