// The bubbles of the conversation, in order, with their times and ticks.

import { draw, make } from "./simulator-elements.js";
import { format } from "./simulator-marks.js";
import { Player } from "./simulator-player.js";
import { language, locale, say } from "./simulator-texts.js";

const NEAR = 80;
const TICKS = {
  sending: ["M8 4.5v4l2.5 1.5", "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z"],
  stored: ["m3 8.5 3.5 3.5L13.5 4"],
  read: ["m.8 8.5 3.5 3.5L11.3 4", "m8.2 11 1 1 7-8"],
};
TICKS.answered = TICKS.read;

const hours = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

function dayOf(seconds) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const date = new Date(seconds * 1000);
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  return days === 0 ? say("today") : days === 1 ? say("yesterday") : calendar.format(date);
}

export class Chat {
  #rows = [];
  #unseen = 0;
  #stays = true;

  /** `parts` are the page's elements: log, list, empty, typing, jump, unseen. */
  constructor(parts, { name, explain }) {
    this.parts = parts;
    this.name = name;
    this.explain = explain;
    parts.log.addEventListener("scroll", () => this.#isNear() && this.#seen(), { passive: true });
    parts.jump.addEventListener("click", () => this.toLatest());
    // The room shrinks when a phone's keyboard opens or the input grows: stay at the end.
    new ResizeObserver(() => this.#stays && this.toLatest()).observe(parts.log);
  }

  clear() {
    for (const { player } of this.#rows) player?.close();
    this.#rows = [];
    this.parts.list.replaceChildren();
    this.parts.empty.hidden = false;
    this.#seen();
  }

  /** Show a message of mine before the clone has it: a text, or a recording as a blob. */
  addMine(id, text, audio = null) {
    this.#put({ id, side: "me", text, audio, at: Date.now() / 1000, status: "sending", turn_id: "" });
    this.#arrange();
    this.toLatest();
  }

  /** The clone holds the message; its wording is what the clone kept. */
  accept(id, text) {
    const row = this.#rows.find((each) => each.bubble.id === id && each.bubble.status === "sending");
    if (row) this.#fill(row, { ...row.bubble, text, status: "stored" });
  }

  reject(id, reason) {
    const row = this.#rows.find((each) => each.bubble.id === id);
    if (row) this.#fill(row, { ...row.bubble, status: "rejected", reason });
  }

  /** Show what is new; returns whether a reply is still due. */
  show(bubbles, typing) {
    const stays = this.#isNear();
    // The same news may be told twice.
    const news = bubbles.filter((each) => !this.#rows.some(({ bubble: { id, version } }) => id === each.id && version === each.version));
    for (const bubble of news) this.#unseen += this.#put(bubble) && bubble.side === "clone" ? 1 : 0;
    if (news.length) this.#arrange();
    this.parts.empty.hidden = this.#rows.length > 0;
    this.parts.typing.hidden = !typing;
    this.parts.log.setAttribute("aria-busy", "false");
    if (stays) this.toLatest();
    else this.#countUnseen();
    return typing || this.#rows.some(({ bubble }) => ["sending", "stored", "read"].includes(bubble.status));
  }

  /** The latest turn that has a reply, or an empty text. */
  get latestTurn() {
    return this.#rows.findLast(({ bubble }) => bubble.side === "clone" && bubble.turn_id)?.bubble.turn_id ?? "";
  }

  /** Mark the bubbles of the turn that is being explained. */
  mark(turn) {
    for (const { bubble, element, button } of this.#rows) {
      const marked = turn !== "" && bubble.turn_id === turn;
      element.classList.toggle("marked", marked);
      button.setAttribute("aria-expanded", String(marked));
    }
  }

  toLatest() {
    this.parts.log.scrollTop = this.parts.log.scrollHeight;
    this.#seen();
  }

  #isNear() {
    const { scrollHeight, scrollTop, clientHeight } = this.parts.log;
    this.#stays = scrollHeight - scrollTop - clientHeight < NEAR;
    this.parts.jump.hidden = this.#stays;
    return this.#stays;
  }

  #seen() {
    this.#unseen = 0;
    this.#stays = true;
    this.parts.jump.hidden = true;
    this.#countUnseen();
  }

  #countUnseen() {
    this.parts.unseen.textContent = this.#unseen;
    this.parts.unseen.hidden = this.#unseen === 0;
  }

  // The clone may know my message by another id than the one I gave it.
  #rowOf(bubble) {
    const waits = ({ bubble: { version, status, text, audio } }) =>
      !version && status !== "rejected" && text === bubble.text && !audio === !bubble.audio;
    const same = this.#rows.find((row) => row.bubble.id === bubble.id);
    return same ?? (bubble.side === "me" ? this.#rows.find(waits) : undefined);
  }

  /** Add or update one bubble; returns whether it is new. */
  #put(bubble) {
    const known = this.#rowOf(bubble);
    const row = known ?? this.#build();
    if (!known) this.#rows.push(row);
    this.#fill(row, bubble);
    return !known;
  }

  #build() {
    const element = make("li");
    const day = make("p", "day");
    const body = make("div", "bubble");
    const author = make("span", "unseen-text");
    const text = make("p", "text");
    const meta = make("span", "meta");
    const button = make("button", "explain", "i");
    text.dir = "auto";
    button.type = "button";
    button.title = say("whatHappened");
    button.setAttribute("aria-label", say("whatHappened"));
    button.setAttribute("aria-expanded", "false");
    body.append(author, text, meta);
    const line = make("div", "line");
    line.append(body, button);
    element.append(day, line);
    return { element, day, body, author, text, meta, button };
  }

  #fill(row, bubble) {
    row.bubble = bubble;
    row.element.classList.add("row", bubble.side);
    row.author.textContent = `${bubble.side === "me" ? say("me") : this.name}: `;
    if (bubble.audio && !row.player) {
      // What was sent from here keeps playing from here.
      row.player = new Player(bubble.audio);
      row.author.after(row.player.element);
    }
    row.text.replaceChildren(format(bubble.text));
    row.text.hidden = !bubble.text;
    const time = make("time", "", hours.format(new Date(bubble.at * 1000)));
    time.dateTime = new Date(bubble.at * 1000).toISOString();
    row.meta.replaceChildren(time);
    if (bubble.status in TICKS) {
      row.meta.append(draw(TICKS[bubble.status], `tick ${bubble.status}`, say(bubble.status)));
    }
    if (bubble.status === "rejected") row.meta.append(make("strong", "rejected", bubble.reason));
    row.button.onclick = () => this.explain(bubble.turn_id, row.button);
  }

  /** Bring the rows into order: days, groups of one side, and one button at the end of a turn. */
  #arrange() {
    this.#rows.sort((a, b) => a.bubble.at - b.bubble.at || (a.bubble.side === b.bubble.side ? 0 : a.bubble.side === "me" ? -1 : 1));
    const { list } = this.parts;
    let before = {};
    this.#rows.forEach((row, index) => {
      if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null);
      const { side, at, turn_id: turn } = row.bubble;
      const day = dayOf(at);
      row.day.textContent = day === before.day ? "" : day;
      row.element.classList.toggle("first", side !== before.side || day !== before.day);
      const next = this.#rows[index + 1]?.bubble;
      row.button.hidden = side !== "clone" || !turn || (next?.side === "clone" && next.turn_id === turn);
      before = { side, day };
    });
    this.parts.list.lang = language;
  }
}
