// The microphone: one recording at a time, as small as a voice note is.

// In seconds; what is longer ends by itself there, and can still be sent.
const LONGEST = 120;
// Speech needs no more, and WhatsApp's own voice notes have about as much.
const BITS_PER_SECOND = 16000;
const FORMS = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];

/** There is nothing to record with; `reason` names the words that say why. */
export class NoMicrophone extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

async function open() {
  if (!window.isSecureContext) throw new NoMicrophone("microphoneInsecure");
  const form = FORMS.find((each) => window.MediaRecorder?.isTypeSupported(each));
  if (!form || !navigator.mediaDevices) throw new NoMicrophone("microphoneMissing");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    return new MediaRecorder(stream, { mimeType: form, audioBitsPerSecond: BITS_PER_SECOND });
  } catch (error) {
    throw new NoMicrophone(error.name === "NotAllowedError" ? "microphoneDenied" : "microphoneMissing");
  }
}

/** End a recording and put the browser's sign of an open microphone out. */
function stop(recorder) {
  if (recorder?.state === "recording") recorder.stop();
  for (const track of recorder?.stream.getTracks() ?? []) track.stop();
}

export class Recorder {
  #recorder = null;
  #recorded = null;
  #begun = 0;
  #length = 0;
  #timer;
  #asked = 0;

  get isOpen() {
    return this.#recorder !== null;
  }

  /** How much there is, in seconds. */
  get seconds() {
    const runs = this.#recorder?.state === "recording";
    return Math.min(LONGEST, runs ? (performance.now() - this.#begun) / 1000 : this.#length);
  }

  /** Begin; returns false when it was cancelled meanwhile, and throws `NoMicrophone`. */
  async start() {
    const asked = ++this.#asked;
    const recorder = await open();
    if (asked !== this.#asked) {
      stop(recorder);
      return false;
    }
    // Everything comes in one piece, whoever stops it: we, or a microphone that is pulled out.
    this.#recorded = new Promise((resolve) => {
      recorder.addEventListener("dataavailable", ({ data }) => resolve(data), { once: true });
    });
    recorder.addEventListener("stop", () => recorder === this.#recorder && this.#hold());
    this.#recorder = recorder;
    this.#length = 0;
    this.#begun = performance.now();
    recorder.start();
    this.#timer = setTimeout(() => this.#hold(), LONGEST * 1000);
    return true;
  }

  /** End, and promise what was recorded, as a blob. */
  finish() {
    this.#hold();
    this.#recorder = null;
    return this.#recorded;
  }

  /** End, and forget what was recorded. */
  cancel() {
    this.#asked += 1;
    const recorder = this.#recorder;
    this.#recorder = null;
    clearTimeout(this.#timer);
    stop(recorder);
  }

  #hold() {
    clearTimeout(this.#timer);
    this.#length ||= (performance.now() - this.#begun) / 1000;
    stop(this.#recorder);
  }
}
