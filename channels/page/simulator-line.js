// The line to the clone: sends in order, and asks for news only while somebody looks.

import { say } from "./simulator-texts.js";

const WAITING = 400;
const PATIENT = 1000;
const RESTING = 3000;
const TIMEOUT = 15000;
// A recording may have a slow way up.
const UPLOAD_TIMEOUT = 60000;
const KEY = "clone-conversation";

/** The clone cannot be reached; `refused` when it answered that we may not. */
export class Away extends Error {
  constructor(refused) {
    super("away");
    this.refused = refused;
  }
}

function newId() {
  // Not crypto.randomUUID: that is missing on plain http outside this machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}

function remembered() {
  const id = localStorage.getItem(KEY);
  return /^[\w-]{8,64}$/.test(id) ? id : null;
}

export class Line {
  #conversation = remembered() ?? newId();
  #queue = [];
  #version = 0;
  #changed = Date.now();
  #timer;
  #busy = false;
  #away = false;

  /** `hears` has news(bubbles, typing) → whether a reply is due, accepted, rejected, away, back. */
  constructor(hears) {
    this.hears = hears;
    this.#remember();
    document.addEventListener("visibilitychange", () => this.hurry());
    window.addEventListener("online", () => this.hurry());
  }

  /** Leave the conversation for a new one. */
  begin() {
    this.#conversation = newId();
    this.#queue = [];
    this.#version = 0;
    this.#remember();
    this.hurry();
  }

  /** Put a text or a recording in the queue and return its id; it stays until the clone has it. */
  send({ text, recording }) {
    const id = newId();
    this.#queue.push({ conversation: this.#conversation, id, text, recording });
    this.#changed = Date.now();
    this.hurry();
    return id;
  }

  /** Ask now instead of at the next tick. */
  hurry() {
    this.#after(0);
  }

  /** What happened in a turn, or null when there is no record of it. */
  async turn(id) {
    const { ok, body } = await this.#ask(`/simulator/turns/${encodeURIComponent(id)}?${this.#query()}`);
    return ok ? body : null;
  }

  #remember() {
    localStorage.setItem(KEY, this.#conversation);
  }

  #query() {
    return `conversation=${this.#conversation}`;
  }

  #after(milliseconds) {
    clearTimeout(this.#timer);
    // A hidden page asks for nothing, but what was sent just before still leaves.
    const leaving = this.#queue.length > 0 && !this.#away;
    if (!document.hidden || leaving) this.#timer = setTimeout(() => this.#round(), milliseconds);
  }

  async #round() {
    if (this.#busy) return;
    this.#busy = true;
    const conversation = this.#conversation;
    let pause = RESTING;
    try {
      await this.#deliver();
      pause = await this.#listen(conversation);
      if (this.#queue.length) pause = 0;
      this.#away = false;
      this.hears.back();
    } catch (error) {
      if (!(error instanceof Away)) throw error;
      this.#away = true;
      this.hears.away(error);
    } finally {
      this.#busy = false;
      this.#after(pause);
    }
  }

  async #deliver() {
    while (this.#queue.length) {
      const message = this.#queue[0];
      const { ok, body } = await (message.recording ? this.#upload(message) : this.#post(message));
      // A new conversation may have emptied the queue meanwhile.
      if (this.#queue[0] !== message) continue;
      this.#queue.shift();
      if (ok) this.hears.accepted(message.id, body.text);
      else this.hears.rejected(message.id, body.error);
    }
  }

  #post(message) {
    return this.#ask("/simulator/messages", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(message),
    });
  }

  #upload({ conversation, id, recording }) {
    // A blob knows its type, down to the codec.
    const query = new URLSearchParams({ conversation, id });
    return this.#ask(`/simulator/recordings?${query}`, { method: "POST", body: recording }, UPLOAD_TIMEOUT);
  }

  async #listen(conversation) {
    const { body } = await this.#ask(`/simulator/messages?${this.#query()}&after=${this.#version}`);
    const { bubbles = [], typing = false } = body;
    if (conversation !== this.#conversation) return 0;
    const version = Math.max(this.#version, ...bubbles.map((each) => each.version));
    if (version > this.#version) this.#changed = Date.now();
    this.#version = version;
    if (!this.hears.news(bubbles, typing)) return RESTING;
    const waited = Date.now() - this.#changed;
    return waited < 30000 ? WAITING : waited < 120000 ? PATIENT : RESTING;
  }

  async #ask(address, options = {}, timeout = TIMEOUT) {
    try {
      const response = await fetch(address, { ...options, signal: AbortSignal.timeout(timeout) });
      if (response.status === 403) throw new Away(true);
      // The server itself may have said so, in words that are not ours.
      if (response.status === 413) return { ok: false, body: { error: say("tooLarge") } };
      if (response.status < 500) return { ok: response.ok, body: await response.json() };
    } catch (error) {
      // No connection, no answer in time, or a stranger's answer: all mean the same here.
      if (error instanceof Away) throw error;
    }
    throw new Away(false);
  }
}
