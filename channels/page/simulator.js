// The page of the simulator: wires the chat, the line to the clone and the panel of a turn.

import { Chat } from "./simulator-chat.js";
import { Composer } from "./simulator-composer.js";
import { make } from "./simulator-elements.js";
import { Line } from "./simulator-line.js";
import { Player } from "./simulator-player.js";
import { questions, say, translate } from "./simulator-texts.js";
import { describe, trim } from "./simulator-turn.js";

const byId = (id) => document.getElementById(id);
const { name, languages } = document.body.dataset;
const [panel, phone] = [byId("panel"), document.querySelector(".phone")];
const narrow = window.matchMedia("(max-width: 860px)");

translate(document);
byId("empty-title").textContent = say("emptyTitle", { name });
// The token has become a cookie; it should not stay in the address or the history.
if (location.search) history.replaceState(null, "", "/");

const chat = new Chat(
  {
    log: byId("log"),
    list: byId("bubbles"),
    empty: byId("empty"),
    typing: byId("typing"),
    jump: byId("jump"),
    unseen: byId("unseen"),
  },
  { name, explain },
);

const line = new Line({
  news(bubbles, typing) {
    const due = chat.show(bubbles, typing);
    presence(typing ? "typing" : "online");
    follow();
    return due;
  },
  accepted: (id, kept) => chat.accept(id, kept),
  rejected: (id, reason) => chat.reject(id, reason),
  back: () => (byId("away").hidden = true),
  away(error) {
    byId("away-text").textContent = say(error.refused ? "refused" : "away");
    byId("away").hidden = false;
    byId("typing").hidden = true;
    presence("offline");
  },
});

function presence(state) {
  const place = byId("presence");
  // Writing the same words again would make screen readers say them again.
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = say(state);
}

// Writing, recording and sending

function write(text) {
  byId("empty").hidden = true;
  chat.addMine(line.send({ text }), text);
}

function record(recording) {
  byId("empty").hidden = true;
  chat.addMine(line.send({ recording }), "", recording);
}

const composer = new Composer(
  {
    form: byId("composer"),
    text: byId("text"),
    send: byId("send"),
    record: byId("record"),
    recording: byId("recording"),
    discard: byId("discard"),
    length: byId("length"),
    note: byId("note"),
  },
  // What plays would be recorded as well.
  { listen: Player.pause, write, record },
);
byId("retry").addEventListener("click", () => line.hurry());
for (const question of questions(languages.split(" "))) {
  const chip = make("button", "", question);
  chip.type = "button";
  chip.addEventListener("click", () => write(question));
  byId("suggestions").append(chip);
}

// A new conversation

byId("new").addEventListener("click", () => {
  if (byId("empty").hidden) byId("confirm").showModal();
});
byId("keep").addEventListener("click", () => byId("confirm").close());
byId("begin").addEventListener("click", () => {
  byId("confirm").close();
  close();
  chat.clear();
  line.begin();
  composer.cancel();
  composer.focus();
});

// What happened in a turn

let opener = null;
let shown = "";

async function explain(turn, button) {
  if (button && shown === turn && !panel.hidden) return close();
  if (button) opener = button;
  shown = turn;
  chat.mark(turn);
  panel.hidden = false;
  phone.inert = narrow.matches;
  byId("veil").hidden = !narrow.matches;
  if (button) byId("panel-title").focus({ preventScroll: true });
  const place = byId("turn");
  place.setAttribute("aria-busy", "true");
  if (!place.hasChildNodes()) place.append(make("p", "quiet", say("loading")));
  const trace = await line.turn(turn).catch(() => null);
  // Another reply may have been tapped while this one was on its way.
  if (shown !== turn) return;
  place.replaceChildren(...(trace ? describe(trace) : [make("p", "quiet", say("noTurn"))]));
  place.setAttribute("aria-busy", "false");
  place.scrollTop = 0;
  trim(place);
}

let latest = "";

/** Beside the chat the panel goes along with the conversation. */
function follow() {
  const [before, now] = [latest, chat.latestTurn];
  latest = now;
  if (now !== before && shown && shown === before && !narrow.matches) explain(now, null);
}

function close() {
  if (panel.hidden) return;
  panel.hidden = true;
  phone.inert = false;
  byId("veil").hidden = true;
  byId("turn").replaceChildren();
  shown = "";
  chat.mark("");
  if (opener?.isConnected) opener.focus({ preventScroll: true });
}

byId("close").addEventListener("click", close);
byId("veil").addEventListener("click", close);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("confirm").open) close();
});
narrow.addEventListener("change", () => {
  phone.inert = narrow.matches && !panel.hidden;
  byId("veil").hidden = phone.inert === false;
});

presence("online");
line.hurry();
if (!narrow.matches) composer.focus();
