/* The study page from trees: every branch has its section, planted data say so wherever they are seen, what is absent or of another type is
 * left out, text of agents stays text; and the tree that study_report makes of a planted archive. */
#include "lab/page_int.h"
#include "lab/study_page.h"
#include "study/report.h"
#include "study_planted.h"
#include <math.h>

TestSuite(study_page, .timeout = HANG_S);

/* Single quotes stand for double ones. */
#define M                                                                                                                        \
    "'cpi':{'value':-1.5,'lo':-2.5,'hi':-0.5},'di':{'value':0.25,'lo':0,'hi':0.5},'monologue':{'value':0.3125,'lo':0.25,'hi':0." \
    "375},"                                                                                                                      \
    "'boundary':{'value':9.5,'lo':9,'hi':10},'protective':{'value':15,'lo':null,'hi':null}"
static const char source[] =
    "{'study':'S','title':'T','backend':'planted','planted':true,'reps':100,'runs':30,'analysed':28,'cells':2,"
    "'languages':[{'code':'ar','name':'Arabic','rtl':true}],"
    "'loss':[{'cell':0,'id':'ar/m/"
    "none','planned':15,'started':15,'failed':1,'unfinished':0,'excluded':1,'analysed':13,'silent':2,'agent_turns':{'refused':4},'asked_"
    "again':2}],"
    "'points':[{'language':'ar','model':'m','arm':'none','share':0,'sweep':true,'n':13," M
    "},{'language':'ar','model':'m','arm':'placebo','share':0,'sweep':false,'n':13," M "}],"
    "'slopes':[{'language':'ar','model':'m','n':28," M "}],"
    "'effects':[{'language':'ar','model':'m','n_all':15,'n_none':13," M ",'published':{'value':0.75,'lo':0.0625,'hi':1.5}}],"
    "'sensitivity':[{'variant':'without boundary','language':'ar','model':'m','cpi':{'value':-0.75,'lo':-1,'hi':0},'di':null}],"
    "'hypotheses':[{'id':'H1','status':'exploratory','metric':'cpi','estimate':-2.5,'g':-1.25,'ci95':[-2,-0.5],'p':0.015625,"
    "'p_adjusted':0.03125,'holds':true,'why':''}],'why_exploratory':['R'],'correction':'holm',"
    "'hypothesis_words':[{'id':'H1','figure':'g','value':-1.25,'lo':-1.5,'hi':-1,'lo_without':{'word':'<b>','language':'ar','"
    "dictionary':"
    "'boundary'},'hi_without':{'word':'W2'},'words':7,'verdict_turned_without':[{},{}]}],"
    "'words':[{'language':'ar','model':'m','dictionary':'boundary','kind':'threat','word':'W3','hits':11,'cpi':-1.375,'di':0.375,"
    "'cpi_slope':0.875,'di_slope':0.625}],"
    "'word_ranges':[{'language':'ar','model':'m','figure':'g','measure':'cpi','value':-1.5,'lo':-1.75,'hi':-1.375,'lo_without':'"
    "W4',"
    "'hi_without':'W3','words':1,'turned':0}],"
    "'power_distance':{'missing':[{'language':'xx','country':'Nowhere'}],'points':[{'language':'ar','country':'C','model':'m','"
    "figure':'g',"
    "'measure':'cpi','x':80,'y':-1.5}],'correlations':[{'model':'m','figure':'g','measure':'cpi','n':5,'r':0.5,'lo':-0.25,'hi':0."
    "75,"
    "'p':0.4375,'rho':0.5625,'rho_p':0.28125,'why':''}],'published':{'r':0.46875,'lo':-0.03125,'hi':0.78125,'p':0.064,'n':16}},"
    "'agents':[{'language':'ar','by':'persona','group':'leader','n':28," M
    "},{'language':'ar','by':'prefix','group':'alignment','n':28," M "}],"
    "'texts':[{'language':'ar','graphemes':2109,'expansion':0.90625,'placebo_ratio':1.03125,'worst_part':'event/"
    "9','worst_ratio':1.28125,"
    "'neutral_hits':0,'wrong':3}],"
    "'judges':{'per':'turn','prompt':'scales','judges':[{'file':'/home/x/"
    "first.jsonl','model':'J','rows':9,'scored':6,'unreadable':2,"
    "'cut':0,'refused':1,'filtered':0,'scores':[{'score':'coercion','mean':2.5,'against':'boundary','runs':{'n':28,'rho':0.6875,"
    "'p':0.046875},'agents':{'n':112,'rho':0.40625}},{'score':'gap','mean':null}]}],"
    "'between':[{'score':'coercion','units':6,'alpha':0.59375,'lo':0.34375,'hi':0.84375}]},"
    "'transcripts':[{'label':'ar/m/none, replicate "
    "0','turns':[{'turn':1,'event':'E','said':[{'who':'W','note':'alignment','acts':["
    "{'channel':'talk','text':'hello'},{'channel':'whisper','to':'V','text':'psst'}]}]}]}]}";

