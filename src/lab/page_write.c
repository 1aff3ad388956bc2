/* The file: the head with its policy, the style and the script that were embedded in the program, and the body that was built. */
#include "base/fs.h"
#include "lab/page_int.h"

int page_available(void) { return page_bundle.js != NULL; }

/* No request of any kind: nothing is loaded, and the one script that runs is the one with this hash. Styles are free because charts set
 * them on their elements; without images, fonts and imports a style cannot ask the network for anything. */
static int write_head(FILE *f, const struct page *p, const struct page_bundle *b) {
    return fprintf(f,
                   "<!doctype html>\n<html lang=\"%s\" dir=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-%s'; "
                   "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
                   "<title>%s</title>\n<style>",
                   p->lang.s, p->rtl ? "rtl" : "ltr", b->js_hash, p->title.s);
}

static int write_whole(FILE *f, const struct page *p, const struct page_bundle *b) {
    if (write_head(f, p, b) < 0 || fwrite(b->css, 1, b->css_len, f) != b->css_len) return -1;
    if (fputs("</style>\n<script>", f) < 0 || fwrite(b->js, 1, b->js_len, f) != b->js_len) return -1;
    if (fprintf(f,
                "</script>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header>\n<h1 "
                "dir=\"auto\">%s</h1>\n",
                p->title.s) < 0) {
        return -1;
    }
    if (p->subtitle.len && fprintf(f, "<p dir=\"auto\">%s</p>\n", p->subtitle.s) < 0) return -1;
    if (fputs("<noscript><p>Tables and plots are drawn by the script in this file; without it their data can be read in its "
              "source.</p>"
              "</noscript>\n</header>\n",
              f) < 0) {
        return -1;
    }
    if (p->contents.len && fprintf(f, "<nav aria-label=\"Contents\">\n<ol>\n%s</ol>\n</nav>\n", p->contents.s) < 0) return -1;
    if (fputs("<main id=\"main\" tabindex=\"-1\">\n", f) < 0 ||
        (p->body.len && fwrite(p->body.s, 1, p->body.len, f) != p->body.len))
        return -1;
    return fprintf(f, "%s</main>\n</body>\n</html>\n", p->open ? "</section>\n" : "");
}

int page_write_with(const struct page *p, const struct page_bundle *b, const char *path, struct err *e) {
    if (p->first.code < 0) {
        if (e) *e = p->first;
        return p->first.code;
    }
    if (!b->js) {
        return fail_at(
            e, ERR_STATE, path, -1,
            "expected a program built with report pages, found one without: %s; install nodejs 18 or newer and npm, then "
            "configure and build candor again (it asks the npm registry once)",
            b->missing);
    }
    struct file_out out;
    TRY(file_out_open(&out, path, e));
    if (write_whole(out.f, p, b) < 0) {
        file_out_abort(&out);
        return fail_at(e, ERR_IO, path, -1, "the page could not be written whole");
    }
    return file_out_commit(&out, e);
}

int page_write(const struct page *p, const char *path, struct err *e) { return page_write_with(p, &page_bundle, path, e); }
