/* The builder: what stands on a page, in the order in which it was said, as HTML that reads well before any script has run. Tables and
 * plots are a heading, a caption and a block of data; the script fills in what is drawn. */
#include "lab/page.h"
#include "lab/page_int.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 256 << 20 }; /* bytes of a page's body: a browser opens no more */

int page_keep(struct page *p, const struct err *e, int rc) {
    if (rc < 0 && p->first.code == 0) p->first = *e;
    return rc;
}

int page_room(struct page *p, struct err *e) {
    if (!p->body.failed && !p->contents.failed && !p->ids.failed) return 0;
    return fail(e, ERR_LIMIT, "the page is larger than %d MiB, or memory is short", PAGE_MAX >> 20);
}

/* Every public call ends here: what went wrong is kept and handed on. */
static int done(struct page *p, struct err *inner, int rc, struct err *e) {
    if (rc >= 0) rc = page_room(p, inner);
    page_keep(p, inner, rc);
    if (rc < 0 && e) *e = *inner;
    return rc;
}

/* ---- the page itself ---- */

static int lang_fits(const char *s) {
    size_t n = strlen(s);
    if (n < 2 || n > 35 || !isalpha((unsigned char)*s)) return 0;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-') return 0;
    }
    return 1;
}

int page_new(struct page **out, const struct page_head *head, struct err *e) {
    const char *lang = head->lang ? head->lang : "en";
    if (!head->title || !*head->title) return fail(e, ERR_ARG, "expected a title of the page, found none");
    if (!lang_fits(lang)) return fail(e, ERR_ARG, "expected a language as in \"en\" or \"zh-Hans\", found \"%.40s\"", lang);
    struct page *p = calloc(1, sizeof *p);
    if (!p) return fail(e, ERR_NOMEM, "no memory for a page");
    p->body.max = PAGE_MAX;
    p->rtl = head->rtl;
    page_escape_z(&p->lang, lang);
    page_escape_z(&p->title, head->title);
    page_escape_z(&p->subtitle, head->subtitle ? head->subtitle : "");
    if (p->lang.failed || p->title.failed || p->subtitle.failed) {
        page_free(p);
        return fail(e, ERR_NOMEM, "no memory for a page's title");
    }
    p->first = ERR_INIT;
    *out = p;
    return 0;
}

void page_free(struct page *p) {
    if (!p) return;
    struct str *strings[] = {&p->lang, &p->title, &p->subtitle, &p->contents, &p->body, &p->ids};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) str_free(strings[i]);
    free(p);
}

/* ---- sections ---- */

static int id_fits(const char *s) {
    if (!s || !islower((unsigned char)*s)) return 0;
    for (; *s; s++) {
        if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '-') return 0;
    }
    return 1;
}

static int id_taken(const struct page *p, const char *id) {
    size_t n = strlen(id);
    for (const char *s = p->ids.s; s && (s = strstr(s, id)); s++) {
        if (s[-1] == ' ' && s[n] == ' ') return 1;
    }
    return 0;
}

/* Ids of this room's own, which no section may take. */
static int id_reserved(const char *id) {
    return !strcmp(id, "main") || !strncmp(id, "figure-", 7) || !strncmp(id, "table-", 6) || !strncmp(id, "transcripts-", 12) ||
           !strncmp(id, "candor-", 7);
}

static int add_section(struct page *p, const char *heading, const char *id, struct err *e) {
    if (!id_fits(id)) return fail(e, ERR_ARG, "expected a section's id of a-z, 0-9 and '-', found \"%.60s\"", id ? id : "");
    if (id_reserved(id)) return fail(e, ERR_ARG, "the id \"%.60s\" is the page's own; expected another", id);
    if (id_taken(p, id)) return fail(e, ERR_ARG, "two sections have the id \"%.60s\"", id);
    str_printf(&p->ids, " %s ", id);
    str_printf(&p->contents, "<li><a href=\"#%s\" dir=\"auto\">", id);
    page_escape_z(&p->contents, heading);
    str_puts(&p->contents, "</a></li>\n");
    str_printf(&p->body, "%s<section id=\"%s\" aria-labelledby=\"candor-%s\">\n<h2 id=\"candor-%s\" dir=\"auto\">",
               p->open ? "</section>\n" : "", id, id, id);
    page_escape_z(&p->body, heading);
    str_puts(&p->body, "</h2>\n");
    p->open = 1;
    return 0;
}

int page_section(struct page *p, const char *heading, const char *id, struct err *e) {
    struct err inner = ERR_INIT;
    return done(p, &inner, add_section(p, heading, id, &inner), e);
}

/* ---- text ---- */