static const char *const sections[] = {"loss",       "conditions", "slopes", "effects", "countries", "sensitivity",
                                       "hypotheses", "words",      "agents", "judges",  "texts",     "transcripts"};
enum { SECTIONS = sizeof sections / sizeof *sections };

static json_t *tree_of(void) {
    char text[sizeof source];
    json_error_t why;
    memcpy(text, source, sizeof source);
    for (char *s = text; *s; s++)
        if (*s == '\'') *s = '"';
    json_t *j = json_loads(text, 0, &why);
    cr_assert(j, "%s at %d", why.text, why.position);
    return j;
}

/* Title, subtitle and body, or NULL where the page could not be made. */
static char *page_of(const json_t *tree) {
    struct err e = ERR_INIT;
    struct page *p = NULL;
    if (study_page(&p, tree, &e) < 0) return cr_log_warn("%s", e.msg), NULL;
    struct str all = {0};
    str_printf(&all, "<h1>%s</h1>%s%s", p->title.s, p->subtitle.s, p->body.s ? p->body.s : "");
    page_free(p);
    return all.s;
}

static void holds(const char *text, const char *part) { cr_assert(strstr(text, part), "\"%s\" is not in the page", part); }
static void lacks(const char *text, const char *part) { cr_assert(!strstr(text, part), "\"%s\" is in the page", part); }
static int count(const char *text, const char *part) {
    int n = 0;
    while ((text = strstr(text, part))) n++, text++;
    return n;
}
static int has_section(const char *body, const char *id) {
    char tag[80];
    snprintf(tag, sizeof tag, "<section id=\"%s\"", id);
    return strstr(body, tag) != NULL;
}

Test(study_page, every_branch_has_its_section) {
    json_t *tree = tree_of();
    char *page = page_of(tree), *again = page_of(tree);
    cr_assert(page && again);
    for (int i = 0; i < SECTIONS; i++) cr_assert(has_section(page, sections[i]), "no section %s", sections[i]);
    cr_assert_str_eq(page, again, "the same tree gives the same bytes");
    free(page), free(again), json_decref(tree);
}

Test(study_page, figures_stand_with_their_intervals) {
    static const char *const parts[] = {"[-1.5,-2.5,-0.5]",
                                        "[0.25,0,0.5]",
                                        "[0.3125,0.25,0.375]",
                                        "[15,null,null]",
                                        "[0.75,0.0625,1.5]",
                                        "[-0.75,-1,0]",
                                        "CPI, published",
                                        "28 of 30 planned",
                                        "Arabic (ar)",
                                        "15,15,1,0,1,13,2,4",
                                        "without boundary",
                                        "[-1.25,-2,-0.5]",
                                        "[-1.25,-1.5,-1]",
                                        "[0.5,-0.25,0.75]",
                                        "[0.46875,-0.03125,0.78125]",
                                        "0.875,0.625]",
                                        "0.125]",
                                        "xx (Nowhere)",
                                        "[\"first.jsonl\",\"J\",9,6,2,0,1,0]",
                                        "2.5,\"boundary\",28,0.6875,0.046875,112,0.40625",
                                        "[0.59375,0.34375,0.84375]",
                                        "[\"ar\",2109,0.90625,1.03125,\"event/9\",1.28125,0,3]"};
    json_t *tree = tree_of();
    char *page = page_of(tree);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) holds(page, parts[i]);
    free(page), json_decref(tree);
}

/* Of every table, plot and pair of transcripts the title begins with the label. */
Test(study_page, planted_is_said_wherever_it_is_seen) {
    json_t *tree = tree_of();
    char *page = page_of(tree);
    holds(page, "<h1>PLANTED: T</h1>Planted data");
    holds(page, "<p dir=\"auto\">PLANTED: what the agents said was made by rule");
    int figures = count(page, "<figcaption><strong");
    cr_assert(figures > 10, "%d figures", figures);
    cr_assert_eq(count(page, "<figcaption><strong dir=\"auto\">PLANTED: "), figures);
    holds(page, "{\"planted\":true");
    free(page);
    static const char *const unsure[] = {"null", "\"false\"", "0", "[]"};
    for (int i = 0; i < 5; i++) {
        if (i < 4)
            json_object_set_new(tree, "planted", json_loads(unsure[i], JSON_DECODE_ANY, NULL));
        else
            json_object_del(tree, "planted");
        holds(page = page_of(tree), "<h1>POSSIBLY PLANTED: T</h1>"), free(page);
    }
    json_object_set_new(tree, "planted", json_false());
    page = page_of(tree);
    lacks(page, "PLANTED");
    holds(page, "{\"planted\":false");
    free(page), json_decref(tree);
}

