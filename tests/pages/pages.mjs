// pages.mjs MODULES BROWSER FOLDER: opens FOLDER/ltr.html and FOLDER/rtl.html, which page_sample wrote, and holds them to what the README
// of src/lab promises. Prints TAP. Each test gets a page of its own, from file://, with no network, and fails if the browser says
// anything or asks for anything but the file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, browserPath, folder] = process.argv.slice(2).map((path) => resolve(path));
const { chromium } = createRequire(join(modules, "package.json"))("playwright-core");
const CHARTS = ["line", "dot", "bar", "heatmap", "scatter", "reliability", "tokens"];
const FIRST = 50; // rows of a table that are shown at first

const tests = [];
const test = (name, run, options = {}) => tests.push({ name, run, ...options });

// ---- the page as a whole ----

test("nothing is asked of the network, and the policy forbids it", async (page) => {
  const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content");
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'sha256-[A-Za-z0-9+/]{43}='/);
  assert.doesNotMatch(policy.match(/script-src[^;]*/)[0], /unsafe/);
  const blocked = await page.evaluate(() => fetch("https://example.org/").then(() => "answered", () => "refused"));
  assert.equal(blocked, "refused");
}, { talks: true });

test("what a model wrote stays text", async (page) => {
  assert.equal(await page.title(), "A sample report");
  assert.equal(await page.locator("main img, main script:not([type='application/json'])").count(), 0);
  const quote = await page.locator("figure.quote pre").first().textContent();
  assert.ok(quote.startsWith("</script><script>"));
  assert.ok(quote.endsWith("\ufffd\ufffd"));
  const cell = page.locator("#table-1 tbody tr").nth(7).locator("td").last();
  assert.equal(await cell.textContent(), quote);
});

test("a script that is not the page's own does not run", async (page) => {
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'broken'";
    document.body.append(script);
  });
  assert.equal(await page.title(), "A sample report");
}, { talks: true });

test("the list of contents leads to every section", async (page) => {
  const targets = await page.locator("nav a").evaluateAll((links) => links.map((a) => document.querySelector(a.getAttribute("href"))?.tagName));
  assert.ok(targets.length >= 10);
  assert.ok(targets.every((tag) => tag === "SECTION"));
});

test("nothing moves after the page is shown", async (page) => {
  const shift = await page.evaluate(
    () =>
      new Promise((done) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value))).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 300);
      }),
  );
  assert.ok(shift < 0.01, `layout shift ${shift}`);
});

// ---- charts ----

/** Both axes are names, so the unit stands beside the colours. */
const NAMED = ["Carried over"];

test("every chart is drawn, with named axes and units", async (page) => {
  const figures = await page.locator("figure.figure").evaluateAll((all) =>
    all.map((figure) => ({
      chart: JSON.parse(figure.querySelector("script").textContent).chart,
      axes: [...figure.querySelectorAll("svg.chart [aria-label$='axis label']")].map((label) => label.textContent),
      colours: [...figure.querySelectorAll("svg.ramp [aria-label$='axis label']")].map((label) => label.textContent),
      name: figure.querySelector("svg.chart")?.getAttribute("aria-label"),
      title: figure.querySelector("figcaption strong").textContent,
      failed: figure.querySelectorAll(".failed").length,
    })),
  );
  assert.deepEqual([...new Set(figures.map((f) => f.chart))].sort(), [...CHARTS].sort());
  for (const { chart, axes, colours, name, title, failed } of figures) {
    assert.equal(failed, 0, chart);
    assert.equal(name, title, chart);
    assert.equal(axes.length, 2, `${chart}: ${axes}`);
    const unit = (label) => /\(.+\)$/.test(label);
    assert.ok(axes.some(unit) || (NAMED.includes(title) && colours.some(unit)), `${chart} names no unit: ${axes} ${colours}`);
  }
});

/** The figure of a chart. */
const figureOf = (page, chart) => page.locator("figure.figure").nth(CHARTS.indexOf(chart));