static void add_paragraph(struct page *p, const char *s, size_t n) {
    while (n > 0 && isspace((unsigned char)s[n - 1])) n--;
    if (n == 0) return;
    str_puts(&p->body, "<p dir=\"auto\">");
    page_escape(&p->body, s, n);
    str_puts(&p->body, "</p>\n");
}

int page_text(struct page *p, const char *text, struct err *e) {
    struct err inner = ERR_INIT;
    for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) add_paragraph(p, text, (size_t)(end - text));
    add_paragraph(p, text, strlen(text));
    return done(p, &inner, 0, e);
}

int page_quote(struct page *p, const char *label, const char *s, size_t n, struct err *e) {
    struct err inner = ERR_INIT;
    str_puts(&p->body, "<figure class=\"quote\">");
    if (label) {
        str_puts(&p->body, "<figcaption dir=\"auto\">");
        page_escape_z(&p->body, label);
        str_puts(&p->body, "</figcaption>");
    }
    /* a line feed right after <pre> would be dropped by the reader of HTML, so one is given to drop */
    str_puts(&p->body, "<blockquote><pre dir=\"auto\">\n");
    page_escape(&p->body, s, n);
    str_puts(&p->body, "</pre></blockquote></figure>\n");
    return done(p, &inner, 0, e);
}

int page_facts(struct page *p, const struct page_fact *facts, size_t n, struct err *e) {
    struct err inner = ERR_INIT;
    str_puts(&p->body, "<dl class=\"facts\">\n");
    for (size_t i = 0; i < n; i++) {
        str_puts(&p->body, "<div><dt dir=\"auto\">");
        page_escape_z(&p->body, facts[i].key);
        str_puts(&p->body, "</dt><dd dir=\"auto\">");
        page_escape_z(&p->body, facts[i].value);
        str_puts(&p->body, "</dd></div>\n");
    }
    str_puts(&p->body, "</dl>\n");
    return done(p, &inner, 0, e);
}

/* ---- tables and plots: a title, a caption, a block of data ---- */

static void add_figure(struct page *p, const char *class, int number, const char *title, const char *caption) {
    str_printf(&p->body, "<figure class=\"%s\" id=\"%s-%d\">\n<figcaption><strong dir=\"auto\">", class, class, number);
    page_escape_z(&p->body, title);
    str_puts(&p->body, "</strong>");
    if (caption) {
        str_puts(&p->body, " <span dir=\"auto\">");
        page_escape_z(&p->body, caption);
        str_puts(&p->body, "</span>");
    }
    str_puts(&p->body, "</figcaption>\n<script type=\"application/json\">");
}

/* Takes j. */
static int add_block(struct page *p, json_t *j, struct err *e) {
    int rc = j ? page_json(&p->body, j) : ERR_NOMEM;
    json_decref(j);
    if (rc < 0) return fail(e, rc, "no memory for a table's data");
    str_puts(&p->body, "</script>\n</figure>\n");
    return 0;
}

static int add_table(struct page *p, const char *title, const char *caption, const struct page_data *data, struct err *e) {
    if (!title || !*title) return fail(e, ERR_ARG, "expected a title of the table, found none");
    TRY(page_data_check(data, title, e));
    add_figure(p, "table", ++p->tables, title, caption);
    return add_block(p, page_data_json(data), e);
}

int page_table(struct page *p, const char *title, const char *caption, const struct page_data *data, struct err *e) {
    struct err inner = ERR_INIT;
    return done(p, &inner, add_table(p, title, caption, data, &inner), e);
}

static int add_plot(struct page *p, const struct page_plot *plot, struct err *e) {
    TRY(page_plot_check(plot, e));
    add_figure(p, "figure", ++p->figures, plot->title, plot->caption);
    return add_block(p, page_plot_json(plot), e);
}

int page_plot(struct page *p, const struct page_plot *plot, struct err *e) {
    struct err inner = ERR_INIT;
    return done(p, &inner, add_plot(p, plot, &inner), e);
}

/* ---- transcripts ---- */

static int add_transcripts(struct page *p, const char *title, const char *caption, const json_t *runs, int planted,
                           struct err *e) {
    if (!title || !*title) return fail(e, ERR_ARG, "expected a title of the transcripts, found none");
    if (!json_is_array(runs)) return fail(e, ERR_ARG, "%s: expected an array of runs", title);
    add_figure(p, "transcripts", ++p->transcripts, title, caption);
    return add_block(p, json_pack("{s:b, s:O}", "planted", planted, "runs", runs), e);
}

int page_transcripts(struct page *p, const char *title, const char *caption, const json_t *runs, int planted, struct err *e) {
    struct err inner = ERR_INIT;
    return done(p, &inner, add_transcripts(p, title, caption, runs, planted, &inner), e);
}
