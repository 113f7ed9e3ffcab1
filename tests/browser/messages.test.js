// A page written to the documentation of Gramex MessageHandler (messages.html), unchanged, in
// headless Chromium against the real server. README.md says how to run it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { chromium } from 'playwright-core';

import { TestServer } from './server.js';

const { HOOKCAST_BIN } = process.env;
const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => path && existsSync(path));
const PAGE = new URL('messages.html', import.meta.url);

const missing = [
  !HOOKCAST_BIN && 'HOOKCAST_BIN (path of the server binary)',
  !CHROMIUM && 'CHROMIUM (path of a Chromium binary)',
].filter(Boolean);
if (missing.length > 0 && process.env.CI === 'true') throw new Error(`missing: ${missing.join(', ')}`);
const skip = missing.length > 0 && `missing: ${missing.join(', ')}`;

// The documentation's columns, and its default for `length`.
class Messages extends TestServer {
  // The page finds its WebSocket beside itself. So, as in production, a web server hands it
  // out and passes the rest on.
  async install() {
    this.front = createServer(async (_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(await readFile(PAGE));
    });
    this.front.on('upgrade', ({ method, url, rawHeaders }, socket, head) => {
      const headers = rawHeaders.map((text, at) => (at % 2 ? `${text}\r\n` : `${text}: `));
      const back = connect(this.port, '127.0.0.1');
      back.write(`${method} ${url} HTTP/1.1\r\n${headers.join('')}\r\n`);
      back.write(head);
      socket.pipe(back).pipe(socket);
      for (const end of [socket, back]) end.on('error', () => socket.destroy());
    });
    await once(this.front.listen(0, '127.0.0.1'), 'listening');
  }

  get page() {
    return `http://127.0.0.1:${this.front.address().port}/app/messages.html`;
  }

  config() {
    return `
[server]
listen = "127.0.0.1:${this.port}"
[admin]
listen = "127.0.0.1:${this.adminPort}"
[storage]
url = "sqlite://${this.path('hookcast.db')}"
[plugins]
dir = "${this.path('plugins')}"
archive = "${this.path('archive')}"
[engine]
cache = "${this.path('cache')}"
[endpoints.messages]
path = "/app/messages"
columns.scope = "TEXT"
columns.body = "TEXT"
columns.length = "INTEGER"
columns.to = "TEXT"
message_default.POST = { length = "size(msg.body)" }
`;
  }

  async dispose() {
    this.front.close();
    await super.dispose();
  }
}

describe('a page written for Gramex', { skip, timeout: 180_000 }, () => {
  let browser;
  let server;
  let errors;

  async function open() {
    const page = await (await browser.newContext()).newPage();
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(server.page);
    await page.waitForFunction(() => ws.readyState === WebSocket.OPEN);
    return page;
  }

  async function post(page, to, body) {
    await page.fill('[name=to]', to);
    await page.fill('[name=body]', body);
    await page.click('form button');
  }

  // Waits until the page shows these messages, the newest first.
  async function shows(page, expected) {
    const matches = (wanted) => {
      window.shown = [...document.querySelectorAll('#messages tr')]
        .map((row) => ['to', 'body', 'length'].map((key) => row.querySelector(`.${key}`).textContent));
      return JSON.stringify(window.shown) === JSON.stringify(wanted);
    };
    await page.waitForFunction(matches, expected).catch(async (timeout) => {
      assert.deepEqual(await page.evaluate(() => window.shown), expected);
      throw timeout;
    });
  }

  const button = (page, body, text) => page.locator('#messages tr', { hasText: body }).getByText(text, { exact: true });

  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
  });
  after(() => browser?.close());
  beforeEach(async () => {
    errors = [];
    server = await Messages.start({ bin: HOOKCAST_BIN });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server?.dispose();
  });

  test('shows past and new messages, changes and deletions', async () => {
    const [ann, bob] = [await open(), await open()];
    await ann.click('#hello');
    await shows(bob, [['', 'Hello', '5']]);
    await post(bob, 'ann@example.org', '<i>Hi</i> Ann');
    const both = [['ann@example.org', '<i>Hi</i> Ann', '13'], ['', 'Hello', '5']];
    for (const page of [ann, bob]) await shows(page, both);

    await ann.locator('#messages tr', { hasText: 'Hello' }).locator('.body').fill('Good morning');
    await button(ann, 'Good morning', 'Update').click();
    const changed = [both[0], ['', 'Good morning', '5']];
    for (const page of [ann, bob]) await shows(page, changed);
    await shows(await open(), changed);

    await button(bob, 'Hi', 'Delete').click();
    for (const page of [ann, bob]) await shows(page, [changed[1]]);
    await bob.reload();
    await shows(bob, [changed[1]]);
    assert.deepEqual(errors, []);
  });
});
