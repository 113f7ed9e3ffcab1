// Wires the page: the connection's events to the list, the form's events to the connection.

import { Connection } from './connection.js';
import { FramePanel } from './frames.js';
import { MessageList, pendingItem } from './messages.js';
import { oncePerPaint } from './paint.js';
import { load, save } from './storage.js';

const $ = (id) => document.getElementById(id);
// Closer to the end than this, the reader is following and new messages scroll into view.
const FOLLOW_PX = 80;

// `?endpoint=/chat` may carry a filter too (`/chat?topic=Help`). It must stay on this
// server: a link must not be able to make a reader type into somebody else's socket.
const requested = new URLSearchParams(location.search).get('endpoint') || '/chat';
const parsed = URL.canParse(requested, location.origin) ? new URL(requested, location.origin) : null;
const endpoint = parsed?.origin === location.origin ? parsed : null;
const path = endpoint ? `${endpoint.pathname}${endpoint.search}` : requested;

const scrollToEnd = oncePerPaint(() => {
  $('scroller').scrollTop = $('scroller').scrollHeight;
});
const messages = new MessageList($('messages'), $('message'), `own:${path}`);
const frames = new FramePanel($('frames'));
let editing = null; // the id of the message in the composer
let draft = ''; // what was being written when the editing began
let history = null; // stored rows that have come so far; null outside the history
let greeted = null;

// --- What the server says -------------------------------------------------------------

const STATES = {
  connecting: 'Connecting…',
  open: 'Live',
  waiting: 'Offline',
  closed: 'Closed',
};

const connection = new Connection(endpoint ?? new URL(location.origin), {
  state(name, { code, reason }) {
    document.body.dataset.state = name;
    $('state').textContent = STATES[name];
    $('state').title = code ? `Last close: ${code} ${reason}` : '';
    $('reconnect').hidden = name === 'open' || name === 'connecting';
    if (name === 'closed') showError({ code, message: reason || 'The server closed this connection for good.' });
  },

  reset() {
    messages.clear();
    history = [];
    follow(true);
    $('truncated').hidden = true;
    $('empty').hidden = true;
    // Keeps screen readers from reading out the whole history.
    $('scroller').setAttribute('aria-busy', 'true');
  },

  frame: (direction, text) => frames.add(direction, text),

  event(frame) {
    if (frame._history) {
      messages.load(history ?? []);
      history = null;
      scrollToEnd();
      $('scroller').setAttribute('aria-busy', 'false');
    } else if (frame._history_truncated) {
      showTruncated();
    } else if (frame._greeting !== undefined) {
      showGreeting(frame._greeting);
    } else if (history && isMessage(frame) && frame._method === undefined) {
      history.push(frame);
    } else if (isMessage(frame) && messages.apply(frame)) {
      arrived();
    }
    if (messages.full) showTruncated();
    if (editing !== null && !history && !messages.rows.has(editing)) stopEditing();
    showWhetherEmpty();
  },

  acknowledged(command, position) {
    hideError();
    if (command.message._method === 'POST') messages.acknowledged(position);
  },

  rejected(error, command) {
    showError(error);
    // The text goes back in front of what was typed since: a refusal costs nobody their words.
    const { _method: method, id, body } = command?.message ?? {};
    const typed = $('body').value;
    if (method === 'PUT' && !typed && messages.rows.has(id)) startEditing(id, body);
    else if (body) setBody(typed ? `${body}\n${typed}` : body);
  },

  outbox: oncePerPaint(() => {
    const unacknowledged = [...connection.outbox.values()].map(({ message }) => message);
    const posts = unacknowledged.filter(({ _method }) => _method === 'POST');
    const changes = unacknowledged.filter(({ _method }) => _method !== 'POST');
    $('outbox').replaceChildren(...posts.map((message) => pendingItem($('message'), message)));
    messages.setPending(new Set(changes.map(({ id }) => id)));
    showWhetherEmpty();
    if (following) scrollToEnd();
  }),
});

// Replies of handlers and other frames that are no row have a key of their own beginning
// with `_`, such as `_type`. They are for the frames panel.
function isMessage(frame) {
  return frame._method !== undefined || !Object.keys(frame).some((key) => key.startsWith('_') && key !== '_position');
}

function showGreeting(greeting) {
  const text = typeof greeting === 'string' ? greeting : (greeting?.message ?? JSON.stringify(greeting));
  if (text === greeted) return; // a reconnect greets again; once dismissed it stays away
  greeted = text;
  $('greeting').firstElementChild.textContent = text;
  $('greeting').hidden = false;
}

