// Types of plugins in JavaScript: the hooks that a script exports and what it can ask of the
// server. Put this file beside the script; with `// @ts-check` at its top an editor uses it.
//
//     /** @type {import("hookcast").Prepare} */
//     export function prepare(call, message) { … }

declare module "hookcast" {
  /** What JSON can hold. */
  export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

  /** A message. Its fields are whatever was sent. */
  export interface Message {
    [key: string]: any;
    /** A promise is no message: hooks answer at once. */
    then?: never;
  }

  /** What caused a call. Everything else about the connection is in {@link context}. */
  export interface Call {
    /** Id of the connection whose frame or event caused the call. */
    readonly connection: string;
    /** Id of the authenticated user; null for an anonymous connection. */
    readonly user: string | null;
    /** Empty for connect, open, close and handlers. */
    readonly method: "POST" | "PUT" | "DELETE" | "";
    /** Name of the endpoint, as in `[endpoints.NAME]`. */
    readonly endpoint: string;
    /** When the server received the frame: microseconds since 1970-01-01 UTC. */
    readonly receivedAt: number;
    /** True when the message waited in a queue before it was judged. */
    readonly queued: boolean;
  }

  /** The connection is accepted. What is left out keeps what the server knows. */
  export interface Acceptance {
    /** Identity of the user from here on. */
    user?: { id: string; claims?: { [key: string]: Json } };
    /** Groups the connection joins before history is sent. */
    groups?: string[];
    /** Free data kept with the connection, read back with `context.metadata()`. */
    metadata?: Json;
    /** Client-chosen name of the connection's owner (`_client`). */
    clientId?: string;
  }

  /** Keys of a query string with all their values. */
  export type Args = { [key: string]: string[] };
  /** The same as a plugin may write it. */
  export type Filter = { [key: string]: string | number | boolean | readonly (string | number | boolean)[] };

  /** The row as it will be stored, and as it was. */
  export interface Stored {
    /** Null for DELETE. */
    readonly row: Message | null;
    /** Null for POST. */
    readonly old: Message | null;
  }

  /** Why a connection ended. */
  export interface Cause {
    /** WebSocket close code; 1006 when the connection broke. */
    readonly code: number;
    readonly reason: string;
    /** True when a close frame was received. */
    readonly clean: boolean;
  }

  /** Nothing returned leaves it as it is. */
  type Unchanged = null | undefined | void;

  /** Handshake: who may connect. Throw a {@link Refuse} to refuse. */
  export type Connect = (call: Call) => Acceptance | Unchanged;
  /** Before history is read: what is returned replaces the filter of the subscription. */
  export type Open = (call: Call, args: Args) => Filter | Unchanged;
  /** Fills fields of a message. */
  export type Defaults = (call: Call, message: Message) => Message | Unchanged;
  /** Before the write: changes a message. Throw a {@link Reject} to reject it. */
  export type Prepare = (call: Call, message: Message) => Message | Unchanged;
  /** What is broadcast; the table keeps the row. */
  export type Modify = (call: Call, message: Message, stored: Stored) => Message | Unchanged;
  /** The socket is gone. */
  export type Close = (call: Call, cause: Cause) => Unchanged;
  /** Answers a typed message; what it returns goes to the sender. */
  export type Handle = (call: Call, message: Message) => Message | Unchanged;
  /** Message types, each with a function, or with a JSON Schema and a function. */
  export type Handlers = { [messageType: string]: Handle | { schema?: object | boolean; handle: Handle } };

  /** A message is not accepted: `throw new Reject("too_long", "At most 40 characters.")`. */
  export class Reject extends Error {
    constructor(code: string, message: string, details?: Json);
    /** Stable word for programs. */
    readonly code: string;
    /** More for programs. */
    readonly details?: Json;
  }

  /** A connection is not accepted, in `connect`: `throw new Refuse(403, "Members only.")`. */
  export class Refuse extends Error {
    constructor(status: number, reason: string);
    /** HTTP status, 400 to 599. */
    readonly status: number;
  }

  /** A host function refused, and nothing was done. */
  export class HostError extends Error {
    constructor(code: string, message: string);
    /** `invalid`, `denied`, `limit`, `not_found` or `unavailable`. */
    readonly code: string;
  }

