// The same as plugins/bench, in JavaScript: what a hook costs (`cargo xtask bench hooks`).

/** @type {import("hookcast").Prepare} */
export function prepare(_, message) {
  message.hop = 1;
  return message;
}
