// The page's own words, in the browser's language; what the clone says comes from the clone.

const TEXTS = {
  pt: {
    online: "online",
    typing: "digitando…",
    offline: "sem conexão",
    newConversation: "Nova conversa",
    newQuestion: "O clone começa do zero, e esta conversa deixa de aparecer aqui.",
    begin: "Começar",
    cancel: "Cancelar",
    retry: "Tentar agora",
    away: "O clone não está respondendo. Suas mensagens esperam aqui.",
    refused: "Acesso recusado. Abra o endereço mostrado quando o clone iniciou.",
    messages: "Mensagens",
    message: "Mensagem",
    send: "Enviar",
    toLatest: "Ir para a última mensagem",
    emptyTitle: "Converse com {name}",
    emptyHint: "Escreva como no WhatsApp, ou comece por aqui:",
    today: "Hoje",
    yesterday: "Ontem",
    me: "Você",
    sending: "enviando",
    stored: "recebida",
    read: "lida",
    answered: "respondida",
    whatHappened: "O que aconteceu",
    close: "Fechar",
    loading: "Carregando…",
    noTurn: "Ainda não há registro deste turno.",
    done: "respondido",
    failed: "falhou",
    held: "retido",
    route: "Caminho",
    passages: "Trechos lidos",
    noPassages: "Nenhum trecho foi consultado.",
    used: "usado",
    score: "Relevância",
    more: "Ver tudo",
    less: "Ver menos",
    model: "Modelo",
    noModel: "nenhum",
    seconds: "Tempo",
    tokens: "Tokens",
    input: "entrada",
    output: "saída",
    total: "total",
  },
  en: {
    online: "online",
    typing: "typing…",
    offline: "offline",
    newConversation: "New conversation",
    newQuestion: "The clone starts afresh, and this conversation is no longer shown here.",
    begin: "Start",
    cancel: "Cancel",
    retry: "Try now",
    away: "The clone is not answering. Your messages wait here.",
    refused: "Access refused. Open the address shown when the clone started.",
    messages: "Messages",
    message: "Message",
    send: "Send",
    toLatest: "Go to the latest message",
    emptyTitle: "Talk with {name}",
    emptyHint: "Write as on WhatsApp, or start here:",
    today: "Today",
    yesterday: "Yesterday",
    me: "You",
    sending: "sending",
    stored: "received",
    read: "read",
    answered: "answered",
    whatHappened: "What happened",
    close: "Close",
    loading: "Loading…",
    noTurn: "There is no record of this turn yet.",
    done: "answered",
    failed: "failed",
    held: "held back",
    route: "Route",
    passages: "Passages read",
    noPassages: "No passage was consulted.",
    used: "used",
    score: "Relevance",
    more: "Show all",
    less: "Show less",
    model: "Model",
    noModel: "none",
    seconds: "Time",
    tokens: "Tokens",
    input: "input",
    output: "output",
    total: "total",
  },
  es: {
    online: "en línea",
    typing: "escribiendo…",
    offline: "sin conexión",
    newConversation: "Nueva conversación",
    newQuestion: "El clon empieza de cero y esta conversación deja de verse aquí.",
    begin: "Empezar",
    cancel: "Cancelar",
    retry: "Probar ahora",
    away: "El clon no responde. Sus mensajes esperan aquí.",
    refused: "Acceso denegado. Abra la dirección mostrada al iniciar el clon.",
    messages: "Mensajes",
    message: "Mensaje",
    send: "Enviar",
    toLatest: "Ir al último mensaje",
    emptyTitle: "Converse con {name}",
    emptyHint: "Escriba como en WhatsApp, o empiece por aquí:",
    today: "Hoy",
    yesterday: "Ayer",
    me: "Usted",
    sending: "enviando",
    stored: "recibido",
    read: "leído",
    answered: "respondido",
    whatHappened: "Qué ocurrió",
    close: "Cerrar",
    loading: "Cargando…",
    noTurn: "Aún no hay registro de este turno.",
    done: "respondido",
    failed: "falló",
    held: "retenido",
    route: "Recorrido",
    passages: "Fragmentos leídos",
    noPassages: "No se consultó ningún fragmento.",
    used: "usado",
    score: "Relevancia",
    more: "Ver todo",
    less: "Ver menos",
    model: "Modelo",
    noModel: "ninguno",
    seconds: "Tiempo",
    tokens: "Tokens",
    input: "entrada",
    output: "salida",
    total: "total",
  },
};

// Asked of the clone, so in a language the person speaks, whatever the browser's is.
const QUESTIONS = {
  pt: ["Onde você nasceu?", "Como foi a sua infância?", "Do que você mais se orgulha?"],
  en: ["Where were you born?", "What was your childhood like?", "Where did you live?"],
  es: ["¿Dónde nació usted?", "¿Cómo fue su infancia?", "¿De qué está más orgulloso?"],
};

const preferred = navigator.languages.map((each) => each.slice(0, 2).toLowerCase());

export const language = preferred.find((each) => each in TEXTS) ?? "pt";
export const locale = navigator.languages.find((each) => each.toLowerCase().startsWith(language)) ?? "pt-BR";

/** The words for `key`, with {placeholders} filled from `values`. */
export function say(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Opening questions in the first preferred language that the person speaks. */
export function questions(spoken) {
  const known = spoken.filter((each) => each in QUESTIONS);
  return QUESTIONS[preferred.find((each) => known.includes(each)) ?? known[0] ?? "pt"];
}

/** Put the words into every element below `root` that names them. */
export function translate(root) {
  root.documentElement.lang = language;
  for (const each of root.querySelectorAll("[data-text]")) each.textContent = say(each.dataset.text);
  for (const each of root.querySelectorAll("[data-label]")) {
    each.setAttribute("aria-label", say(each.dataset.label));
    if (each.matches("button")) each.title = say(each.dataset.label);
  }
  for (const each of root.querySelectorAll("[data-placeholder]")) each.placeholder = say(each.dataset.placeholder);
}
