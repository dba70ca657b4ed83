// A recording as a bubble shows it: a button, its shape, where it is, and how long it is.

import { clock, draw, make } from "./simulator-elements.js";
import { say } from "./simulator-texts.js";

const BARS = 40;
const QUIETEST = 0.02;
const RATE = 16000;
const PLAY = ["M5.5 3.2v9.6a.6.6 0 0 0 .9.5l7.6-4.8a.6.6 0 0 0 0-1L6.4 2.7a.6.6 0 0 0-.9.5z"];
const PAUSE = ["M4.6 3h2.6v10H4.6zM9.8 3h2.6v10H9.8z"];

// A long conversation fetches what somebody looks at.
const players = new WeakMap();
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) players.get(target).fetch();
});

/** How loud each stretch of the sound is, beside its loudest. */
function shape(samples) {
  const size = Math.max(1, Math.floor(samples.length / BARS));
  const stretches = Array.from({ length: BARS }, (_, at) => {
    const stretch = samples.subarray(at * size, (at + 1) * size);
    return Math.sqrt(stretch.reduce((sum, each) => sum + each * each, 0) / size);
  });
  const loudest = Math.max(QUIETEST, ...stretches);
  return stretches.map((each) => each / loudest);
}

export class Player {
  static #playing = null;
  #source;
  #fetching = null;
  #seconds = 0;
  #audio = make("audio");
  #button = make("button", "play");
  #bars = Array.from({ length: BARS }, () => make("i"));
  #slider = make("input");
  #time = make("span", "length");
  #note = make("span", "gone");

  /** `source` is a blob, or the address of a recording of the clone's. */
  constructor(source) {
    this.#source = source;
    this.element = make("div", "voice");
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", say("voiceMessage"));
    // The time runs; nobody wants it read out.
    this.element.setAttribute("aria-live", "off");
    this.#button.type = "button";
    this.#button.addEventListener("click", () => this.#toggle());
    this.#prepareSlider();
    const bars = make("span", "bars");
    bars.append(...this.#bars);
    const track = make("div", "track");
    track.append(bars, this.#slider);
    this.#note.hidden = true;
    this.element.append(this.#button, track, this.#time, this.#note, this.#audio);
    for (const event of ["play", "pause"]) this.#audio.addEventListener(event, () => this.#follow());
    this.#audio.addEventListener("seeked", () => this.#show());
    this.#audio.addEventListener("ended", () => (this.#audio.currentTime = 0));
    this.#show();
    players.set(this.element, this);
    sight.observe(this.element);
  }

  /** Be silent, whoever speaks. */
  static pause() {
    Player.#playing?.pause();
  }

  /** Bring the recording, once; without a connection it is tried again at the next tap. */
  fetch() {
    this.#fetching ??= this.#bring().catch(() => (this.#fetching = null));
    return this.#fetching;
  }

  /** Be silent, and let go of the recording. */
  close() {
    sight.unobserve(this.element);
    this.#audio.pause();
    URL.revokeObjectURL(this.#audio.src);
  }

  #prepareSlider() {
    Object.assign(this.#slider, { type: "range", min: 0, max: 0, step: 0.1, value: 0 });
    this.#slider.setAttribute("aria-label", say("position"));
    this.#slider.addEventListener("input", () => {
      this.#audio.currentTime = this.#slider.value;
      this.#show();
    });
  }

  async #bring() {
    const recorded = this.#source instanceof Blob ? this.#source : await this.#download();
    if (!recorded) return;
    sight.unobserve(this.element);
    this.#audio.src = URL.createObjectURL(recorded);
    try {
      // Decoded, because what a browser records does not say how long it is.
      const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await recorded.arrayBuffer());
      this.#seconds = sound.duration;
      shape(sound.getChannelData(0)).forEach((each, at) => (this.#bars[at].style.height = `${10 + 90 * each}%`));
    } catch {
      this.#refuse("unplayable");
    }
    this.#slider.max = this.#seconds;
    this.#show();
  }

  async #download() {
    const response = await fetch(this.#source);
    if (response.ok) return response.blob();
    if (response.status < 500) this.#refuse("gone");
    else throw new Error("away");
    return null;
  }

  #refuse(reason) {
    this.#note.textContent = say(reason);
    this.#note.hidden = false;
    this.#time.hidden = true;
    this.#button.disabled = true;
    this.#slider.disabled = true;
  }

  async #toggle() {
    if (!this.#audio.paused) return this.#audio.pause();
    await this.fetch();
    if (!this.#audio.src || this.#button.disabled) return;
    Player.pause();
    Player.#playing = this.#audio;
    // It rejects when it is paused before it has begun.
    await this.#audio.play().catch(() => {});
  }

  #follow() {
    this.#show();
    if (!this.#audio.paused) requestAnimationFrame(() => this.#follow());
  }

  #show() {
    const { currentTime: at, paused } = this.#audio;
    const whole = this.#seconds;
    const state = paused ? "play" : "pause";
    if (this.#button.dataset.state !== state) {
      this.#button.dataset.state = state;
      this.#button.setAttribute("aria-label", say(state));
      this.#button.replaceChildren(draw(paused ? PLAY : PAUSE, "solid"));
    }
    const heard = whole ? (at / whole) * BARS : 0;
    this.#bars.forEach((bar, index) => bar.classList.toggle("heard", index < heard));
    this.#slider.value = at;
    this.#slider.setAttribute("aria-valuetext", say("positionOf", { at: clock(at), whole: clock(whole) }));
    this.#time.textContent = whole ? clock(at || whole) : "";
  }
}