  /** Who gets what is sent to many. */
  export interface Audience {
    /** The connection that caused the call does not get it. */
    excludeSender?: boolean;
  }

  /** Sends. Nothing leaves before the hook has returned and its message is committed. */
  export const messaging: {
    /** To the connection that caused the call. */
    reply(message: Json): void;
    /** To one connection of this endpoint, by id. */
    toConnection(connection: string, message: Json): void;
    /** To every connection of a user. */
    toUser(user: string | number, message: Message): void;
    /** To every connection in a group. */
    toGroup(group: string | number, message: Message, options?: Audience): void;
    /** To every connection of this endpoint. */
    broadcast(message: Message, options?: Audience): void;
    /**
     * Posts a message into an endpoint, as if the user of this call had sent it there. Other
     * endpoints than this one need the grant `publish:ENDPOINT`.
     */
    publish(endpoint: string, method: "POST" | "PUT" | "DELETE", message: Message): void;
    /** Closes a connection. `code` is 1000 (the default) or 3000 to 4999. */
    close(connection: string, code?: number, reason?: string): void;
  };

  /** A mail: its texts are sent as they are, so put nothing into `html` unescaped. */
  export interface Mail {
    /** One or more addresses, also in one text. */
    to?: string | string[];
    cc?: string | string[];
    bcc?: string | string[];
    reply_to?: string;
    subject?: string;
    body?: string;
    html?: string;
    markdown?: string;
    /** One of the server's mail services; may be left out if there is only one. */
    service?: string;
  }

  /** Mails to people. Needs the grant `alerts`. */
  export const alerts: {
    /** Sends a mail once the call's message is committed. */
    send(mail: Mail): void;
  };

  /** Groups of connections. Changes take effect with the message's commit. */
  export const groups: {
    join(connection: string, group: string | number): void;
    leave(connection: string, group: string | number): void;
    /** Leaves every group and joins this one. */
    move(connection: string, group: string | number): void;
    /** Ids of the connections in the group; at most 10,000. */
    members(group: string | number): string[];
    count(group: string | number): number;
  };

  /** The endpoint's table. Needs the grant `rows:read` (select) or `rows:write`. */
  export const rows: {
    /** Committed rows that pass the filter; at most 1,000. */
    select(filter?: Filter, limit?: number): Message[];
    /** Adds a row with the call's commit and returns its id. */
    insert(row: Message): string;
    /** Changes the given columns of the row with this `id`. */
    update(row: Message): void;
    /** Deletes the row with this id. */
    delete(id: string | number): void;
  };

  /** The connection behind the current call. */
  export const context: {
    /** The query string in force: the client's, or what `open` replaced it with. */
    args(): Args;
    /** Parameters of the endpoint's path. */
    pathParameters(): { [name: string]: string };
    /** Request headers of the handshake, names in lower case. */
    headers(): { [name: string]: string };
    /** The user; null for anonymous connections. */
    user(): ({ id: string } & { [claim: string]: any }) | null;
    /** The session; null without one. */
    session(): ({ id: string } & { [key: string]: any }) | null;
    /** Groups the connection is in, sorted. */
    groups(): string[];
    /** What `connect` kept with the connection. */
    metadata(): any;
  };

  /** The plugin's settings: `[plugins.NAME.config]`. */
  export const config: {
    /** Null when it is not set. */
    get(key: string): string | null;
    getAll(): { [key: string]: string };
  };

  /** Lines in the server's log. */
  export const console: {
    trace(...values: unknown[]): void;
    debug(...values: unknown[]): void;
    log(...values: unknown[]): void;
    info(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  };
}

declare const Reject: typeof import("hookcast").Reject;
declare const Refuse: typeof import("hookcast").Refuse;
declare const HostError: typeof import("hookcast").HostError;
declare const alerts: typeof import("hookcast").alerts;
declare const messaging: typeof import("hookcast").messaging;
declare const groups: typeof import("hookcast").groups;
declare const rows: typeof import("hookcast").rows;
declare const context: typeof import("hookcast").context;
declare const config: typeof import("hookcast").config;
declare const console: typeof import("hookcast").console;
