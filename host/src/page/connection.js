// One endpoint over a WebSocket that is replaced when it breaks.
//
// Two facts make a break invisible to the reader. Receiving: each event carries its
// `_position`, and the next socket asks for what came `_after` it. Sending: a command stays
// in the outbox until it is acknowledged and is sent again, byte for byte, on the next
// socket; the server knows its `_msg_id` and stores it once.

import { load, save, randomId } from './storage.js';

const BACKOFF_FIRST_MS = 250;
const BACKOFF_LAST_MS = 10_000;
// A socket counts as a success, and resets the backoff, once it has lasted this long.
// Resetting on `open` would hammer a server that accepts and then hangs up.
const STABLE_MS = 2_000;
// Browsers hide the server's pings, so a path that died without a word shows only in
// an acknowledgement that does not come.
const ACK_TIMEOUT_MS = 15_000;

const TOO_BIG = 1009;
// Closes after which coming back unchanged is of no use: the conversation is over (1000), the
// client is to blame (1002 and so on, 4400-4499) or a plugin says so with a code of its own.
const isFinal = (code) =>
  [1000, 1002, 1003, 1007, 1008, 1009, 1010].includes(code) || (code >= 3000 && code <= 4499);

export class Connection {
  // `listener` has: state(name, detail), reset(), frame(direction, text), event(frame),
  // acknowledged(command, position), rejected(error, command), outbox().
  constructor(endpoint, listener) {
    this.endpoint = endpoint;
    this.listener = listener;
    this.position = null;
    this.attempts = 0;
    this.outboxKey = `outbox:${endpoint.pathname}${endpoint.search}`;
    // Kept over a page reload: a message typed while offline must not vanish with F5.
    this.outbox = new Map(load('sessionStorage', this.outboxKey, []));
    // Anonymous senders share no identity, so the server keys their `_msg_id`s by this.
    this.client = load('sessionStorage', 'client', null) ?? randomId();
    save('sessionStorage', 'client', this.client);
  }

  start() {
    // A new network leaves the old socket hanging. Replacing it is cheap: nothing is lost.
    addEventListener('online', () => this.connect());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.state === 'waiting' && !this.socket) this.connect();
    });
    this.listener.outbox();
    this.connect();
  }

  connect(state = 'connecting') {
    clearTimeout(this.retry);
    const stale = this.socket;
    this.socket = null; // first, so that the old socket's close is not taken for a failure
    stale?.close();

    const url = new URL(this.endpoint);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('_after', this.position ?? '');
    this.setState(state);

    const socket = new WebSocket(url);
    this.socket = socket;
    let opened = null;
    socket.onopen = () => {
      if (socket !== this.socket) return;
      opened = performance.now();
      this.setState('open');
      if (this.position === null) this.listener.reset(); // the server sends full history
      for (const command of this.outbox.values()) this.transmit(command);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.receive(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.socket) return;
      this.socket = null;
      // Without the frame that was refused it is not the same attempt.
      const changed = code === TOO_BIG && this.dropLargest('The message is larger than the server accepts.');
      if (isFinal(code) && !changed) return this.setState('closed', { code, reason });
      if (opened !== null && performance.now() - opened > STABLE_MS) this.attempts = 0;
      const delay = Math.min(BACKOFF_FIRST_MS * 2 ** this.attempts++, BACKOFF_LAST_MS);
      // Half fixed, half random: a restart must not bring every tab back at one instant.
      this.retry = setTimeout(() => this.connect('waiting'), delay * (0.5 + Math.random() / 2));
      this.setState('waiting', { code, reason });
    };
  }

  // A retry stays `waiting` until it succeeds, and what is unchanged is not told: a server
  // that is down must not make the page flicker or a screen reader chatter.
  setState(name, detail = {}) {
    if (name === this.state) return;
    this.state = name;
    this.listener.state(name, detail);
  }

  // Queues a command and sends it, now or after the next reconnect.
  send(message) {
    const msgId = randomId();
    const text = JSON.stringify({ ...message, _msg_id: msgId, _client: this.client });
    const command = { msgId, text, message };
    this.outbox.set(msgId, command);
    this.outboxChanged();
    this.transmit(command);
  }

  // Sends text as it is, outside the outbox. False when there is no socket for it.
  sendRaw(text) {
    if (this.state !== 'open') return false;
    this.socket.send(text);
    this.listener.frame('out', text);
    return true;
  }

  transmit(command) {
    if (!this.sendRaw(command.text)) return;
    this.watch();
  }

  watch() {
    this.watchdog ??= setTimeout(() => {
      this.watchdog = undefined;
      if (this.state === 'open') this.connect();
    }, ACK_TIMEOUT_MS);
  }

  receive(text) {
    this.listener.frame('in', text);
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // a plugin may send any text; the frames panel has it
    }
    if (frame === null || typeof frame !== 'object') return;

    if (frame._ack) {
      const command = this.settle(frame._ack._msg_id);
      if (command) this.listener.acknowledged(command, frame._ack.position);
    } else if (frame._error) {
      this.refused(frame._error);
    } else if (frame._reset) {
      // Our position is not in the server's log any more (cut, or restored from a backup).
      // Null until the history is complete: a break in the middle must start it over.
      this.position = null;
      this.listener.reset();
    } else {
      if (frame._history) this.position = frame._history.position;
      if (frame._position) this.position = frame._position;
      this.listener.event(frame);
    }
  }

  // Takes a command out of the outbox. Undefined for an answer to somebody else's frame.
  settle(msgId) {
    const command = this.outbox.get(msgId);
    if (!this.outbox.delete(msgId)) return undefined;
    clearTimeout(this.watchdog); // the path lives; the rest gets the full time again
    this.watchdog = undefined;
    if (this.outbox.size > 0) this.watch();
    this.outboxChanged();
    return command;
  }

  refused(error) {
    const command = this.outbox.get(error._msg_id);
    if (error.code === 'too_large' && !command && this.dropLargest(error.message)) return;
    // `unavailable` judges the moment, not the message (stopping, disk full): it stays in the
    // outbox for the next socket, which the watchdog brings about if nothing else does.
    if (error.code === 'unavailable') this.listener.rejected(error, undefined);
    else this.listener.rejected(error, this.settle(error._msg_id));
  }

  // A frame too large to be read would come back with every reconnect. Unread, its `_msg_id`
  // is unknown to the server; it was the largest. False if there was none.
  dropLargest(message) {
    const [largest] = [...this.outbox.values()].sort((a, b) => b.text.length - a.text.length);
    if (largest) this.listener.rejected({ code: 'too_large', message }, this.settle(largest.msgId));
    return largest !== undefined;
  }

  outboxChanged() {
    save('sessionStorage', this.outboxKey, [...this.outbox]);
    this.listener.outbox();
  }
}
