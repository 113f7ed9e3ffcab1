// What the types must refuse: each line marked here is an error, or the check fails.

const late = async () => ({ body: "late" });

/** @type {import("hookcast").Prepare} */
// @ts-expect-error A promise is no message.
export const prepare = late;

/** @type {import("hookcast").Open} */
// @ts-expect-error Text is no filter.
export const open = () => "topic=Help";

/** @type {import("hookcast").Handlers} */
export const handlers = {
  // @ts-expect-error There is no function.
  ping: { schema: {} },
};

/** @type {import("hookcast").Connect} */
export function connect(call) {
  // @ts-expect-error There is no such field.
  messaging.reply(call.recievedAt);
  // @ts-expect-error Only objects go to several.
  messaging.broadcast("text");
  // @ts-expect-error There is no such function.
  rows.upsert({});
  // @ts-expect-error The code comes first.
  throw new Reject();
}
