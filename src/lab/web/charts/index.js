// The closed set of charts: the names are those of PAGE_CHART_MAP in page.h. A chart has
//   draw({data, series, all, width, title})   the nodes of the drawing; series: those that are shown
//   note(data)                                one line: what its marks mean
//   beside({data, series, title, id})         something made once, under the drawing (may be left out)
//   fixed                                     series cannot be hidden
import { line } from "./line.js";
import { bar, dot } from "./category.js";
import { heatmap } from "./heatmap.js";
import { reliability, scatter } from "./scatter.js";
import { tokens } from "./tokens.js";

export const charts = { line, dot, bar, heatmap, scatter, reliability, tokens };
