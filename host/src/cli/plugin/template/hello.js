// @ts-check
/// <reference path="./hookcast.d.ts" />
// What happens to the messages of an endpoint that has the plugin `{{name}}`.

export const version = "0.1.0";

/** Before a message is stored: change it, or reject it. */
export function prepare(call, message) {
  if (call.method === "DELETE") return;
  const body = typeof message.body === "string" ? message.body.trim() : "";
  if (!body) throw new Reject("empty", "Write something first.");
  return { ...message, body };
}

export const handlers = {
  /** `{"_type": "hello", "name": "Alice"}`: answered, not stored. */
  hello(call, message) {
    return { _type: "hello", greeting: `Hello ${message.name ?? "stranger"}.` };
  },
};