Test(study_page, what_is_not_there_has_no_section) {
    static const char *const keys[SECTIONS][2] = {{"loss"},
                                                  {"points"},
                                                  {"slopes"},
                                                  {"effects"},
                                                  {"power_distance"},
                                                  {"sensitivity"},
                                                  {"hypotheses", "hypothesis_words"},
                                                  {"words", "word_ranges"},
                                                  {"agents"},
                                                  {"judges"},
                                                  {"texts"},
                                                  {"transcripts"}};
    json_t *tree = tree_of();
    for (int i = 0; i < SECTIONS; i++) {
        for (int k = 0; k < 2 && keys[i][k]; k++) json_object_del(tree, keys[i][k]);
        char *page = page_of(tree);
        for (int k = 0; k < SECTIONS; k++)
            cr_assert_eq(has_section(page, sections[k]), k > i, "%s without %s", sections[k], keys[i][0]);
        free(page);
    }
    json_decref(tree);
}

/* Replaces the value at *left (counted down) with junk. */
static int spoil(json_t *at, int *left, const json_t *with) {
    const char *key;
    json_t *x;
    size_t i;
    if (json_is_object(at)) json_object_foreach(at, key, x) {
            if ((*left)-- == 0) return json_object_set_new(at, key, json_deep_copy(with)), 1;
            if (spoil(x, left, with)) return 1;
        }
    if (json_is_array(at)) json_array_foreach(at, i, x) {
            if ((*left)-- == 0) return json_array_set_new(at, i, json_deep_copy(with)), 1;
            if (spoil(x, left, with)) return 1;
        }
    return 0;
}

/* Every value of the tree in turn; there is a page of each such tree. */
static void spoil_all(const char *junk) {
    json_t *with = json_loads(junk, JSON_DECODE_ANY, NULL);
    int tried = 0;
    for (int place = 0, more = 1; more; place++) {
        int left = place;
        json_t *tree = tree_of();
        more = spoil(tree, &left, with);
        char *page = page_of(tree);
        cr_assert(page, "value %d replaced by %s", place, junk);
        tried += more;
        free(page), json_decref(tree);
    }
    json_decref(with);
    cr_assert(tried > 150, "%d places", tried);
}

Test(study_page, any_value_may_be_missing) { spoil_all("null"), spoil_all("true"); }
Test(study_page, any_value_may_be_text) { spoil_all("\"</script>\""), spoil_all("{\"value\":\"x\",\"lo\":2,\"hi\":1}"); }
Test(study_page, any_value_may_be_a_number) { spoil_all("-1e300"), spoil_all("[[1]]"); }

/* Every string of the tree but those that say which part a row belongs to. */
static void taint(json_t *at, const char *bad) {
    const char *key;
    json_t *x;
    size_t i;
    if (json_is_object(at)) json_object_foreach(at, key, x) {
            if (json_is_string(x) && strcmp(key, "by") != 0)
                json_object_set_new(at, key, json_string(bad));
            else
                taint(x, bad);
        }
    if (json_is_array(at)) json_array_foreach(at, i, x) taint(x, bad);
}

Test(study_page, what_agents_say_stays_text) {
    static const char bad[] = "</script><img src=x onerror=alert(1)>\"'&\xE2\x80\xAE";
    json_t *tree = tree_of();
    taint(tree, bad);
    char *page = page_of(tree);
    lacks(page, "<img");
    lacks(page, "</script><");
    holds(page, "&lt;img src=x");
    holds(page, "\\u003c/script>\\u003cimg");
    free(page), json_decref(tree);
}

Test(study_page, only_an_object_is_a_tree) {
    struct page *p = NULL;
    struct err e = ERR_INIT;
    json_t *list = json_array();
    cr_assert_eq(study_page(&p, list, &e), ERR_ARG);
    cr_assert_eq(study_page(&p, NULL, &e), ERR_ARG);
    cr_assert_null(p);
    json_decref(list);
}

