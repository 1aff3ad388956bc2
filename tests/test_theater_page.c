/* The theater page from trees: every branch has its section and its figures, what is absent or of another type is left out without a word, and text
 * from anywhere stays text. */
#include "lab/page_int.h"
#include "lab/theater_page.h"
#include <criterion/criterion.h>
#include <string.h>

TestSuite(theater_page, .timeout = HANG_S);

/* A tree with every branch, of one family of that name. Single quotes stand for double ones. */
static const char family[] =
    "{'kind':'K','traces':40,'accuracy':0.9,'thought_tokens':50,'tokens':54,'excluded':{'no answer':0,'no thought':3},"
    "'curves':{'probe':[{'value':0.3125,'lo':0.25,'hi':0.375,'at':0.25,'questions':40},{'value':null,'lo':null,'hi':null,'at':0."
    "75,'"
    "questions':0}],"
    "'text':[{'value':0.25,'lo':0.2,'hi':0.3,'at':0.25,'questions':40}],'forced':[{'value':0.26,'lo':0.2,'hi':0.3,'at':0.25,'"
    "questions':40}],"
    "'monitor':[{'value':0.27,'lo':0.2,'hi':0.3,'at':0.25,'questions':40}]},"
    "'at':{'probe':[{'value':0.625,'lo':0.5,'hi':0.75,'at':0.2},{'value':0.8,'lo':0.7,'hi':0.9,'at':0.9}]},"
    "'heat':[{'layer':-1,'accuracy':[0.2,0.3]},{'layer':3,'accuracy':[0.4,null]}],"
    "'rates':{'probe':{'reader_slope':{'value':0.1,'lo':0,'hi':0.2},'monitor_slope':{'value':0.5,'lo':0.4,'hi':0.6},"
    "'rate':{'value':0.4375,'lo':0.25,'hi':0.5},'rise_gap':{'value':0.4,'lo':0.3,'hi':0.5},'area':{'value':0.1,'lo':0,'hi':0.2},'"
    "mean_lead':0.05}},"
    "'calibration':{'by_place':[{'at':0.05,'ece':{'value':0.1,'lo':0.05,'hi':0.2},'brier':{'value':0.7,'lo':0.6,'hi':0.8}}],"
    "'reliability':[{'confidence':0.3,'accuracy':0.25,'lo':0.125,'hi':0.375,'readings':410,'questions':27}],"
    "'ece':{'value':0.1,'lo':0.05,'hi':0.2},'brier':{'value':0.7,'lo':0.6,'hi':0.8},'ece_one_vs_rest':{'value':0.05,'lo':0.04,'"
    "hi':0.06}},"
    "'agreement':{'both_right':{'value':0.14,'lo':0.1,'hi':0.2},'both_wrong':{'value':0.4,'lo':0.3,'hi':0.5},'steps':258},"
    "'stability':{'value':0.01,'lo':0.005,'hi':0.02},"
    "'inflections':{'rates':[{'kind':'backtrack','confident':{'value':null},'others':{'value':0.1,'lo':0,'hi':0.2},'difference':"
    "null}],'confident_traces':2},"
    "'timing':{'inflections':5,'shifts':30,'before':{'value':0.2,'lo':0.1,'hi':0.3,'expected':0.15,'p':0.25}},"
    "'exit':[{'policy':'probe','threshold':0.9,'tokens_saved':0.375,'accuracy':0.875,'accuracy_full':0.9,'seconds_saved':null,'"
    "chosen':true,"
    "'saved':{'value':0.375,'lo':0.25,'hi':0.5},'accuracy_estimate':{'value':0.875,'lo':0.75,'hi':1},'confidence':{'value':0."
    "953125,'lo':0.9375,"
    "'hi':0.96875},'forced_confidence':{'value':0.78125,'lo':0.6875,'hi':0.8125},'looks':0},"
    "{'policy':'agree','threshold':2,'tokens_saved':0.5,'accuracy':0.5,'chosen':false}],"
    "'live':[{'policy':'probe','threshold':0.9,'tokens_saved':{'value':0.34375,'lo':0.25,'hi':0.5},'seconds_saved':0.28125,'"
    "accuracy':0.875,'accuracy_full':0.9}]}";
