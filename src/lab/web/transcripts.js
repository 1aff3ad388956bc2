// What groups said: two runs side by side, each chosen in a list. Channels differ by word, line and indent, not by colour alone; every
// text finds its own direction.
import { el } from "./dom.js";

const text = (value) => (typeof value === "string" ? value : "");
const list = (value) => (Array.isArray(value) ? value : []);
const CHANNELS = ["talk", "monologue", "whisper"];

export function makeTranscripts({ planted, runs }, id) {
  const known = list(runs).filter((run) => run && typeof run === "object");
  const boxes = [0, Math.min(1, known.length - 1)].map((at, side) => makeSide(known, at, side, id, planted));
  return el("div.pair", {}, ...(known.length ? boxes : []));
}

function makeSide(runs, at, side, id, planted) {
  const run = el("div.run", { tabindex: 0, role: "region", "aria-live": "off" });
  const select = el(
    "select",
    { "aria-controls": `${id}-run-${side + 1}`, onchange: () => show(Number(select.value)) },
    ...runs.map((one, i) => el("option", { value: i, selected: i === at }, text(one.label))),
  );
  run.id = `${id}-run-${side + 1}`;
  function show(i) {
    run.setAttribute("aria-label", text(runs[i].label));
    run.replaceChildren(...(planted ? [el("p.planted", { lang: "en" }, "PLANTED")] : []), ...list(runs[i].turns).flatMap(makeTurn));
    run.scrollTop = 0;
  }
  if (runs.length) show(at);
  return el("div", {}, el("label", { lang: "en" }, side ? "Right: " : "Left: ", select), run);
}

function makeTurn(turn) {
  const event = text(turn?.event);
  return [
    el("h3", { lang: "en" }, `Turn ${Number(turn?.turn) || ""}`),
    event ? el("p.event", { dir: "auto" }, event) : null,
    ...list(turn?.said).flatMap(makeSaid),
  ].filter((node) => node);
}

function makeSaid(said) {
  const note = text(said?.note);
  const who = el("p.who", { dir: "auto" }, el("span", {}, text(said?.who)), note ? el("span.status", { lang: "en", dir: "ltr" }, note) : null);
  return [who, ...list(said?.acts).map(makeAct)];
}

function makeAct(act) {
  const channel = CHANNELS.includes(act?.channel) ? act.channel : "talk";
  const to = text(act?.to);
  return el(
    `div.act.${channel}`,
    { dir: "auto" },
    el("span.channel", {}, el("bdi", { lang: "en" }, to ? `${channel} to` : channel), to ? " " : null, to ? el("bdi", {}, to) : null),
    el("span.said", {}, text(act?.text)), // the rest is isolated, so that this decides the direction
  );
}
