// Everything that hookcast.d.ts declares, used as it is meant.

import {
  HostError as ImportedError,
  Reject as ImportedReject,
  messaging as importedMessaging,
} from "hookcast";

export const version = "1.0.0";

/** @type {import("hookcast").Connect} */
export function connect(call) {
  if (context.headers().origin === undefined) throw new Refuse(403, "Browsers only.");
  return {
    user: { id: call.user ?? "guest", claims: { name: "Guest" } },
    groups: [call.endpoint],
    metadata: ["any", { json: true }],
    clientId: "tab",
  };
}

/** @type {import("hookcast").Open} */
export function open(call, args) {
  return { ...args, recipient: call.user ?? "", ids: [1, 2] };
}

/** @type {import("hookcast").Defaults} */
export const defaults = (call, message) => ({ ...message, at: call.receivedAt });

/** @type {import("hookcast").Prepare} */
export function prepare(call, message) {
  if (call.queued || message.body === "") {
    throw new Reject("empty", "Write something.", { method: call.method });
  }
  try {
    const [first] = rows.select({ topic: ["a", "b"] }, 10);
    rows.update({ id: first?.id, seen: true });
    rows.delete(rows.insert({ body: message.body }));
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== "denied") throw error;
    console.warn("can't reach the table", error);
  }
}

/** @type {import("hookcast").Modify} */
export const modify = (call, message, { row, old }) => ({ ...message, row: row?.id, old: old?.id });

/** @type {import("hookcast").Close} */
export function close(call, { code, clean }) {
  console.log(call.connection, code, clean);
}

/** @type {import("hookcast").Handlers} */
export const handlers = {
  count: () => ({ count: groups.count("all"), members: groups.members("all") }),
  join: {
    schema: { type: "object", required: ["group"] },
    handle(call, message) {
      groups.join(call.connection, message.group);
      groups.leave(call.connection, "all");
      groups.move(call.connection, 7);
      messaging.reply("joined");
      messaging.toConnection(call.connection, [1]);
      messaging.toUser("bob", { joined: true });
      messaging.toGroup(message.group, { joined: true }, { excludeSender: true });
      messaging.broadcast({ joined: config.get("name"), all: config.getAll() });
      messaging.publish("audit", "POST", { joined: true });
      alerts.send({ to: ["ada@example.org"], subject: "Joined", body: "Have a look." });
      messaging.close(call.connection, 4000, "bye");
      return { user: context.user()?.id, path: context.pathParameters().room };
    },
  },
};

importedMessaging.reply(new ImportedError("code", "message").code);
throw new ImportedReject("code", "message");