static const char rest[] =
    "'model':'M','store':'S','traces_of':'test "
    "questions','settings':{'tap':'resid_out','model':{'name':'M'},'layers':[-1,3]},'evaluation':{'bootstrap':1000},"
    "'probe':{'classes':4,'best_layer':3,'tap':'resid_out','layers':[{'layer':-1,'val_accuracy':0.4},{'layer':3,'val_accuracy':0."
    "6}],"
    "'conformal':[{'alpha':0.05,'threshold':0.9375},{'alpha':0.01,'threshold':null}]},"
    "'between':[{'a':'K','b':'L','reader':'probe','value':-0.5,'lo':-0.75,'hi':-0.25}],'monitor':{'kind':'rules'},"
    "'examples':[{'id':'q-1','kind':'K','question':'Which?\\nA) one','answer':'A','right':true,'why':'known "
    "early','tokens':[{'text':'So','p':0.4,'class':'B'},"
    "{'text':' A','p':0.97,'class':'A'}],'marks':[{'token':1,'kind':'shift','text':'B to "
    "A'},{'token':1,'kind':'exit','text':'exit: A'}]}],"
    "'variants':[{'name':'probe','kind':'K','reader':'probe','layer':3,'heads':1,'rank':32,'pool':'attention','traces':40,'at_20'"
    ":{'value':0.59375,'lo':"
    "0.5,'hi':0.625},'at_90':0.9,'mean':0.7,'ece':0.1,'brier':0.4,'saved':{'value':0.40625,'lo':0.375,'hi':0.4375},'change':0},"
    "{'name':'forced answer','kind':'K','reader':'forced','traces':40,'at_20':0.3}],"
    "'transfer':[{'what':'stores','kind':'K','train':'M F16','test':'M "
    "Q4_0','accuracy':{'value':0.71875,'lo':0.5,'hi':0.75},'threshold':0.97,"
    "'tokens_saved':{'value':0.21875,'lo':0.125,'hi':0.25}},{'what':'families','train':'K','test':'L','accuracy':{'value':0.6875,"
    "'lo':0.5,'hi':0.75},'ece':0.1,'tokens_saved':0.2}],"
    "'sizes':[{'model':'M','kind':'K','probe_at_20':{'value':0.5,'lo':0.4,'hi':0.6},'rate':{'value':0.46875,'lo':0.25,'hi':0.5}}]"
    "}";

static json_t *tree_of(void) {
    char text[8000];
    json_error_t why;
    int n = snprintf(text, sizeof text, "{'families':{'K':%s},%s", family, rest);
    cr_assert(n > 0 && (size_t)n < sizeof text);
    for (char *s = text; *s; s++)
        if (*s == '\'') *s = '"';
    json_t *j = json_loads(text, 0, &why);
    cr_assert(j, "%s at %d", why.text, why.position);
    return j;
}

/* The body of the tree's page, or NULL where it could not be made. */
static char *body_of(const json_t *tree) {
    struct err e = ERR_INIT;
    struct page *p = NULL;
    int rc = theater_page(&p, tree, &e);
    if (rc < 0) cr_log_warn("%s: %s", err_name(rc), e.msg);
    char *body = rc < 0 ? NULL : strdup(p->body.s ? p->body.s : "");
    if (!rc) page_free(p);
    return body;
}

static void holds(const char *text, const char *part) { cr_assert(strstr(text, part), "\"%s\" is not in the page", part); }
static void lacks(const char *text, const char *part) { cr_assert(!strstr(text, part), "\"%s\" is in the page", part); }

static const char *const sections[] = {"summary",  "along",       "performativity", "examples", "layers-by-position",
                                       "layers",   "calibration", "agreement",      "turns",    "exits",
                                       "live",     "conformal",   "transfer",       "sizes",    "monitor",
                                       "variants", "excluded",    "settings"};
enum { SECTIONS = sizeof sections / sizeof *sections };

static int has_section(const char *body, const char *id) {
    char tag[80];
    snprintf(tag, sizeof tag, "<section id=\"%s\"", id);
    return strstr(body, tag) != NULL;
}

Test(theater_page, every_branch_has_its_section) {
    json_t *tree = tree_of();
    char *body = body_of(tree), *again = body_of(tree);
    cr_assert(body && again);
    for (int i = 0; i < SECTIONS; i++) cr_assert(has_section(body, sections[i]), "no section %s", sections[i]);
    cr_assert_str_eq(body, again, "the same tree gives the same bytes");
    free(body), free(again), json_decref(tree);
}

