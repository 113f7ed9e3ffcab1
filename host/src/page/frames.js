// The frames panel: what went over the wire, newest first.

import { oncePerPaint } from './paint.js';

const KEPT = 50;
const SHOWN_LENGTH = 2_000;
const ARROWS = { in: '↓', out: '↑' };

export class FramePanel {
  constructor(panel) {
    this.panel = panel;
    this.list = panel.querySelector('#frame-list');
    this.counts = panel.querySelector('#frame-counts');
    this.frames = [];
    this.total = { in: 0, out: 0 };
    this.draw = oncePerPaint(() => {
      this.counts.textContent = `↓ ${this.total.in}  ↑ ${this.total.out}`;
      if (this.panel.open) this.list.replaceChildren(...this.frames.map(frameItem));
    });
    panel.addEventListener('toggle', this.draw);
  }

  add(direction, text) {
    this.total[direction] += 1;
    this.frames.unshift({ direction, text, at: new Date() });
    this.frames.length = Math.min(this.frames.length, KEPT);
    this.draw();
  }
}

function frameItem({ direction, text, at }) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  const code = document.createElement('code');
  item.dataset.direction = direction;
  time.textContent = `${ARROWS[direction]} ${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  code.textContent = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}… (${text.length} characters)` : text;
  item.append(time, code);
  return item;
}
