// The list of messages: one `li` per id, kept up to date in place.
//
// Text reaches the document by textContent only. What others wrote is never markup.

import { load, save } from './storage.js';

// What a tab that stays open for weeks may hold; the oldest go first.
const SHOWN_LIMIT = 1_000;
const OWN_LIMIT = 500;
const UNMATCHED_LIMIT = 200;
const MARK_LENGTH = 60;

// Keys with a place of their own in a message. Every other key is shown as a mark, so that
// what a reloaded plugin adds is visible without touching this page.
const PLACED = new Set(['id', 'user', 'timestamp', 'name', 'body', 'edited']);

export class MessageList {
  constructor(list, template, ownKey) {
    this.list = list;
    this.template = template;
    this.rows = new Map();
    this.items = new Map();
    this.ownKey = ownKey;
    this.own = new Set(load('sessionStorage', ownKey, []));
    // Position → id of events, and positions of acknowledgements, still without the other.
    this.eventAt = new Map();
    this.ackedAt = new Set();
    this.full = false;
  }

  clear() {
    this.full = false; // true once older messages had to go
    this.rows.clear();
    this.items.clear();
    this.list.replaceChildren();
  }

  // Shows the history. Rows beyond the limit never become elements: ten thousand of them
  // would take seconds only to be removed again.
  load(rows) {
    this.full = rows.length > SHOWN_LIMIT;
    for (const row of rows.slice(-SHOWN_LIMIT)) this.apply(row);
  }

  // Applies a stored row (no `_method`) or an event. True if a message was added.
  apply(frame) {
    if (frame.id === undefined) return false;
    const id = String(frame.id);
    const { _method: method, _position: position } = frame;
    if (method === 'DELETE') return this.#remove(id);
    // An update carries what changed. Without the message it changes (left out of a
    // truncated history, or long scrolled away) there is nothing to show.
    if (method === 'PUT' && !this.rows.has(id)) return false;
    if (method === 'POST' && position) this.#matchEvent(position, id);

    const row = { ...this.rows.get(id), ...frame, id };
    if (method === 'PUT') row.edited ??= true;
    this.rows.set(id, row);
    const known = this.items.get(id);
    const item = known ?? this.template.content.firstElementChild.cloneNode(true);
    this.#fill(item, row);
    if (known) return false;
    this.items.set(id, item);
    this.list.append(item);
    if (this.rows.size > SHOWN_LIMIT) {
      this.full = true;
      this.#remove(this.rows.keys().next().value);
    }
    return true;
  }

  #remove(id) {
    this.items.get(id)?.remove();
    this.items.delete(id);
    this.rows.delete(id);
    return false;
  }

  // An acknowledgement names a position, and so does the event it belongs to: where both
  // agree the message is this tab's. They come in either order.
  acknowledged(position) {
    const id = this.eventAt.get(position);
    if (id === undefined) return remember(this.ackedAt, position);
    this.eventAt.delete(position);
    this.#setOwn(id);
  }

  #matchEvent(position, id) {
    if (this.ackedAt.delete(position)) return this.#setOwn(id);
    this.eventAt.set(position, id);
    if (this.eventAt.size > UNMATCHED_LIMIT) this.eventAt.delete(this.eventAt.keys().next().value);
  }

  #setOwn(id) {
    remember(this.own, id, OWN_LIMIT);
    save('sessionStorage', this.ownKey, [...this.own]);
    if (this.items.has(id)) this.#fill(this.items.get(id), this.rows.get(id));
  }

  // Marks the messages that have an unacknowledged edit or deletion.
  setPending(ids) {
    for (const [id, item] of this.items) item.toggleAttribute('data-pending', ids.has(id));
  }

  #fill(item, row) {
    const own = this.own.has(row.id);
    item.dataset.id = row.id;
    item.toggleAttribute('data-own', own);
    item.querySelector('.edited').hidden = !row.edited;
    item.querySelector('.actions').hidden = !own;
    fillAuthor(item, row.name ?? row.user);
    fillTime(item.querySelector('time'), row.timestamp);
    item.querySelector('.body').textContent = display(row.body ?? '');

    const marks = Object.entries(row)
      .filter(([key, value]) => !PLACED.has(key) && !key.startsWith('_') && value !== null)
      .map(([key, value]) => mark(key, value));
    item.querySelector('.marks').hidden = marks.length === 0;
    item.querySelector('.marks').replaceChildren(...marks);
  }
}

// A message that waits for its acknowledgement; it has no id yet.
export function pendingItem(template, message) {
  const item = template.content.firstElementChild.cloneNode(true);
  item.toggleAttribute('data-own', true);
  item.toggleAttribute('data-pending', true);
  fillAuthor(item, message.name);
  item.querySelector('.body').textContent = message.body;
  return item;
}

const display = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function fillAuthor(item, author) {
  const name = display(author ?? '') || 'anonymous';
  let hue = 0;
  for (const character of name) hue = (hue * 31 + character.codePointAt(0)) % 360;
  item.style.setProperty('--hue', (hue * 137) % 360); // sets names that differ by a digit apart
  item.querySelector('.name').textContent = name;
  item.querySelector('.avatar').textContent = [...name.trim()][0]?.toUpperCase() ?? '·';
}

// Timestamps are UTC without a zone, which `Date` alone would read as local time.
function fillTime(time, timestamp) {
  const date = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(timestamp) ? timestamp : `${timestamp}Z`);
  if (Number.isNaN(date.getTime())) return;
  const today = date.toDateString() === new Date().toDateString();
  const day = today ? {} : { month: 'short', day: 'numeric' };
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  time.textContent = date.toLocaleString([], { ...day, hour: '2-digit', minute: '2-digit' });
}

function mark(key, value) {
  const item = document.createElement('li');
  const name = document.createElement('b');
  const text = display(value);
  item.dataset.key = key;
  item.title = `${key}: ${text}`;
  name.textContent = key;
  item.append(name);
  if (value !== true) item.append(' ', text.length > MARK_LENGTH ? `${text.slice(0, MARK_LENGTH)}…` : text);
  return item;
}

// Adds to a set that forgets its oldest members.
function remember(set, value, limit = UNMATCHED_LIMIT) {
  set.add(value);
  if (set.size > limit) set.delete(set.values().next().value);
}