Test(theater_page, figures_stand_with_their_intervals) {
    static const char *const parts[] = {"[0.3125,0.25,0.375]",
                                        "[0.625,0.5,0.75]",
                                        "[0.4375,0.25,0.5]",
                                        "[0.25,0.125,0.375]",
                                        "[-0.5,-0.75,-0.25]",
                                        "[0.875,0.75,1]",
                                        "[0.34375,0.25,0.5]",
                                        "[0.28125,null,null]",
                                        "[0.6875,0.5,0.75]",
                                        "[0.46875,0.25,0.5]",
                                        "\"at\":0.25,\"label\":\"chance (1 of 4)\"",
                                        "B to A; exit: A",
                                        "\"heatmap\"",
                                        "\"reliability\"",
                                        "\"tokens\"",
                                        "probe, every token",
                                        "[0.953125,0.9375,0.96875]",
                                        "[0.78125,0.6875,0.8125]",
                                        "[0.59375,0.5,0.625]",
                                        "[0.40625,0.375,0.4375]",
                                        "[0.71875,0.5,0.75]",
                                        "[0.21875,0.125,0.25]",
                                        "M Q4_0",
                                        "no exit",
                                        "used: layer 3"};
    json_t *tree = tree_of();
    char *body = body_of(tree);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) holds(body, parts[i]);
    lacks(body, "\"no answer\",0");
    free(body), json_decref(tree);
}

Test(theater_page, what_is_not_there_has_no_section) {
    static const char *const later[][2] = {
        {"transfer", "transfer"}, {"sizes", "sizes"}, {"variants", "variants"}, {"examples", "examples"}, {"monitor", "monitor"}};
    json_t *tree = tree_of();
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        json_object_del(tree, later[i][0]);
        char *body = body_of(tree);
        cr_assert(!has_section(body, later[i][1]), "%s is gone", later[i][1]);
        cr_assert(has_section(body, "exits"));
        free(body);
    }
    json_object_del(json_object_get(json_object_get(tree, "families"), "K"), "live");
    char *body = body_of(tree);
    cr_assert(!has_section(body, "live"));
    free(body), json_decref(tree);
    tree = json_object(), body = body_of(tree);
    cr_assert(body, "an empty tree makes a page");
    for (int i = 0; i < SECTIONS; i++) cr_assert(!has_section(body, sections[i]));
    free(body), json_decref(tree);
}

static const char *const junk[] = {"null", "\"</script>\"", "-1e300", "[]", "[[1]]", "{\"value\":\"x\",\"lo\":2,\"hi\":1}",
                                   "true"};
enum { JUNK = sizeof junk / sizeof *junk };

/* Puts each junk in place of every value in turn; *left counts down to the one to replace. */
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

Test(theater_page, any_value_may_be_anything) {
    int tried = 0;
    for (int k = 0; k < JUNK; k++) {
        json_t *with = json_loads(junk[k], JSON_DECODE_ANY, NULL);
        for (int place = 0, more = 1; more; place++) {
            int left = place;
            json_t *tree = tree_of();
            more = spoil(tree, &left, with);
            char *body = body_of(tree);
            cr_assert(body, "value %d replaced by %s", place, junk[k]);
            tried += more;
            free(body), json_decref(tree);
        }
        json_decref(with);
    }
    cr_assert(tried > 1000, "%d places", tried);
}

Test(theater_page, foreign_text_stays_text) {
    static const char bad[] = "</script><img src=x onerror=alert(1)>\"'&";
    json_t *tree = tree_of(), *families = json_object_get(tree, "families"),
           *example = json_array_get(json_object_get(tree, "examples"), 0);
    static const char *const keys[] = {"id", "kind", "question", "answer", "why"};
    json_object_set(families, bad, json_object_get(families, "K"));
    json_object_set_new(tree, "model", json_string(bad)), json_object_set_new(tree, "store", json_string(bad));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) json_object_set_new(example, keys[i], json_string(bad));
    json_object_set_new(json_array_get(json_object_get(example, "tokens"), 0), "text", json_string(bad));
    json_object_set_new(json_object_get(tree, "settings"), bad, json_string(bad));
    char *body = body_of(tree);
    lacks(body, "<img");
    lacks(body, "</script><img");
    holds(body, "&lt;img src=x");
    holds(body, "\\u003c/script>\\u003cimg");
    free(body), json_decref(tree);
}

Test(theater_page, six_examples_at_most) {
    json_t *tree = tree_of(), *list = json_object_get(tree, "examples");
    for (int i = 0; i < 9; i++) json_array_append(list, json_array_get(list, 0));
    char *body = body_of(tree);
    int n = 0;
    for (const char *s = body; (s = strstr(s, "\"chart\":\"tokens\"")); s++) n++;
    cr_assert_eq(n, 6, "%d traces", n);
    free(body), json_decref(tree);
}

Test(theater_page, only_an_object_is_a_tree) {
    struct page *p = NULL;
    struct err e = ERR_INIT;
    json_t *list = json_array();
    cr_assert_eq(theater_page(&p, list, &e), ERR_ARG);
    cr_assert_eq(theater_page(&p, NULL, &e), ERR_ARG);
    cr_assert_null(p);
    json_decref(list);
}
