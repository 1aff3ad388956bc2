/* Questions from tables: MMLU-Redux and GPQA as they are published.
 *
 * libcsv takes rows apart (RFC 4180, strictly: a stray quotation mark is an error, not a guess); each row becomes the JSON object that a line
 * of our own format holds, so that every check stands in one place, question.c. The text is fed line by line, which is how a row knows where
 * it began. Which table it is shows in the header. */
#include "base/hash.h"
#include "task/question_int.h"
#include "task/seen.h"
#include <csv.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COLUMNS = 5, FIRST_OPTIONAL = 3, GPQA_SEED = 0 };
enum { MMLU_QUESTION, MMLU_CHOICES, MMLU_ANSWER, MMLU_ERROR, MMLU_SUBJECT };

static const struct form {
    const char *name;
    const char *column[COLUMNS];
    int needed; /* the first so many columns must be there */
} forms[] = {{"mmlu", {"question", "choices", "answer", "error_type", "subject"}, FIRST_OPTIONAL},
             {"gpqa", {"Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"}, COLUMNS}};
enum { FORMS = sizeof forms / sizeof *forms };

struct sheet {
    struct questions *qs;
    size_t cap;
    struct place *p;         /* its line: where the row began */
    const struct form *form; /* NULL until the header was read */
    int at[FORMS][COLUMNS];  /* the column of each name, -1: not there */
    int column, columns;     /* read in this row; in the header */
    struct str cell[COLUMNS];
    struct seen rows;
    int rc, row_ended;
};

/* ---- which table ---- */

static size_t line_length(const char *text, size_t n) {
    const char *nl = memchr(text, '\n', n);
    return nl ? (size_t)(nl - text) : n;
}

static int has(const char *line, size_t n, const char *what) { return memmem(line, n, what, strlen(what)) != NULL; }

static size_t past_bom(const char *text, size_t n) { return n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0; }

int csv_is(const char *text, size_t n, const char *name) {
    size_t at = past_bom(text, n), dot = strlen(name);
    while (at < n && isspace((unsigned char)text[at])) at++;
    if (at == n || text[at] == '{') return 0;
    size_t len = line_length(text + at, n - at);
    if (has(text + at, len, "question") && has(text + at, len, "choices")) return 1;
    if (has(text + at, len, "Question") && has(text + at, len, "Correct Answer")) return 1;
    return dot > 4 && !strcasecmp(name + dot - 4, ".csv");
}

/* Of comma, semicolon and tab the one that the header has most. */
static char delimiter(const char *text, size_t n) {
    size_t len = line_length(text, n), count[3] = {0};
    static const char marks[] = ",;\t";
    int best = 0;
    for (size_t i = 0; i < len; i++)
        for (int k = 0; k < 3; k++) count[k] += text[i] == marks[k];
    for (int k = 1; k < 3; k++)
        if (count[k] > count[best]) best = k;
    return marks[best];
}

static int known_header(struct sheet *s) {
    for (int f = 0; f < FORMS && !s->form; f++) {
        int there = 0;
        for (int c = 0; c < forms[f].needed; c++) there += s->at[f][c] >= 0;
        if (there == forms[f].needed) s->form = &forms[f];
    }
    s->columns = s->column;
    if (s->form) return 0;
    return BAD(s->p, ERR_UNSUPPORTED,
               "expected a header with the columns question, choices, answer (MMLU) or Question, Correct Answer, Incorrect "
               "Answer 1 to 3 (GPQA), "
               "found neither in %d columns",
               s->column);
}

/* ---- a row ---- */

static struct str trimmed(const struct str *c) {
    struct str t = {.s = c->s, .len = c->len};
    while (t.len && isspace((unsigned char)t.s[0])) t.s++, t.len--;
    while (t.len && isspace((unsigned char)t.s[t.len - 1])) t.len--;
    return t;
}

/* A column of this row without the blanks around it; empty where the table has no such column. */
static struct str cell(const struct sheet *s, int column) {
    int there = s->at[s->form - forms][column] >= 0;
    return there ? trimmed(&s->cell[column]) : (struct str){0};
}

static int set_text(const struct sheet *s, json_t *o, const char *key, struct str v) {
    if (v.len && memchr(v.s, 0, v.len)) return BAD(s->p, ERR_FORMAT, "expected text for \"%s\", found a zero byte in it", key);
    json_t *z = json_stringn(v.len ? v.s : "", v.len);
    if (!z) return BAD(s->p, ERR_FORMAT, "expected valid UTF-8 for \"%s\", found bytes that are none", key);
    if (json_is_array(o)) return json_array_append_new(o, z) ? BAD(s->p, ERR_NOMEM, "no memory for %s", key) : 0;
    return json_object_set_new(o, key, z) ? BAD(s->p, ERR_NOMEM, "no memory for %s", key) : 0;
}