test("uncertainty is drawn wherever it is known", async (page) => {
  const count = (chart, part) => figureOf(page, chart).locator(`svg.chart ${part}`).count();
  assert.equal(await count("line", "g[aria-label='area'] path"), 9); // three readers, three tasks
  assert.equal(await count("dot", "g[aria-label='rule'] line"), 9 + 3); // and the constant in each row
  assert.ok((await count("bar", "g[aria-label='rule'] line")) >= 9);
  assert.ok((await count("scatter", "g[aria-label='rule'] line")) >= 90); // both ways
  assert.ok((await count("reliability", "g[aria-label='rule'] line")) >= 20);
  assert.equal(await count("tokens", "g[aria-label='rect'] rect"), 2 * 41);
  const widths = await figureOf(page, "heatmap").locator("svg.chart rect").evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute("width"))));
  assert.ok(Math.max(...widths) > 1.3 * Math.min(...widths), "cells of a heatmap shrink");
  for (const chart of CHARTS) assert.match(await figureOf(page, chart).locator(".note").textContent(), /95 %, made up/, chart);
});

test("names along the axes of a heatmap keep apart and inside", async (page) => {
  const boxes = await page.locator("#heatmap-names svg.chart").evaluate((chart) => {
    const frame = chart.getBoundingClientRect();
    const box = (node) => {
      const { left, right, bottom } = node.getBoundingClientRect();
      return { text: node.textContent, left: left - frame.left, right: right - frame.left, below: frame.bottom - bottom };
    };
    const texts = (part) => [...chart.querySelectorAll(part)].map(box);
    return { beside: texts("g[aria-label='y-axis tick label'] text"), below: texts("g[aria-label='x-axis tick label'] text"), axes: texts("g[aria-label$='axis label'] text") };
  });
  assert.ok(boxes.beside.length >= 5 && boxes.below.length >= 10);
  const [yAxis] = boxes.axes.filter((box) => box.text.startsWith("Trained on"));
  for (const box of boxes.beside) assert.ok(box.left >= 0 && box.left + 2 >= yAxis.right, `${box.text} is cut or runs into the axis' name`);
  for (const box of boxes.below) assert.ok(box.below >= 0, `${box.text} hangs out`);
});

test("the data stand beside every chart, whole", async (page) => {
  for (const chart of CHARTS) {
    const figure = figureOf(page, chart);
    await figure.locator("summary").focus();
    await page.keyboard.press("Enter");
    const rows = await figure.evaluate((node) => JSON.parse(node.querySelector("script").textContent).rows.length);
    await figure.locator("details table").waitFor();
    assert.equal(await figure.locator("details .count").textContent(), `${rows} rows`, chart);
    assert.equal(await figure.locator("details tbody tr").count(), Math.min(rows, FIRST), chart);
  }
});

test("a table is downloaded as CSV, to the digit", async (page) => {
  const figure = figureOf(page, "dot");
  await figure.locator("summary").click();
  const [file] = await Promise.all([page.waitForEvent("download"), figure.getByRole("button", { name: "CSV" }).click()]);
  const lines = readFileSync(await file.path(), "utf8").trimEnd().split("\r\n");
  assert.equal(lines[0], "\ufefftask,reader,saved,saved_low,saved_high");
  assert.equal(lines.length, 10);
  const data = await figure.evaluate((node) => JSON.parse(node.querySelector("script").textContent).rows[4]);
  assert.equal(lines[5], [data[0], data[1], ...data[2]].join(","));
});

test("series are hidden and shown again, never all", async (page) => {
  const figure = figureOf(page, "line");
  const entries = figure.locator(".legend button");
  for (let i = 0; i < 3; i++) {
    await entries.nth(i).focus();
    await page.keyboard.press("Space");
  }
  assert.deepEqual(await entries.evaluateAll((all) => all.map((b) => b.getAttribute("aria-pressed"))), ["false", "false", "true"]);
  assert.equal(await figure.locator("svg.chart g[aria-label='area'] path").count(), 3);
});

