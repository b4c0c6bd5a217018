/* Skeletons that move: starts every figure of the class hacm-player from the JSON in it (player.py says what that
   holds). A player is a canvas for each panel, which share camera and time, above buttons, a scrubber and timelines.
   No library: what is drawn is a few dozen lines a frame, and one turn and one division project a point. */
"use strict";
(() => {
  const ABSENT = -32768, NONE = 255, SEEN = 1, MASKED = 2, REST = 3;
  const PITCH = 0.16, TURN = 0.35, STEP = Math.PI / 18, NEAR = 3.2, TALL = 1.45;
  const SPEEDS = [0.25, 0.5, 1, 2, 4];
  const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]; // viridis
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const PARTS = ["ink", "muted", "faint", "grid", "paper", "left", "right", "left2", "right2", "ink2"];

  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  function make(parent, tag, facts = {}, text = "") {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(facts)) element.setAttribute(name, value);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  function ramp(share) {
    const place = clamp(share, 0, 1) * (RAMP.length - 1), first = Math.min(RAMP.length - 2, Math.floor(place));
    const mixed = RAMP[first].map((low, part) => Math.round(low + (RAMP[first + 1][part] - low) * (place - first)));
    return `rgb(${mixed.join(" ")})`;
  }

  /* An array of bytes by body, frame and joint, where an axis of length 1 stands for all. */
  class Field {
    constructor({ shape, bytes }) {
      this.shape = shape;
      this.bytes = bytesOf(bytes);
      const [, frames, joints] = shape;
      this.strides = [frames * joints, joints, 1].map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
    }
    at(body, frame, joint) {
      return this.bytes[body * this.strides[0] + frame * this.strides[1] + joint * this.strides[2]];
    }
  }

  class Panel {
    constructor(player, facts) {
      this.player = player;
      this.facts = facts;
      const place = make(player.stage, "div", { class: "hp-panel" });
      if (player.facts.panels.length > 1 || facts.title) make(place, "div", { class: "hp-title" }, facts.title);
      this.canvas = make(place, "canvas", {
        tabindex: "0", role: "application", "aria-roledescription": "skeleton to turn",
        "aria-label": `${facts.title || player.facts.title}: arrow keys turn it, plus and minus bring it nearer and ` +
          "away, 0 puts it back, space plays and stops",
      });
      this.canvas.addEventListener("pointerdown", (event) => this.hold(event));
      this.canvas.addEventListener("pointermove", (event) => this.drag(event));
      for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => (this.held = null));
      this.canvas.addEventListener("keydown", (event) => player.key(event));
      this.canvas.addEventListener("dblclick", () => player.putBack());
      this.size = [0, 0];
      new ResizeObserver(([entry]) => {
        this.size = [entry.contentRect.width, entry.contentRect.height]; // asked for while drawing, all is laid out anew
        player.draw();
      }).observe(this.canvas);
    }
    decode() {
      const { points, states, colourings } = this.facts;
      this.points = new Int16Array(bytesOf(points).buffer);
      this.states = states && new Field(states);
      this.fields = colourings.map((one) => new Field(one));
    }
    hold(event) {
      this.held = [event.clientX, event.clientY];
      this.canvas.setPointerCapture(event.pointerId);
    }
    drag(event) {
      if (!this.held) return;
      const [x, y] = this.held;
      this.held = [event.clientX, event.clientY];
      this.player.turn((event.clientX - x) / 120, (event.clientY - y) / 120);
    }

    draw() {
      const { canvas, player } = this, density = window.devicePixelRatio || 1;
      const [width, height] = this.size;
      if (!width || !height) return;
      if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
        canvas.width = Math.round(width * density);
        canvas.height = Math.round(height * density);
      }
      const pen = canvas.getContext("2d");
      pen.setTransform(density, 0, 0, density, 0, 0);
      pen.clearRect(0, 0, width, height);
      const project = player.camera(width, height);
      this.drawFloor(pen, project);
      for (let body = 0; body < this.facts.bodies; body++) this.drawBody(pen, project, body);
    }
    drawFloor(pen, project) {
      const { half } = this.player.facts, reach = Math.ceil(Math.hypot(half[0], half[2]) * 2 + 0.5) / 2;
      pen.strokeStyle = this.player.colours.grid;
      pen.lineWidth = 1;
      pen.beginPath();
      for (let place = -reach; place <= reach + 1e-6; place += 0.5) {
        for (const ends of [[[place, -reach], [place, reach]], [[-reach, place], [reach, place]]]) {
          const [from, to] = ends.map(([x, z]) => project(x, -half[1], z));
          pen.moveTo(from[0], from[1]);
          pen.lineTo(to[0], to[1]);
        }
      }
      pen.stroke();
    }
    /* The body's joints on the page, null where one is absent; between two frames on the line between its places. */
    pose(project, body) {
      const { joints, frames, step } = this.player.facts, count = joints.length, at = this.player.at;
      const first = Math.min(frames - 1, Math.floor(at)), second = Math.min(frames - 1, first + 1), share = at - first;
      const found = new Array(count);
      for (let joint = 0; joint < count; joint++) {
        const one = 3 * ((body * frames + first) * count + joint), two = 3 * ((body * frames + second) * count + joint);
        if (this.points[one] === ABSENT) { found[joint] = null; continue; }
        const part = this.points[two] === ABSENT ? 0 : share;
        const place = [0, 1, 2].map((axis) => step * (this.points[one + axis] * (1 - part) + this.points[two + axis] * part));
        found[joint] = project(...place);
      }
      return found;
    }
    drawBody(pen, project, body) {
      const { facts, colours, mode } = this.player, pose = this.pose(project, body);
      const frame = Math.min(facts.frames - 1, Math.floor(this.player.at));
      const states = mode === "states" ? this.states : null;
      const field = typeof mode === "number" ? this.fields[mode] : null;
      const plain = (joint) => colours[["ink", "left", "right"][facts.sides[joint]] + (body ? "2" : "")] || colours.ink;
      const things = [];
      facts.parents.forEach((parent, joint) => {
        if (parent < 0 || !pose[joint] || !pose[parent]) return;
        const hidden = states && [joint, parent].some((end) => states.at(body, frame, end) === MASKED);
        const colour = field || states ? colours.faint : plain(joint);
        things.push([(pose[joint][2] + pose[parent][2]) / 2, () => {
          pen.strokeStyle = colour;
          pen.lineWidth = (hidden ? 1 : field ? 1.6 : 2.6) * pose[joint][3];
          pen.setLineDash(hidden ? [3, 4] : []);
          pen.beginPath();
          pen.moveTo(pose[parent][0], pose[parent][1]);
          pen.lineTo(pose[joint][0], pose[joint][1]);
          pen.stroke();
          pen.setLineDash([]);
        }]);
      });
      pose.forEach((point, joint) => {
        if (!point) return;
        let fill = plain(joint), edge = colours.paper, size = 3.4;
        if (states) {
          const state = states.at(body, frame, joint);
          if (state === MASKED) [fill, edge, size] = [colours.paper, colours.muted, 3.6];
          else if (state === REST) [fill, edge, size] = [colours.faint, colours.faint, 2];
          else if (state === SEEN) [fill, size] = [colours.ink, 4.6];
        } else if (field) {
          const value = field.at(body, frame, joint);
          [fill, edge, size] = value === NONE ? [colours.paper, colours.faint, 2.6] : [ramp(value / 254), colours.ink, 5.4];
        }
        things.push([point[2] + 0.01, () => {
          pen.beginPath();
          pen.arc(point[0], point[1], size * point[3], 0, 2 * Math.PI);
          pen.fillStyle = fill;
          pen.fill();
          pen.strokeStyle = edge;
          pen.lineWidth = 1;
          pen.stroke();
        }]);
      });
      things.sort((one, two) => one[0] - two[0]).forEach(([, paint]) => paint());
      if (this.facts.bodies > 1) this.nameBody(pen, pose, body);
    }
    nameBody(pen, pose, body) {
      const top = pose.reduce((best, point) => (point && (!best || point[1] < best[1]) ? point : best), null);
      if (!top) return;
      pen.fillStyle = this.player.colours.muted;
      pen.font = "12px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.fillText(this.player.facts.people[body] || `person ${body + 1}`, top[0], Math.max(12, top[1] - 10));
    }
  }

  class Player {
    constructor(root) {
      this.root = root;
      this.facts = JSON.parse(root.querySelector("script").textContent);
      this.at = 0;
      this.speed = 1;
      this.draws = 0;
      this.mode = this.facts.mode;
      this.stage = make(root, "div", { class: "hp-stage" });
      this.panels = this.facts.panels.map((one) => new Panel(this, one));
      this.build();
      this.putBack();
      this.recolour();
      dark.addEventListener("change", () => this.recolour());
      new MutationObserver(() => this.recolour()).observe(document.documentElement, { attributes: true });
      addEventListener("beforeprint", () => this.prepare());
      new IntersectionObserver((seen) => this.appear(seen.some((one) => one.isIntersecting))).observe(root);
    }
    build() {
      const bar = make(this.root, "div", { class: "hp-bar" });
      this.button = make(bar, "button", { type: "button", class: "hp-play" }, "Play");
      this.button.addEventListener("click", () => this.toggle());
      this.scrubber = make(bar, "input", {
        type: "range", min: "0", max: String(this.facts.frames - 1), step: "1", value: "0", "aria-label": "Time",
      });
      this.scrubber.addEventListener("input", () => { this.stop(); this.seek(Number(this.scrubber.value)); });
      this.clock = make(bar, "span", { class: "hp-clock" });
      const speeds = make(bar, "select", { "aria-label": "Speed" });
      for (const speed of SPEEDS) make(speeds, "option", { value: String(speed) }, `${speed}×`);
      speeds.value = "1";
      speeds.addEventListener("change", () => (this.speed = Number(speeds.value)));
      this.buildModes(bar);
      make(bar, "button", { type: "button" }, "Turn back").addEventListener("click", () => this.putBack());
      this.legend = make(this.root, "div", { class: "hp-legend" });
      this.stretches = this.facts.timelines.flatMap((one) => this.buildTimeline(one));
      this.explain();
    }
    buildModes(bar) {
      const { colourings, masking } = this.facts;
      if (!colourings.length && !masking) return;
      const modes = make(bar, "select", { "aria-label": "Colour" });
      make(modes, "option", { value: "sides" }, "left and right");
      if (masking) make(modes, "option", { value: "states" }, "masking");
      colourings.forEach((one, number) => make(modes, "option", { value: String(number) }, one.name));
      modes.value = String(this.mode);
      modes.addEventListener("change", () => {
        this.mode = /^\d+$/.test(modes.value) ? Number(modes.value) : modes.value;
        this.explain();
        this.draw();
      });
    }
    buildTimeline({ name, stretches }) {
      const line = make(this.root, "div", { class: "hp-line", role: "group", "aria-label": `timeline, ${name}` });
      make(line, "div", { class: "hp-name" }, name);
      const band = make(line, "div", { class: "hp-band" });
      const seconds = this.facts.frames / this.facts.fps;
      const built = stretches.map(({ start, stop, label, share, colour }) => {
        const said = share === null ? label : `${label} ${Math.round(100 * share)} %`;
        const words = `${said}, ${start.toFixed(1)} to ${stop.toFixed(1)} s`;
        const button = make(band, "button", { type: "button", title: words, "aria-label": words }, said);
        button.style.left = `${(100 * start) / seconds}%`;
        button.style.width = `${(100 * (stop - start)) / seconds}%`;
        button.style.setProperty("--hp-hue", `var(--hp-class-${colour === null ? "none" : colour % 8})`);
        button.addEventListener("click", () => { this.stop(); this.seek(Math.ceil(start * this.facts.fps - 1e-6)); });
        return { button, start, stop };
      });
      this.heads = [...(this.heads || []), make(band, "div", { class: "hp-head" })];
      return built;
    }
    explain() {
      this.legend.replaceChildren();
      const mark = (kind, words) => {
        make(make(this.legend, "span", { class: "hp-key" }), "i", { class: `hp-${kind}`, "aria-hidden": "true" });
        this.legend.lastChild.append(words);
      };
      if (this.mode === "states") {
        mark("seen", "seen by the encoder");
        mark("masked", "masked");
        mark("rest", "no token");
      } else if (this.mode === "sides") {
        if (this.facts.sides.some(Boolean)) { mark("left", "the person's left"); mark("right", "right"); }
      } else {
        const { name, low, high } = this.facts.colourings[this.mode];
        make(this.legend, "span", {}, `${name}: ${low}`);
        make(this.legend, "i", { class: "hp-ramp", "aria-hidden": "true" });
        make(this.legend, "span", {}, high);
      }
    }

    /* From a place relative to the middle of the box to the page: [x, y, how near, how large]. */
    camera(width, height) {
      const { half } = this.facts, across = Math.max(0.3, Math.hypot(half[0], half[2])), up = Math.max(0.3, half[1]);
      const scale = this.zoom * Math.min(width / (2.3 * across), height / (2.5 * up));
      const far = NEAR * Math.hypot(across, up);
      const [cosine, sine] = [Math.cos(this.yaw), Math.sin(this.yaw)];
      const [flat, steep] = [Math.cos(this.pitch), Math.sin(this.pitch)];
      return (x, y, z) => {
        const right = x * cosine - z * sine, towards = x * sine + z * cosine;
        const near = y * steep + towards * flat, large = far / Math.max(0.2 * far, far - near);
        return [width / 2 + scale * large * right, height / 2 - scale * large * (y * flat - towards * steep), near, large];
      };
    }
    turn(right, down) {
      this.yaw -= right;
      this.pitch = clamp(this.pitch + down, -TALL, TALL);
      this.draw();
    }
    putBack() {
      [this.yaw, this.pitch, this.zoom] = [this.facts.front + TURN, PITCH, 1];
      this.draw();
    }
    key(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const turns = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
      if (turns[event.key]) this.turn(...turns[event.key]);
      else if ("+=".includes(event.key)) { this.zoom = Math.min(8, this.zoom * 1.2); this.draw(); }
      else if ("-_".includes(event.key)) { this.zoom = Math.max(0.3, this.zoom / 1.2); this.draw(); }
      else if (event.key === "0" || event.key === "Home") this.putBack();
      else if (event.key === " ") this.toggle();
      else return;
      event.preventDefault();
    }

    appear(visible) {
      this.visible = visible;
      if (!visible) this.stop();
      else if (this.prepare() && this.facts.plays && !still.matches) this.play();
    }
    /* Decode and draw it when it is first to be seen, so that a page of many players is there at once; whether it was. */
    prepare() {
      if (this.ready) return false;
      this.panels.forEach((one) => one.decode());
      this.ready = true;
      this.draw();
      return true;
    }
    toggle() { (this.going ? () => this.stop() : () => this.play())(); }
    play() {
      if (this.going || this.facts.frames < 2) return;
      if (this.at >= this.facts.frames - 1) this.at = 0;
      this.going = true;
      this.button.textContent = "Pause";
      let before = null;
      const tick = (now) => {
        if (!this.going) return;
        const passed = before === null ? 0 : Math.min(0.25, (now - before) / 1000);
        before = now;
        const last = this.facts.frames - 1, at = this.at + passed * this.facts.fps * this.speed;
        if (at > last && still.matches) this.stop(); // once is enough where motion is not welcome
        this.seek(at > last ? (still.matches ? last : at % last) : at);
        if (this.going) requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    }
    stop() {
      this.going = false;
      this.button.textContent = "Play";
    }
    seek(at) {
      this.at = clamp(at, 0, this.facts.frames - 1);
      this.draw();
    }
    recolour() {
      const style = getComputedStyle(this.root);
      this.colours = Object.fromEntries(PARTS.map((part) => [part, style.getPropertyValue(`--hp-${part}`).trim()]));
      this.draw();
    }
    draw() {
      if (!this.ready || !this.colours) return;
      const now = this.at / this.facts.fps, first = this.facts.firstFrame, last = this.facts.frames - 1;
      const words = first === null ? `${now.toFixed(2)} of ${(last / this.facts.fps).toFixed(2)} s`
        : `frame ${first + Math.floor(this.at)} of ${first} to ${first + last}`;
      this.panels.forEach((one) => one.draw());
      this.scrubber.value = String(Math.floor(this.at));
      this.scrubber.setAttribute("aria-valuetext", words);
      this.clock.textContent = words;
      for (const head of this.heads || []) head.style.left = `${(100 * this.at) / this.facts.frames}%`;
      for (const { button, start, stop } of this.stretches) {
        button.toggleAttribute("data-now", start <= now + 1e-6 && now + 1e-6 < stop);
      }
      this.draws += 1;
    }
  }

  /* Start the players in a part of the page that were not yet; for what is put there later as well. */
  function start(part = document) {
    for (const root of part.querySelectorAll("figure.hacm-player:not([data-started])")) {
      root.setAttribute("data-started", "");
      root.player = new Player(root);
    }
  }
  window.startPlayers = start;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => start());
  else start();
})();