/* "mmlu", or "mmlu/anatomy": by the column, else by a file name mmlu_anatomy.csv or mmlu_redux_anatomy.csv. */
static int set_kind(const struct sheet *s, json_t *o) {
    const char *slash = strrchr(s->p->name, '/'), *base = slash ? slash + 1 : s->p->name;
    size_t n = strlen(s->form->name);
    struct str subject = {0}, kind = {0};
    if (s->form == &forms[0]) subject = cell(s, MMLU_SUBJECT);
    if (!subject.len && !strncasecmp(base, s->form->name, n) && base[n] && strchr("_-", base[n])) {
        base += n + 1;
        if (!strncasecmp(base, "redux", 5) && base[5] && strchr("_-", base[5])) base += 6;
        subject = (struct str){.s = (char *)base, .len = strcspn(base, ".")};
    }
    str_puts(&kind, s->form->name);
    if (subject.len) str_puts(&kind, "/"), str_add(&kind, subject.s, subject.len);
    int rc = kind.failed ? BAD(s->p, ERR_NOMEM, "no memory for a kind") : set_text(s, o, "kind", kind);
    str_free(&kind);
    return rc;
}

/* An index from 0, or a letter; the reader of objects checks that it is one of the choices. */
static int mmlu_answer(const struct sheet *s, json_t *o) {
    struct str v = cell(s, MMLU_ANSWER);
    char letter = v.len == 1 ? v.s[0] : 0;
    if (v.len && v.len <= 2 && isdigit((unsigned char)v.s[0]) && isdigit((unsigned char)v.s[v.len - 1])) {
        int i = v.len == 1 ? v.s[0] - '0' : (v.s[0] - '0') * 10 + v.s[1] - '0';
        letter = i < QUESTION_MAX_CHOICES ? (char)('A' + i) : 0;
    }
    if (!isalpha((unsigned char)letter))
        return BAD(s->p, ERR_FORMAT, "expected an index or a letter as answer, found \"%.*s\"", (int)(v.len < 20 ? v.len : 20),
                   v.len ? v.s : "");
    return set_text(s, o, "answer", (struct str){.s = &letter, .len = 1});
}

static int mmlu_row(const struct sheet *s, json_t *o) {
    struct str v = cell(s, MMLU_CHOICES);
    const char *why = NULL;
    json_t *choices = py_list(v.len ? v.s : "", v.len, &why);
    if (!choices) return BAD(s->p, ERR_FORMAT, "expected a Python list of strings as choices, found %s", why);
    if (json_object_set_new(o, "choices", choices)) return BAD(s->p, ERR_NOMEM, "no memory for choices");
    TRY(set_text(s, o, "question", cell(s, MMLU_QUESTION)));
    return mmlu_answer(s, o);
}

static int gpqa_row(const struct sheet *s, json_t *o) {
    json_t *choices = json_array();
    if (json_object_set_new(o, "choices", choices)) return BAD(s->p, ERR_NOMEM, "no memory for choices");
    for (int c = 1; c < COLUMNS; c++) TRY(set_text(s, choices, s->form->column[c], cell(s, c)));
    TRY(set_text(s, o, "question", cell(s, 0)));
    return set_text(s, o, "answer", (struct str){.s = (char *)"A", .len = 1});
}

/* Sets the id: a hash of the text and the choices as they stand. *same: another of them and of the answer. */
static int set_id(const struct sheet *s, json_t *o, uint64_t *same) {
    char id[40];
    uint64_t h = HASH_START;
    const char *z = json_string_value(json_object_get(o, "question"));
    const json_t *choices = json_object_get(o, "choices"), *v;
    size_t i;
    h = hash_bytes(h, z, strlen(z));
    json_array_foreach(choices, i, v) {
        h = hash_bytes(h, "\n", 1);
        h = hash_bytes(h, json_string_value(v), json_string_length(v));
    }
    int n = snprintf(id, sizeof id, "%s-%016llx", s->form->name, (unsigned long long)hash_mix(h));
    z = json_string_value(json_object_get(o, "answer"));
    *same = hash_mix(hash_bytes(h, z, strlen(z)));
    return set_text(s, o, "id", (struct str){.s = id, .len = (size_t)n});
}