test("a trace is walked through by keyboard", async (page) => {
  const trace = page.locator(".trace");
  assert.ok((await trace.locator(".strip").textContent()).includes("</script>"));
  assert.deepEqual(await trace.locator(".mark").allTextContents(), ["change of mind", "exit"]);
  await trace.locator(".strip").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.match(await trace.locator("output").textContent(), /^2 of 41 .*Token: {2}me .*Believed answer: A .*Belief \(%\): 33\.0 \[25\.0, 41\.0\]/);
  await page.keyboard.press("End");
  assert.match(await trace.locator("output").textContent(), /^41 of 41 /);
  assert.equal(await trace.locator("[aria-selected]").count(), 1);
});

test("a chart follows the width of the window", async (page) => {
  const chart = figureOf(page, "line").locator("svg.chart");
  const wide = (await chart.boundingBox()).width;
  await page.setViewportSize({ width: 420, height: 800 });
  await page.waitForFunction((w) => document.querySelector("svg.chart").getBoundingClientRect().width < w, wide);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
});

test("a tip says what is under the pointer", async (page) => {
  const figure = figureOf(page, "dot");
  await figure.locator("svg.chart g[aria-label='dot'] path, svg.chart g[aria-label='dot'] circle").first().hover({ force: true });
  await page.waitForFunction(() => [...document.querySelectorAll("[aria-label='tip'] tspan")].some((t) => t.textContent.includes("Tokens saved (%)")));
});

// ---- tables ----

const column = (page, n) => page.locator(`#table-1 tbody td:nth-child(${n})`).allTextContents();
const numbers = (texts) => texts.map((text) => parseFloat(text.replace("\u2212", "-")));

test("a table is sorted by keyboard, missing values last", async (page) => {
  const head = page.locator("#table-1 th").nth(3);
  const before = await column(page, 1);
  await head.locator("button").focus();
  await page.keyboard.press("Enter");
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  const up = numbers(await column(page, 4));
  assert.deepEqual(up, [...up].sort((a, b) => a - b));
  await page.keyboard.press("Space");
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  const down = numbers(await column(page, 4));
  assert.ok(down[0] > up.at(-1));
  assert.deepEqual(down, [...down].sort((a, b) => b - a));
  await page.locator("#table-1 .data > button").press("Enter");
  await page.waitForFunction((first) => document.querySelectorAll("#table-1 tbody tr").length > first, FIRST);
  assert.equal((await column(page, 4)).at(-1), "–");
  await head.locator("button").press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#table-1 th")[3].getAttribute("aria-sort") === "none");
  assert.deepEqual((await column(page, 1)).slice(0, FIRST), before);
});

test("a table is filtered by words and by comparisons", async (page) => {
  const field = page.locator("#table-1 input");
  const count = page.locator("#table-1 .count");
  await field.focus();
  await page.keyboard.type("RECALL");
  assert.equal(await count.textContent(), "60 of 240 rows");
  await page.keyboard.type(" accuracy >= 50%");
  const shown = numbers(await column(page, 3));
  assert.ok(shown.length > 0 && shown.length < 60);
  assert.ok(shown.every((x) => x >= 50));
  await field.fill("nothing like this");
  assert.equal(await count.textContent(), "0 of 240 rows");
  await field.fill("");
  assert.equal(await count.textContent(), "240 rows");
});

test("intervals show as numbers and as drawings", async (page) => {
  const cell = page.locator("#table-1 tbody tr").first().locator("td").nth(2);
  assert.match(await cell.textContent(), /^\d+\.\d \[\d+\.\d, \d+\.\d\]$/);
  assert.equal(await cell.locator("svg line").count(), 1);
});

test("all controls are reached by keyboard, with names", async (page) => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const nameless = await page.evaluate(() => {
    const controls = [...document.querySelectorAll("button, input, summary, a, [tabindex='0']")];
    return controls.filter((c) => c.tabIndex < 0 || !(c.getAttribute("aria-label") || c.textContent.trim())).map((c) => c.outerHTML.slice(0, 80));
  });
  assert.deepEqual(nameless, []);
});

