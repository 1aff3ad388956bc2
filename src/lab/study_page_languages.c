/* What agents of each language read, in figures: whether a difference between languages may be one of their texts. */
#include "lab/study_page_int.h"

int study_texts(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"),
                                                 NUMBER_COLUMN("graphemes", "All texts", "graphemes"),
                                                 NUMBER_COLUMN("expansion", "Over the first language", "times"),
                                                 NUMBER_COLUMN("placebo_ratio", "Placebo over alignment", "times"),
                                                 TEXT_COLUMN("worst_part", "Part furthest from its length"),
                                                 NUMBER_COLUMN("worst_ratio", "of what others lead to expect", "times"),
                                                 NUMBER_COLUMN("neutral_hits", "Dictionary hits in neutral text", ""),
                                                 NUMBER_COLUMN("wrong", "Found wrong", "")};
    struct titled s = {
        {p, "What agents read", "texts",
         "The texts of the languages against each other, as candor study languages compares them; what a text means no "
         "figure says.",
         0},
        tree};
    const json_t *texts = json_object_get(tree, "texts");
    return study_table(
        &s, "Lengths of texts, language by language",
        "Over the first language: over English where the study has it. The placebo should be as long as the alignment "
        "prefix, within 5 %. Wrong is what is missing, not translated, or a placebo of another length.",
        columns, COUNT(columns), page_rows(texts, columns, COUNT(columns), 0), e);
}
