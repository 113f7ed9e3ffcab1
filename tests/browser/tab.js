// A browser tab with the page in it, and what its sockets received.

import assert from 'node:assert/strict';
import { join } from 'node:path';

const TIMEOUT_MS = 20_000;

export class Tab {
  // Each tab has a browser context of its own: another visitor, with storage of their own.
  static async open(browser, server, { name, ...options } = {}) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(TIMEOUT_MS);
    const tab = new Tab();
    tab.context = context;
    tab.page = await context.newPage();
    tab.sockets = [];
    tab.requests = [];
    tab.errors = [];
    tab.page.on('websocket', (socket) => tab.#watch(socket));
    tab.page.on('request', (request) => tab.requests.push(request.url()));
    tab.page.on('pageerror', (error) => tab.errors.push(String(error)));
    await tab.page.addInitScript(swallowAcknowledgements);
    await tab.page.goto(server.url);
    if (name) await tab.page.fill('#name', name);
    await tab.live();
    return tab;
  }

  #watch(socket) {
    const record = { url: socket.url(), frames: [], closed: false };
    this.sockets.push(record);
    socket.on('framereceived', ({ payload }) => record.frames.push(JSON.parse(payload)));
    socket.on('close', () => { record.closed = true; });
  }

  // Connected, with the history read.
  async live() {
    await this.page.waitForSelector('body[data-state="open"]');
    await this.page.waitForSelector('#scroller[aria-busy="false"]');
  }

  async disconnected() {
    await this.page.waitForSelector('body:not([data-state="open"])');
  }

  async post(body) {
    await this.page.fill('#body', body);
    await this.page.press('#body', 'Enter');
  }

  // Writes without a break, whatever becomes of the connection.
  postOnePerPaint(bodies) {
    return this.page.evaluate(async (texts) => {
      for (const text of texts) {
        document.querySelector('#body').value = text;
        document.querySelector('#composer').requestSubmit();
        await new Promise(requestAnimationFrame);
      }
    }, bodies);
  }

  loseAcknowledgements(yes) {
    return this.page.evaluate((value) => { window.loseAcknowledgements = value; }, yes);
  }

  message(body) {
    return this.page.locator('#messages > li', { has: this.page.getByText(body, { exact: true }) });
  }

  bodies() {
    return this.page.locator('#messages > li .body').allTextContents();
  }

  // Waits until the list shows exactly these messages, in this order, and none is pending.
  async shows(expected) {
    const matches = (wanted) => {
      const shown = [...document.querySelectorAll('#messages > li .body')].map((body) => body.textContent);
      const pending = document.querySelectorAll('#outbox > li, [data-pending]').length;
      return pending === 0 && JSON.stringify(shown) === JSON.stringify(wanted);
    };
    await this.page.waitForFunction(matches, expected).catch(async (timeout) => {
      assert.deepEqual(await this.bodies(), expected);
      throw timeout; // the list was right, so something stayed pending
    });
  }

  // The promise behind "no repeat": over all its sockets a tab got each position once, and
  // every socket but the first picked up where the one before had stopped.
  resumedWithoutRepeat() {
    const positions = this.sockets.flatMap(({ frames }) => frames).map((frame) => frame._position).filter(Boolean);
    assert.equal(new Set(positions).size, positions.length, 'an event came twice');
    const [, ...later] = this.sockets;
    assert.ok(later.length > 0, 'the tab never reconnected');
    for (const { url, frames } of later) {
      assert.ok(new URL(url).searchParams.get('_after'), `reconnected without a position: ${url}`);
      assert.ok(!frames.some((frame) => frame._reset || frame._history), 'got the history instead of a resume');
    }
  }

  async screenshot(name) {
    if (process.env.SCREENSHOTS) await this.page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
  }
}

// Runs in the page before its scripts. Stands for a connection that dies between the commit
// and the arrival of the acknowledgement, a moment too short to hit from outside.
function swallowAcknowledgements() {
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', (event) => {
        if (window.loseAcknowledgements && JSON.parse(event.data)._ack) event.stopImmediatePropagation();
      });
    }
  };
}
