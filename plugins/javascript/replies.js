// Nested replies: a message may name the one that it replies to in `parent_id`, a column of
// the table, and that one must be there. Copy it to plugins/replies.js to run it, with the
// grant "rows:read":
//
//     [plugins.replies]
//     grants = ["rows:read"]
//     [endpoints.comments]
//     path = "/comments"
//     columns.body = "TEXT"
//     columns.parent_id = "TEXT"
//     plugins = ["replies"]
//
// What it reads is what is committed. A message that is deleted in the same moment as
// somebody replies to it leaves that reply without its parent: pages show it at the top.

export const version = "0.1.0";

/** @type {import("hookcast").Prepare} */
export function prepare(call, message) {
  switch (call.method) {
    case "POST":
      if (message.parent_id !== undefined && message.parent_id !== null) {
        requireParent(message.parent_id);
      }
      break;
    case "PUT":
      // Moved below one of its own replies, a thread would be a circle.
      if (message.parent_id !== undefined) {
        throw new Reject("stays_in_place", "A message stays where it is: leave `parent_id` out.");
      }
      break;
    case "DELETE":
      if (rows.select({ parent_id: message.id }, 1).length > 0) {
        throw new Reject("has_replies", "There are replies to this message; delete those first.");
      }
      break;
  }
}

/** @param {unknown} parent */
function requireParent(parent) {
  const known = typeof parent === "string" && rows.select({ id: parent }, 1).length > 0;
  if (!known) {
    throw new Reject("no_parent", "The message that this replies to is not there (any more).");
  }
}
