// A report page, once its text is there: every block of data becomes a table or a plot. The page is shown when all of it stands, so
// that nothing moves under a reader's eyes.
import "./style.css";
import { el } from "./dom.js";
import { readData } from "./data.js";
import { makeFigure } from "./figure.js";
import { makeTable } from "./table.js";
import { makeTranscripts } from "./transcripts.js";
import { themeButton } from "./theme.js";

const root = document.documentElement;
root.classList.add("drawing");

const titleOf = (figure) => figure.querySelector("figcaption > strong").textContent;

/** One block that cannot be drawn says so in its place; the rest of the page stands. */
function guarded(figure, draw) {
  try {
    draw(figure);
  } catch (error) {
    console.error(error);
    figure.append(el("p.failed", { lang: "en", role: "alert" }, `This cannot be drawn: ${error.message}`));
  }
}

function start() {
  document.querySelector("header").append(themeButton());
  for (const figure of document.querySelectorAll("figure.table")) {
    guarded(figure, () => figure.append(makeTable(readData(figure), titleOf(figure), `${figure.id}.csv`)));
  }
  for (const figure of document.querySelectorAll("figure.figure")) {
    guarded(figure, () => makeFigure(figure, readData(figure), titleOf(figure)));
  }
  for (const figure of document.querySelectorAll("figure.transcripts")) {
    guarded(figure, () => figure.append(makeTranscripts(JSON.parse(figure.querySelector("script").textContent), figure.id)));
  }
  root.classList.replace("drawing", "drawn");
}

document.addEventListener("DOMContentLoaded", start);
