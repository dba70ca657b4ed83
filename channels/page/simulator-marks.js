// WhatsApp's own marks as elements: bold, italic, strike, code, quotes and links.
// Only text nodes and elements named here are made: nothing in a message is read as markup.

const STYLES = { "*": "strong", "_": "em", "~": "s" };
const BLOCK = /```([^]+?)```/;
const CODE = /`([^`\n]+)`/;
const LINK = /(?:https?:\/\/|(?<!\p{L})www\.)(?:[^\s<>()[\]"'«»\\`|]|\([^\s<>()[\]"'«»\\`|]*\))+/iu;
const TAIL = /[.,;:!?…*_~']+$/u;
const WORD = /[\p{L}\p{N}]/u;

/** The text as WhatsApp would show it, ready to be put into an element. */
export function format(text) {
  const shown = document.createDocumentFragment();
  cut(text, BLOCK, (plain) => shown.append(...lines(plain)), (found) => shown.append(element("code", found[1].trim(), "block")));
  return shown;
}

/** Give the text around and between the matches of a pattern to `outside`, the matches to `inside`. */
function cut(text, pattern, outside, inside) {
  let rest = text;
  for (let found; (found = pattern.exec(rest)); rest = rest.slice(found.index + found[0].length)) {
    outside(rest.slice(0, found.index));
    inside(found);
  }
  outside(rest);
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => {
    const before = index ? ["\n"] : [];
    if (line.startsWith("> ")) return [...before, element("span", phrase(line.slice(2)), "quote")];
    const bullet = /^( *)[-*] (?=\S)/.exec(line);
    const words = bullet ? [`${bullet[1]}• `, ...phrase(line.slice(bullet[0].length))] : phrase(line);
    return [...before, ...words];
  });
}

/** The nodes of one line: code first, then links, then styles, as inside those no mark counts. */
function phrase(line) {
  const found = [];
  cut(line, CODE, (plain) => cut(plain, LINK, (words) => found.push(words), (link) => found.push(...anchor(link[0]))), (code) => found.push(element("code", code[1])));
  return styled(found);
}

function anchor(address) {
  const whole = address.replace(TAIL, "");
  const link = element("a", whole);
  link.href = /^www\./i.test(whole) ? `https://${whole}` : whole;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return [link, address.slice(whole.length)];
}

/** Wrap what stands between pairs of marks; `pieces` are texts, in which marks count, and elements. */
function styled(pieces) {
  // One unit per character, and one for an element, whatever it holds.
  const units = pieces.flatMap((piece) => (typeof piece === "string" ? [...piece] : [piece]));
  const pair = firstPair(units);
  if (!pair) return joined(units);
  const [start, end] = pair;
  return [
    ...joined(units.slice(0, start)),
    element(STYLES[units[start]], styled(units.slice(start + 1, end))),
    ...styled(units.slice(end + 1)),
  ];
}

/** A mark counts where it touches a non-space inside and no letter or digit outside. */
function firstPair(units) {
  const isWord = (unit) => typeof unit === "string" && WORD.test(unit);
  const isSpace = (unit) => unit === undefined || (typeof unit === "string" && /\s/.test(unit));
  for (const [start, mark] of units.entries()) {
    if (!(mark in STYLES) || isWord(units[start - 1]) || isSpace(units[start + 1]) || units[start + 1] === mark) continue;
    const end = units.findIndex((unit, at) => at > start + 1 && unit === mark && !isSpace(units[at - 1]) && !isWord(units[at + 1]));
    if (end > 0) return [start, end];
  }
  return null;
}

function joined(units) {
  const nodes = [];
  for (const unit of units) {
    if (typeof unit === "string" && typeof nodes.at(-1) === "string") nodes.push(nodes.pop() + unit);
    else nodes.push(unit);
  }
  return nodes;
}

function element(tag, content, className = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...[content].flat());
  return made;
}
