/* Writing systems: ICU's property values, and the codes that mean several of them. */
#include "study/script.h"
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

static const struct several {
    const char *code;
    int part[SCRIPT_PARTS];
} table[] = {
    {"Jpan", {USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA}},
    {"Kore", {USCRIPT_HANGUL, USCRIPT_HAN, -1}},
    {"Hans", {USCRIPT_HAN, -1, -1}},
    {"Hant", {USCRIPT_HAN, -1, -1}},
};

int script_find(struct script *out, const char *code) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(code, table[i].code)) {
            memcpy(out->part, table[i].part, sizeof out->part);
            return 1;
        }
    int32_t v = strlen(code) == 4 ? u_getPropertyValueEnum(UCHAR_SCRIPT, code) : UCHAR_INVALID_CODE;
    if (v == UCHAR_INVALID_CODE) return 0;
    *out = (struct script){{v, -1, -1}};
    return 1;
}

int script_of(uint32_t letter) {
    UErrorCode ec = U_ZERO_ERROR;
    return uscript_getScript((UChar32)letter, &ec);
}

int script_has(const struct script *s, int of) {
    for (int i = 0; i < SCRIPT_PARTS; i++)
        if (s->part[i] >= 0 && s->part[i] == of) return 1;
    return 0;
}

int script_dense(const struct script *s) {
    static const int dense[] = {USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA, USCRIPT_HANGUL, USCRIPT_THAI};
    for (size_t k = 0; k < sizeof dense / sizeof *dense; k++)
        if (s->part[0] == dense[k]) return 1;
    return 0;
}

int script_shared(const struct script *a, const struct script *b) {
    for (int i = 0; i < SCRIPT_PARTS; i++)
        for (int j = 0; j < SCRIPT_PARTS; j++)
            if (a->part[i] >= 0 && a->part[i] == b->part[j]) return 1;
    return 0;
}
