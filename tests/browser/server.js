// The real server on a folder and two ports of its own, so that it can die and come back
// as the same one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const ADMIN_TOKEN = 'test-token';
const READY_WITHIN_MS = 60_000; // a cold start compiles the plugin

export class TestServer {
  static async start({ bin, plugins }) {
    const server = new this();
    server.bin = bin;
    server.dir = await mkdtemp(join(tmpdir(), 'hookcast-browser-'));
    [server.port, server.adminPort] = await freePorts(2);
    await mkdir(join(server.dir, 'plugins'));
    await server.install(plugins);
    await writeFile(server.path('hookcast.toml'), server.config());
    await server.start();
    return server;
  }

  // What a subclass has in place of the chat plugin.
  async install(plugins) {
    await copyFile(join(plugins, 'chat.wasm'), this.path('plugins/chat.wasm'));
  }

  path(name) {
    return join(this.dir, name);
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  get adminUrl() {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  config() {
    return `
[server]
listen = "127.0.0.1:${this.port}"
page = true
[admin]
listen = "127.0.0.1:${this.adminPort}"
token = "${ADMIN_TOKEN}"
[storage]
url = "sqlite://${this.path('hookcast.db')}"
[plugins]
dir = "${this.path('plugins')}"
archive = "${this.path('archive')}"
[engine]
cache = "${this.path('cache')}"
[endpoints.chat]
path = "/chat"
dialect = "gramex"
table = "chat"
columns.body = "TEXT"
columns.name = "TEXT"
plugins = ["chat"]
`;
  }

  async start() {
    const log = await open(this.path('server.log'), 'a');
    this.process = spawn(this.bin, ['serve', '--config', this.path('hookcast.toml')], {
      stdio: ['ignore', log.fd, log.fd],
    });
    this.exited = once(this.process, 'exit');
    this.exited.catch(() => {}); // a binary that cannot be spawned is reported below
    await log.close();
    await this.ready();
  }

  // The one place that polls: a process that is not listening yet has no event to wait for.
  async ready() {
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const response = await fetch(`${this.adminUrl}/readyz`).catch(() => null);
      if (response?.status === 200) return;
      const dead = this.process.exitCode !== null || this.process.pid === undefined;
      if (dead || Date.now() > deadline) {
        throw new Error(`${this.bin} did not become ready (exit code ${this.process.exitCode}):\n${await this.log()}`);
      }
      await pause(20);
    }
  }

  async stop(signal) {
    this.process.kill(signal);
    await this.exited;
  }

  async loseDatabase() {
    for (const suffix of ['', '-wal', '-shm']) await rm(this.path(`hookcast.db${suffix}`), { force: true });
  }

  // Replaces the chat plugin through the admin API, as an operator would.
  async putPlugin(file) {
    const response = await fetch(`${this.adminUrl}/api/plugins/chat`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: await readFile(file),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`the admin API refused the plugin: ${response.status} ${answer}`);
  }

  async log() {
    return readFile(this.path('server.log'), 'utf8').catch(() => '(no log)');
  }

  async dispose() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop('SIGKILL');
    await rm(this.dir, { recursive: true, force: true });
  }
}

// Holds all of them at once, or the system may hand out the same port twice.
async function freePorts(count) {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}
