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

let plugin;
try {
  plugin = await import("hookcast:plugin-script");
} catch (error) {
  failed(error);
}

// Checked once, so that a plugin that can't work is refused when it is loaded.

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

function hookNamed(name) {
  const value = plugin[name];
  return value === undefined ? undefined : checkedFunction(name, value);
}

function checkedHandlers() {
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
    const schema = value.schema === undefined ? null : JSON.stringify(value.schema);
    types.set(type, { handle, schema });
  }
  if (types.size === 0) fail("it exports `handlers` without any message type; leave it out");
  return types;
}

function checkedVersion() {
  const version = plugin.version ?? "0.0.0";
  if (typeof version !== "string") {
    fail(`it exports \`version\` as ${kindOf(version)}; export a text such as "1.0.0"`);
  }
  return version;
}

const onConnect = hookNamed("connect");
const onOpen = hookNamed("open");
const onDefaults = hookNamed("defaults");
const onPrepare = hookNamed("prepare");
const onModify = hookNamed("modify");
const onClose = hookNamed("close");
const types = checkedHandlers();

const description = {
  version: checkedVersion(),
  hooks: HOOKS.filter((name) => plugin[name] !== undefined).concat(types.size ? "handlers" : []),
  handlers: [...types].map(([messageType, { schema }]) => ({ messageType, schema })),
};

if (description.hooks.length === 0) {
  const exported = Object.keys(plugin).map((name) => `\`${name}\``);
  fail(
    `it exports no hook. It exports ${exported.join(", ") || "nothing"}; a plugin exports one ` +
      `or more of ${[...HOOKS, "handlers"].map((name) => `\`${name}\``).join(", ")}`,
  );
}

// The way of a call. No closures and no look-ups by name: this runs for every message.

/** What a hook threw, as the rejection that the host takes; anything else ends the call. */
function rejection(error) {
  if (!(error instanceof Reject)) return failed(error);
  const details = error.details === undefined ? null : JSON.stringify(error.details) ?? null;
  return { code: String(error.code), message: error.message, details };
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

function json(value) {
  return value === undefined || value === null ? null : JSON.stringify(value);
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
