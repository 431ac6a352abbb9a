// The browser's end of the live path: one WebSocket for the whole page, newest request wins, reconnects by itself.
//
// A request goes out on a named channel. At most `AHEAD` requests of a channel are under way; while they are, only the
// newest further one is kept, so nothing queues up behind a moving hand. Replies carry the request's number; one that
// arrives after a newer one has been shown is ignored.

const AHEAD = 3;
const PATIENCE = 8000; // ms after which a request without a reply is given up
const BACKOFF = [250, 500, 1000, 2000, 4000, 8000];

export class Live {
  constructor(url) {
    this.url = url;
    this.state = "connecting";
    this.channels = new Map();
    this.listeners = new Set();
    this.number = 0;
    this.failures = 0;
    this.hand = []; // ms from hand to picture, newest last
    this.device = "";
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
    setInterval(() => this.watch(), 1000);
    this.connect();
  }

  // ask(channel, message, show[, moment, patience]): `show(reply)` is called with {header, bytes, picture(i)} or {error}.
  // `moment` is when the hand moved; what is asked without one (thumbnails, strips) is not timed from hand to picture.
  // `hear({stage, share, left})` is called while what takes long is under way. What is asked `last`, as the hand lets go,
  // waits for none of what was asked before.
  ask(channel, message, show, moment = null, patience = PATIENCE, hear = null, last = false) {
    const lane = this.lane(channel);
    const request = { id: ++this.number, message, show, moment, patience, hear };
    if (this.state === "open" && (last || lane.under.length < AHEAD)) {
      lane.waiting = null;
      this.send(channel, lane, request);
    } else lane.waiting = request;
    return request.id;
  }

  // End what is under way on a channel; its answer is what was found so far.
  stop(channel) {
    if (this.state === "open") this.socket.send(JSON.stringify({ op: "stop", id: ++this.number, channel }));
  }

  onState(listener) {
    this.listeners.add(listener);
    listener(this.state);
    return () => this.listeners.delete(listener);
  }

  // Milliseconds from the hand's move to the drawn picture: the median of the last sixty.
  median() {
    if (!this.hand.length) return null;
    return [...this.hand].sort((a, b) => a - b)[this.hand.length >> 1];
  }

  // --- inside ---------------------------------------------------------------------------------------------------

  lane(channel) {
    if (!this.channels.has(channel)) this.channels.set(channel, { under: [], waiting: null, shown: 0 });
    return this.channels.get(channel);
  }

  send(channel, lane, request) {
    request.sent = performance.now();
    lane.under.push(request);
    this.socket.send(JSON.stringify({ ...request.message, id: request.id, channel }));
  }

  connect() {
    this.socket = new WebSocket(this.url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.failures = 0;
      this.become("open");
      for (const [channel, lane] of this.channels) {
        const again = lane.waiting ?? lane.under.at(-1); // go on where we were
        lane.under = [];
        lane.waiting = null;
        if (again) this.send(channel, lane, again);
      }
    };
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = () => {
      this.become("lost");
      const pause = BACKOFF[Math.min(this.failures++, BACKOFF.length - 1)];
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.connect(), pause * (0.8 + 0.4 * Math.random()));
    };
  }

  hurry() {
    if (this.state !== "lost") return;
    clearTimeout(this.timer);
    this.failures = 0;
    this.connect();
  }

  watch() {
    const now = performance.now();
    for (const [channel, lane] of this.channels) {
      lane.under = lane.under.filter((request) => now - request.sent < request.patience);
      if (this.state === "open" && lane.waiting && lane.under.length < AHEAD) this.release(channel, lane);
    }
  }

  become(state) {
    this.state = state;
    for (const listener of this.listeners) listener(state);
  }

  release(channel, lane) {
    const next = lane.waiting;
    lane.waiting = null;
    if (next) this.send(channel, lane, next);
  }

  async receive(data) {
    const reply = typeof data === "string" ? { header: JSON.parse(data) } : unpack(data);
    const header = reply.header;
    if (header.device) this.device = header.device;
    for (const [channel, lane] of this.channels) {
      const at = lane.under.findIndex((request) => request.id === header.id);
      if (at < 0) continue;
      const request = lane.under[at];
      if (header.progress) {
        request.sent = performance.now();
        return request.hear?.(header.progress);
      }
      lane.under.splice(0, at + 1); // those before it were overtaken
      if (this.state === "open" && lane.waiting) this.release(channel, lane);
      if (header.superseded || request.id < lane.shown) return;
      lane.shown = request.id;
      if (header.encoding && header.encoding !== "raw") await unfold(reply);
      request.show(header.error ? { error: header.error, fit: header.fit, stopped: header.stopped } : reply);
      if (!header.error && request.moment !== null) this.time(performance.now() - request.moment);
      return;
    }
    if (header.error) console.warn("ManiGen:", header.error);
  }

  time(milliseconds) {
    this.hand.push(milliseconds);
    if (this.hand.length > 60) this.hand.shift();
  }
}

// One connection per page, shared by every component on it.
let shared;
export function live() {
  const root = new URL(import.meta.url.replace(/\/manigen\/static\/.*$/, "/manigen/live")); // beside this very script
  root.protocol = root.protocol === "https:" ? "wss:" : "ws:";
  return (shared ??= new Live(root.href));
}

// A reply: 4 bytes of little-endian length, a JSON header, then the pictures' bytes (n, h, w, c).
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, bytes: new Uint8Array(buffer, 4 + length) };
}

// A compressed sheet (`columns` pictures side by side) back into raw bytes, picture after picture.
async function unfold(reply) {
  const { shape, encoding, columns } = reply.header;
  const [n, h, w] = shape;
  const bitmap = await createImageBitmap(new Blob([reply.bytes], { type: `image/${encoding}` }), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  const bytes = new Uint8ClampedArray(n * h * w * 4);
  for (let i = 0; i < n; i++)
    bytes.set(pen.getImageData((i % columns) * w, Math.floor(i / columns) * h, w, h).data, i * h * w * 4);
  reply.bytes = bytes;
  reply.header.shape = [n, h, w, 4];
}
