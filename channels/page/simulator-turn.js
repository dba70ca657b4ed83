// What happened in one turn, drawn from the clone's own record of it.

import { make } from "./simulator-elements.js";
import { locale, say } from "./simulator-texts.js";

const TOKENS = { input_tokens: "input", output_tokens: "output", total_tokens: "total" };
const number = new Intl.NumberFormat(locale);
const decimals = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** The record as elements, to put in the panel. */
export function describe(trace) {
  const parts = [facts(trace)];
  if (trace.error) parts.push(make("p", "error", trace.error));
  parts.push(part(say("route"), route(trace.route ?? [])));
  const passages = trace.passages ?? [];
  const title = passages.length ? `${say("passages")} (${passages.length})` : say("passages");
  const list = make("ul", "passages");
  list.append(...passages.map(passage));
  parts.push(part(title, passages.length ? list : make("p", "quiet", say("noPassages"))));
  return parts;
}

function part(title, content) {
  const section = make("section");
  section.append(make("h3", "", title), content);
  return section;
}

function facts(trace) {
  const list = make("dl", "facts");
  const add = (name, value, className = "") => {
    const box = make("div", className);
    box.append(make("dt", "", name), make("dd", "", value));
    list.append(box);
  };
  add(say("model"), trace.model || say("noModel"), "wide");
  add(say("seconds"), `${decimals.format(trace.seconds ?? 0)} s`);
  const usage = Object.entries(trace.usage ?? {}).filter(([, count]) => typeof count === "number");
  for (const [kind, count] of usage) {
    add(kind in TOKENS ? `${say("tokens")} · ${say(TOKENS[kind])}` : kind, number.format(count));
  }
  const known = ["done", "failed", "held"].includes(trace.status);
  add("Status", known ? say(trace.status) : String(trace.status ?? ""), `status ${known ? trace.status : ""}`);
  return list;
}

function route(nodes) {
  const list = make("ol", "route");
  list.append(...nodes.map((node) => make("li", "", node)));
  return list;
}

function passage({ document: file, section, excerpt, score, used }) {
  const item = make("li", used ? "passage used" : "passage");
  const head = make("div", "head");
  head.append(make("b", "file", file));
  if (used) head.append(make("span", "badge", say("used")));
  const bar = make("div", "bar");
  const fill = make("i");
  const share = Math.min(1, Math.max(0, Number(score) || 0));
  fill.style.width = `${share * 100}%`;
  bar.setAttribute("role", "meter");
  bar.setAttribute("aria-label", say("score"));
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "1");
  bar.setAttribute("aria-valuenow", share.toFixed(2));
  bar.append(fill);
  const measure = make("div", "measure");
  measure.append(bar, make("span", "", decimals.format(share)));
  item.append(head);
  if (section) item.append(make("p", "section", section));
  item.append(measure, make("blockquote", "", excerpt), fold(item));
  return item;
}

/** The button that shows the whole of a long excerpt. */
function fold(item) {
  const button = make("button", "more", say("more"));
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const open = item.classList.toggle("open");
    button.textContent = say(open ? "less" : "more");
    button.setAttribute("aria-expanded", String(open));
  });
  return button;
}

/** Drop the buttons of excerpts that fit anyway; call it when the panel is laid out. */
export function trim(root) {
  for (const quote of root.querySelectorAll("blockquote")) {
    quote.nextElementSibling.hidden = quote.scrollHeight <= quote.clientHeight + 2;
  }
}
