// Where messages are made: written in a box that grows, or, while that is empty, recorded.

import { clock } from "./simulator-elements.js";
import { NoMicrophone, Recorder } from "./simulator-recorder.js";
import { say } from "./simulator-texts.js";

const TICK = 200;

export class Composer {
  #recorder = new Recorder();
  #ticking;

  /** `parts` are the page's elements: form, text, send, record, recording, discard, length, note. */
  constructor(parts, { listen, write, record }) {
    this.parts = parts;
    this.listen = listen;
    this.write = write;
    this.record = record;
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#recorder.isOpen) this.#sendRecording();
      else this.#sendText();
    });
    parts.text.addEventListener("input", () => this.#arrange());
    parts.text.addEventListener("keydown", (event) => {
      // Enter while composing (accents, Japanese) only ends the composition.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      parts.form.requestSubmit();
    });
    parts.record.addEventListener("click", () => this.#start());
    parts.discard.addEventListener("click", () => this.#discard());
    parts.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#recorder.isOpen) this.#discard();
    });
    // A page that is left does not go on listening.
    window.addEventListener("pagehide", () => this.cancel());
  }

  focus() {
    this.parts.text.focus();
  }

  /** Forget what is being recorded. */
  cancel() {
    this.#recorder.cancel();
    this.#arrange();
  }

  #sendText() {
    const { text } = this.parts;
    if (text.value.trim()) this.write(text.value.trim());
    text.value = "";
    this.#arrange();
    text.focus();
  }

  async #start() {
    this.parts.note.hidden = true;
    try {
      if (!(await this.#recorder.start())) return;
      this.listen();
      this.#arrange();
      this.parts.send.focus();
    } catch (error) {
      if (!(error instanceof NoMicrophone)) throw error;
      this.parts.note.textContent = say(error.reason);
      this.parts.note.hidden = false;
    }
  }

  async #sendRecording() {
    const finished = this.#recorder.finish();
    this.#arrange();
    this.parts.record.focus();
    const recorded = await finished;
    if (recorded.size) this.record(recorded);
  }

  #discard() {
    this.cancel();
    this.parts.record.focus();
  }

  /** Show what can be done now: write or record, send what is written, or what is recorded. */
  #arrange() {
    const { text, send, record, recording, note } = this.parts;
    const [records, written] = [this.#recorder.isOpen, text.value.trim() !== ""];
    recording.hidden = !records;
    text.hidden = records;
    record.hidden = records || written;
    send.hidden = !record.hidden;
    if (written) note.hidden = true;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
    clearInterval(this.#ticking);
    if (!records) return;
    this.#tick();
    this.#ticking = setInterval(() => this.#tick(), TICK);
  }

  #tick() {
    this.parts.length.textContent = clock(this.#recorder.seconds);
  }
}
