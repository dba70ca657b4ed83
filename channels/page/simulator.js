// The page of the simulator: wires the chat, the line to the clone and the panel of a turn.

import { Chat, make } from "./simulator-chat.js";
import { Line } from "./simulator-line.js";
import { questions, say, translate } from "./simulator-texts.js";
import { describe, trim } from "./simulator-turn.js";

const byId = (id) => document.getElementById(id);
const { name, languages } = document.body.dataset;
const [text, panel, phone] = [byId("text"), byId("panel"), document.querySelector(".phone")];
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

// Writing and sending

function send(words) {
  if (!words.trim()) return;
  byId("empty").hidden = true;
  chat.addMine(line.send(words.trim()), words.trim());
}

function grow() {
  byId("send").disabled = !text.value.trim();
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  // Enter while composing (accents, Japanese) only ends the composition.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send(text.value);
  text.value = "";
  grow();
  text.focus();
});
byId("retry").addEventListener("click", () => line.hurry());
for (const question of questions(languages.split(" "))) {
  const chip = make("button", "", question);
  chip.type = "button";
  chip.addEventListener("click", () => send(question));
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
  text.focus();
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
if (!narrow.matches) text.focus();
