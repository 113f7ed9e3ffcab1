// The sample page of threads (plugins/javascript/replies.html) in headless Chromium, against
// the real server with the sample plugin. README.md says how to run it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

import { TestServer } from './server.js';

const { HOOKCAST_BIN, SCREENSHOTS } = process.env;
const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => path && existsSync(path));
const SAMPLES = fileURLToPath(new URL('../../plugins/javascript/', import.meta.url));

const missing = [
  !HOOKCAST_BIN && 'HOOKCAST_BIN (path of the server binary)',
  !CHROMIUM && 'CHROMIUM (path of a Chromium binary)',
].filter(Boolean);
if (missing.length > 0 && process.env.CI === 'true') throw new Error(`missing: ${missing.join(', ')}`);
const skip = missing.length > 0 && `missing: ${missing.join(', ')}`;

class Comments extends TestServer {
  async install() {
    await copyFile(join(SAMPLES, 'replies.js'), join(this.path('plugins'), 'replies.js'));
    // The page comes from another server, as it would for those who try it.
    this.pages = createServer(async (_, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(await readFile(join(SAMPLES, 'replies.html')));
    }).listen(0, '127.0.0.1');
    await once(this.pages, 'listening');
    this.origin = `http://127.0.0.1:${this.pages.address().port}`;
  }

  get page() {
    return `${this.origin}/?url=ws://127.0.0.1:${this.port}/comments`;
  }

  config() {
    return `
[server]
listen = "127.0.0.1:${this.port}"
origins = ["${this.origin}"]
[admin]
listen = "127.0.0.1:${this.adminPort}"
[storage]
url = "sqlite://${this.path('hookcast.db')}"
[plugins]
dir = "${this.path('plugins')}"
archive = "${this.path('archive')}"
[plugins.replies]
grants = ["rows:read"]
[engine]
cache = "${this.path('cache')}"
[endpoints.comments]
path = "/comments"
columns.body = "TEXT"
columns.parent_id = "TEXT"
plugins = ["replies"]
`;
  }

  async dispose() {
    this.pages.close();
    await super.dispose();
  }
}

describe('threads of replies', { skip, timeout: 180_000 }, () => {
  let browser;
  let server;

  async function open(options = {}) {
    const context = await browser.newContext({ viewport: { width: 800, height: 700 }, ...options });
    const page = await context.newPage();
    await page.goto(server.page);
    return page;
  }

  // A comment by its text.
  const comment = (page, body) => page.locator('li', { has: page.locator(':scope > article .body', { hasText: body }) }).last();

  async function post(page, body, parent) {
    if (parent) await comment(page, parent).locator(':scope > article button').click();
    await page.fill('#body', body);
    await page.press('#body', 'Enter');
    await comment(page, body).waitFor();
  }

  // The threads as lists of lists.
  const shown = (page) => page.evaluate(() => {
    const thread = (list) => [...list.children].map((item) => {
      const replies = thread(item.querySelector(':scope > ol'));
      const body = item.querySelector('.body').textContent;
      return replies.length > 0 ? [body, replies] : body;
    });
    return thread(document.querySelector('#threads'));
  });

  before(async () => {
    if (SCREENSHOTS) await mkdir(SCREENSHOTS, { recursive: true });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
  });
  after(() => browser?.close());
  beforeEach(async () => {
    server = await Comments.start({ bin: HOOKCAST_BIN });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server?.dispose();
  });

  test('replies stand below what they reply to, live and after a reload', async () => {
    const [ann, bob] = [await open(), await open({ colorScheme: 'dark' })];
    await post(ann, 'Which database?');
    await comment(bob, 'Which database?').waitFor();
    await post(bob, 'SQLite is enough.', 'Which database?');
    await comment(ann, 'SQLite is enough.').waitFor();
    await post(ann, 'For how many?', 'SQLite is enough.');
    await post(ann, '<b>Another</b> thread');
    await post(ann, 'PostgreSQL, later.', 'Which database?');
    const expected = [
      ['Which database?', [['SQLite is enough.', ['For how many?']], 'PostgreSQL, later.']],
      '<b>Another</b> thread',
    ];
    await comment(bob, 'PostgreSQL, later.').waitFor();
    for (const page of [ann, bob]) assert.deepEqual(await shown(page), expected);
    await bob.reload();
    await comment(bob, 'PostgreSQL, later.').waitFor();
    assert.deepEqual(await shown(bob), expected);
    if (SCREENSHOTS) {
      await ann.screenshot({ path: join(SCREENSHOTS, 'replies-light.png') });
      await bob.screenshot({ path: join(SCREENSHOTS, 'replies-dark.png') });
    }
  });

  test('a reply to a comment that is gone gives its words back', async () => {
    const page = await open();
    await post(page, 'soon gone');
    await comment(page, 'soon gone').locator(':scope > article button').click();
    await page.evaluate(async (url) => {
      const other = new WebSocket(url);
      other.onmessage = ({ data }) => {
        const { id, _method } = JSON.parse(data);
        if (_method === undefined) other.send(JSON.stringify({ _method: 'DELETE', id }));
      };
    }, `ws://127.0.0.1:${server.port}/comments`);
    await comment(page, 'soon gone').waitFor({ state: 'detached' });
    await page.fill('#body', 'too late');
    await page.press('#body', 'Enter');
    await page.waitForSelector('#error:not([hidden])');
    assert.match(await page.textContent('#error'), /not there/);
    assert.equal(await page.inputValue('#body'), 'too late');
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, 'replies-error.png') });
  });
});