function showTruncated() {
  $('truncated').textContent = 'Older messages are not shown here.';
  $('truncated').hidden = false;
}

function showWhetherEmpty() {
  $('empty').hidden = history !== null || messages.rows.size > 0 || connection.outbox.size > 0;
}

function showError({ code, message }) {
  $('error').querySelector('code').textContent = code;
  $('error').querySelector('span').textContent = message;
  $('error').hidden = false;
}

function hideError() {
  $('error').hidden = true;
}

// --- Scrolling ------------------------------------------------------------------------

let following;
let lastTop;
follow(true);

function follow(yes) {
  following = yes;
  if (yes) lastTop = 0;
  $('scroller').toggleAttribute('data-following', yes);
}

function arrived() {
  if (following) scrollToEnd();
  else $('newer').hidden = false;
}

$('scroller').addEventListener('scroll', () => {
  const { scrollHeight, scrollTop, clientHeight } = $('scroller');
  const atEnd = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
  // Only the reader scrolls up. Being far from the end alone proves nothing: messages may
  // have come in since the script scrolled there.
  if (atEnd) follow(true);
  else if (scrollTop < lastTop) follow(false);
  lastTop = scrollTop;
  if (following) $('newer').hidden = true;
}, { passive: true });

$('newer').addEventListener('click', () => { follow(true); scrollToEnd(); });
// A phone's keyboard shrinks the list; the last message must stay in view.
new ResizeObserver(() => following && scrollToEnd()).observe($('scroller'));

// --- What the reader does -------------------------------------------------------------

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  hideError();
  const body = $('body').value;
  // Nothing is checked here, not even for being empty: the rules are the plugin's, and this
  // page exists to show them at work.
  if (editing !== null) {
    connection.send({ _method: 'PUT', id: editing, body });
    stopEditing();
  } else {
    const name = $('name').value.trim();
    follow(true);
    connection.send({ _method: 'POST', body, ...(name && { name }) });
    setBody('');
  }
  $('body').focus();
});

$('body').addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && editing !== null) stopEditing();
  // isComposing: in Chinese or Japanese input, Enter picks a word.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('composer').requestSubmit();
});

$('messages').addEventListener('click', (event) => {
  const button = event.target.closest('button[data-action]');
  if (!button) return;
  const { id } = button.closest('li[data-id]').dataset;
  if (button.dataset.action === 'edit') {
    startEditing(id, messages.rows.get(id).body);
  } else if (button.dataset.sure) {
    connection.send({ _method: 'DELETE', id });
  } else {
    button.dataset.sure = 'asked';
    button.focus(); // Safari does not focus a clicked button, and then nothing would blur
    button.textContent = 'Delete for everyone?';
    button.addEventListener('blur', () => {
      delete button.dataset.sure;
      button.textContent = 'Delete';
    }, { once: true });
  }
});

function startEditing(id, body) {
  if (editing === null) draft = $('body').value;
  editing = id;
  $('editing').hidden = false;
  setBody(body);
  $('body').focus();
}

function stopEditing() {
  editing = null;
  $('editing').hidden = true;
  setBody(draft);
}

function setBody(text) {
  $('body').value = text;
  growBody();
}

function growBody() {
  $('body').style.height = 'auto'; // so that it can shrink again; CSS caps it
  $('body').style.height = `${$('body').scrollHeight + 2}px`;
}

$('body').addEventListener('input', growBody);
$('editing').querySelector('button').addEventListener('click', stopEditing);
$('error').querySelector('button').addEventListener('click', hideError);
$('greeting').querySelector('button').addEventListener('click', () => { $('greeting').hidden = true; });
$('reconnect').addEventListener('click', () => { hideError(); connection.connect(); });

$('name').value = load('localStorage', 'name', '');
$('name').addEventListener('input', () => save('localStorage', 'name', $('name').value));

$('raw').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!connection.sendRaw($('raw-text').value)) {
    showError({ code: 'offline', message: 'A raw frame is sent at once or not at all. Wait until the page is live.' });
  }
});

// --- Start ----------------------------------------------------------------------------

$('endpoint').textContent = path;
document.title = `${path} · Hookcast`;
if (endpoint) {
  connection.start();
} else {
  document.body.dataset.state = 'closed';
  $('state').textContent = STATES.closed;
  showError({ code: 'bad_endpoint', message: 'The endpoint must be a path on this server, such as ?endpoint=/chat.' });
}