// ---- light, dark, paper, right to left ----

const luminance = (css) => {
  const [r, g, b] = css.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

/** Colours as the browser computes them. */
const colours = (page) =>
  page.evaluate(() => {
    const probe = document.body.appendChild(document.createElement("i"));
    const of = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const names = ["paper", "ink", "quiet", "link", ...Array.from({ length: 8 }, (_, i) => `s${i + 1}`)];
    const all = Object.fromEntries(names.map((name) => [name, of(name)]));
    probe.remove();
    return all;
  });

function legible(all) {
  for (const name of ["ink", "quiet", "link"]) assert.ok(contrast(all[name], all.paper) >= 4.5, `${name} ${contrast(all[name], all.paper)}`);
  for (let i = 1; i <= 8; i++) assert.ok(contrast(all[`s${i}`], all.paper) >= 3, `s${i} ${contrast(all[`s${i}`], all.paper)}`);
}

test("light and dark follow the system, and are legible", async (page) => {
  const light = await colours(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await colours(page);
  assert.ok(luminance(light.paper) > 0.8 && luminance(dark.paper) < 0.05);
  legible(light);
  legible(dark);
});

test("the reader's choice of theme wins", async (page) => {
  const toggle = page.locator("button.theme");
  await toggle.focus();
  await page.keyboard.press("Enter");
  assert.equal(await toggle.textContent(), "Theme: dark");
  assert.ok(luminance((await colours(page)).paper) < 0.05);
  const drawn = await figureOf(page, "line").locator("svg.chart g[aria-label='line'] path").first().evaluate((g) => getComputedStyle(g).stroke);
  assert.ok(contrast(drawn, (await colours(page)).paper) >= 3);
  await page.keyboard.press("Enter");
  await page.emulateMedia({ colorScheme: "dark" });
  assert.ok(luminance((await colours(page)).paper) > 0.8);
});

test("on paper: light, without controls, with all that is shown", async (page) => {
  await page.locator("button.theme").click(); // dark
  await page.emulateMedia({ media: "print" });
  assert.ok(luminance((await colours(page)).paper) > 0.8);
  for (const hidden of ["nav", ".tools", "button.theme", "details"]) assert.equal(await page.locator(hidden).first().isVisible(), false, hidden);
  assert.equal(await page.locator("svg.chart").first().isVisible(), true);
  const scroll = await page.locator("#table-1 .scroll").evaluate((box) => box.scrollHeight - box.clientHeight);
  assert.ok(scroll <= 1, "a table is printed whole");
  assert.ok((await page.pdf({ format: "A4" })).length > 10_000);
});

test("texts have their own direction", async (page) => {
  const direction = (selector, n) => page.locator(selector).nth(n).evaluate((node) => getComputedStyle(node).direction);
  assert.equal(await direction("#texts > p", 0), "rtl");
  assert.equal(await direction("#texts pre", 0), "ltr");
  assert.equal(await direction("#texts pre", 1), "rtl");
  assert.equal(await direction("#table-1 tbody tr:first-child td", 4), "rtl");
});

test("a page from right to left", async (page) => {
  const box = (selector) => page.locator(selector).first().boundingBox();
  assert.equal(await page.getAttribute("html", "lang"), "ar");
  assert.ok((await box("nav")).x > (await box("main")).x);
  const [first, last] = [await box("#table-1 th:first-child"), await box("#table-1 th:last-child")];
  assert.ok(first.x > last.x);
  assert.equal(await page.locator(".canvas").first().evaluate((node) => getComputedStyle(node).direction), "ltr");
}, { file: "rtl.html" });

// ---- a study of groups ----

const STUDY = { file: "study.html" };
const side = (page, n) => page.locator("figure.transcripts .pair > div").nth(n);

test("planted is said over every table, plot and transcript", async (page) => {
  assert.match(await page.locator("h1").textContent(), /^PLANTED: /);
  const titles = await page.locator("figcaption > strong").allTextContents();
  assert.ok(titles.length >= 10 && titles.every((title) => title.startsWith("PLANTED: ")), titles.join("; "));
  assert.deepEqual(await page.locator(".run > .planted").allTextContents(), ["PLANTED", "PLANTED"]);
  assert.equal(await page.locator(".failed").count(), 0);
  assert.equal(await page.locator("figure.figure svg.chart").count(), await page.locator("figure.figure").count());
}, STUDY);

test("two runs are chosen by keyboard and stand side by side", async (page) => {
  const boxes = [await side(page, 0).boundingBox(), await side(page, 1).boundingBox()];
  assert.equal(boxes[0].y, boxes[1].y);
  assert.ok(boxes[0].x + boxes[0].width <= boxes[1].x);
  await side(page, 0).getByLabel("Left:").focus();
  for (const key of ["ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  assert.equal(await side(page, 0).locator(".run").getAttribute("aria-label"), "ar");
  assert.equal(await side(page, 1).locator(".run").getAttribute("aria-label"), "ja");
}, STUDY);

test("what agents say stays text, in its own direction, channel by channel", async (page) => {
  assert.equal(await page.title(), "PLANTED: A group");
  assert.ok((await side(page, 0).locator(".said").first().textContent()).includes("</script><script>"));
  await side(page, 1).locator("select").selectOption({ label: "ar" });
  const direction = (n, part) => side(page, n).locator(part).first().evaluate((node) => getComputedStyle(node).direction);
  for (const part of [".event", ".act.talk", ".act.monologue", ".act.whisper"]) {
    assert.equal(await direction(0, part), "ltr", part);
    assert.equal(await direction(1, part), "rtl", part);
  }
  assert.equal(await side(page, 1).locator(".act.whisper .channel").first().textContent(), "whisper to Noah");
  const lines = await side(page, 1).locator(".said").first().locator("..").evaluate((act) => {
    const style = getComputedStyle(act);
    return [style.borderRightStyle, style.borderLeftStyle];
  });
  assert.deepEqual(lines, ["solid", "none"]);
}, STUDY);

test("a study on paper is light and shows both runs whole", async (page) => {
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.ok(luminance((await colours(page)).paper) > 0.8);
  const hidden = await side(page, 0).locator(".run").evaluate((box) => box.scrollHeight - box.clientHeight);
  assert.ok(hidden <= 1, `${hidden} px of a run are not printed`);
}, STUDY);

// ---- the runner ----

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"], timeout: 120_000 });

async function runOne({ run, file = "ltr.html", talks = false }) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, colorScheme: "light", offline: true });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const url = pathToFileURL(join(folder, file)).href;
  const said = [];
  const asked = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.stack));
  page.on("request", (request) => asked.push(request.url()));
  try {
    await page.goto(url, { waitUntil: "load" });
    await page.waitForSelector("html.drawn");
    if (said.length) throw new Error(`while it was drawn: ${said.join("; ")}`);
    await run(page);
    const others = asked.filter((address) => address !== url && !address.startsWith("blob:"));
    if (!talks && (said.length || others.length)) throw new Error([...said, ...others].join("; "));
  } finally {
    await context.close();
  }
}

let failed = 0;
console.log(`1..${tests.length + 1}`);
for (const [i, one] of tests.entries()) {
  try {
    await runOne(one);
    console.log(`ok ${i + 1} - ${one.name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${i + 1} - ${one.name}`);
    console.log(error.stack.replace(/^/gm, "# "));
  }
}
await browser.close();
const same = readFileSync(join(folder, "ltr.html")).equals(readFileSync(join(folder, "again.html")));
console.log(`${same ? "ok" : "not ok"} ${tests.length + 1} - the same calls give the same bytes`);
process.exit(failed > 0 || !same ? 1 : 0);
