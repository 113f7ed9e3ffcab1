// What the host calls: each hook of wit/hooks.wit, passed on to the plugin's function of the
// same name. The host initialises an instance with this module and gives it the plugin as
// the module "hookcast:plugin-script".

import { Refuse, Reject, argsFromHost, argsToHost, described } from "hookcast";
import { fail } from "hookcast:javascript/script";

const HOOKS = ["connect", "open", "defaults", "prepare", "modify", "close"];

// Ends the instance. `fail` does not return: the host traps the guest with this report.
function failed(error) {
  fail(described(error));
}

function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

function checkedFunction(name, value) {
  if (typeof value !== "function") {
    fail(`it exports \`${name}\` as ${kindOf(value)}; export a function of this name`);
  }
  if (/^(Async|Generator)/.test(value.constructor.name)) {
    fail(
      `\`${name}\` is an async function or a generator. A hook answers at once: nothing it ` +
        "can call waits. Write it as a plain function",
    );
  }
  return value;
}

/** A hook of the plugin; undefined where it has none. */
function hookOf(plugin, name) {
  const value = plugin[name];
  return value === undefined ? undefined : checkedFunction(name, value);
}

/** The plugin's message types, each with its schema as text and its function. */
function handlersOf(plugin) {
  const types = new Map();
  const exported = plugin.handlers;
  if (exported === undefined) return types;
  if (exported === null || typeof exported !== "object" || Array.isArray(exported)) {
    fail(
      `it exports \`handlers\` as ${kindOf(exported)}; export an object with a function for ` +
        "each message type",
    );
  }
  for (const [type, value] of Object.entries(exported)) {
    // A function, or `{ schema, handle }`.
    const handle = checkedFunction(`handlers.${type}`, value?.handle ?? value);
    types.set(type, { handle, schema: json(value.schema) });
  }
  if (types.size === 0) fail("it exports `handlers` without any message type; leave it out");
  return types;
}

function versionOf(plugin) {
  const version = plugin.version ?? "0.0.0";
  if (typeof version !== "string") {
    fail(`it exports \`version\` as ${kindOf(version)}; export a text such as "1.0.0"`);
  }
  return version;
}

function quoted(names) {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** What `describe` says of the plugin. */
function descriptionOf(plugin, types) {
  const hooks = HOOKS.filter((name) => plugin[name] !== undefined);
  if (types.size > 0) hooks.push("handlers");
  if (hooks.length === 0) {
    fail(
      `it exports no hook. It exports ${quoted(Object.keys(plugin)) || "nothing"}; a plugin ` +
        `exports one or more of ${quoted([...HOOKS, "handlers"])}`,
    );
  }
  return {
    version: versionOf(plugin),
    hooks,
    handlers: [...types].map(([messageType, { schema }]) => ({ messageType, schema })),
  };
}

// Looked up and checked once, so that a plugin that can't work is refused when it is loaded.
let onConnect, onOpen, onDefaults, onPrepare, onModify, onClose, types, description;
try {
  const plugin = await import("hookcast:plugin-script");
  onConnect = hookOf(plugin, "connect");
  onOpen = hookOf(plugin, "open");
  onDefaults = hookOf(plugin, "defaults");
  onPrepare = hookOf(plugin, "prepare");
  onModify = hookOf(plugin, "modify");
  onClose = hookOf(plugin, "close");
  types = handlersOf(plugin);
  description = descriptionOf(plugin, types);
} catch (error) {
  failed(error);
}

// The way of a call. No closures and no look-ups by name: this runs for every message.

/** What a hook threw, as the rejection that the host takes; anything else ends the call. */
function rejection(error) {
  if (!(error instanceof Reject)) return failed(error);
  try {
    return { code: String(error.code), message: error.message, details: json(error.details) };
  } catch (problem) {
    return failed(problem);
  }
}

function refusal(error) {
  if (error instanceof Refuse) {
    // What is no HTTP status is the host's to refuse; it only has to fit.
    const status = Number.isInteger(error.status) ? Math.min(Math.max(error.status, 0), 999) : 0;
    return { status, reason: error.message };
  }
  if (error instanceof Reject) return { status: 403, reason: error.message };
  return failed(error);
}

function wrong(hook, value) {
  if (typeof value?.then === "function") {
    fail(`\`${hook}\` returned a promise. A hook answers at once; return the value itself`);
  }
  fail(`\`${hook}\` returned ${kindOf(value)}; return an object, or nothing`);
}

/** An answer as JSON text; null for none. */
function answer(hook, value) {
  if (value === undefined || value === null) return null;
  if (typeof value !== "object" || typeof value.then === "function") wrong(hook, value);
  return JSON.stringify(value);
}

/** A value as JSON text; null for none, and for what JSON can't hold. */
function json(value) {
  return value === null ? null : JSON.stringify(value) ?? null;
}

/** Rows are read when they are asked for: most hooks ask for none. */
class Stored {
  constructor(row, old) {
    this.rowText = row;
    this.oldText = old;
  }

  get row() {
    return this.read("row", this.rowText);
  }

  get old() {
    return this.read("old", this.oldText);
  }

  read(name, text) {
    const value = text === null ? null : JSON.parse(text);
    Object.defineProperty(this, name, { value });
    return value;
  }
}

export const describe = { describe: () => description };

export const connect = {
  connect(call) {
    try {
      const accepted = onConnect(call) ?? {};
      if (typeof accepted !== "object" || typeof accepted.then === "function") {
        wrong("connect", accepted);
      }
      const { user = null, groups = [], metadata, clientId = null } = accepted;
      if (user !== null && typeof user.id !== "string") {
        fail("`connect` returned a `user` whose `id` is no text");
      }
      if (!Array.isArray(groups) || groups.some((group) => typeof group !== "string")) {
        fail("`connect` returned `groups` that are no array of texts");
      }
      if (clientId !== null && typeof clientId !== "string") {
        fail("`connect` returned a `clientId` that is no text");
      }
      return {
        user: user && { id: user.id, claims: json(user.claims) },
        groups,
        metadata: json(metadata),
        clientId,
      };
    } catch (error) {
      throw refusal(error);
    }
  },
};

export const open = {
  open(call, args) {
    try {
      const changed = onOpen(call, argsFromHost(args)) ?? null;
      if (changed === null) return null;
      if (typeof changed !== "object" || typeof changed.then === "function") {
        wrong("open", changed);
      }
      return argsToHost(changed);
    } catch (error) {
      throw rejection(error);
    }
  },
};

export const defaults = {
  defaults(call, message) {
    try {
      return answer("defaults", onDefaults(call, JSON.parse(message)));
    } catch (error) {
      throw rejection(error);
    }
  },
};

export const prepare = {
  prepare(call, message) {
    try {
      return answer("prepare", onPrepare(call, JSON.parse(message)));
    } catch (error) {
      throw rejection(error);
    }
  },
};

export const modify = {
  modify(call, message, row, old) {
    try {
      return answer("modify", onModify(call, JSON.parse(message), new Stored(row, old)));
    } catch (error) {
      throw rejection(error);
    }
  },
};

export const handlers = {
  handle(call, messageType, message) {
    try {
      const { handle } = types.get(messageType);
      return answer(`handlers.${messageType}`, handle(call, JSON.parse(message)));
    } catch (error) {
      throw rejection(error);
    }
  },
};

export const close = {
  close(call, cause) {
    try {
      const nothing = onClose(call, cause);
      if (typeof nothing?.then === "function") wrong("close", nothing);
    } catch (error) {
      failed(error);
    }
  },
};