static int read_row(struct sheet *s, json_t *o) {
    uint64_t same = 0;
    TRY(s->form == &forms[0] ? mmlu_row(s, o) : gpqa_row(s, o));
    TRY(set_kind(s, o));
    TRY(set_id(s, o, &same));
    int fresh = seen_add(&s->rows, same);
    if (fresh < 0) return BAD(s->p, ERR_NOMEM, "no memory for %zu rows", s->qs->n);
    if (!fresh) {
        s->qs->left_out++;
        return 0;
    }
    TRY(questions_grow(s->qs, &s->cap, s->p));
    TRY(question_read(&s->qs->q[s->qs->n], o, s->p));
    s->qs->n++;
    return 0;
}

static int end_row(struct sheet *s) {
    if (!s->form) return known_header(s);
    if (s->column != s->columns)
        return BAD(s->p, ERR_FORMAT, "expected %d fields as in the header, found %d", s->columns, s->column);
    for (int c = 0; c < COLUMNS; c++)
        if (s->cell[c].failed) return BAD(s->p, ERR_NOMEM, "no memory for a row");
    struct str fault = s->form == &forms[0] ? cell(s, MMLU_ERROR) : (struct str){0};
    if (s->form == &forms[0] && s->at[0][MMLU_ERROR] >= 0 && (fault.len != 2 || strncasecmp(fault.s, "ok", 2))) {
        s->qs->left_out++;
        return 0;
    }
    json_t *o = json_object();
    int rc = o ? read_row(s, o) : BAD(s->p, ERR_NOMEM, "no memory for a row");
    json_decref(o);
    return rc;
}

/* ---- libcsv's calls ---- */

static void on_field(void *v, size_t n, void *x) {
    struct sheet *s = x;
    for (int f = 0; f < FORMS && !s->form; f++)
        for (int c = 0; c < COLUMNS; c++)
            if (s->at[f][c] < 0 && n == strlen(forms[f].column[c]) && !memcmp(v, forms[f].column[c], n)) s->at[f][c] = s->column;
    for (int c = 0; c < COLUMNS && s->form; c++)
        if (s->at[s->form - forms][c] == s->column) str_clear(&s->cell[c]), str_add(&s->cell[c], n ? v : "", n);
    s->column++;
}

static void on_row(int by, void *x) {
    struct sheet *s = x;
    (void)by;
    if (s->rc >= 0) s->rc = end_row(s);
    s->column = 0, s->row_ended = 1;
}

static int all_blank(const char *z, size_t n) {
    while (n && isspace((unsigned char)z[n - 1])) n--;
    return !n;
}

/* The rest of a row that is too long is not taken in. */
static int feed(struct sheet *s, struct csv_parser *csv, const char *text, size_t n) {
    size_t row = 0; /* bytes of the row that is not complete */
    int64_t line = 0;
    for (size_t at = 0, len; at < n && s->rc >= 0; at += len) {
        len = line_length(text + at, n - at) + (memchr(text + at, '\n', n - at) != NULL);
        line++;
        if (!row) s->p->line = line;
        if ((row += len) > QUESTION_MAX_LINE)
            return BAD(s->p, ERR_LIMIT, "expected a row of at most %d bytes, found a longer one", QUESTION_MAX_LINE);
        s->row_ended = 0;
        size_t done = csv_parse(csv, text + at, len, on_field, on_row, s);
        if (s->rc >= 0 && done < len) {
            if (csv_error(csv) != CSV_EPARSE) return BAD(s->p, ERR_NOMEM, "no memory for a row");
            s->p->line = line;
            return BAD(s->p, ERR_FORMAT, "expected fields quoted as in RFC 4180, found a quotation mark within one at byte %zu",
                       done + 1);
        }
        if (s->row_ended || (row == len && all_blank(text + at, len))) row = 0;
    }
    if (s->rc >= 0 && csv_fini(csv, on_field, on_row, s))
        return BAD(s->p, ERR_FORMAT, "expected a quotation mark that ends the field, found the end of the file");
    return s->rc;
}

int csv_questions(struct questions *qs, const char *text, size_t n, struct place *p) {
    struct sheet s = {.qs = qs, .p = p};
    struct csv_parser csv;
    size_t skip = past_bom(text, n);
    memset(s.at, -1, sizeof s.at);
    if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI)) return BAD(p, ERR_NOMEM, "no memory to read a table");
    csv_set_delim(&csv, (unsigned char)delimiter(text + skip, n - skip));
    csv_set_blk_size(&csv, 1 << 14);
    int rc = feed(&s, &csv, text + skip, n - skip);
    csv_free(&csv);
    for (int c = 0; c < COLUMNS; c++) str_free(&s.cell[c]);
    seen_fini(&s.rows);
    return rc < 0 || s.form != &forms[1] ? rc : questions_shuffle(qs, GPQA_SEED, p->e);
}
