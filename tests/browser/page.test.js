// The page in headless Chromium against the real server. README.md says how to run it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { chromium } from 'playwright-core';

import { TestServer } from './server.js';
import { Tab } from './tab.js';

const { HOOKCAST_BIN, HOOKCAST_PLUGINS = '', SCREENSHOTS } = process.env;
const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => path && existsSync(path));
const NEXT_PLUGIN = process.env.HOOKCAST_CHAT_NEXT ?? join(HOOKCAST_PLUGINS, 'chat-next.wasm');

const missing = [
  !HOOKCAST_BIN && 'HOOKCAST_BIN (path of the server binary)',
  !existsSync(join(HOOKCAST_PLUGINS, 'chat.wasm')) && 'HOOKCAST_PLUGINS (folder with chat.wasm)',
  !existsSync(NEXT_PLUGIN) && 'HOOKCAST_CHAT_NEXT (a second build of the chat plugin)',
  !CHROMIUM && 'CHROMIUM (path of a Chromium binary)',
].filter(Boolean);
// On a desk a missing browser is a note, in CI it is a hole in the test.
if (missing.length > 0 && process.env.CI === 'true') throw new Error(`missing: ${missing.join(', ')}`);
const skip = missing.length > 0 && `missing: ${missing.join(', ')}`;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

