// Chat: cleans up messages, greets, and answers pings. plugins/chat/README.md says what
// exactly; this is the same plugin in JavaScript. Copy it to plugins/chat.js to run it.

/** Characters a message may have. */
const MAX_BODY = 2_000;
/** Characters of a name that are shown. */
const MAX_NAME = 40;
/** Below this a text in capitals is an abbreviation and not a shout. */
const SHOUT_LETTERS = 4;

export const version = "0.1.0";

/** @type {import("hookcast").Open} */
export function open(call) {
  messaging.reply({ _greeting: `Welcome to ${call.endpoint}.` });
}

/** @type {import("hookcast").Prepare} */
export function prepare(call, message) {
  if (call.method === "DELETE") return;
  const isNew = call.method === "POST";
  // An edit may leave the text out, and the name: it keeps the one it was posted under.
  if (isNew || message.body !== undefined) message.body = clean(message.body);
  if (isNew || message.name !== undefined) message.name = displayName(message.name);
  return message;
}

/** @type {import("hookcast").Modify} */
export function modify(call, message) {
  const edited = call.method === "PUT";
  const shout = typeof message.body === "string" && isShout(message.body);
  if (edited) message.edited = true;
  if (shout) message.shout = true;
  return edited || shout ? message : undefined;
}

/** @type {import("hookcast").Handlers} */
export const handlers = {
  ping: {
    schema: {
      title: "ping",
      description: "Asks whether the plugin is there; answered with `pong`.",
      type: "object",
      properties: {
        _type: { const: "ping" },
        data: { description: "Sent back as it is." },
      },
      required: ["_type"],
    },
    handle(call, { data }) {
      return data === undefined || data === null ? { _type: "pong" } : { _type: "pong", data };
    },
  },
};

/**
 * The text without white space around it. Rejects one that is empty or too long.
 * @param {unknown} body
 */
function clean(body) {
  const text = typeof body === "string" ? body.trim() : "";
  if (text === "") {
    throw new Reject("empty_body", "Write something first: `body` has no text.");
  }
  const { length } = [...text];
  if (length > MAX_BODY) {
    const sentence = `At most ${MAX_BODY} characters, please: these are ${length}.`;
    throw new Reject("too_long", sentence, { max: MAX_BODY, length });
  }
  return text;
}

/**
 * Whom others see as the author: the name in the user's claims, which can't be forged; else
 * the one that the message gives itself.
 * @param {unknown} given
 */
function displayName(given) {
  const names = [context.user()?.name, given].map(shorten);
  return names.find((name) => name !== "") ?? "anonymous";
}

/** @param {unknown} name */
function shorten(name) {
  if (typeof name !== "string") return "";
  return [...name.trim()].slice(0, MAX_NAME).join("").trimEnd();
}

/** @param {string} text */
function isShout(text) {
  const letters = text.match(/\p{Alphabetic}/gu) ?? [];
  return letters.length >= SHOUT_LETTERS && letters.every((letter) => /\p{Uppercase}/u.test(letter));
}
