// The module "hookcast": what a plugin can ask of the server. The same names are globals.
//
// Objects go in and come out; the host functions of wit/host.wit take and give JSON text.

import alertsHost from "hookcast:plugin/alerts";
import contextHost from "hookcast:plugin/context";
import groupsHost from "hookcast:plugin/groups";
import messagingHost from "hookcast:plugin/messaging";
import rowsHost from "hookcast:plugin/rows";
import configHost from "wasi:config/store";
import { log } from "wasi:logging/logging";

/** A message is not accepted: `throw new Reject("too_long", "At most 40 characters.")`. */
export class Reject extends Error {
  constructor(code, message, details) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** A connection is not accepted, in `connect`: `throw new Refuse(403, "Members only.")`. */
export class Refuse extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** A host function refused, and nothing was done. */
export class HostError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

for (const kind of [Reject, Refuse, HostError]) {
  Object.defineProperty(kind.prototype, "name", { value: kind.name });
}

/** Calls a host function; what it refuses becomes a `HostError`. */
function ask(host, ...values) {
  try {
    return host(...values);
  } catch (error) {
    const refusal = error.payload;
    if (typeof refusal?.code === "string") throw new HostError(refusal.code, refusal.message);
    // `wasi:config` has another kind of error.
    if (typeof refusal?.val === "string") throw new HostError("unavailable", refusal.val);
    throw error;
  }
}

/** A value as JSON text. */
function text(value) {
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`${typeof value} can't be written as JSON`);
  return json;
}

/** An id or a name, which may be a number. */
function word(what, value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new TypeError(`the ${what} must be a text, not ${typeof value}`);
}

/** A whole number that is not negative; the host says how large it may be. */
function count(what, value) {
  if (Number.isInteger(value) && value >= 0) return value;
  throw new TypeError(`the ${what} must be a whole number, not ${value}`);
}

function parsed(json) {
  return json === null ? null : JSON.parse(json);
}

function object(pairs) {
  return Object.fromEntries(pairs.map(({ name, value }) => [name, value]));
}

/** `{ topic: ["a", "b"] }` for the host's list of keys with their values. */
export function argsFromHost(args) {
  return Object.fromEntries(args.map(({ key, values }) => [key, values]));
}

/** The same back; one value may stand without its array. */
export function argsToHost(args) {
  return Object.entries(args).map(([key, values]) => ({
    key,
    values: Array.isArray(values) ? values.map(String) : [String(values)],
  }));
}

export const messaging = Object.freeze({
  reply: (message) => ask(messagingHost.reply, text(message)),
  toConnection: (connection, message) =>
    ask(messagingHost.toConnection, word("connection", connection), text(message)),
  toUser: (user, message) => ask(messagingHost.toUser, word("user", user), text(message)),
  toGroup: (group, message, options) => {
    const excludeSender = options?.excludeSender === true;
    ask(messagingHost.toGroup, word("group", group), text(message), excludeSender);
  },
  broadcast: (message, options) =>
    ask(messagingHost.broadcast, text(message), options?.excludeSender === true),
  publish: (endpoint, method, message) =>
    ask(messagingHost.publish, word("endpoint", endpoint), word("method", method), text(message)),
  close: (connection, code = 1000, reason = "") => {
    const small = Math.min(count("code", code), 0xffff);
    ask(messagingHost.close, word("connection", connection), small, word("reason", reason));
  },
});

export const alerts = Object.freeze({
  send: (mail) => ask(alertsHost.send, text(mail)),
});

export const groups = Object.freeze({
  join: (connection, group) =>
    ask(groupsHost.join, word("connection", connection), word("group", group)),
  leave: (connection, group) =>
    ask(groupsHost.leave, word("connection", connection), word("group", group)),
  move: (connection, group) =>
    ask(groupsHost.move, word("connection", connection), word("group", group)),
  members: (group) => ask(groupsHost.members, word("group", group)),
  count: (group) => ask(groupsHost.count, word("group", group)),
});

export const rows = Object.freeze({
  select: (filter = {}, limit = 1_000) =>
    ask(rowsHost.select, argsToHost(filter), Math.min(count("limit", limit), 1_000)).map(parsed),
  insert: (row) => ask(rowsHost.insert, text(row)),
  update: (row) => ask(rowsHost.update, text(row)),
  delete: (id) => ask(rowsHost.delete, word("id", id)),
});

export const context = Object.freeze({
  args: () => argsFromHost(contextHost.args()),
  pathParameters: () => object(contextHost.pathParameters()),
  headers: () => object(contextHost.headers()),
  user: () => parsed(contextHost.user()),
  session: () => parsed(contextHost.session()),
  groups: () => contextHost.groups(),
  metadata: () => parsed(contextHost.metadata()),
});

export const config = Object.freeze({
  get: (key) => ask(configHost.get, word("key", key)),
  getAll: () => Object.fromEntries(ask(configHost.getAll)),
});

/** An error with its stack, as the log shows it. */
export function described(error) {
  if (!(error instanceof Error)) return shown(error);
  // The frames of these two files say nothing to the plugin's author.
  const frames = String(error.stack).split("\n");
  const own = frames.filter((frame) => frame && !frame.includes("hookcast:"));
  return [`${error.name}: ${error.message}`, ...own].join("\n");
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return described(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // A circle, or a BigInt.
    return String(value);
  }
}

function logger(level) {
  return (...values) => log(level, "", values.map(shown).join(" "));
}

export const console = Object.freeze({
  trace: logger("trace"),
  debug: logger("debug"),
  log: logger("info"),
  info: logger("info"),
  warn: logger("warn"),
  error: logger("error"),
});

Object.assign(globalThis, {
  Reject,
  Refuse,
  HostError,
  alerts,
  messaging,
  groups,
  rows,
  context,
  config,
  console,
});