describe('the page', { skip, timeout: 180_000 }, () => {
  let browser;
  let server;
  const open = (options) => Tab.open(browser, server, options);

  before(async () => {
    if (SCREENSHOTS) await mkdir(SCREENSHOTS, { recursive: true });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  after(() => browser?.close());
  beforeEach(async () => {
    server = await TestServer.start({ bin: HOOKCAST_BIN, plugins: HOOKCAST_PLUGINS });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server?.dispose();
  });

  test('a message is seen in both tabs, and after a page reload', async () => {
    const [ann, bob] = [await open({ name: 'Ann' }), await open({ name: 'Bob' })];
    await ann.post('Hello');
    await bob.shows(['Hello']);
    await bob.post('Hi Ann');
    for (const tab of [ann, bob]) await tab.shows(['Hello', 'Hi Ann']);
    assert.equal(await bob.message('Hello').locator('.name').textContent(), 'Ann');
    assert.match(await bob.message('Hello').locator('time').getAttribute('datetime'), /^\d{4}-.*Z$/);

    await bob.page.reload();
    await bob.live();
    await bob.shows(['Hello', 'Hi Ann']);
    assert.equal(await bob.page.inputValue('#name'), 'Bob');
    assert.deepEqual([...ann.errors, ...bob.errors], []);
    const foreign = [...ann.requests, ...bob.requests].filter((url) => !url.startsWith(server.url) && !url.startsWith('data:'));
    assert.deepEqual(foreign, [], 'the page contacted another host');
  });

  test('text from others is never markup', async () => {
    const [ann, bob] = [await open({ name: '<b>Ann</b>' }), await open()];
    const body = '<img src=x onerror="document.title=1"> & <script>1</script>';
    await ann.post(body);
    await bob.shows([body]);
    assert.equal(await bob.page.locator('#messages :is(img, script, b:not(.marks b))').count(), 0);
  });

  test('an edit and a deletion are seen in the other tab', async () => {
    const [ann, bob] = [await open({ name: 'Ann' }), await open({ name: 'Bob' })];
    await ann.post('one');
    await ann.post('two');
    await bob.shows(['one', 'two']);
    assert.equal(await bob.page.locator('[data-action]:visible').count(), 0, 'others\' messages offer no actions');

    await ann.message('one').locator('[data-action="edit"]').click();
    assert.equal(await ann.page.inputValue('#body'), 'one');
    await ann.post('one, corrected');
    for (const tab of [ann, bob]) await tab.shows(['one, corrected', 'two']);
    assert.ok(await bob.message('one, corrected').locator('.edited').isVisible());
    assert.equal(await bob.message('one, corrected').locator('.name').textContent(), 'Ann');

    // Which messages are one's own outlives a page reload.
    await ann.page.reload();
    await ann.live();
    const remove = ann.message('two').locator('[data-action="delete"]');
    await remove.click();
    await ann.shows(['one, corrected', 'two']); // the first click only asks
    await remove.click();
    for (const tab of [ann, bob]) await tab.shows(['one, corrected']);
  });

  test('a refused message shows its error and comes back to the composer', async () => {
    const ann = await open({ name: 'Ann' });
    await ann.post('   ');
    await ann.page.waitForSelector('#error:not([hidden])');
    assert.match(await ann.page.textContent('#error code'), /^\w+$/);

    const long = 'x'.repeat(20_000);
    await ann.post(long);
    await ann.page.waitForFunction(() => document.querySelector('#error code').textContent === 'too_long');
    assert.ok((await ann.page.textContent('#error span')).length > 0);
    assert.equal(await ann.page.inputValue('#body'), long, 'a refusal costs nobody their words');
    await ann.screenshot('error');

    // Larger than a frame may be: whether by an error frame or a closed socket, the page
    // learns of it and does not send it again for ever.
    const huge = 'y'.repeat(100_000);
    await ann.page.click('#error button');
    await ann.post(huge);
    await ann.page.waitForSelector('#error:not([hidden])');
    assert.equal(await ann.page.inputValue('#body'), huge);

    await ann.post('short');
    await ann.shows(['short']);
    assert.ok(await ann.page.locator('#error').isHidden());
  });

  test('a plugin reload is seen live in tabs that stay connected', async () => {
    const [ann, bob] = [await open({ name: 'Ann' }), await open({ name: 'Bob' })];
    await ann.post('before');
    for (const tab of [ann, bob]) await tab.shows(['before']);
    await server.putPlugin(NEXT_PLUGIN);
    await ann.post('after');
    for (const tab of [ann, bob]) {
      await tab.shows(['before', 'after']);
      assert.equal(await tab.message('after').locator('[data-key="v"]').textContent(), 'v 2');
      assert.equal(await tab.message('before').locator('[data-key="v"]', { hasText: 'v 2' }).count(), 0);
      assert.equal(tab.sockets.length, 1, 'the tab reconnected');
      assert.equal(tab.sockets[0].closed, false);
    }
    await bob.screenshot('plugin-reloaded');
  });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`a restart by ${signal} loses and repeats nothing`, async () => {
      const [ann, bob] = [await open({ name: 'Ann' }), await open({ name: 'Bob' })];
      await ann.post('before');
      for (const tab of [ann, bob]) await tab.shows(['before']);

      await server.stop(signal);
      for (const tab of [ann, bob]) await tab.disconnected();
      await ann.context.setOffline(true); // keeps Ann away until others have written
      await ann.post('written offline');
      await ann.page.waitForSelector('#outbox > li');
      await ann.screenshot(`offline-${signal}`);
      await server.start();
      await bob.live();
      await bob.post('meanwhile 1');
      await bob.post('meanwhile 2');
      await bob.shows(['before', 'meanwhile 1', 'meanwhile 2']);
      assert.deepEqual(await ann.bodies(), ['before']);

      await ann.context.setOffline(false);
      await ann.live();
      await bob.message('written offline').waitFor();
      // What could come twice has come once this last one is there.
      await bob.post('after');
      for (const tab of [ann, bob]) {
        await tab.shows(['before', 'meanwhile 1', 'meanwhile 2', 'written offline', 'after']);
        tab.resumedWithoutRepeat();
      }
    });

    test(`writing on through a restart by ${signal} stores each message once, in order`, async () => {
      const [ann, bob] = [await open({ name: 'Ann' }), await open({ name: 'Bob' })];
      const bodies = Array.from({ length: 120 }, (_, i) => `message ${i}`);
      // Those stored before the restart are sent again after it: only the server's memory of
      // their ids keeps them from appearing twice.
      await ann.loseAcknowledgements(true);
      const written = ann.postOnePerPaint(bodies);
      await bob.message('message 9').waitFor();
      await server.stop(signal);
      await ann.disconnected();
      await ann.loseAcknowledgements(false);
      await server.start();
      await written;
      await bob.message('message 119').waitFor();
      await bob.post('after');
      for (const tab of [ann, bob]) {
        await tab.shows([...bodies, 'after']);
        tab.resumedWithoutRepeat();
      }
    });
  }

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`an EventSource goes on where it was before ${signal}`, async () => {
      const { page } = await open({ name: 'Ann' });
      await page.evaluate(() => new Promise((resolve) => {
        window.seen = [];
        const events = new EventSource('/chat');
        events.onmessage = ({ data }) => window.seen.push(JSON.parse(data));
        events.onopen = resolve;
      }));
      const send = async (body) => {
        const message = JSON.stringify({ body, name: 'Bob' });
        const response = await fetch(`${server.url}chat`, { method: 'POST', body: message });
        assert.equal(response.status, 201, await response.text());
      };
      const sees = (text) => page.waitForFunction((wanted) => window.seen.some(({ body }) => body === wanted), text);
      await send('before');
      await sees('before');
      await server.stop(signal);
      await server.start();
      await send('meanwhile');
      await send('after');
      // What could come twice has come once this last one is there.
      await sees('after');
      const events = await page.evaluate(() => window.seen.filter(({ _method }) => _method).map(({ body }) => body));
      assert.deepEqual(events, ['before', 'meanwhile', 'after']);
    });
  }

  test('a server that lost its log makes the page start over', async () => {
    const ann = await open({ name: 'Ann' });
    await ann.post('before');
    await ann.shows(['before']);
    await server.stop('SIGTERM');
    await server.loseDatabase();
    await server.start();
    await ann.live();
    await ann.post('after');
    await ann.shows(['after']);
    assert.ok(ann.sockets.at(-1).frames.some((frame) => frame._reset), 'the loss was silent');
  });

  test('the page fits a phone, and shows the wire to those who ask', async () => {
    const desktop = await open({ name: 'Grace Hopper', colorScheme: 'dark' });
    const phone = await open({ name: 'Ann', colorScheme: 'light', ...PHONE });
    const lines = [
      [desktop, 'Has anyone tried swapping the plugin while people are connected?'],
      [phone, 'Yes, just now. Nobody noticed 🙂'],
      [desktop, `A long word must wrap: ${'Donaudampfschifffahrt'.repeat(5)}`],
      [phone, 'And lines\nof their own\nstay lines.'],
    ];
    for (const [tab, line] of lines) {
      await tab.post(line);
      await desktop.message(line).waitFor();
      await phone.message(line).waitFor();
    }
    await server.putPlugin(NEXT_PLUGIN);
    await desktop.post('This one went through the new plugin.');
    await phone.message('This one went through the new plugin.').waitFor();

    const fits = () => phone.page.evaluate(() => {
      const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
      return { wide: wide.map((e) => e.id || e.className || e.tagName), scroll: document.documentElement.scrollWidth, width: innerWidth };
    });
    assert.deepEqual(await fits(), { wide: [], scroll: 360, width: 360 });
    await phone.screenshot('phone-light');
    await desktop.screenshot('desktop-dark');

    for (const tab of [desktop, phone]) {
      await tab.page.click('#frames > summary');
      await tab.page.fill('#raw-text', '{"_type":"ping"}');
      await tab.page.click('#raw button');
      await tab.page.waitForSelector('#frame-list li[data-direction="in"] >> text=/"_type":\\s*"pong"/');
    }
    assert.deepEqual(await fits(), { wide: [], scroll: 360, width: 360 });
    await phone.page.emulateMedia({ colorScheme: 'dark' });
    await phone.screenshot('phone-dark-frames');
    await desktop.page.emulateMedia({ colorScheme: 'light' });
    await desktop.screenshot('desktop-light-frames');

    await server.stop('SIGTERM');
    await phone.page.waitForSelector('#reconnect:not([hidden])');
    await phone.page.click('#frames > summary');
    await phone.post('waiting');
    await phone.page.waitForSelector('#outbox > li');
    assert.deepEqual(await fits(), { wide: [], scroll: 360, width: 360 });
    await phone.screenshot('phone-offline');
  });
});