/* ---- from an archive ---- */

static const char ARMS[] = "replicates: 6\narms: [{id: none}, {id: again, same_as: none}, {id: all, alignment: \"100 %\"}]\n"
                           "planted:\n  graphemes: 200\n  effects: {en: {cpi: -3}, ja: {cpi: 3}}\n"
                           "hypotheses: [{id: h, metric: cpi, languages: [en], contrast: [all, none], direction: less},\n"
                           "  {id: alike, metric: cpi, contrast: [again, none], direction: equivalent, margin: 0.25}]\n"
                           "countries: {en: Here, ja: There}\n";

static double figure(const json_t *tree, const char *part, size_t i, const char *key, const char *end) {
    const json_t *x = json_object_get(json_object_get(json_array_get(json_object_get(tree, part), i), key), end);
    return json_is_number(x) ? json_number_value(x) : NAN;
}

/* A planted study as a tree; at most so many transcripts. */
static json_t *planted_tree(int transcripts) {
    struct study *s;
    struct planted p;
    struct archive *a;
    struct scored c;
    struct err e = ERR_INIT;
    json_t *tree = NULL;
    char path[80];
    const struct country_values countries = {{12.5, 60}}; /* invented */
    const struct report_opts o = {.reps = 200, .transcripts = transcripts, .countries = &countries};
    path_of(path, sizeof path, "page");
    planted_archive(&s, &p, &a, path, 4, 3, ARMS);
    cr_assert_geq(scored_read(&c, s, a, 2, &e), 0, "%s", e.msg);
    cr_assert_geq(study_report(&tree, a, &c, &o, &e), 0, "%s", e.msg);
    scored_free(&c), archive_close(a), study_free(s);
    remove_all(path);
    return tree;
}

Test(study_page, an_archive_becomes_a_page) {
    json_t *tree = planted_tree(3);
    char *page = page_of(tree);
    cr_assert(page);
    for (int i = 0; i < SECTIONS; i++)
        cr_assert_eq(has_section(page, sections[i]), strcmp(sections[i], "judges") != 0, "section %s", sections[i]);
    holds(page, "<h1>PLANTED: ");
    holds(page, "equivalent within ±0.25: ");
    cr_assert_eq(json_array_size(json_object_get(tree, "transcripts")), 3);
    free(page), json_decref(tree);
}

/* Answers that are no rule's, on z that are: said in every title, and nothing more is called planted. */
Test(study_page, a_planted_reference_is_in_every_title) {
    json_t *tree = planted_tree(0);
    json_object_set_new(tree, "planted", json_false());
    char *page = page_of(tree);
    cr_assert(page);
    lacks(page, "PLANTED");
    free(page);
    json_object_set_new(tree, "reference_planted", json_true());
    page = page_of(tree);
    cr_assert(page);
    holds(page, "<h1>PLANTED REFERENCE: ");
    holds(page, ">PLANTED REFERENCE: every z");
    lacks(page, "PLANTED: ");
    static const char title[] = "<figcaption><strong dir=\"auto\">";
    int titles = 0;
    for (const char *p = page; (p = strstr(p, title)); p++, titles++)
        cr_expect(!strncmp(p + strlen(title), "PLANTED REFERENCE: ", 19), "%.80s", p);
    cr_assert_gt(titles, 5);
    free(page), json_decref(tree);
}

Test(study_page, figures_of_an_archive_hold_together) {
    json_t *tree = planted_tree(0);
    size_t points = json_array_size(json_object_get(tree, "points"));
    cr_assert_gt(points, 0);
    for (size_t i = 0; i < points; i++)
        cr_assert(figure(tree, "points", i, "cpi", "lo") <= figure(tree, "points", i, "cpi", "value"));
    double en = figure(tree, "effects", 0, "cpi", "value"), ja = figure(tree, "effects", 1, "cpi", "value");
    cr_assert(en < -1 && ja > 1, "effects %g and %g", en, ja);
    /* two conditions: the slope is the difference of their means, the third point being the repeated arm */
    double slope = figure(tree, "slopes", 0, "cpi", "value"),
           difference = figure(tree, "points", 2, "cpi", "value") - figure(tree, "points", 0, "cpi", "value");
    cr_assert_float_eq(slope, difference, 1e-9, "%g and %g", slope, difference);
    cr_assert_float_eq(figure(tree, "sensitivity", 0, "cpi", "value"), en, 1e-12, "the first choice is the one reported");
    cr_assert_eq(json_array_size(json_object_get(tree, "transcripts")), 0);
    json_decref(tree);
}
